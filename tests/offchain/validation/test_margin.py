import pytest

from offchain.validation import validation_margin


@pytest.mark.parametrize(
    ("rows", "attempts", "expected"),
    [(2_000, 1, 0.0304), (2_000, 3, 0.0346), (2_000, 20, 0.0409), (10_000, 10, 0.0173)],
)
def test_margin_matches_known_values(rows, attempts, expected) -> None:
    assert validation_margin(rows, attempts) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("arguments", [(0,), (10, 0), (10, 1, 0.0), (10, 1, 1.0)])
def test_margin_needs_rows_attempts_and_a_probability(arguments) -> None:
    with pytest.raises(ValueError, match="needs"):
        validation_margin(*arguments)
