"""Faults that other escrows and marketplaces were found with, each tried on these contracts.

1. A trade that was never funded refunds other people's money: here.
2. A silent judge makes delivered work free: here, `test_exits` and `test_unjudged`.
3. After the last deadline one party takes what was due for delivered work: here.
4. One payee that can't be paid, or one too many, blocks the rest: `test_hostile_tokens`, here
   for the most that one trade pays, `payouts/test_hostile_parties` for more.
5. A fee on transfer is credited as if it had arrived: `test_hostile_tokens`, and false returns,
   rebasing and reentrancy with it.
6. Dust stays behind or is burnt: here, `test_splits`, and for rulings `test_challenges`.
7. The log can't rebuild the ledger: `test_random_trades`.
8. A signature counts on another chain, or twice: `test_signatures`.
9. A step costs more the more trades, payees or attempts there were: here.
10. Something is paid twice, or a score is taken from just anyone: here.
11. A pause blocks refunds, an administrator takes money, or rules change under a running
    trade: `test_rules` and `test_governance_table`.
12. `tx.origin` authorises, or a failed call passes for a payment: here.
13. A committed test set can be guessed, or the caller picks the draw that splits it: here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from eth_utils.crypto import keccak
from expectations import credits_of, held_by, payments, refused, refused_for_one_of
from parties import PARTIES, ascending
from trade_builder import TradeBuilder
from trade_terms import TWO, Prices, commitment

from marketplace.chain.artifacts import compile_contracts, load_artifact
from marketplace.chain.market import Market
from marketplace.protocol.attempts import MAX_ATTEMPTS
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import Opening
from offchain.data.dataset import Dataset
from offchain.validation.commitment import Opening as RowOpening
from offchain.validation.commitment import commit

SOURCES = Path(__file__).parents[2] / "contracts" / "src"
CROWD = [payee.address for payee in ascending("payee", 32)]


def test_a_trade_that_was_never_funded_refunds_nothing_of_others(market: Market) -> None:
    other = TradeBuilder(market, salt="somebody else's").advance_to(State.FUNDED)
    unfunded = TradeBuilder(market, salt="never funded").advance_to(State.REQUESTED)
    unfunded.course = other.course
    unfunded.lapse()
    with refused("WrongState", State.REQUESTED, State.FUNDED):
        unfunded.time_out_delivery()
    unfunded.expire()
    assert credits_of(market) == {}
    assert held_by(market) == other.price > 0


@pytest.mark.parametrize("final", [state for state in State if state.final])
def test_nothing_is_paid_twice(market: Market, final: State) -> None:
    complete = TradeBuilder(market, salt="somebody else's").advance_to(State.PASSED)
    trade = TradeBuilder(market).advance_to(final)
    paid = credits_of(market)
    told = {name: value for name, value in vars(trade.course).items() if value}
    trade.course = replace(complete.course, **told)
    trade.wait_until(market.node.now() + 10**6)
    again: list[Callable[[], object]] = [trade.settle, trade.expire, trade.decline, trade.resume]
    again += [trade.time_out_delivery, trade.time_out_training, trade.report_data, trade.fail]
    for call in again:
        with pytest.raises(Exception, match="the trade is in another state"):
            call()
    assert credits_of(market) == paid


def test_after_the_last_deadline_delivered_data_stays_paid(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED).lapse()
    trade.time_out_training()
    paid = trade.market.credit_of(PARTIES.providers[0].address)
    assert paid == trade.prices.data[0]


@pytest.mark.parametrize("state", [State.FUNDED, State.GATED])
def test_a_silent_judge_does_not_make_delivered_work_free(
    trade: TradeBuilder, state: State
) -> None:
    workers = PARTIES.providers if state == State.FUNDED else PARTIES.experts
    trade.advance_to(state)
    for worker in workers:
        trade.record_delivery(worker)
    trade.lapse()
    funded = state == State.FUNDED
    receipt = trade.time_out_delivery() if funded else trade.time_out_training()
    due = sum(trade.prices.data) if funded else trade.prices.experts
    assert sum(amount for _, amount, _ in payments(trade.market, receipt)) == due


def test_a_judge_that_was_asked_is_paid_by_the_trade_alone(trade: TradeBuilder) -> None:
    trade.advance_to(State.PASSED)
    paid = payments(trade.market, trade.settle_in_time(trade.audit()))
    fees = {Purpose.ORACLE: trade.prices.oracle, Purpose.AUDIT: trade.prices.auditor}
    for purpose, fee in fees.items():
        assert sum(amount for _, amount, why in paid if why == purpose) == fee


@pytest.mark.parametrize("pool", [1, 7, 100, 101])
def test_odd_amounts_leave_no_dust_behind(market: Market, pool: int) -> None:
    prices = Prices(data=(1, 1, 1), experts=pool, broker=1, auditor=1, oracle=7)
    thirds = (333_334, 333_333, 333_333)
    trade = TradeBuilder(market, prices=prices, weights=thirds).advance_to(State.GATED)
    for expert in PARTIES.experts[:3]:
        trade.record_delivery(expert)
    trade.lapse()
    trade.time_out_training()
    assert held_by(market) == sum(credits_of(market).values()) == trade.price
    divided = sum(market.credit_of(expert) for expert in trade.experts)
    assert divided == pool


def test_the_most_payees_settle_within_one_transaction(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    crowded = replace(trade.data_finding(), experts=tuple(CROWD), weights=(31_250,) * 32)
    trade.report_data(finding=crowded)
    amounts = (trade.prices.experts - 31, *[1] * 31)
    trade.attempt(finding=replace(trade.attempt_finding(1, True), amounts=amounts))
    receipt = trade.settle_in_time(trade.audit())
    assert trade.status.state == State.SETTLED
    assert [market.credit_of(expert) for expert in CROWD] == list(amounts)
    assert receipt["gasUsed"] < 4_000_000  # a quarter of the most that one transaction may use


# ------------------------------------------------------------------- nothing grows


def gas_of_a_trade(market: Market, salt: str) -> list[int]:
    """Run a trade with keys and times that cost the same, and return each step's gas."""
    trade = TradeBuilder(market, salt=salt)
    steps: list[Callable[[], object]]
    steps = [trade.ask, trade.accept, trade.report_data, trade.fail, trade.attempt]
    steps.append(trade.settle_in_time)
    return [int(step()["gasUsed"]) for step in steps]  # type: ignore[index]  # receipts


def test_a_step_costs_the_same_however_many_trades_there_were(market: Market) -> None:
    gas_of_a_trade(market, "so that all credits were written before")
    alone = gas_of_a_trade(market, "alone")
    for number in range(12):
        trade = TradeBuilder(market, salt=f"before {number}")
        trade.advance_to((State.REQUESTED, State.FUNDED, State.GATED)[number % 3])
    crowded = gas_of_a_trade(market, "crowded")
    for before, after in zip(alone, crowded, strict=True):
        assert abs(after - before) < 300  # zero bytes in signatures and ids cost less


def test_an_attempt_costs_the_same_however_many_there_were(market: Market) -> None:
    trade = TradeBuilder(market, max_attempts=MAX_ATTEMPTS).advance_to(State.GATED)
    gas = [int(trade.fail()["gasUsed"]) for _ in range(MAX_ATTEMPTS - 1)]
    # words of history and path that are zero cost less: five at first, and none from the fourth on
    assert max(gas) - min(gas) < 2_500
    assert max(gas[3:]) - max(gas[1:3]) < 700


def test_no_list_in_storage_can_grow() -> None:
    """Loops go over what the caller brings, or over rows of a fixed length."""
    lists = {
        (name, kind)
        for name in compile_contracts()
        for kind, of in (load_artifact(name).storage_layout.get("types") or {}).items()
        if of["encoding"] == "dynamic_array"
    }
    # the members of a committee, of whom there are 16 at most
    assert lists == {("OracleCommittee", "t_array(t_address)dyn_storage")}


# -------------------------------------------------------------------- scores, seals


def test_a_score_is_not_taken_from_just_anyone(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED)
    finding, seals = trade.attempt_finding(1, True), [bytes([1]) * 32] * 2
    for insider in ("buyer", "broker", "auditor", "admin", "arbiter"):
        account = getattr(PARTIES, insider)
        signed = replace(PARTIES, signers=(PARTIES.signers[0], account, *PARTIES.signers[2:]))
        trade.parties = signed
        with refused("BadSeatSignature", 1, trade.judges.members[1]):
            trade.attempt(finding=finding, seals=seals)


def test_the_commitment_to_the_test_set_can_not_be_left_out(market: Market) -> None:
    with refused("InvalidRequest", "validationRoot"):
        TradeBuilder(market, validation_root=bytes(32)).ask()


def test_a_seal_can_not_be_copied(market: Market) -> None:
    """A seal binds its signer: a copy of a colleague's can't be opened."""
    trade = TradeBuilder(market).advance_to(State.GATED)
    copied = trade.seal(1, 0, 912_345)
    trade.attempt(seals=[copied, copied])
    first = trade.openings()[0]
    trade.lapse()
    with refused("SealMismatch", 1):
        trade.settle(openings=[first, first])


LABELS, PIXELS = 10, (0.0, 0.25, 0.5, 0.75, 1.0)
SECRET = commitment("the buyer's secret")


def leaves_of_all_rows(index: int, label_salt: bytes, feature_salt: bytes) -> set[bytes]:
    """Hash every row that there can be: a digit of one pixel."""
    return {
        RowOpening(
            index, label, label_salt, keccak(feature_salt + np.float32(pixel).tobytes())
        ).leaf
        for label in range(LABELS)
        for pixel in PIXELS
    }


def test_the_committed_test_set_can_not_be_guessed_row_by_row() -> None:
    """Whoever knows all other rows, and all that the last one can be, doesn't find it."""
    features = np.array([[PIXELS[row % len(PIXELS)]] for row in range(20)], dtype=np.float32)
    committed = commit(Dataset(features, np.arange(20, dtype=np.int64) % LABELS), SECRET)
    last, known = committed.openings[-1], committed.openings[:-1]
    number = last.index.to_bytes(32, "big")
    right = (keccak(b"label salt" + SECRET + number), keccak(b"feature salt" + SECRET + number))
    assert last.leaf in leaves_of_all_rows(last.index, *right)  # so the search is complete

    public = [b"", bytes(32), committed.root, *(row.salt for row in known)]
    public += [row.digest for row in known]
    for label_salt in (*public, right[0]):  # also one who learns the label alone
        for feature_salt in public:
            assert last.leaf not in leaves_of_all_rows(last.index, label_salt, feature_salt)


def test_the_same_test_set_is_committed_to_as_another_each_time() -> None:
    rows = Dataset(np.zeros((3, 1), dtype=np.float32), np.zeros(3, dtype=np.int64))
    assert commit(rows, SECRET).root != commit(rows, commitment("another secret")).root


def test_a_sealed_score_can_not_be_guessed(trade: TradeBuilder) -> None:
    """A set of 250 rows leaves 251 scores to try, and a colleague's salt is no help."""
    signer, score = PARTIES.signers[0].address, 912_000
    scores = [right * 4_000 for right in range(251)]
    seal = trade.seal(1, 0, score)

    def guessed(salt: bytes) -> list[int]:
        return [each for each in scores if score_seal(trade.id, 1, signer, each, salt) == seal]

    assert guessed(trade.salt(1, 0)) == [score]
    for public in (bytes(32), trade.id, trade.salt(1, 1), trade.salt(2, 0)):
        assert guessed(public) == []


def test_a_seal_without_a_salt_can_not_be_opened(trade: TradeBuilder) -> None:
    """So none that can be guessed is of use to its signer."""
    trade.advance_to(State.GATED)
    unsalted = [
        score_seal(trade.id, 1, PARTIES.signers[seat].address, 912_000, bytes(32)) for seat in TWO
    ]
    trade.attempt(seals=unsalted)
    trade.lapse()
    with refused_for_one_of("SealsClosed"):
        trade.settle(openings=[Opening(912_000, bytes(32))] * 2)


@pytest.mark.parametrize(
    "forbidden",
    ["tx.origin", "selfdestruct", "delegatecall", "blockhash", "prevrandao", "block.number"],
)
def test_no_source_uses(forbidden: str) -> None:
    for source in SOURCES.rglob("*.sol"):
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", source.read_text(), flags=re.DOTALL)
        assert forbidden not in code, source.name


def test_the_result_of_every_low_level_call_is_looked_at() -> None:
    for source in SOURCES.rglob("*.sol"):
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", source.read_text(), flags=re.DOTALL)
        for line in re.findall(r"[^\n;{}]*\.(?:call|staticcall|send)[({][^\n;]*", code):
            assert re.match(r"\s*\(bool \w+,", line), f"{source.name}: {line.strip()}"
