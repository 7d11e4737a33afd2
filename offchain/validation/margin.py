"""How far a score on the validation rows may lie from the truth after several attempts."""

from __future__ import annotations

import math


def validation_margin(rows: int, attempts: int = 1, failure_probability: float = 0.05) -> float:
    """Return m such that all scores are within m of the truth with probability 1 - b.

    Hoeffding's inequality and a union bound, ``sqrt((ln k + ln(2 / b)) / (2 n))``. The seller
    who learns only pass or fail and stops at the first pass takes one path until then, so
    k attempts cost ln k and no more. The bound is for accuracy on independent rows; for
    balanced accuracy apply it to each class's rows.

    Parameters
    ----------
    rows
        n, number of validation rows.
    attempts
        k, cap on attempts.
    failure_probability
        b, in (0, 1).

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    if rows < 1 or attempts < 1 or not 0.0 < failure_probability < 1.0:
        raise ValueError("needs rows >= 1, attempts >= 1 and 0 < failure_probability < 1")
    return math.sqrt((math.log(attempts) + math.log(2.0 / failure_probability)) / (2.0 * rows))
