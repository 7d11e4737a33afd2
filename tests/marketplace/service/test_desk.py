"""The desk: who has no part gets no work, nothing is heard twice, and no work is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from eth_account.signers.local import LocalAccount

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.typed_data import Domain
from marketplace.service import desk as desks
from marketplace.service.desk import MOST_WAITING, Desk, Service, heard_once
from marketplace.service.messages import Answer, Kind, Message, Part

SEAT, PEER, STRANGER = well_known_accounts()[:3]
MARKET = Domain(31_337, STRANGER.address)
TRADE = bytes(32)


class Said(Part):
    times: int


class Work:
    """Counts, and waits while it is held."""

    def __init__(self) -> None:
        self.done = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.refuses = False

    def __call__(self, message: Message, sender: str) -> Part:
        self.go_on.wait(60)
        self.done += 1
        if self.refuses:
            raise TradeRefused("not yet", "ask later")
        return Said(times=self.done)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def desk(work: Work) -> Iterator[Desk]:
    services: dict[Kind, Service] = {"opening": Service(lambda trade: (PEER.address,), work)}
    made = Desk(MARKET, SEAT.address, services, heard_once())
    yield made
    work.go_on.set()
    made.close()


def question(
    number: int = 1, sender: LocalAccount = PEER, to: LocalAccount = SEAT, kind: Kind = "opening"
) -> bytes:
    body = {"number": number}
    return Message.signed(MARKET, sender, kind, TRADE, to.address, body).to_bytes()


def cause(answer: Answer) -> str:
    assert answer.refusal is not None
    return answer.refusal.cause


def test_a_member_is_answered(desk: Desk, work: Work) -> None:
    assert desk.answer(question()).answer == {"times": 1}


def test_the_same_question_finds_the_work_done(desk: Desk, work: Work) -> None:
    assert desk.answer(question()).answer == desk.answer(question()).answer
    assert work.done == 1
    desk.answer(question(2))
    assert work.done == 2


def test_a_message_is_heard_once(desk: Desk, work: Work) -> None:
    said = question()
    assert desk.answer(said).answer
    assert "heard before" in cause(desk.answer(said))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        # Asked when the test runs: a message is of its second, and grows stale.
        (lambda: question(sender=STRANGER), "no part in this trade"),
        (lambda: question(to=PEER), "is for"),
        (lambda: question(kind="train"), "is not asked here"),
        (lambda: b"{}", "this is no Message"),
    ],
    ids=["stranger", "another's", "another kind", "unreadable"],
)
def test_others_get_no_work_done(
    desk: Desk, work: Work, said: Callable[[], bytes], why: str
) -> None:
    assert why in cause(desk.answer(said()))
    assert work.done == 0


def test_a_refusal_is_said_and_the_question_may_be_asked_again(desk: Desk, work: Work) -> None:
    work.refuses = True
    assert cause(desk.answer(question())) == "not yet"
    work.refuses = False
    assert desk.answer(question()).answer == {"times": 2}


def test_who_asks_meanwhile_is_told_to_ask_again(
    desk: Desk, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "WAIT_SECONDS", 0.01)
    work.go_on.clear()
    assert desk.answer(question()) == Answer(working=True)
    assert desk.waiting == 1
    for number in range(2, MOST_WAITING + 1):
        assert desk.answer(question(number)).working
    assert "wait already" in cause(desk.answer(question(MOST_WAITING + 1)))
    monkeypatch.undo()
    work.go_on.set()
    assert desk.answer(question()).answer == {"times": 1}
