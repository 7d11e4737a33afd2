"""A message is by whom it says, about what it says, and of now."""

from __future__ import annotations

import time

import pytest

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import BadSignature, ProtocolError
from marketplace.protocol.terms import AttemptFinding
from marketplace.protocol.typed_data import Domain
from marketplace.service.bodies import AskAttempt, AskData
from marketplace.service.messages import (
    CLOCK_SECONDS,
    MAX_BYTES,
    Answer,
    Message,
    canonical,
    read_part,
)
from offchain.oracle.attempt import AttemptProposal

SENDER, RECEIVER, OTHER = well_known_accounts()[:3]
MARKET = Domain(31_337, OTHER.address)
TRADE = bytes(range(32))
BODY = AskData(data_evidence="0x" + "01" * 32, gate_evidence="0x" + "02" * 32).content()


def message() -> Message:
    return Message.signed(MARKET, SENDER, "review-data", TRADE, RECEIVER.address, BODY)


def test_a_message_survives_the_way_and_names_its_sender() -> None:
    read = Message.read(message().to_bytes())
    assert read.sender(MARKET) == SENDER.address
    assert read.trade_id == TRADE
    read.require_fresh(RECEIVER.address, time.time())


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "opening"},
        {"trade": "0x" + "09" * 32},
        {"to": OTHER.address},
        {"time": 1},
        {"nonce": "0x" + "09" * 32},
        {"body": {**BODY, "dataEvidence": "0x" + "03" * 32}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_is_changed_it_is_no_longer_the_senders(changed: dict[str, object]) -> None:
    assert message().model_copy(update=changed).sender(MARKET) != SENDER.address


@pytest.mark.parametrize("market", [Domain(1, OTHER.address), Domain(31_337, SENDER.address)])
def test_it_counts_on_its_own_market_only(market: Domain) -> None:
    assert message().sender(market) != SENDER.address


def test_it_is_for_one_account_and_soon_too_old() -> None:
    said = message()
    with pytest.raises(BadSignature, match="is for"):
        said.require_fresh(OTHER.address, said.time)
    for apart in (-CLOCK_SECONDS - 1, CLOCK_SECONDS + 1):
        with pytest.raises(BadSignature, match="clock"):
            said.require_fresh(RECEIVER.address, said.time + apart)
    said.require_fresh(RECEIVER.address, said.time + CLOCK_SECONDS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"{" * 1_000,
        b'{"kind":"review-data"}',
        b'"' + b"a" * MAX_BYTES + b'"',
    ],
    ids=["empty", "list", "binary", "deep", "short", "long"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="this is no Message"):
        Message.read(data)


@pytest.mark.parametrize(
    "odd",
    [
        {"time": "5"},
        {"time": -1},
        {"more": 1},
        {"kind": "anything"},
        {"trade": "0x01"},
        {"signature": "0x"},
        {"to": "0x" + "g" * 40},
    ],
    ids=lambda odd: str(next(iter(odd.items()))),
)
def test_nothing_is_converted_and_nothing_unknown_is_borne(odd: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        Message.read(canonical({**message().content(), **odd}))


def test_a_proposal_survives_the_way() -> None:
    finding = AttemptFinding(
        model=b"\x01" * 32,
        training=b"\x02" * 32,
        delivery=b"\x03" * 32,
        evidence=b"\x04" * 32,
        amounts=(0, 10**30),
    )
    proposal = AttemptProposal(2, Sealed(ciphertext="bafy1", envelope="bafy2"), finding)
    sent = canonical(AskAttempt.of(proposal).content())
    assert read_part(AskAttempt, sent).proposal() == proposal


def test_an_answer_is_read_back() -> None:
    said = Answer(answer={"signature": "0x00"})
    assert read_part(Answer, canonical(said.content())) == said
