"""Every script ends as it says, pays exactly, leaves nothing behind, and passes the audit."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from small_trade import EXPERTS, fresh_run

from marketplace.audit import audit
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import even_split, largest_remainder
from marketplace.scripted.script import SCRIPTS
from marketplace.scripted.summary import Summary, summarise
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import TERMS

# Whether it is paid in a token; the shipped scripts cover both for trades that settle.
CASES = [
    *((name, script.token) for name, script in SCRIPTS.items()),
    ("exhausted", True),
    ("overturned", True),
]


def balance(run: TradeRun, account: str) -> int:
    """What an account holds of the trade's currency, in its smallest unit."""
    node, currency = run.world.market.node, run.world.currency
    if currency == NATIVE:
        return node.balance(account)
    return int(node.call(node.contract("DevToken", currency).functions.balanceOf(account)))


def paid(summary: Summary, *purposes: str) -> int:
    return sum(p.amount for p in summary.payments if p.purpose in purposes)


@pytest.mark.parametrize(("name", "token"), CASES, ids=lambda value: str(value))
def test_script(tmp_path: Path, name: str, token: bool) -> None:
    shipped = SCRIPTS[name]
    script = replace(shipped, experts=EXPERTS, token=token)
    run = fresh_run(script, tmp_path)
    buyer = run.world.buyer.account.address
    before = balance(run, buyer)
    assert run.play() == shipped.ends
    summary = summarise(run)
    market = run.world.market

    # To the wei: what was locked is what was paid, and nothing is left in the contract.
    locked = market.log(run.trade_id)
    price = sum(e["args"]["amount"] for e in locked if e["event"] == "Locked")
    assert price == (0 if shipped.ends == State.DECLINED else summary.price)
    assert paid(summary, *(p.name.lower() for p in Purpose), "refund") == price
    assert balance(run, market.address) == 0
    assert balance(run, str(market.challenges.address)) == 0
    if token:
        assert balance(run, buyer) == before - price + paid(summary, "refund")
    assert sum(part.amount for part in summary.price_parts) == summary.price

    check_ending(name, summary, run)
    report = audit(market.node.web3.provider, market.address, run.world.store)
    assert report.ok, report.objections


def test_a_trade_divided_by_skill(tmp_path: Path) -> None:
    run = fresh_run(replace(SCRIPTS["credit"], experts=EXPERTS, division="skill"), tmp_path)
    assert run.play() == State.SETTLED
    summary, market = summarise(run), run.world.market
    report = audit(market.node.web3.provider, market.address, run.world.store)
    assert report.ok, report.objections
    assert summary.division == "skill"
    values = [max(Fraction(line.contribution), Fraction(0)) for line in summary.experts]
    pool = paid(summary, "expert")
    for line, value in zip(summary.experts, values, strict=True):
        assert abs(line.amount - pool * value / sum(values)) < 1
        assert line.share_low <= line.share <= line.share_high


def check_ending(name: str, summary: Summary, run: TradeRun) -> None:
    """Hold each script's own promise."""
    purposes = {payment.purpose for payment in summary.payments}
    data = sum(p.amount for p in summary.price_parts if p.name.startswith("data of"))
    prices = run.world.broker.prices
    bond = -(-(summary.price - data) * TERMS.bond_bps // 10_000)
    if name in ("credit", "digits"):
        assert purposes == {"data", "expert", "broker", "audit", "oracle", "protocol"}
        check_shapley(summary)
    elif name == "declined":
        assert not summary.payments
        assert summary.price > run.script.budget
    elif name == "exhausted":
        assert purposes == {"data", "oracle", "audit", "refund"}
        assert [(line.attempt, line.passed) for line in summary.attempts] == [
            (1, False),
            (2, False),
        ]
        assert [line.scores_opened for line in summary.attempts] == [2, 2]
        assert paid(summary, "data") == data
        assert paid(summary, "oracle") == prices.oracle_fee
    elif name in {"garbage", "copied"}:
        assert "refund" in purposes
        assert paid(summary, "data") + paid(summary, "refund") == data
        assert len({p.account for p in summary.payments if p.purpose == "data"}) == 2
        check_shapley(summary)
    elif name == "silent":
        assert purposes == {"data", "expert", "refund"}
        weights = [line.weight_ppm for line in summary.experts]
        assert [line.amount for line in summary.experts] == largest_remainder(
            prices.expert_pool, weights
        )
        assert paid(summary, "refund") == summary.price - data - prices.expert_pool
        assert not summary.attempts
        silence = TERMS.silence_penalty
        assert [a.amount for a in summary.awards] == [len(run.world.signers) * silence]
    elif name == "unsettled":
        assert [line.scores_opened for line in summary.attempts] == [1]
        signed = [p.amount for p in summary.payments if p.purpose == "oracle"]
        assert sum(signed) + paid(summary, "refund") == prices.oracle_fee
        assert paid(summary, "refund") in even_split(prices.oracle_fee, 3)
        check_shapley(summary)
    elif name == "overturned":
        assert purposes == {"data", "audit", "refund"}
        assert [(line.passed, line.overturned) for line in summary.attempts] == [(True, True)]
        back = summary.awards[0]
        assert (back.name, back.purpose, back.amount) == ("stranger", "bond", bond)
        slashed = sum(a.amount for a in summary.awards if a.purpose == "stake")
        assert slashed == 2 * TERMS.wrong_verdict_penalty
        assert all(line.amount == 0 for line in summary.experts)
    else:
        assert name == "challenged"
        assert {award.purpose for award in summary.awards} == {"bond"}
        assert sum(award.amount for award in summary.awards) == bond
        shares = {award.name.split()[0]: award.amount for award in summary.awards}
        assert shares == {"treasury": bond // 2, "juror": bond // 4}
        assert run.world.market.status(run.trade_id).challenged
        check_shapley(summary)
    minted = summary.licence is not None and summary.licence.holder == "buyer"
    assert minted == (run.script.ends == State.SETTLED)


def check_shapley(summary: Summary) -> None:
    """Shapley values sum to the score, and pay in proportion."""
    (attempt,) = summary.attempts
    values = [Fraction(line.contribution) for line in summary.experts]
    assert int(sum(values) * 1_000_000) == attempt.score_ppm
    assert attempt.score_ppm >= summary.threshold_ppm
    pool = paid(summary, "expert")
    assert sum(line.amount for line in summary.experts) == pool
    for line, value in zip(summary.experts, values, strict=True):
        assert abs(line.amount - pool * value / sum(values)) < 1
    assert sum(line.weight_ppm for line in summary.experts) == 1_000_000
