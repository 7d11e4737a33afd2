"""Challenges, rulings and penalties: what the panel signed, and where bonds and stakes went."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
from audit_chain import TERMS as DEPLOYED
from audit_chain import QuickChain, deployed, make_stakes_good
from audited_trade import WINDOWS, AuditedTrade
from cast_of_trade import Cast, cast
from tampering import (
    Alter,
    LyingNode,
    changing,
    dropping,
    objections,
    on_event,
    renaming,
    repeating,
)
from web3.types import RPCEndpoint

from marketplace.audit import Report, audit
from marketplace.chain.market import Market
from offchain.storage.disk import DiskStore

PARTIES = cast()
LEAST = DEPLOYED.least_window

TERMS = "0xd5025625"
"""Selector of ``terms()``."""


@dataclass(frozen=True)
class Disputed:
    """Two trades on one chain: a pass overturned after a failure, and one that was upheld.

    The closed seals of the first trade's failed attempt were penalised, and an award of it
    has been withdrawn.
    """

    chain: QuickChain
    market: str
    store: DiskStore
    overturned: AuditedTrade
    upheld: AuditedTrade

    def report(self, alter: Alter = lambda logs: logs) -> Report:
        return audit(LyingNode(self.chain, alter), self.market, self.store)


@pytest.fixture(scope="module")
def disputed(parties: Cast, tmp_path_factory: pytest.TempPathFactory) -> Disputed:
    chain, store = QuickChain(), DiskStore(tmp_path_factory.mktemp("disputed"))
    node, deployment = deployed(chain, parties)
    market = Market(node, deployment.market)
    overturned = AuditedTrade(market, store, parties)
    overturned.to_penalty_after_overturning()
    make_stakes_good(market, parties)
    upheld = AuditedTrade(market, store, parties, salt="upheld")
    upheld.to_funded()
    upheld.report_data(accepted=0b011)  # what was dropped is part of the bond's measure
    upheld.attempt()
    upheld.challenge()
    upheld.uphold()
    upheld.finish()
    overturned.send_challenges(
        parties.stranger, "withdrawCredit", upheld.request.currency, parties.stranger.address
    )
    return Disputed(chain, market.address, store, overturned, upheld)


SHORT = {"SOLVENCY", "BALANCES"}
"""Less is held than came in: after some block, and at the end."""


def more(amount: int) -> int:
    return amount + 1


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_rulings_and_penalties_pass(disputed: Disputed) -> None:
    report = disputed.report()
    assert report.ok
    assert {c.verdict for c in report.checks if c.name in ("dispute", "awards")} == {"passed"}
    assert [trade.state for trade in report.trades] == ["REFUNDED", "SETTLED"]
    taken = next(check.detail for check in report.checks if check.name == "awards")
    assert taken == (
        "700000000000000003 were taken from stakes, and 6 awards made; nothing is left over"
    )


# Slashes and awards in the order of the log: those of the overturned verdict, of the seals.
ALTERED: dict[str, tuple[Alter, set[str]]] = {
    "the bond": (changing("Challenged", (3,), more), {"awards", "dispute", *SHORT}),
    "the currency of the bond": (
        changing("Challenged", (2,), PARTIES.stranger.address),
        {"awards", "dispute", *SHORT},
    ),
    "the deadline of the ruling": (changing("Challenged", (4,), more), {"dispute"}),
    "who may not uphold": (changing("Challenged", (5,), 0b100), {"dispute"}),
    "who may not overturn": (changing("Challenged", (6,), 0b1), {"dispute"}),
    "the challenger": (
        renaming("Challenged", 2, PARTIES.buyer.address),
        {"STORED-CHALLENGES", "awards", "dispute"},
    ),
    "the salt of the announcement": (
        changing("Challenged", (1,), flipped),
        {"STORED-CHALLENGES", "dispute"},
    ),
    "what was announced": (
        renaming("ChallengeAnnounced", 1, PARTIES.buyer.address),
        {"STORED-CHALLENGES", "dispute"},
    ),
    "until when the market is frozen": (changing("TradeDisputed", (0,), more), {"dispute"}),
    "how the dispute ended": (changing("DisputeEnded", (0,), False), {"dispute", "stored-status"}),
    "how the upheld dispute ended": (
        changing("DisputeEnded", (0,), True, 1),
        {"dispute", "fees", "score", "states", "stored-status"},
    ),
    "the attempt that was overturned": (
        changing("VerdictOverturned", (0,), flipped),
        {"awards", "dispute"},
    ),
    "the evidence of the ruling": (
        changing("VerdictOverturned", (1,), flipped),
        {"dispute", "documents?"},
    ),
    "what was slashed in all": (changing("VerdictOverturned", (2,), more), {"awards"}),
    "the panel that signed": (changing("VerdictOverturned", (3,), 0b101), {"awards", "dispute"}),
    "a panel without a quorum": (changing("VerdictOverturned", (3,), 0b001), {"awards", "dispute"}),
    "a signature of the panel": (changing("VerdictOverturned", (4,), flipped), {"dispute"}),
    "a signature under an upheld verdict": (changing("VerdictUpheld", (2,), flipped), {"dispute"}),
    "the evidence of an upheld verdict": (
        changing("VerdictUpheld", (0,), flipped),
        {"dispute", "documents?"},
    ),
    "what a signer lost": (
        changing("Slashed", (0,), more),
        {"STAKES", "awards"},
    ),
    "who got what was lost": (
        renaming("Slashed", 2, PARTIES.buyer.address),
        {"INVARIANTS", "STAKES", "STORED-AWARDS", "awards"},
    ),
    "a stake taken when nothing follows": (repeating("Slashed", 2), {"STAKES", "STORED-AWARDS"}),
    "who lost it": (
        renaming("Slashed", 1, PARTIES.signers[0].address),
        {"STAKES", "awards"},
    ),
    "what was lost for a closed seal": (
        changing("Slashed", (0,), more, 2),
        {"STAKES", "awards"},
    ),
    "who was penalised for a closed seal": (
        changing("ClosedSealsPenalised", (1,), 0b01),
        {"awards", "states"},
    ),
    "the attempt of a closed seal": (
        changing("ClosedSealsPenalised", (0,), 2),
        {"states", "stored-seals"},
    ),
    "who reported a closed seal": (
        renaming("ClosedSealsPenalised", 2, PARTIES.buyer.address),
        {"awards"},
    ),
    "an award": (changing("Awarded", (0,), more, 1), {"STORED-AWARDS", "awards"}),
    "who got an award": (
        renaming("Awarded", 2, PARTIES.buyer.address, 2),
        {"STORED-AWARDS", "awards"},
    ),
    "the currency of an award": (
        renaming("Awarded", 3, PARTIES.buyer.address, 2),
        {"STORED-AWARDS", "awards"},
    ),
    "an award made twice": (repeating("Awarded", 4), {"STORED-AWARDS", "awards"}),
    "a ruling told twice": (repeating("VerdictUpheld"), {"awards", "dispute"}),
    "a challenge told twice": (repeating("Challenged"), {"STORED-AWARDS", "dispute", *SHORT}),
    "what was withdrawn": (
        changing("CreditWithdrawn", (1,), more),
        {"INVARIANTS", "STORED-AWARDS"},
    ),
}

DROPPED: dict[str, set[str]] = {
    "ChallengeAnnounced": {"dispute"},
    "Challenged": {"STORED-CHALLENGES", "awards", "dispute"},
    "TradeDisputed": {"dispute", "states", "stored-status"},
    "DisputeEnded": {"dispute", "states", "stored-status"},
    "VerdictOverturned": {"STORED-AWARDS", "STORED-CHALLENGES", "dispute"},
    "VerdictUpheld": {"STORED-AWARDS", "STORED-CHALLENGES", "dispute"},
    "Slashed": {"INVARIANTS", "STAKES", "STORED-AWARDS", "awards"},
    "Awarded": {"INVARIANTS", "STORED-AWARDS", "awards"},
    "ClosedSealsPenalised": {"STORED-AWARDS", "stored-seals"},
    "CreditWithdrawn": {"STORED-AWARDS", *SHORT},
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_value_is_named(disputed: Disputed, what: str) -> None:
    alter, expected = ALTERED[what]
    assert objections(disputed.report(alter)) == expected


ALTERED_TIMES: dict[str, Alter] = {
    "the ruling came too late": changing("Challenged", (4,), 1),
}
SENTENCES: dict[str, tuple[str, str]] = {
    "the bond": ("dispute", "the bond is"),
    "what was announced": ("dispute", "was never announced"),
    "the deadline of the ruling": ("dispute", "not as the terms say"),
    "until when the market is frozen": ("dispute", "the market is frozen until"),
    "how the dispute ended": ("dispute", "VerdictOverturned is not what the market was told"),
    "how the upheld dispute ended": ("dispute", "VerdictUpheld is not what the market was told"),
    "the attempt that was overturned": ("dispute", "which decided nothing"),
    "a panel without a quorum": ("dispute", "the ruling names 1 signers where 2 are a quorum"),
    "a ruling told twice": ("dispute", "it was ruled 2 times"),
    "a challenge told twice": ("dispute", "it was challenged 2 times"),
    "the ruling came too late": ("dispute", "and the deadline is 1"),
    "what a signer lost": ("awards", "not 300000000000000001 at most"),
    "who lost it": ("awards", "slashed were"),
    "what was slashed in all": ("awards", "is said to be taken"),
    "who got an award": ("awards", f"{PARTIES.buyer.address} got"),
    "an award": ("awards", "was due"),
    "who got what was lost": ("awards", f"went to {PARTIES.buyer.address}"),
    "a stake taken when nothing follows": ("stored-awards", "by no ruling and no penalty"),
}
"""What a check says of a fault, where another sentence of the same check would fail it, too."""


@pytest.mark.parametrize("what", SENTENCES)
def test_each_fault_is_said(disputed: Disputed, what: str) -> None:
    name, sentence = SENTENCES[what]
    report = disputed.report(ALTERED_TIMES[what] if what in ALTERED_TIMES else ALTERED[what][0])
    said = [check.detail for check in report.objections if check.name == name]
    assert any(sentence in detail for detail in said)


@pytest.mark.parametrize("which", [0, 2, 4, 6], ids=["bond", "stakes", "seals", "lost bond"])
def test_what_no_award_passed_on_is_told(disputed: Disputed, which: int) -> None:
    (said,) = (
        check.detail
        for check in disputed.report(dropping("Awarded", which)).objections
        if check.name == "awards"
    )
    due, currency = re.findall(r"was due (\d+) of (0x\w+)", said)[0]
    assert f"{due} of {currency} stay with the challenges" in said


def test_who_ruled_and_whose_stakes_were_taken_is_told(disputed: Disputed) -> None:
    details = [check.detail for check in disputed.report().checks if check.name == "dispute"]
    overturned, upheld = details
    panel, (one, two, _) = disputed.overturned.parties.panel, disputed.overturned.committee.members
    assert f"the ruling in block {block_of(disputed, 'VerdictUpheld')} by seat 0" in upheld
    assert upheld.startswith("1 challenge, VerdictUpheld, 0 faults of the committee penalised; ")
    assert upheld.count(panel[0].address) == 1
    assert overturned.startswith(
        "1 challenge, VerdictOverturned, 1 fault of the committee penalised; "
    )
    assert (
        f"ClosedSealsPenalised in block {block_of(disputed, 'ClosedSealsPenalised')} of {two}"
        in (overturned)
    )
    assert one not in overturned


def block_of(disputed: Disputed, name: str) -> int:
    """Height of the block with the only event of that name."""
    trades = disputed.report().trades
    (block,) = {e.block for trade in trades for e in trade.timeline if e.name == name}
    return block


@pytest.mark.parametrize("name", DROPPED)
def test_a_dropped_event_is_missed(disputed: Disputed, name: str) -> None:
    assert objections(disputed.report(dropping(name))) == DROPPED[name]


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (changing("SilencePenalised", (0,), more), {"awards"}),
        (repeating("SilencePenalised"), {"dispute", "awards"}),
        (
            dropping("WorkDelivered"),
            {"data-payments", "dispute", "stored-status", "stored-deliveries"},
        ),
        (
            renaming("WorkDelivered", 2, PARTIES.providers[0].address),
            {"data-payments", "stored-deliveries"},
        ),
        (changing("WorkDelivered", (0,), 1), {"states"}),
        (
            changing("ModelRequested", (0, 18, 2), 60),
            {"trade-id", "stored-status", "dispute"},
        ),
    ],
)
def test_what_is_told_of_silent_judges_is_recomputed(
    trade: AuditedTrade, alter: Alter, expected: set[str]
) -> None:
    trade.to_funded()
    trade.put_on_record(trade.parties.providers[1])
    trade.lapse()
    trade.time_out_delivery()
    trade.penalise_silence()
    provider, market = trade.market.node.web3.provider, trade.market.address
    assert objections(audit(provider, market, trade.store)) == set()
    found = objections(audit(LyingNode(provider, alter), market, trade.store))
    assert found == expected


def test_a_ruling_ends_the_dispute_in_its_own_transaction(disputed: Disputed) -> None:
    def elsewhere(log: dict[str, Any]) -> list[dict[str, Any]]:
        return [{**log, "transactionHash": "0x" + "ab" * 32}]

    report = disputed.report(on_event("DisputeEnded", elsewhere, 1))
    assert "dispute" in objections(report)
    (check,) = (check for check in report.objections if check.name == "dispute")
    assert "came in another transaction than the end of the dispute" in check.detail


def test_a_ruling_on_a_trade_that_the_market_never_froze(disputed: Disputed) -> None:
    found = objections(disputed.report(dropping("TradeDisputed", 1)))
    assert {"dispute", "states", "stored-status"} <= found


def test_a_dispute_that_ended_before_its_time_without_a_ruling(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.challenge()
    trade.lapse()
    trade.lapse_challenge()
    honest, market = trade.market.node.web3.provider, trade.market.address

    def ending(*alters: Alter) -> set[str]:
        def alter(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
            for each in alters:
                logs = each(logs)
            return logs

        return objections(audit(LyingNode(honest, alter), market, trade.store))

    assert "dispute" not in ending(dropping("ChallengeLapsed"))
    late = honest.make_request(RPCEndpoint("eth_getBlockByNumber"), ["latest", False])["result"]
    until = int(late["timestamp"], 16)
    just = changing("TradeDisputed", (0,), until)
    assert "dispute" in ending(dropping("Challenged"), dropping("ChallengeLapsed"), just)
    assert "dispute" in ending(dropping("ChallengeLapsed"), dropping("TradeDisputed"))


@pytest.mark.parametrize("window", [LEAST, LEAST + 1])
def test_a_committee_that_had_the_least_time_may_be_penalised(
    market: Market, store: DiskStore, parties: Cast, window: int
) -> None:
    trade = AuditedTrade(market, store, parties, windows=replace(WINDOWS, judging=window))
    trade.to_funded()
    trade.put_on_record(trade.parties.providers[1])
    trade.lapse()
    trade.time_out_delivery()
    trade.penalise_silence()
    honest = market.node.web3.provider
    assert objections(audit(honest, market.address, store)) == set()
    for told, expected in ((LEAST, set()), (LEAST - 1, {"dispute"})):
        node = LyingNode(honest, changing("ModelRequested", (0, 18, 2), told))
        assert objections(audit(node, market.address, store)) & {"dispute"} == expected


def test_a_juror_who_is_a_party_is_found_whatever_the_contract_says(
    trade: AuditedTrade, parties: Cast
) -> None:
    trade.to_passed()
    trade.challenge()
    trade.uphold()
    trade.finish()
    alter = changing("ModelRequested", (0, 2), parties.panel[0].address)
    node = LyingNode(trade.market.node.web3.provider, alter)
    report = audit(node, trade.market.address, trade.store)
    (check,) = (check for check in report.objections if check.name == "dispute")
    assert f"{parties.panel[0].address} signed VerdictUpheld" in check.detail


def test_a_judge_who_is_a_party_is_a_pattern(trade: AuditedTrade, parties: Cast) -> None:
    trade.to_gate()
    alter = changing("ModelRequested", (0, 2), parties.signers[0].address)
    node = LyingNode(trade.market.node.web3.provider, alter)
    report = audit(node, trade.market.address, trade.store)
    (check,) = (check for check in report.checks if check.name == "judges")
    assert f"the signer {parties.signers[0].address} is its auditor" in check.detail


def poorer(balance: str) -> str:
    return hex(int(balance, 16) - 10**14)


def test_a_contract_that_holds_less_than_it_owes_is_named(
    trade: AuditedTrade,
) -> None:
    trade.to_passed()
    trade.challenge()
    node = LyingNode(trade.market.node.web3.provider, answers={"eth_getBalance": poorer})
    report = audit(node, trade.market.address, trade.store)
    assert objections(report) == {
        *("LEDGER", "STAKES", "STATE-PROOFS", "STORED-AWARDS", *SHORT),
    }


def test_a_challenge_without_terms_is_missing_and_never_passed(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.challenge()
    trade.uphold()
    trade.finish()
    asked: list[Any] = []

    class Silent(LyingNode):
        def make_request(self, method: Any, params: Any) -> Any:
            answer = super().make_request(method, params)
            if method == "eth_call" and params[0]["data"].startswith(TERMS):
                asked.append(params)
                return {**answer, "result": "0x"}
            return answer

    report = audit(Silent(trade.market.node.web3.provider), trade.market.address, trade.store)
    assert asked
    assert objections(report) == {"CONTRACTS", "STATE-PROOFS", "dispute?", "awards?"}
