"""States and purposes carry the numbers that the contracts give them."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path

import pytest

from marketplace.protocol.states import Purpose, State, TransferRule

DECLARATIONS = Path(__file__).parents[3] / "contracts" / "src" / "types" / "Trade.sol"


def members_in_solidity(enum: str) -> list[str]:
    body = re.search(rf"\benum {enum} \{{(.*?)\}}", DECLARATIONS.read_text(), re.DOTALL)
    assert body is not None
    without_comments = re.sub(r"//[^\n]*", "", body[1])
    return [name.strip() for name in without_comments.split(",")]


def solidity_name(member: IntEnum) -> str:
    return member.name.title().replace("_", "")


@pytest.mark.parametrize("enum", [State, Purpose, TransferRule])
def test_members_are_those_of_the_contracts_in_their_order(enum: type[IntEnum]) -> None:
    assert [solidity_name(member) for member in enum] == members_in_solidity(enum.__name__)
    assert [member.value for member in enum] == list(range(len(enum)))


def test_states_from_settled_on_are_final() -> None:
    assert {state for state in State if state.final} == {
        State.SETTLED,
        State.DECLINED,
        State.EXPIRED,
        State.REFUNDED,
        State.FAILED,
    }
