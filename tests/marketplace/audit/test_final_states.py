"""An honest trade passes, however it ends and however far it has come."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from audited_trade import ROWS_EACH, SKILLED, UNSKILLED, AuditedTrade, Settled
from cast_of_trade import Cast, votes, worth

from marketplace.audit import TRADE_CHECKS, Report, audit
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.units import PARTS
from offchain.storage.disk import DiskStore


def report_on(trade: AuditedTrade) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store)


def verdicts(report: Report) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks if check.trade is not None}


def declined_at_once(trade: AuditedTrade) -> None:
    trade.ask()
    trade.decline()


def declined(trade: AuditedTrade) -> None:
    trade.to_data_requested()
    trade.decline()


def expired_at_once(trade: AuditedTrade) -> None:
    trade.ask()
    trade.lapse()
    trade.time_out()


def expired(trade: AuditedTrade) -> None:
    trade.to_data_requested()
    trade.lapse()
    trade.time_out()


def refunded_without_data(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out()


def refunded_with_too_few_rows(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.deliver(accepted=0b100)


def refunded_without_gate(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.deliver(accepted=0b011)
    trade.lapse()
    trade.time_out()


def refunded_without_attempt(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.lapse()
    trade.time_out()


def refunded_after_an_attempt(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.lapse()
    trade.time_out()
    trade.publish()
    trade.open_scores()


def failed(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED - 1)
    trade.publish()
    trade.open_scores()


def settled_at_once(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.finish()


def settled_after_the_window(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.attest(approved=False)
    trade.lapse()
    trade.settle()
    trade.publish()
    trade.open_scores()


def settled_by_gate(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.lapse(trade.request.windows.settlement)
    trade.settle_by_gate()
    trade.publish()
    trade.open_scores()


# What there is to check after each part of a trade; of the rest a report says nothing.
ASKED = {"trade-id", "terms", "states", "roles", "documents", "sums", "storage-state"}
FUNDED = {*ASKED, "quote-signatures", "price", "fees"}
DELIVERED = {*FUNDED, "quorum", "data-payments"}
GATED = {*DELIVERED, "gate"}
TRIED = {*GATED, "training", "attempts", "validation-commitment", "score", "seals"}
SETTLED = {*TRIED, "shapley", "allocation"}


@pytest.mark.parametrize(
    ("play", "state", "checked"),
    [
        (declined_at_once, State.DECLINED, ASKED),
        (declined, State.DECLINED, ASKED),
        (expired_at_once, State.EXPIRED, ASKED),
        (expired, State.EXPIRED, ASKED),
        (refunded_without_data, State.REFUNDED, FUNDED),
        (refunded_with_too_few_rows, State.REFUNDED, DELIVERED),
        (refunded_without_gate, State.REFUNDED, DELIVERED),
        (refunded_without_attempt, State.REFUNDED, GATED),
        (refunded_after_an_attempt, State.REFUNDED, TRIED),
        (failed, State.FAILED, TRIED),
        (settled_at_once, State.SETTLED, SETTLED),
        (settled_after_the_window, State.SETTLED, SETTLED),
        (settled_by_gate, State.SETTLED, SETTLED - {"shapley"}),
    ],
)
def test_every_ending_passes(
    trade: AuditedTrade,
    play: Callable[[AuditedTrade], None],
    state: State,
    checked: set[str],
) -> None:
    play(trade)
    report = report_on(trade)
    assert verdicts(report) == dict.fromkeys(checked, "passed")
    assert {check.verdict for check in report.checks if check.trade is None} == {"passed"}
    assert [(audited.id, audited.state) for audited in report.trades] == [(trade.name, state.name)]
    assert report.ok


def test_a_settled_trade_meets_every_check(settled: Settled) -> None:
    report = audit(settled.chain, settled.market, settled.store)
    assert verdicts(report) == dict.fromkeys(TRADE_CHECKS, "passed")


LATE = {"sums", "fees"}
"""What can be judged at the end only."""

SEALED = {"validation-commitment", "score"}
"""What the evidence would show that opens at the end."""

STEPS: list[tuple[str, Callable[[AuditedTrade], None], set[str]]] = [
    ("REQUESTED", AuditedTrade.ask, ASKED - LATE),
    ("DATA_REQUESTED", AuditedTrade.ask_for_data, ASKED - LATE),
    ("FUNDED", AuditedTrade.accept, FUNDED - LATE),
    ("DATA_DELIVERED", AuditedTrade.deliver, DELIVERED - LATE),
    ("GATED", AuditedTrade.gate, GATED - LATE),
    ("GATED", lambda trade: trade.attempt(UNSKILLED), TRIED - LATE - SEALED - {"seals"}),
    ("PASSED", AuditedTrade.attempt, TRIED - LATE - SEALED - {"seals"}),
    ("PASSED", AuditedTrade.attest, TRIED - LATE - SEALED - {"seals"}),
    ("PASSED", AuditedTrade.confirm, TRIED - LATE - SEALED - {"seals"}),
]


def test_a_running_trade_has_nothing_against_it_at_any_step(trade: AuditedTrade) -> None:
    for state, step, passed in STEPS:
        step(trade)
        report = report_on(trade)
        assert report.trades[0].state == state
        assert report.ok
        sealed = SEALED if trade.attempts else set()
        assert verdicts(report) == {
            name: "passed" if name in passed else "sealed" if name in sealed else "open"
            for name in TRADE_CHECKS
        }


def test_steps_in_the_last_second_of_their_windows_pass(trade: AuditedTrade) -> None:
    trade.to_data_requested()
    for step in (
        AuditedTrade.accept,
        AuditedTrade.deliver,
        AuditedTrade.gate,
        lambda trade: trade.attempt(UNSKILLED),
        AuditedTrade.attempt,
        AuditedTrade.confirm,
    ):
        trade.last_second()
        step(trade)
    trade.settle()
    trade.publish()
    trade.open_scores()
    assert report_on(trade).ok


@pytest.mark.parametrize("state", [State.REQUESTED, State.DATA_REQUESTED, State.FUNDED])
def test_exits_in_the_first_second_after_the_deadline_pass(
    trade: AuditedTrade, state: State
) -> None:
    for _, step, _ in STEPS[:state]:
        step(trade)
    trade.first_second_after()
    trade.time_out()
    assert report_on(trade).ok


def test_settlements_in_the_first_second_pass(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    trade.to_passed()
    trade.first_second_after()
    trade.settle()
    other = AuditedTrade(market, store, parties, salt="another")
    other.to_passed()
    other.first_second_after(other.request.windows.settlement)
    other.settle_by_gate()
    for ended in (trade, other):
        ended.publish()
        ended.open_scores()
    assert report_on(trade).ok


def test_a_quote_accepted_in_its_last_second_passes(trade: AuditedTrade) -> None:
    trade.to_data_requested()
    trade.expiry = trade.market.node.now() + 5
    trade.next_block_at(trade.expiry)
    trade.accept()
    assert report_on(trade).ok


def test_rows_and_scores_that_just_suffice_pass(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    enough = sum(ROWS_EACH[:2])
    experts = tuple(expert.address for expert in parties.experts)
    score = math.floor(worth(votes(experts, SKILLED), (0, 1, 2)) * PARTS)
    trade = AuditedTrade(market, store, parties, min_rows=enough, threshold=score)
    trade.to_funded()
    trade.deliver(accepted=0b011)
    trade.gate()
    trade.attempt()
    trade.finish()
    report = report_on(trade)
    assert report.ok
    assert report.trades[0].state == "SETTLED"


def test_a_budget_of_exactly_the_price_passes(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    probe = AuditedTrade(market, store, parties, salt="for its price")
    probe.to_funded()
    price = market.trade(probe.id).escrow
    trade = AuditedTrade(market, store, parties, budget=price)
    trade.to_funded()
    assert report_on(trade).ok


def test_what_is_free_is_not_credited(trade: AuditedTrade) -> None:
    trade.prices, trade.fees = (0, 2, 1), (0, 0, 0)
    trade.to_passed()
    trade.attest()
    trade.finish()
    assert verdicts(report_on(trade)) == dict.fromkeys(SETTLED, "passed")


def test_a_trade_in_a_token_passes(
    market: Market, deployment: Deployment, store: DiskStore, parties: Cast
) -> None:
    assert deployment.token is not None
    trade = AuditedTrade(market, store, parties, currency=deployment.token)
    token = market.node.contract("DevToken", deployment.token)
    market.node.send(parties.buyer, token.functions.mint(parties.buyer.address, 10**18))
    market.node.send(parties.buyer, token.functions.approve(market.address, 10**18))
    trade.to_passed()
    trade.finish()
    trade.withdraw(parties.experts[0])
    report = report_on(trade)
    assert report.ok
    assert {check.verdict for check in report.checks} == {"passed"}


def test_trades_are_audited_together_and_alone(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    other = AuditedTrade(market, store, parties, salt="another")
    settled_at_once(trade)
    declined(other)
    together = report_on(trade)
    alone = audit(market.node.web3.provider, market.address, store, trade=other.id)
    assert [audited.id for audited in together.trades] == [trade.name, other.name]
    assert [audited.id for audited in alone.trades] == [other.name]
    assert {check.trade for check in alone.checks} == {None, other.name}
    assert set(alone.checks) < set(together.checks)
