"""Texts as rows: UTF-8 bytes, one to a column, zero after the end.

They are not hashed on the provider's side, since that would choose the features for every
expert: each expert makes its own of the bytes, copies can still be found, and a text can
be read again by whoever has to look into a complaint. Four bytes of float32 for each are
the price of one format for all data.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import WrongShape

LARGEST = 255.0


def encode_texts(texts: Iterable[str], length: int) -> NDArray[np.float32]:
    """Return texts as float32 rows (n, length); what is too long is cut between characters.

    Raises
    ------
    WrongShape
        If a text holds the character zero, which marks the end.
    """
    rows = []
    for number, text in enumerate(texts):
        if "\0" in text:
            raise WrongShape(f"text {number} holds the character zero", "take it out")
        cut = text.encode()[:length].decode(errors="ignore").encode()
        rows.append(np.frombuffer(cut.ljust(length, b"\0"), np.uint8))
    return np.array(rows, np.float32).reshape(-1, length)


def decode_texts(rows: NDArray[np.float32]) -> list[str]:
    """Return the texts of rows (n, length); bytes that are no UTF-8 become U+FFFD."""
    return [row.tobytes().rstrip(b"\0").decode(errors="replace") for row in rows.astype(np.uint8)]


def require_texts(rows: NDArray[np.float32]) -> None:
    """Refuse rows (n, length) of other numbers than bytes, and bytes after the end.

    Raises
    ------
    WrongShape
        Naming the first such row.
    """
    bytes_only = (rows >= 0) & (rows <= LARGEST) & (rows == np.floor(rows))
    after_end = (rows[:, :-1] == 0) & (rows[:, 1:] != 0)
    wrong = np.flatnonzero(~bytes_only.all(axis=1) | after_end.any(axis=1))
    if wrong.size:
        raise WrongShape(
            f"row {int(wrong[0])} is not a text of bytes ({wrong.size} such rows)",
            "write texts with offchain.data.text.encode_texts",
        )
