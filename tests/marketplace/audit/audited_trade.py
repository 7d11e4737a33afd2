"""Plays one trade with real contracts, real signatures and real documents, without training.

Each method is one step. What a test gives differs from what an honest party would do, and
is signed and stored as if it were true: that is how a dishonest committee looks::

    trade = AuditedTrade(market, store, parties)
    trade.to_gate()
    trade.attempt(passed=True, skill=3)   # a verdict that the votes don't bear out
    trade.settle()
    trade.publish()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from audit_chain import QuickChain
from cast_of_trade import (
    ROWS,
    TASK,
    Cast,
    routing,
    shapley_by_orders,
    validation_commitment,
    votes,
    worth,
)
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from numpy.typing import NDArray
from safetensors.numpy import save
from web3.types import RPCEndpoint

from marketplace.chain.market import Market
from marketplace.protocol.documents import (
    AttemptEvidence,
    Attestation,
    DataManifest,
    DataNeed,
    Delivery,
    DeliveryManifest,
    Document,
    GateManifest,
    Sealed,
    SettlementEvidence,
    Share,
    Specification,
    Subset,
    Training,
    TrainingRecord,
)
from marketplace.protocol.ids import score_seal, trade_id
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    NATIVE,
    Attempt,
    AttemptReport,
    DataQuote,
    DataReport,
    GateReport,
    ModelQuote,
    Opening,
    Request,
    SettlementReport,
    TrainingCommitment,
    Windows,
)
from marketplace.protocol.typed_data import sign
from marketplace.protocol.units import PARTS, largest_remainder
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.disk import DiskStore
from offchain.validation import Evidence, encode_evidence, encode_openings

FAR_FUTURE = 2**40 - 1
WINDOWS = Windows(
    quote=1_000, delivery=2_000, gating=3_000, attempt=4_000, verification=5_000, settlement=6_000
)
ROWS_EACH = (50, 30, 20)
PRICES_EACH = (3 * 10**15 + 1, 2 * 10**15 + 7, 10**15 + 3)
FEES = (5 * 10**14, 4 * 10**14, 3 * 10**14 + 1)
"""For broker, auditor and oracles."""

SKILLED, UNSKILLED = 8, 4


class AuditedTrade:
    """One trade, step by step."""

    def __init__(
        self, market: Market, store: DiskStore, parties: Cast, salt: str = "a trade", **request: Any
    ) -> None:
        self.market = market
        self.store = store
        self.parties = parties
        self.experts = tuple(expert.address for expert in parties.experts)
        self.routing: NDArray[np.int16] = routing(len(self.experts))
        self.routing_file: bytes | None = None
        self.expiry = FAR_FUTURE
        self.prices = PRICES_EACH
        self.fees = FEES
        self.labels = validation_commitment()
        self.request = replace(self._usual_request(salt), **request)
        self.id = trade_id(market.domain.chain_id, market.address, self.request)
        self.subsets = {name: self._sealed(f"subset of {name}") for name in self.experts}
        self.attempts: list[tuple[Attempt, list[Opening]]] = []
        self.unpublished: list[bytes] = []
        self.passing: tuple[int, AttemptEvidence, Evidence] | None = None

    @property
    def name(self) -> str:
        return "0x" + self.id.hex()

    @property
    def expert_pool(self) -> int:
        return 10**16 + 11

    def _usual_request(self, salt: str) -> Request:
        specification = Specification(
            task=TASK.to_json(),
            description="which stone is it?",
            validation=self._sealed("validation"),
            auditor_reads=True,
        )
        return Request(
            buyer=self.parties.buyer.address,
            broker=self.parties.broker.address,
            auditor=self.parties.auditor.address,
            currency=NATIVE,
            budget=10**18,
            threshold=700_000,
            max_attempts=2,
            min_rows=60,
            validation_rows=ROWS,
            validation_root=self.labels.root,
            spec=self.publish_document(specification),
            windows=WINDOWS,
            salt=keccak(text=salt),
        )

    # ------------------------------------------------------------ request to money

    def ask(self) -> None:
        self.market.send(self.parties.buyer, "requestModel", self.request)

    def ask_for_data(self) -> None:
        need = DataNeed(trade=self.name, task=TASK.to_json(), min_rows=self.request.min_rows)
        digest = self.publish_document(need)
        self.market.send(self.parties.broker, "requestData", self.id, digest)

    def decline(self) -> None:
        self.market.send(self.parties.buyer, "declineQuote", self.id, keccak(text="too dear"))

    def quote(self) -> ModelQuote:
        quotes = tuple(
            DataQuote(self.id, provider.address, keccak(text=f"data {i}"), rows, price, self.expiry)
            for i, (provider, rows, price) in enumerate(
                zip(self.parties.providers, ROWS_EACH, self.prices, strict=True)
            )
        )
        return ModelQuote(
            trade_id=self.id,
            data_quotes=quotes,
            expert_pool=self.expert_pool,
            broker_fee=self.fees[0],
            auditor_fee=self.fees[1],
            oracle_fee=self.fees[2],
            expiry=self.expiry,
        )

    def accept(self) -> None:
        quote = self.quote()
        price = int(self.market.view("priceOf", quote)[0])
        self.market.send(
            self.parties.buyer,
            "acceptQuote",
            quote,
            price,
            self.sign(quote, self.parties.broker),
            [
                self.sign(offer, provider)
                for offer, provider in zip(quote.data_quotes, self.parties.providers, strict=True)
            ],
            value=price if self.request.currency == NATIVE else 0,
        )

    # ------------------------------------------------------------------ data, gate

    def deliver(self, accepted: int = 0b111, manifest_says: int | None = None) -> None:
        said = accepted if manifest_says is None else manifest_says
        manifest = DataManifest(
            trade=self.name,
            deliveries=tuple(
                Delivery(
                    provider=provider.address,
                    sealed=self._sealed(f"data {i}"),
                    accepted=bool(said >> i & 1),
                    reason="" if said >> i & 1 else "the rows teach nothing",
                )
                for i, provider in enumerate(self.parties.providers)
            ),
        )
        evidence = self.publish_document(manifest)
        report = DataReport(self.id, 1, accepted, evidence)
        quotes = list(self.quote().data_quotes)
        self._post("deliverData", quotes, accepted, evidence, self.quorum(report))

    def true_weights(self) -> list[int]:
        return largest_remainder(PARTS, [int(load) for load in self.routing.sum(axis=0)])

    def gate(self, weights: Sequence[int] | None = None) -> None:
        self.weights = list(weights or self.true_weights())
        manifest = GateManifest(
            trade=self.name,
            candidates=tuple(name.lower() for name in self.experts),
            routing=self.store.put(self.routing_file or save({"routing": self.routing})),
            subsets=tuple(
                Subset(expert=name, expert_kind="forest", sealed=sealed)
                for name, sealed in self.subsets.items()
            ),
        )
        evidence = self.publish_document(manifest)
        report = GateReport(self.id, 1, self.experts, tuple(self.weights), evidence)
        quotes = list(self.quote().data_quotes)
        self._post(
            "commitGate", quotes, list(self.experts), self.weights, evidence, self.quorum(report)
        )

    # ------------------------------------------------------------------- attempts

    def attempt(
        self,
        skill: int = SKILLED,
        *,
        passed: bool | None = None,
        evidence: Evidence | None = None,
        sealed: Callable[[int], int] = lambda score: score,
        openings: bytes | None = None,
        trainings: Callable[[list[Training]], list[Training]] = lambda trainings: trainings,
        **document: Any,
    ) -> None:
        """Report an attempt.

        Parameters
        ----------
        sealed
            Turns the true score into the one that signers seal.
        document
            Fields of the evidence document that are to differ.
        """
        number = len(self.attempts) + 1
        evidence = evidence or votes(self.experts, skill)
        score = math.floor(worth(evidence, tuple(range(len(evidence.experts)))) * PARTS)
        passed = score >= self.request.threshold if passed is None else passed
        training = self._training(number, trainings)
        named = self._attempt_evidence(number, evidence, openings, training, document)
        finding = Attempt(
            model=keccak(text=f"model {number} of {self.name}"),
            training=training,
            passed=passed,
            delivery=self._delivery(number) if passed else bytes(32),
            evidence=digest_of(cid_of(named.to_bytes())),
        )
        if passed:
            self.passing = number, named, evidence
        self._report(number, finding, sealed(score))

    def _attempt_evidence(
        self,
        number: int,
        evidence: Evidence,
        openings: bytes | None,
        training: bytes,
        changes: dict[str, Any],
    ) -> AttemptEvidence:
        parts = [
            encode_evidence(evidence),
            encode_openings(self.labels.openings) if openings is None else openings,
        ]
        document = AttemptEvidence(
            trade=self.name,
            attempt=number,
            metric=TASK.metric,
            classes=len(TASK.classes),
            votes=cid_of(parts[0]),
            openings=cid_of(parts[1]),
            training="0x" + training.hex(),
        ).model_copy(update=changes)
        self.unpublished += [*parts, document.to_bytes()]
        return document

    def _report(self, number: int, finding: Attempt, score: int) -> None:
        openings, signatures = [], []
        for signer in self.parties.signers[:2]:
            salt = keccak(text=f"salt {number} {signer.address}")
            seal = score_seal(self.id, number, signer.address, score, salt)
            openings.append(Opening(signer.address, seal, score, salt))
            report = AttemptReport(self.id, 1, number, *finding.as_tuple(), seal)
            signatures.append(self.sign(report, signer))
        self.attempts.append((finding, openings))
        self._post("reportAttempt", finding, [o.seal for o in openings], signatures)

    def _training(self, number: int, change: Callable[[list[Training]], list[Training]]) -> bytes:
        trainings = []
        for expert in self.parties.experts:
            commitment = TrainingCommitment(
                trade_id=self.id,
                expert=expert.address,
                attempt=number,
                subset=digest_of(self.subsets[expert.address].ciphertext),
                model=keccak(text=f"model of {expert.address}"),
            )
            trainings.append(
                Training(
                    expert=expert.address,
                    attempt=number,
                    subset="0x" + commitment.subset.hex(),
                    model="0x" + commitment.model.hex(),
                    signature="0x" + self.sign(commitment, expert).hex(),
                )
            )
        record = TrainingRecord(trade=self.name, trainings=tuple(change(trainings)))
        return self.publish_document(record)

    def _delivery(self, number: int) -> bytes:
        sealed = self._sealed(f"composite {number}")
        return self.publish_document(
            DeliveryManifest(trade=self.name, attempt=number, sealed=sealed)
        )

    # ------------------------------------------------------------------ to the end

    def confirm(self) -> None:
        self.market.send(self.parties.buyer, "confirmDelivery", self.id)

    def attest(self, approved: bool = True, on_chain: bool | None = None) -> None:
        finding = Attestation(trade=self.name, approved=approved, finding="all agrees")
        digest = self.publish_document(finding)
        said = approved if on_chain is None else on_chain
        self.market.send(self.parties.auditor, "attestAudit", self.id, digest, said)

    def settle(
        self,
        *,
        shares: Callable[[list[Share]], list[Share]] = lambda shares: shares,
        amounts: Callable[[list[int]], list[int]] = lambda amounts: amounts,
        **document: Any,
    ) -> None:
        """Divide the pool, once the buyer has confirmed or its window has passed.

        Parameters
        ----------
        shares, amounts
            Turn what is due into what the document says and what is paid.
        document
            Other fields of the evidence document that are to differ.
        """
        assert self.passing is not None
        number, attempt, evidence = self.passing
        due = self.true_shares(evidence)
        paid = amounts([share.amount for share in due])
        settlement = SettlementEvidence(
            trade=self.name,
            attempt=number,
            attempt_evidence=cid_of(attempt.to_bytes()),
            expert_pool=self.expert_pool,
            shares=tuple(shares(due)),
        ).model_copy(update=document)
        self.unpublished.append(settlement.to_bytes())
        digest = digest_of(cid_of(settlement.to_bytes()))
        report = SettlementReport(self.id, 1, self.experts, tuple(paid), digest)
        self._post("settle", list(self.experts), self.weights, paid, digest, self.quorum(report))

    def true_shares(self, evidence: Evidence) -> list[Share]:
        by_name = dict(zip(evidence.experts, shapley_by_orders(evidence), strict=True))
        values = [by_name.get(name, 0 * worth(evidence, ())) for name in self.experts]
        scale = math.lcm(*(value.denominator for value in values))
        weights = [max(0, int(value * scale)) for value in values]
        weights = [weight // (math.gcd(*weights) or 1) for weight in weights]
        amounts = largest_remainder(self.expert_pool, weights if any(weights) else [1] * 3)
        return [
            Share(expert=name, shapley=str(value), weight=weight, amount=amount)
            for name, value, weight, amount in zip(
                self.experts, values, weights, amounts, strict=True
            )
        ]

    def settle_by_gate(self) -> None:
        self._post("settleByGate", list(self.experts), self.weights)

    def time_out(self) -> None:
        self._post("timeout")

    def publish(self) -> None:
        """Once the trade has ended: make the evidence public."""
        for content in self.unpublished:
            self.store.put(content)

    def open_scores(self, closed: Sequence[str] = ()) -> None:
        """Reveal all sealed scores but those of some signers."""
        for number, (_, openings) in enumerate(self.attempts, 1):
            shown = [
                replace(o, score=0, salt=bytes(32)) if o.signer in closed else o for o in openings
            ]
            self._post("openScores", number, shown)

    def withdraw(self, account: LocalAccount) -> None:
        self.market.send(account, "withdraw", self.request.currency, account.address)

    def lapse(self, grace: int = 0) -> None:
        """Let the deadline of the present stage pass, and `grace` seconds more."""
        record = self.market.trade(self.id)
        self.market.node.advance_time(record.deadline + grace - self.market.node.now() + 1)

    def next_block_at(self, timestamp: int) -> None:
        """Give the next transaction's block a time, in seconds since 1970."""
        provider = self.market.node.web3.provider
        provider.make_request(RPCEndpoint("evm_setNextBlockTimestamp"), [timestamp])

    def last_second(self) -> None:
        """Let the next step come in the last second of its window."""
        self.next_block_at(self.market.trade(self.id).deadline)

    def first_second_after(self, grace: int = 0) -> None:
        """Let the next step come as soon as the deadline and `grace` seconds more have passed."""
        self.next_block_at(self.market.trade(self.id).deadline + grace + 1)

    # ---------------------------------------------------------------- whole stretches

    def to_data_requested(self) -> None:
        self.ask()
        self.ask_for_data()

    def to_funded(self) -> None:
        self.to_data_requested()
        self.accept()

    def to_gate(self) -> None:
        self.to_funded()
        self.deliver()
        self.gate()

    def to_passed(self) -> None:
        self.to_gate()
        self.attempt()

    def finish(self) -> None:
        """From a pass: confirm, settle, publish and open the scores."""
        self.confirm()
        self.settle()
        self.publish()
        self.open_scores()

    # ---------------------------------------------------------------------- inside

    def sign(self, message: Struct, account: LocalAccount) -> bytes:
        return sign(self.market.domain, message, account)

    def quorum(self, report: Struct) -> list[bytes]:
        return [self.sign(report, signer) for signer in self.parties.signers[:2]]

    def publish_document(self, document: Document) -> bytes:
        return digest_of(self.store.put(document.to_bytes()))

    def _sealed(self, what: str) -> Sealed:
        return Sealed(
            ciphertext=self.store.put(f"ciphertext of {what}".encode()),
            envelope=self.store.put(f"envelope of {what}".encode()),
        )

    def _post(self, function: str, *arguments: Any) -> None:
        self.market.send(self.parties.stranger, function, self.id, *arguments)


@dataclass(frozen=True)
class Settled:
    """A trade that went well after a failed attempt, and part of whose credits are withdrawn."""

    trade: AuditedTrade
    chain: QuickChain
    store: DiskStore

    @property
    def market(self) -> str:
        return self.trade.market.address
