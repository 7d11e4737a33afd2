"""The bits drawn over a trade's status are those that the contract writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from trade_builder import TradeBuilder

from marketplace.chain.artifacts import load_artifact
from marketplace.protocol.states import State

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "types" / "Status.sol"
DRAWN = re.compile(r"///\s+(?:bits\s+)?(\d+)-(\d+)\s+(\w+)")


def drawn_fields() -> list[tuple[int, int, str]]:
    """Return first and last bit and first word of each line of the drawing."""
    return [(int(low), int(high), word) for low, high, word in DRAWN.findall(SOURCE.read_text())]


def stored(trade: TradeBuilder) -> int:
    """Read the trade's slot as it lies in storage."""
    layout = load_artifact("ModelMarket").storage_layout["storage"]
    (slot,) = (int(each["slot"]) for each in layout if each["label"] == "_status")
    place = keccak(encode(["bytes32", "uint256"], [trade.id, slot]))
    word = trade.market.node.web3.eth.get_storage_at(
        trade.market.contract.address, int.from_bytes(place, "big")
    )
    return int.from_bytes(word, "big")


def test_the_drawing_leaves_no_gap() -> None:
    fields = drawn_fields()
    assert [low for low, _, _ in fields] == [0, *(high + 1 for _, high, _ in fields[:-1])]
    assert fields[-1][1] == 255


@pytest.mark.parametrize("state", [state for state in State if state != State.NONE])
def test_the_drawing_is_the_layout(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    word, status = stored(trade), trade.status
    values = [word >> low & (1 << high - low + 1) - 1 for low, high, _ in drawn_fields()]
    expected = [status.state, status.attempts, status.max_attempts, status.signers]
    assert values[:5] == [*expected, status.deadline]
    lengths = status.windows.as_message().values()
    assert values[6] == sum(length << 24 * place for place, length in enumerate(lengths))


def test_a_running_trade_takes_two_slots() -> None:
    layout = load_artifact("ModelMarket").storage_layout
    kinds = {each["label"]: layout["types"][each["type"]]["label"] for each in layout["storage"]}
    of_every_trade = {"_status", "_digest"}
    assert {kinds[name] for name in of_every_trade} == {
        "mapping(bytes32 => Status)",
        "mapping(bytes32 => bytes32)",
    }
