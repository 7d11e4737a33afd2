"""What is said of rulings and penalties that came at a border, twice, or to nobody's loss.

The case is that of a real challenge; its acts, and what the market was told, are altered by hand.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from audit_chain import TERMS, QuickChain, deployed
from audited_trade import AuditedTrade, Settled
from cases import case_of
from cast_of_trade import Cast
from courses import settled_in_spite_of_a_challenge
from telling import CONTRACT, told

from marketplace.audit.case import Case
from marketplace.audit.checks.books import check_deposits
from marketplace.audit.checks.disputes import (
    check_dispute,
    check_stored_awards,
    check_stored_challenges,
)
from marketplace.audit.checks.terms import check_conflicts
from marketplace.audit.disputes import Act, Disputes, seal_of
from marketplace.audit.office import Slash
from marketplace.audit.records import Ruled
from marketplace.audit.report import Finding
from marketplace.chain.market import Market
from marketplace.protocol.terms import NOBODY
from offchain.storage.disk import DiskStore

CHAIN, TRADE, SEAL = 31337, b"\1" * 32, b"\2" * 32
CHALLENGE = {"challenger": NOBODY, "claim": bytes(32), "salt": bytes(32)}

UNRULED = "the market's dispute ended without a ruling"


@pytest.fixture(scope="module")
def _upheld(parties: Cast, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    chain, store = QuickChain(), DiskStore(tmp_path_factory.mktemp("upheld"))
    node, deployment = deployed(chain, parties)
    trade = AuditedTrade(Market(node, deployment.market), store, parties)
    settled_in_spite_of_a_challenge(trade)
    return Settled(trade, chain, store)


@pytest.fixture
def upheld(_upheld: Settled) -> Case:
    """A challenge on which the panel upheld the verdict, in time."""
    return case_of(_upheld.trade, _upheld.chain)


def found(case: Case, acts: list[Act] | None = None, **changes: Any) -> Finding | None:
    """Return what is found if the arbiter's log had told these acts, and the market's these."""
    disputes = copy.deepcopy(case.history.disputes)
    if acts is not None:
        disputes.acts[case.trade.id] = acts
    history = replace(case.history, disputes=disputes)
    return check_dispute(replace(case, history=history, trade=replace(case.trade, **changes)))


def test_what_became_of_a_challenge_is_told(upheld: Case) -> None:
    told = found(upheld)
    assert told is not None
    assert told.verdict == "passed"
    assert told.detail.startswith("1 challenge, VerdictUpheld, 0 faults of the committee penalised")


def thaw(case: Case) -> int:
    """The last second before the market goes on without a ruling."""
    assert case.trade.disputed is not None
    return case.trade.disputed.until


def deadline(case: Case) -> int:
    """The last second for a ruling."""
    return int(case.acts[0].event["deadline"])


def ended(case: Case, second: int, overturned: bool = False) -> dict[str, Ruled]:
    """Return how the market was told of the end, in a transaction of its own."""
    return {"ruled": Ruled(overturned, b"\7" * 32, second)}


@pytest.mark.parametrize(
    ("late", "overturned", "says"), [(1, False, False), (0, False, True), (1, True, True)]
)
def test_only_a_verdict_that_stands_after_the_deadline_needs_no_ruling(
    upheld: Case, late: int, overturned: bool, says: bool
) -> None:
    told = ended(upheld, thaw(upheld) + late, overturned)
    assert found(upheld, upheld.acts[:1], **told) == (
        Finding("failed", UNRULED)
        if says
        else Finding("passed", "1 challenge, no ruling, 0 faults of the committee penalised")
    )


@pytest.mark.parametrize("late", [0, 1])
def test_a_lapse_comes_after_the_deadline(upheld: Case, late: int) -> None:
    second = deadline(upheld) + late
    lapse = Act(told("ChallengeLapsed", second, tradeId=upheld.trade.id), ())
    by_it = {"ruled": Ruled(False, lapse.event.log.transaction, second)}
    said = f"ChallengeLapsed came at {second}, and the deadline is {second}"
    assert found(upheld, [upheld.acts[0], lapse], **by_it) == (
        Finding("passed", "1 challenge, ChallengeLapsed, 0 faults of the committee penalised")
        if late
        else Finding("failed", said)
    )


@pytest.mark.parametrize("late", [0, 1])
def test_a_lapse_may_come_when_the_market_has_gone_on_by_itself(upheld: Case, late: int) -> None:
    second = thaw(upheld) + late
    lapse = Act(told("ChallengeLapsed", second + 9, tradeId=upheld.trade.id), ())
    assert found(upheld, [upheld.acts[0], lapse], **ended(upheld, second)) == (
        Finding("passed", "1 challenge, ChallengeLapsed, 0 faults of the committee penalised")
        if late
        else Finding("failed", UNRULED)
    )


def test_a_lapse_overturns_nothing(upheld: Case) -> None:
    second = deadline(upheld) + 1
    lapse = Act(told("ChallengeLapsed", second, tradeId=upheld.trade.id), ())
    by_it = {"ruled": Ruled(True, lapse.event.log.transaction, second)}
    finding = found(upheld, [upheld.acts[0], lapse], **by_it)
    assert finding is not None
    assert (finding.verdict, UNRULED in finding.detail) == ("failed", True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"transaction": bytes(32)}, "the market was not frozen by the challenge"),
        ({"review": 7}, "the market is frozen until"),
    ],
)
def test_the_market_is_frozen_by_the_challenge_for_the_ruling_window(
    upheld: Case, change: dict[str, Any], said: str
) -> None:
    assert upheld.trade.disputed is not None
    finding = found(upheld, disputed=replace(upheld.trade.disputed, **change))
    assert finding is not None
    assert (finding.verdict, finding.detail.startswith(said)) == ("failed", True)


@pytest.mark.parametrize("late", [0, 1])
def test_a_ruling_may_come_at_the_deadline_and_no_later(upheld: Case, late: int) -> None:
    challenge, ruling = upheld.acts
    second = deadline(upheld) + late
    at_the_end = replace(ruling, event=replace(ruling.event, timestamp=second))
    finding = found(upheld, [challenge, at_the_end])
    assert finding is not None
    said = f"VerdictUpheld came at {second}, and the deadline is {second - 1}"
    assert (finding == Finding("failed", said)) if late else (finding.verdict == "passed")


def test_a_ruling_comes_with_the_end_of_the_dispute(upheld: Case) -> None:
    assert upheld.trade.ruled is not None
    elsewhere = replace(upheld.trade.ruled, transaction=bytes(32))
    said = "VerdictUpheld came in another transaction than the end of the dispute"
    assert found(upheld, ruled=elsewhere) == Finding("failed", said)


def test_a_dispute_that_the_arbiter_has_not_told_is_named(upheld: Case) -> None:
    known_to_one = "only one of market and challenges knows of a challenge"
    assert found(upheld, [], ruled=None) == Finding("failed", known_to_one)
    quiet = found(upheld, disputed=None)
    assert quiet is not None
    assert quiet.detail.startswith(known_to_one)
    assert found(upheld, [], disputed=None, ruled=None) is None


# ------------------------------------------------------------------------ penalties


def penalty(name: str, second: int) -> Act:
    return Act(told(name, second), ())


def test_closed_seals_may_be_penalised_more_than_once(upheld: Case) -> None:
    acts = [penalty("ClosedSealsPenalised", second) for second in (1, 2)]
    finding = found(upheld, [*upheld.acts, *acts])
    assert finding is not None
    first, *more = finding.detail.split("; ")
    assert finding.verdict == "passed"
    assert first == "1 challenge, VerdictUpheld, 2 faults of the committee penalised"
    assert more[1:] == ["ClosedSealsPenalised in block 1 of nobody"] * 2


@pytest.mark.parametrize("count", [1, 2])
def test_silence_is_penalised_once(upheld: Case, count: int) -> None:
    acts = [penalty("SilencePenalised", second) for second in range(count)]
    others = [penalty("ClosedSealsPenalised", 5)]
    finding = found(upheld, [*upheld.acts, *acts, *others], unjudged=True)
    assert finding is not None
    if count == 1:
        assert finding.verdict == "passed"
    else:
        assert finding == Finding("failed", "silence was penalised twice")


# -------------------------------------------------------------------- announcements


@pytest.mark.parametrize("short", [0, 1])
def test_a_challenge_comes_a_delay_after_its_announcement(upheld: Case, short: int) -> None:
    challenge, *others = copy.deepcopy(upheld.acts)
    delay = TERMS.announcement_delay
    challenge.announced = announced = challenge.event.timestamp - delay + short
    finding = found(upheld, [challenge, *others])
    assert finding is not None
    if not short:
        assert finding.verdict == "passed"
    else:
        said = f"the challenge was announced at {announced}, less than {delay} s before it came"
        assert finding == Finding("failed", said)


def test_an_announcement_counts_from_the_first_one_to_the_challenge_that_uses_it() -> None:
    challenge = told("Challenged", 7, tradeId=TRADE, **CHALLENGE)
    seal, disputes = seal_of(challenge, CHAIN), Disputes()
    for second in (5, 6):
        disputes.take(told("ChallengeAnnounced", second, seal=seal), CHAIN)
    assert disputes.announced == {seal: 5}
    disputes.take(challenge, CHAIN)
    assert disputes.announced == {}
    assert disputes.acts[TRADE][0].announced == 5
    disputes.take(told("ChallengeAnnounced", 8, seal=seal), CHAIN)
    assert disputes.announced == {seal: 8}


def test_an_announcement_is_of_one_challenge_alone() -> None:
    seals = {
        seal_of(told("Challenged", by=by, tradeId=TRADE, **(CHALLENGE | other)), chain)
        for other in ({}, {"claim": SEAL}, {"salt": SEAL}, {"challenger": CONTRACT})
        for by in (CONTRACT, NOBODY)
        for chain in (CHAIN, CHAIN + 1)
    }
    assert len(seals) == 4 * 2 * 2


# ---------------------------------------------------------------- what waits in storage


def stored(case: Case, **changes: Any) -> Finding:
    """Look at storage if the log had told other acts or announcements."""
    disputes = replace(copy.deepcopy(case.history.disputes), **changes)
    return check_stored_challenges(replace(case.history, disputes=disputes), case.chain)


def test_a_challenge_that_was_ruled_on_is_gone(upheld: Case) -> None:
    assert stored(upheld) == Finding(
        "passed",
        "0 challenges that wait for a ruling and 0 announcements in storage follow from the log",
    )


def test_a_challenge_that_waits_by_the_log_alone_is_named(upheld: Case) -> None:
    challenge = upheld.acts[0]
    finding = stored(upheld, acts={upheld.trade.id: [challenge, penalty("SilencePenalised", 1)]})
    assert finding.verdict == "failed"
    for name in ("challenger", "deadline", "bond"):
        assert f"{name} of a challenge of trade {upheld.trade.name} is " in finding.detail
        assert f"and {challenge.event[name]} by the log" in finding.detail


@pytest.mark.parametrize("used", [False, True])
def test_an_announcement_that_is_not_stored_is_named(upheld: Case, used: bool) -> None:
    seal = seal_of(upheld.acts[0].event, upheld.history.domain.chain_id) if used else SEAL
    assert stored(upheld, announced={seal: 5}) == Finding(
        "failed",
        f"seal 0x{seal.hex()} was announced at 0 in storage and at 5 by the log",
    )


def test_an_arbiter_that_cannot_be_read_is_not_passed(upheld: Case) -> None:
    nowhere = replace(upheld.chain, contracts=replace(upheld.chain.contracts, challenges=None))
    assert check_stored_challenges(upheld.history, nowhere).verdict == "unchecked"


# ---------------------------------------------------------------------------- bonds


def test_a_bond_is_open_until_a_ruling_whatever_is_penalised() -> None:
    trade, disputes = b"\1" * 32, Disputes()
    bond = CHALLENGE | {"currency": "a currency", "bond": 7}
    for name, values, still in (
        ("Challenged", bond, 7),
        ("SilencePenalised", {}, 7),
        ("ClosedSealsPenalised", {}, 7),
        ("VerdictUpheld", {}, 0),
        ("ClosedSealsPenalised", {}, 0),
    ):
        disputes.take(told(name, tradeId=trade, **values), CHAIN)
        assert disputes.open_bonds() == {"a currency": still}


def test_what_was_taken_of_stakes_covers_awards_in_their_currency_only(upheld: Case) -> None:
    account, token = upheld.trade.request.buyer, "0x" + "77" * 20
    contract = upheld.chain.contracts.challenges
    history = copy.deepcopy(upheld.history)
    assert contract is not None
    history.committee.credit[contract] += 100
    history.disputes.credit[account, token] = 5
    assert check_stored_awards(history, upheld.chain) == Finding(
        "failed",
        f"{account} has 0 of {token} in storage and 5 by the log;"
        f" the challenges hold 0 of {token} and owe 5",
    )


# ------------------------------------------------------------------- unread contracts


def test_a_dispute_before_a_contract_that_can_not_be_read_is_not_passed_over(
    upheld: Case, settled: Settled
) -> None:
    contracts = replace(upheld.chain.contracts, challenges=None)
    chain = replace(upheld.chain, contracts=contracts)
    said = "the arbiter is not a contract of challenges that this audit can read"
    found = check_dispute(replace(upheld, chain=chain))
    assert found == Finding("missing", f"the market was frozen by a challenge, and {said}")
    due = Finding("missing", f"the log knows challenges or penalties, and {said}")
    assert check_stored_awards(upheld.history, chain) == due
    quiet = case_of(settled.trade, settled.chain)  # nobody challenged it, nobody was penalised
    assert check_dispute(quiet) is None
    chain = replace(quiet.chain, contracts=replace(quiet.chain.contracts, challenges=None))
    assert check_dispute(replace(quiet, chain=chain)) is None
    assert check_stored_awards(quiet.history, chain) == Finding("unchecked", said)
    log = told("Slashed").log
    quiet.history.disputes.slashed(Slash("a member", "an arbiter", 1, 2, log))
    assert check_stored_awards(quiet.history, chain) == due


def test_what_another_s_registry_says_is_not_checked(upheld: Case) -> None:
    contracts = replace(upheld.chain.contracts, registry=None)
    chain = replace(upheld.chain, contracts=contracts)
    said = "the market's registry is not a contract that this audit can read"
    assert check_conflicts(replace(upheld, chain=chain)) == Finding("unchecked", said)
    said = "the market's registry is not one that this audit can read"
    assert check_deposits(upheld.history, chain) == Finding("unchecked", said)
