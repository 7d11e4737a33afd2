"""What is given out to many follows from a list that can be had, signed by those in office."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from audit_chain import TERMS, QuickChain, deployed
from cast_of_trade import Cast
from eth_utils.abi import function_abi_to_4byte_selector
from giving_out import ACTIVATION_DELAY, GivingOut, earnings_of
from tampering import Alter, LyingNode, changing, dropping, objections
from telling import told
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import audit, payee_lists
from marketplace.audit.auditor import Audit, replayed
from marketplace.audit.distributions import Distributions
from marketplace.audit.folding import Follower
from marketplace.audit.holdings import lists_of_payees
from marketplace.audit.payee_lists import PayeeLists
from marketplace.audit.report import Check, Report
from marketplace.chain.artifacts import load_artifact
from marketplace.protocol import earnings as earnings_module
from marketplace.protocol.documents import PayeeList
from marketplace.protocol.earnings import decode_earnings, encode_earnings
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.terms import NATIVE
from offchain.storage.cid import cid_of_digest, digest_of
from offchain.storage.disk import DiskStore

EARNED = 10**15
TERMS_OF_PAYOUTS = replace(TERMS, activation_delay=ACTIVATION_DELAY)


@dataclass(frozen=True)
class Scene:
    """A chain on which something was given out to two, and who they are."""

    chain: QuickChain
    giving: GivingOut
    payees: tuple[str, str]

    def check(self, source: object = None, store: DiskStore | None = None) -> Check:
        """What an audit says of the distributions."""
        deployment = self.giving.deployment
        report = audit(
            source or self.chain,  # type: ignore[arg-type]  # a node that lies is one, too
            deployment.market,
            store or self.giving.store,
            payouts=deployment.payouts,
        )
        return found_in(report)

    def told(self) -> Distributions:
        """What the log says of them."""
        deployment = self.giving.deployment
        return replayed(self.chain, deployment.market, deployment.payouts).distributions


def found_in(report: Report) -> Check:
    return next(check for check in report.checks if check.name == "distributions")


def opened(parties: Cast, folder: Path) -> Scene:
    chain = QuickChain()
    node, deployment = deployed(chain, parties, TERMS_OF_PAYOUTS)
    giving = GivingOut(node, deployment, parties, DiskStore(folder))
    one, two = (account.address for account in parties.providers[:2])
    return Scene(chain, giving, (one, two))


@pytest.fixture(scope="module")
def sound(parties: Cast, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Two distributions, the second of more; one payee claims of both, one of the last."""
    scene = opened(parties, tmp_path_factory.mktemp("sound"))
    giving, (one, two) = scene.giving, scene.payees
    for earned in (EARNED, 2 * EARNED):
        giving.deposit(2 * EARNED)
        earnings = giving.propose({one: earned, two: earned})
        giving.activate()
        giving.claim(earnings, one)
    giving.claim(earnings, two)
    return scene


def test_sound_ones_pass(sound: Scene) -> None:
    check = sound.check()
    assert check.verdict == "passed"
    assert "2 distributions to at most 2 accounts" in check.detail


# ------------------------------------------------------------------------- the list


@pytest.fixture
def scene(parties: Cast, tmp_path: Path) -> Scene:
    return opened(parties, tmp_path / "store")


def test_a_list_of_other_sums_is_named(scene: Scene) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(2 * EARNED)
    earnings = giving.propose({one: EARNED, two: EARNED}, giving.listed({one: EARNED}, 1))
    giving.activate()
    giving.claim(earnings, two)
    check = scene.check()
    assert check.verdict == "failed"
    assert f"sums to {EARNED} and not to {2 * EARNED}" in check.detail
    assert f"tree 1 of distribution 1 of {NATIVE} has the root" in check.detail
    assert f"{two} claimed {EARNED}" in check.detail
    assert "it had earned 0" in check.detail


def test_a_list_that_pays_somebody_else_has_other_roots(scene: Scene) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(3 * EARNED)
    giving.propose({one: EARNED, two: 2 * EARNED}, giving.listed({one: 2 * EARNED, two: EARNED}, 1))
    check = scene.check()
    assert check.verdict == "failed"
    assert "has the root" in check.detail
    assert "sums to" not in check.detail


@pytest.mark.parametrize("active", [False, True], ids=["waiting", "in force"])
@pytest.mark.parametrize("kept", [0, EARNED - 1])
def test_nobody_s_earnings_are_taken_back(scene: Scene, kept: int, active: bool) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED})
    giving.activate()
    giving.deposit(EARNED)
    giving.propose({one: 3 * EARNED - kept} | ({two: kept} if kept else {}))
    if active:
        giving.activate()
    check = scene.check()
    assert check.verdict == "failed"
    assert check.detail == (
        f"{two} had earned {EARNED}, and by the list of distribution 2 of {NATIVE} it has {kept}"
    )


def test_a_list_that_never_came_into_force_binds_nobody(scene: Scene) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED})
    giving.veto()
    giving.propose({one: 2 * EARNED})
    giving.activate()
    assert scene.check().verdict == "passed"


@pytest.mark.parametrize("view", ["rootsOf", "pendingOf"])
def test_what_is_stored_is_what_the_log_says(scene: Scene, view: str) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED})
    giving.activate()
    giving.deposit(EARNED)
    giving.propose({one: 2 * EARNED, two: EARNED})
    assert scene.check().verdict == "passed"
    (item,) = (each for each in load_artifact("Payouts").abi if each.get("name") == view)
    selector = "0x" + function_abi_to_4byte_selector(item).hex()

    class Spoiling(BaseProvider):
        def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
            answer = scene.chain.make_request(method, params)
            if method == "eth_call" and params[0]["data"].startswith(selector):
                words = answer["result"]
                answer = {**answer, "result": words[:-1] + f"{int(words[-1], 16) ^ 1:x}"}
            return answer

    check = scene.check(Spoiling())
    assert check.verdict == "failed"
    assert check.detail.startswith(f"{view} {NATIVE} says ")


@pytest.mark.parametrize("wrong", ["epoch", "currency"])
def test_a_list_of_something_else_is_none(scene: Scene, wrong: str) -> None:
    giving, (one, two) = scene.giving, scene.payees
    amounts = {one: EARNED, two: EARNED}
    giving.deposit(2 * EARNED)
    listing = PayeeList.from_bytes(giving.store.get(cid_of_digest(giving.listed(amounts, 1))))
    other = {"epoch": 2} if wrong == "epoch" else {"currency": one}
    document = giving.store.put(listing.model_copy(update=other).to_bytes())
    giving.propose(amounts, digest_of(document))
    check = scene.check()
    assert check.verdict == "failed"
    assert "the list of distribution 1" in check.detail
    assert "it is of epoch" in check.detail


def test_the_list_of_a_distribution_that_was_vetoed_is_not_due(scene: Scene) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED}, b"\1" * 32)  # and it is nowhere
    (held,) = lists_of_payees(scene.told(), giving.store)
    assert held.standing == "missing"
    giving.veto()
    (held,) = lists_of_payees(scene.told(), giving.store)
    assert held.standing == "refused"


def test_a_list_that_is_gone_is_missing(sound: Scene, tmp_path: Path) -> None:
    shutil.copytree(sound.giving.store.path, tmp_path / "store")
    for path in every_file(tmp_path / "store"):
        if path.stat().st_size == 2 * 52:  # the rows
            path.unlink()
    store = DiskStore(tmp_path / "store")
    check = sound.check(store=store)
    assert check.verdict == "missing"
    assert "the list of distribution 1" in check.detail
    deployment = sound.giving.deployment
    report = audit(sound.chain, deployment.market, store, payouts=deployment.payouts)
    assert objections(report) == {"DISTRIBUTIONS?"}


def every_file(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_a_fault_counts_though_another_list_is_missing(scene: Scene) -> None:
    giving, (one, two) = scene.giving, scene.payees
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED}, bytes(31) + b"\1")
    giving.activate()
    giving.deposit(EARNED)
    giving.propose({one: 2 * EARNED, two: EARNED}, giving.listed({one: EARNED}, 2))
    check = scene.check()
    assert check.verdict == "failed"
    assert "the list of distribution 1" in check.detail


@pytest.mark.parametrize("spoilt", [b"", bytes(51), bytes(53), bytes(104)])
def test_rows_that_are_no_list_are_refused(spoilt: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_earnings(spoilt)


def test_rows_ascend_by_account(sound: Scene) -> None:
    one, two = sorted(sound.payees, key=str.lower)
    earnings = [place.earning for place in earnings_of({two: 2, one: 1}).places.values()]
    data = encode_earnings(earnings)
    assert [row.account for row in decode_earnings(data)] == [one, two]
    with pytest.raises(ProtocolError, match="no list of payees"):
        decode_earnings(data[52:] + data[:52])


def test_a_list_beyond_the_bound_is_not_read(sound: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payee_lists, "MAX_LIST_BYTES", 2 * 52)
    assert sound.check().verdict == "passed"
    monkeypatch.setattr(payee_lists, "MAX_LIST_BYTES", 2 * 52 - 1)
    check = sound.check()
    assert check.verdict == "failed"
    assert f"the list of distribution 1 of {NATIVE}: the content of " in check.detail
    assert "has 104 bytes where 103 are allowed" in check.detail


def test_rows_beyond_the_bound_are_no_list(sound: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = sound.payees
    rows = encode_earnings(place.earning for place in earnings_of({one: 1, two: 1}).places.values())
    monkeypatch.setattr(earnings_module, "MAX_LIST_BYTES", 52)
    with pytest.raises(ProtocolError, match="the list has 2 payees"):
        decode_earnings(rows)


# ---------------------------------------------------------------- looking again and again


class Counting(DiskStore):
    """Notes what is asked for."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[str] = []

    def get(self, cid: str, **options: Any) -> bytes:
        self.asked.append(cid)
        return super().get(cid, **options)


class Looking:
    """Looks at a scene as a watch does, and finds what an audit from the start would."""

    def __init__(self, scene: Scene) -> None:
        deployment = scene.giving.deployment
        self.scene, self.store = scene, Counting(scene.giving.store.path)
        self._follower = Follower(scene.chain, deployment.market, payouts=deployment.payouts)

    def __call__(self) -> tuple[str, int]:
        """Return the verdict, and how often the store was asked."""
        self.store.asked.clear()
        check = found_in(Audit(self._follower.to_head(), self.store).report())
        assert check == self.scene.check()
        return check.verdict, len(self.store.asked)


def test_a_list_is_read_once_however_often_one_looks(scene: Scene) -> None:
    giving, (one, two), look = scene.giving, scene.payees, Looking(scene)
    giving.deposit(2 * EARNED)
    first = giving.propose({one: EARNED, two: EARNED})
    assert look() == ("passed", 2)  # the document, and the rows that it names
    giving.activate()
    giving.claim(first, one)
    assert look() == ("passed", 0)
    giving.deposit(EARNED)
    giving.claim(first, two)
    second = giving.propose({one: 2 * EARNED, two: EARNED})
    assert look() == ("passed", 2)
    giving.activate()
    giving.claim(second, one)
    assert look() == ("passed", 0)
    giving.deposit(EARNED)
    giving.propose({one: 4 * EARNED - 1, two: 1})
    assert look() == ("failed", 2)
    giving.veto()
    assert look() == ("passed", 0)
    giving.propose({one: 3 * EARNED, two: EARNED})
    assert look() == ("passed", 2)


def test_claims_are_held_against_a_list_that_was_read_before(scene: Scene) -> None:
    giving, (one, two), look = scene.giving, scene.payees, Looking(scene)
    giving.deposit(2 * EARNED)
    earnings = giving.propose({one: EARNED, two: EARNED}, giving.listed({two: 2 * EARNED}, 1))
    giving.activate()
    for payee in (one, two):
        assert look()[0] == "failed"
        giving.claim(earnings, payee)
    assert look() == ("failed", 0)
    assert f"{two} claimed {EARNED}" in scene.check().detail


def test_a_list_that_comes_late_is_held_against_those_after_it(scene: Scene) -> None:
    giving, (one, two), look = scene.giving, scene.payees, Looking(scene)
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED})
    giving.activate()
    (rows,) = (file for file in every_file(giving.store.path) if file.stat().st_size == 2 * 52)
    kept = rows.read_bytes()
    rows.unlink()
    giving.deposit(EARNED)
    giving.propose({one: 3 * EARNED})
    assert look() == ("missing", 4)
    assert look() == ("missing", 4)
    rows.write_bytes(kept)
    assert look() == ("failed", 4)
    assert f"{two} had earned {EARNED}" in scene.check().detail
    assert look() == ("failed", 0)


def test_a_list_behind_a_gap_is_held_against_the_last_one_each_time(scene: Scene) -> None:
    giving, (one, two), look = scene.giving, scene.payees, Looking(scene)
    giving.deposit(2 * EARNED)
    giving.propose({one: EARNED, two: EARNED})
    giving.activate()
    assert look() == ("passed", 2)
    giving.deposit(EARNED)
    giving.propose({one: EARNED, two: 2 * EARNED}, b"\1" * 32)  # and it is nowhere
    giving.activate()
    giving.deposit(EARNED)
    giving.propose({one: 4 * EARNED})
    giving.activate()
    for _ in range(2):
        assert look() == ("failed", 3)
        assert f"{two} had earned {EARNED}" in scene.check().detail


def test_amounts_are_kept_of_the_list_in_force_and_of_the_one_that_waits(scene: Scene) -> None:
    giving, (one, two) = scene.giving, scene.payees
    lists = PayeeLists()
    for epoch in (1, 2, 3):
        giving.deposit(2 * EARNED)
        giving.propose({one: epoch * EARNED, two: epoch * EARNED})
        if epoch < 3:
            giving.activate()
    lists.findings(scene.told().proposals, giving.store)
    assert [sum(read.earned.values()) for read in lists._read.values()] == [
        *(0, 4 * EARNED, 6 * EARNED)
    ]


# ------------------------------------------------------------------- the signatures


def later(second: int) -> int:
    return second + 1


ALTERED: dict[str, tuple[Alter, str]] = {
    "the total": (changing("DistributionProposed", (0,), later), "the signature of seat 0"),
    "a root": (
        changing("DistributionProposed", (1, 0), lambda root: b"\1" * len(root)),
        "the signature of seat 0",
    ),
    "no root": (changing("DistributionProposed", (1,), []), "has no tree"),
    "three roots": (changing("DistributionProposed", (1,), lambda two: [*two, two[0]]), "3 trees"),
    "the list": (
        changing("DistributionProposed", (2,), lambda digest: b"\1" * len(digest)),
        "the signature of seat 0",
    ),
    "the committee": (
        changing("DistributionProposed", (3,), lambda digest: b"\1" * len(digest)),
        "was not in office",
    ),
    "the time": (changing("DistributionProposed", (4,), later), "waits 101 seconds, not 100"),
    "the seats": (changing("DistributionProposed", (5,), 1), "1 signers where 2 are a quorum"),
    "a signature": (
        changing("DistributionProposed", (6,), lambda packed: packed[:-1] + b"\0"),
        "the signature of seat 1",
    ),
    "a proposal that is left out": (dropping("DistributionProposed"), "where 1 is next"),
    "an activation that is left out": (
        dropping("DistributionActivated"),
        "is proposed while another waits",
    ),
    "what is given out": (changing("DistributionActivated", (0,), 1), "gives out 1 where"),
    "a claim": (changing("Claimed", (0,), 1), "claimed 1 in"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_alteration_is_named(sound: Scene, what: str) -> None:
    alter, sentence = ALTERED[what]
    check = sound.check(LyingNode(sound.chain, alter))
    assert check.verdict == "failed"
    assert sentence in check.detail


# ------------------------------------------------------------------------- the fold


def proposed(epoch: int, active_at: int = 100) -> object:
    return told(
        "DistributionProposed",
        0,
        currency=NATIVE,
        epoch=epoch,
        total=10,
        roots=[bytes(32)],
        document=bytes(32),
        committee=bytes(32),
        activeAt=active_at,
        signers=3,
        signatures=b"",
    )


def activated(epoch: int, at: int, total: int = 10) -> object:
    return told("DistributionActivated", at, currency=NATIVE, epoch=epoch, total=total)


@pytest.mark.parametrize(("second", "faults"), [(99, 1), (100, 0)])
def test_a_proposal_comes_into_force_from_its_second_on(second: int, faults: int) -> None:
    folded = Distributions()
    for event in (proposed(1), activated(1, second)):
        folded.take(event)
    assert len(folded.faults) == faults


@pytest.mark.parametrize("ended", ["DistributionVetoed", "DistributionActivated"])
def test_what_does_not_wait_can_not_end(ended: str) -> None:
    folded = Distributions()
    folded.take(told(ended, 100, currency=NATIVE, epoch=1, total=10))
    folded.take(proposed(1))
    folded.take(told(ended, 100, currency=NATIVE, epoch=2, total=10))
    assert [f"{ended} is about epoch" in fault for fault in folded.faults] == [True, True]


def test_epochs_count_vetoed_proposals() -> None:
    folded = Distributions()
    veto = told("DistributionVetoed", 5, currency=NATIVE, epoch=1)
    for event in (proposed(1), veto, proposed(2), activated(2, 100)):
        folded.take(event)
    assert folded.faults == []
    assert [proposal.vetoed for proposal in folded.proposals] == [True, False]


def test_nobody_claims_before_anything_is_given_out() -> None:
    folded = Distributions()
    folded.take(proposed(1))
    folded.take(told("Claimed", 50, account=NATIVE, currency=NATIVE, cumulative=1))
    assert len(folded.faults) == 1
    assert "before anything is given out" in folded.faults[0]
