"""A market with stakes, a panel and the arbiter, and trades that are judged as a test says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import rlp
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from office import MEMBERS, Packed, bitmap, compact, events_of, quorum
from parties import PARTIES
from web3.contract import Contract
from web3.types import TxReceipt
from whole_trade import (
    DATA_PRICES,
    DAY,
    EXPERT_POOL,
    FEE_BPS,
    THRESHOLD,
    WEIGHTS,
    WINDOWS,
    WholeTrade,
    World,
    commitment,
    sign_digest,
    words,
)

from marketplace.chain.client import Node
from marketplace.chain.deploy import deploy_offices
from marketplace.chain.governance import deploy_governance
from marketplace.chain.market import Status
from marketplace.protocol.agreement import record_hash
from marketplace.protocol.attempts import history_of, path_of
from marketplace.protocol.ids import challenge_seal
from marketplace.protocol.terms import NATIVE, AttemptRecord
from marketplace.protocol.units import WEI

JUDGES, JURY = PARTIES.signers, MEMBERS[:3]
DEPLOYER = MEMBERS[-1]
"""Deploys the arbiter and nothing else, so that its address is known before."""

STAKE = 10 * WEI
RULING_WINDOW = 3 * DAY
BOND_BPS, PANEL_BPS, CHALLENGER_BPS, REPORTER_BPS = 1_000, 4_000, 5_000, 2_500
ANNOUNCEMENT_DELAY = 60
LEAST_WINDOW = 1_000
WRONG_VERDICT, SILENCE, CLOSED_SEAL = 4 * WEI + 1, WEI, WEI // 2 + 1
TERMS = (
    BOND_BPS,
    RULING_WINDOW,
    ANNOUNCEMENT_DELAY,
    PANEL_BPS,
    CHALLENGER_BPS,
    WRONG_VERDICT,
    SILENCE,
    CLOSED_SEAL,
    REPORTER_BPS,
    LEAST_WINDOW,
)
NO_PERMIT = (0, 0, 0, bytes(32), bytes(32))
NO_AUDIT = (bytes(32), False, b"")
EVIDENCE = commitment("what the panel found")
CLAIM, SALT = commitment("the claim"), commitment("the salt")


def next_contract(node: Node, account: LocalAccount) -> str:
    """Return the address that the account's next contract gets."""
    nonce = node.web3.eth.get_transaction_count(account.address)
    return to_checksum_address(
        keccak(rlp.encode([to_canonical_address(account.address), nonce]))[12:]
    )


@dataclass(frozen=True)
class Court:
    """The market and who judges on it."""

    world: World
    challenges: Contract
    jury: Packed
    stake_currency: str

    @classmethod
    def deploy(
        cls,
        node: Node,
        *,
        stake_currency: str = NATIVE,
        terms: tuple[int, ...] = TERMS,
    ) -> Court:
        """Deploy all, and appoint two of three judges and of three on the panel, without stakes."""
        admin = PARTIES.admin
        arbiter = next_contract(node, DEPLOYER)
        governance = deploy_governance(node, admin)
        authority = governance.address
        office = (stake_currency, 0, DAY, 30 * DAY, arbiter)
        committee, panel = deploy_offices(node, admin, authority, office)
        judges = [judge.address for judge in JUDGES]
        jurors = [juror.address for juror in JURY]
        node.send(admin, committee.functions.scheduleRotation(judges, 2))
        node.send(admin, panel.functions.scheduleRotation(jurors, 2))
        registry = node.deploy(admin, "ParticipantRegistry", NATIVE, (DAY, DAY, DAY, DAY))
        rules = node.deploy(
            admin,
            "MarketRules",
            authority,
            committee.address,
            panel.address,
            FEE_BPS,
            PARTIES.treasury.address,
            3_600,
            255,
            RULING_WINDOW,
        )
        market = node.deploy(admin, "ModelMarket", rules.address, registry.address, arbiter)
        challenges = node.deploy(DEPLOYER, "Challenges", market.address, committee.address, terms)
        assert challenges.address == arbiter
        digests = [
            bytes(node.call(office.functions.currentDigest())) for office in (committee, panel)
        ]
        world = World(node, governance, rules, committee, market, (1, 2, judges), *digests)
        return cls(world, challenges, (1, 2, jurors), stake_currency)

    @property
    def node(self) -> Node:
        return self.world.node

    @property
    def judges(self) -> Packed:
        return self.world.judges

    @property
    def committee(self) -> Contract:
        return self.world.committee

    def stake(self, amount: int = STAKE) -> None:
        """Let each judge stake native coin."""
        for judge in JUDGES:
            call = self.committee.functions.stake(judge.address, amount)
            self.node.send(judge, call, value=amount)

    def staked(self) -> list[int]:
        """What each judge has at stake."""
        stakes = self.committee.functions.stakeOf
        return [int(self.node.call(stakes(judge.address))[0]) for judge in JUDGES]

    def view(self, function: str, *arguments: Any) -> Any:
        return self.node.call(getattr(self.challenges.functions, function)(*arguments))

    def send(
        self, account: LocalAccount, function: str, *arguments: Any, value: int = 0
    ) -> TxReceipt:
        call = getattr(self.challenges.functions, function)(*arguments)
        return self.node.send(account, call, value=value)

    def events(self, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
        return events_of(self.challenges, receipt)

    def credits(self, currency: str = NATIVE) -> dict[str, int]:
        """What each account may withdraw here, those with nothing left out."""
        accounts = (*PARTIES.everyone(), *MEMBERS)
        known = {
            each.address: int(self.view("creditOf", each.address, currency)) for each in accounts
        }
        return {account: credit for account, credit in known.items() if credit}

    def held(self) -> int:
        """Native coin that the arbiter has, what waits in the committee's contract included."""
        waiting = self.committee.functions.creditOf(self.challenges.address, NATIVE)
        return self.node.balance(self.challenges.address) + int(self.node.call(waiting))

    # ------------------------------------------------------------------ rulings

    def challenge(
        self, trade: JudgedTrade, by: LocalAccount = PARTIES.stranger, value: int | None = None
    ) -> TxReceipt:
        """Announce a challenge of a trade, and make it with the bond in native coin."""
        self.announce(trade, by)
        self.node.advance_time(ANNOUNCEMENT_DELAY)
        return self.challenge_now(trade, by, value)

    def challenge_now(
        self, trade: JudgedTrade, by: LocalAccount = PARTIES.stranger, value: int | None = None
    ) -> TxReceipt:
        """Challenge a trade, whatever was announced."""
        bond = self.bond(trade) if value is None else value
        arguments = (*trade.decision, self.judges, self.jury, CLAIM, SALT)
        return self.send(by, "challenge", trade.request, *arguments, value=bond)

    def announce(self, trade: JudgedTrade, by: LocalAccount = PARTIES.stranger) -> None:
        """Have somebody else announce what an account will challenge, unless that was done."""
        seal = self.seal(trade, by)
        if not self.view("announcedAt", seal):
            self.send(PARTIES.treasury, "announce", seal)

    def seal(self, trade: JudgedTrade, by: LocalAccount = PARTIES.stranger) -> bytes:
        """What announces a challenge by an account."""
        place = self.node.chain_id, self.challenges.address
        return challenge_seal(*place, trade.id, by.address, CLAIM, SALT)

    def bond(self, trade: JudgedTrade) -> int:
        """The part, rounded up, of what the trade holds when all data was delivered."""
        return -(-(trade.price[0] - sum(DATA_PRICES)) * BOND_BPS // 10_000)

    def signed(
        self, trade: JudgedTrade, model: bytes, seats: Sequence[int] = (0, 1)
    ) -> tuple[int, bytes]:
        """Let jurors sign a ruling."""
        digest = self.view("rulingDigest", trade.id, self.jury[0], model, EVIDENCE)
        return quorum(JURY, seats, digest)

    def uphold(self, trade: JudgedTrade, seats: Sequence[int] = (0, 1)) -> TxReceipt:
        """Have the jury let the verdict stand; anyone sends it."""
        signed = self.signed(trade, bytes(32), seats)
        return self.send(PARTIES.treasury, "uphold", trade.request, self.jury, EVIDENCE, *signed)

    def overturn(
        self, trade: JudgedTrade, record: dict[str, Any], seats: Sequence[int] = (0, 1)
    ) -> TxReceipt:
        """Have the jury overturn the verdict on an attempt; anyone sends it."""
        return self.send(
            PARTIES.treasury,
            "overturn",
            trade.request,
            self.judges,
            self.jury,
            record,
            trade.proof(record),
            EVIDENCE,
            *self.signed(trade, record["model"], seats),
        )


@dataclass
class JudgedTrade(WholeTrade):
    """A trade whose attempts pass or fail as they are told to."""

    last_amounts: tuple[int, ...] = ()
    earlier: list[AttemptRecord] = field(default_factory=list)
    deciding: AttemptRecord | None = None

    @property
    def history(self) -> tuple[bytes, int]:
        """What the attempts that decided nothing left."""
        return history_of(self.earlier).as_tuple()

    @property
    def decision(self) -> tuple[Any, ...]:
        """What the trade was decided on, as a challenge names it."""
        record = bytes(32) if self.deciding is None else record_hash(self.deciding)
        return self.deal, self.gate, words(*self.last_amounts), record

    def proof(self, record: dict[str, Any]) -> tuple[Any, ...]:
        """Return what shows that the trade has this attempt."""
        decision = (bytes(32), bytes(32))
        if self.deciding is not None:
            decision = words(*self.last_amounts), record_hash(self.deciding)
        path = list(path_of(self.earlier, record["attempt"]))
        return EXPERT_POOL, len(WEIGHTS), self.terms, self.history, *decision, path

    def fund(self) -> JudgedTrade:
        """Request and accept, in native coin."""
        self.send(PARTIES.buyer, "requestModel", self.request)
        signatures = [self.broker_signature] + [
            sign_digest(provider, self.digest("DataQuote", quote))
            for provider, quote in zip(PARTIES.providers, self.quote["dataQuotes"], strict=True)
        ]
        price = self.price[0]
        judges = self.world.judges
        arguments = (self.request, judges, self.quote, price, signatures, NO_PERMIT)
        self.send(
            PARTIES.buyer,
            "acceptQuote",
            *arguments,
            value=price if self.request["currency"] == NATIVE else 0,
        )
        return self

    def report_data(self) -> JudgedTrade:
        """Have all data delivered and the gate committed."""
        self.send(
            PARTIES.stranger,
            "reportData",
            self.id,
            self.deal,
            self.supplies,
            self.data_report,
            self.world.judges,
            0b011,
            self.signed_data_report,
        )
        return self

    def judge(
        self,
        attempt: int,
        *,
        passing: Collection[int],
        seats: Sequence[int] = (0, 1, 2),
    ) -> dict[str, Any]:
        """Report an attempt that the seats in `passing` found good; returns its record."""
        passed = 2 * len(passing) > len(seats)
        amounts = list(self.attempt_report["amounts"]) if passed else []
        report = self.attempt_report | {
            "model": commitment(f"model {attempt}"),
            "delivery": commitment("delivery") if passed else bytes(32),
            "amounts": amounts,
        }
        seals = [self.seal(attempt, seat, seat in passing) for seat in seats]
        head = {"tradeId": self.id, "committeeVersion": 1, "attempt": attempt}
        signatures = b"".join(
            compact(
                JUDGES[seat],
                self.digest(
                    "AttemptReport", head | report | {"passed": seat in passing, "seal": seal}
                ),
            )
            for seat, seal in zip(seats, seals, strict=True)
        )
        self.send(
            PARTIES.stranger,
            "reportAttempt",
            self.id,
            self.terms,
            EXPERT_POOL,
            len(WEIGHTS),
            self.history,
            list(path_of(self.earlier, attempt)),
            report,
            self.world.judges,
            bitmap(seats),
            bitmap(passing),
            seals,
            signatures,
        )
        self.last_amounts = tuple(amounts)
        record = {
            "attempt": attempt,
            "model": report["model"],
            "delivery": report["delivery"],
            "signers": bitmap(seats),
            "verdicts": bitmap(passing),
            "seals": seals,
        }
        if passed or attempt == self.request["maxAttempts"]:
            self.deciding = AttemptRecord.from_values(record)
        else:
            self.earlier.append(AttemptRecord.from_values(record))
        return record

    def seal(self, attempt: int, seat: int, passed: bool) -> bytes:
        score, salt = self.opening(attempt, seat, passed)
        return words(self.id, attempt, JUDGES[seat].address, score, salt)

    def opening(self, attempt: int, seat: int, passed: bool) -> tuple[int, bytes]:
        """Return the score that a judge sealed, and the salt."""
        score = THRESHOLD + seat if passed else THRESHOLD - 1 - seat
        return score, commitment(f"salt {attempt} {seat}")

    def openings(self, record: dict[str, Any]) -> list[tuple[int, bytes]]:
        """Return all openings of an attempt."""
        return [
            self.opening(record["attempt"], seat, bool(record["verdicts"] >> seat & 1))
            for seat in range(16)
            if record["signers"] >> seat & 1
        ]

    def close(self, record: dict[str, Any], closed: Collection[int] = ()) -> JudgedTrade:
        """Settle by the deciding attempt; with closed seals, when they may no longer be opened."""
        wait = WINDOWS["review"] + (WINDOWS["settlement"] if closed else 0)
        self.world.node.advance_time(wait + 1)
        openings = self.openings(record)
        for position in closed:
            openings[position] = (0, bytes(32))
        self.send(
            PARTIES.stranger,
            "settle",
            self.id,
            self.deal,
            self.gate,
            self.world.judges,
            list(self.last_amounts),
            record,
            openings,
            NO_AUDIT,
        )
        return self

    @property
    def status(self) -> dict[str, Any]:
        """The market's view of the trade."""
        word = self.world.node.call(self.world.market.functions.statusOf(self.id))
        return vars(Status.unpacked(word))

    def credit_of(self, account: LocalAccount) -> int:
        """What the market owes an account."""
        call = self.world.market.functions.creditOf(account.address, self.request["currency"])
        return int(self.world.node.call(call))
