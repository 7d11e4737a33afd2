"""The catalogue of Solidity errors: complete, without dead entries, one line each."""

from __future__ import annotations

import pytest

from marketplace.chain.revert import solidity_errors
from marketplace.protocol.reverts import EXPLANATIONS


def test_every_error_of_the_contracts_is_explained_and_no_other() -> None:
    assert {name for name, _ in solidity_errors().values()} == set(EXPLANATIONS)


@pytest.mark.parametrize("name", sorted(EXPLANATIONS))
def test_an_explanation_is_two_plain_clauses(name: str) -> None:
    for clause in EXPLANATIONS[name]:
        assert clause
        assert clause == clause.strip()
        assert "\n" not in clause
        assert not clause.endswith(".")
        assert name not in clause  # a name explains nothing by being repeated
