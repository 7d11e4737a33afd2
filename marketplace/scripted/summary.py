"""What a scripted trade came to, as one JSON-ready record read from the chain and the run."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from marketplace.chain.client import GasRecord
from marketplace.chain.market import Agreement, ReportedAttempt
from marketplace.protocol.agreement import price_of
from marketplace.protocol.documents import Amount, AttemptEvidence, Division
from marketplace.protocol.states import Purpose, TransferRule
from marketplace.protocol.terms import NATIVE, Request
from marketplace.roles.licence import licence_holder
from marketplace.scripted.trade import TradeRun
from offchain.contribution.intervals import Interval, share_intervals
from offchain.oracle.allocation import allocate
from offchain.storage.cid import cid_of_digest
from offchain.validation import Evidence, decode_evidence, quantise_gate, score_votes

TRADE_STEPS = ("requestModel", "acceptQuote", "reportData", "reportAttempt", "settle")
"""The transactions that every trade needs which ends well."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class PricePart(_Record):
    """One component of the price, in wei."""

    name: str
    amount: Amount


class AttemptLine(_Record):
    """One attempt: the verdict, the score that was sealed, and how many signers opened theirs."""

    attempt: int
    passed: bool
    overturned: bool
    score_ppm: int
    scores_opened: int
    best_single_ppm: int
    best_single: str
    uniform_ppm: int


class ExpertLine(_Record):
    """One chosen expert: gate weight (ppm), exact contribution, payout in wei.

    `share` is its part of all positive contributions, `share_low` to `share_high` the 95 %
    interval that so many validation rows allow.
    """

    name: str
    account: str
    weight_ppm: int
    contribution: str
    share: float
    share_low: float
    share_high: float
    amount: Amount


class Payment(_Record):
    """One credit out of the escrow, in wei."""

    name: str
    account: str
    purpose: str
    amount: Amount


class Award(Payment):
    """One credit out of a bond or out of stakes, in the smallest unit of its currency."""

    currency: str


class LicenceLine(_Record):
    """The licence token: its holder, the CID of its text, and who lets it change hands."""

    token: str
    holder: str
    text: str
    transfers: str


class GasLine(_Record):
    """All transactions of one step."""

    step: str
    transactions: int
    gas: int


class Summary(_Record):
    """One trade from request to end."""

    script: str
    title: str
    scenario: str
    seed: int
    chain_id: int
    market: str
    currency: str
    trade: str
    state: str
    threshold_ppm: int
    division: Division
    price: Amount
    price_parts: tuple[PricePart, ...]
    attempts: tuple[AttemptLine, ...]
    experts: tuple[ExpertLine, ...]
    payments: tuple[Payment, ...]
    awards: tuple[Award, ...]
    licence: LicenceLine | None
    gas: tuple[GasLine, ...]
    trade_gas: int
    cids: dict[str, str]


def summarise(run: TradeRun) -> Summary:
    """Read the ended trade back from the chain and the store."""
    market = run.world.market
    agreed = market.agreement(run.trade_id)
    return Summary(
        script=run.script.name,
        title=run.script.title,
        scenario=run.script.scenario,
        seed=run.seed,
        chain_id=run.world.deployment.chain_id,
        market=market.address,
        currency=run.symbol,
        trade="0x" + run.trade_id.hex(),
        state=run.state().name,
        threshold_ppm=run.script.threshold,
        division=run.script.division,
        price=run.world.buyer.price_of(run.offer) if run.offer else 0,
        price_parts=tuple(_price_parts(run)),
        attempts=tuple(_attempt_line(run, attempt) for attempt in agreed.attempts),
        experts=tuple(_experts(run, agreed)),
        payments=tuple(_payments(run)),
        awards=tuple(_awards(run)),
        licence=_licence(run, agreed.request),
        gas=tuple(_gas(market.node.gas_records)),
        trade_gas=sum(r.gas for r in market.node.gas_records if r.step.split()[0] in TRADE_STEPS),
        cids=_cids(run),
    )


def _price_parts(run: TradeRun) -> Iterable[PricePart]:
    if run.offer is None:
        return
    quote = run.offer.quote
    for data in quote.data_quotes:
        yield PricePart(name=f"data of {_name(run, data.provider)}", amount=data.price)
    yield PricePart(name="expert pool", amount=quote.expert_pool)
    yield PricePart(name="broker", amount=quote.broker_fee)
    yield PricePart(name="auditor", amount=quote.auditor_fee)
    yield PricePart(name="oracles", amount=quote.oracle_fee)
    fee_bps = run.world.market.agreement(run.trade_id).request.fee_bps
    yield PricePart(name="protocol fee", amount=price_of(quote, fee_bps)[1])


def _attempt_line(run: TradeRun, attempt: ReportedAttempt) -> AttemptLine:
    """Score the composite, each of its experts alone, and their uniform average."""
    if attempt.finding.without_model:
        return AttemptLine(
            attempt=attempt.number,
            passed=False,
            overturned=False,
            score_ppm=0,
            scores_opened=_opened(run, attempt.number).bit_count(),
            best_single_ppm=0,
            best_single="",
            uniform_ppm=0,
        )
    votes, rows = _votes(run, attempt), run.scenario.validation
    metric = run.scenario.task.metric
    alone = np.full((len(rows), 1), 1, np.int16)
    singles = [
        score_votes(votes.predictions[index : index + 1], alone, rows.labels, metric).ppm
        for index in range(len(votes.experts))
    ]
    best = int(np.argmax(singles))
    even = quantise_gate(np.ones_like(votes.gates, dtype=np.float64))
    return AttemptLine(
        attempt=attempt.number,
        passed=attempt.passed,
        overturned=attempt.passed and run.world.market.status(run.trade_id).overturned,
        score_ppm=score_votes(votes.predictions, votes.gates, rows.labels, metric).ppm,
        scores_opened=_opened(run, attempt.number).bit_count(),
        best_single_ppm=singles[best],
        best_single=_name(run, votes.experts[best]),
        uniform_ppm=score_votes(votes.predictions, even, rows.labels, metric).ppm,
    )


def _votes(run: TradeRun, attempt: ReportedAttempt) -> Evidence:
    store = run.world.store
    document = AttemptEvidence.from_bytes(store.get(cid_of_digest(attempt.finding.evidence)))
    return decode_evidence(store.get(document.votes))


def _opened(run: TradeRun, attempt: int) -> int:
    """Return the seats that opened their scores of an attempt, as a bitmap."""
    market, opened = run.world.market, 0
    for log in (market.log(run.trade_id), market.disputes(run.trade_id)):
        for event in log:
            if event["event"] == "ScoresOpened" and event["args"]["attempt"] == attempt:
                opened |= int(event["args"]["opened"])
    return opened


def _experts(run: TradeRun, agreed: Agreement) -> Iterable[ExpertLine]:
    """Put each chosen expert's gate weight beside its exact contribution and its pay."""
    if agreed.data is None:
        return
    shares, unknown = _shares(run, agreed), Interval(0.0, 0.0, 0.0)
    paid = {p.account: p.amount for p in _payments(run) if p.purpose == "expert"}
    for account, weight in zip(agreed.data.experts, agreed.data.weights, strict=True):
        contribution, interval = shares.get(account, (None, unknown))
        yield ExpertLine(
            name=_name(run, account),
            account=account,
            weight_ppm=weight,
            contribution="" if contribution is None else str(contribution),
            share=interval.share,
            share_low=interval.low,
            share_high=interval.high,
            amount=paid.get(account, 0),
        )


def _shares(run: TradeRun, agreed: Agreement) -> dict[str, tuple[Fraction, Interval]]:
    """Return what the experts added to a model that passed, and how far their shares are known."""
    if not agreed.attempts or not agreed.last_attempt.passed:
        return {}
    votes, labels = _votes(run, agreed.last_attempt), run.scenario.validation.labels
    metric, division = run.scenario.task.metric, run.script.division
    pool = agreed.deal.expert_pool
    found = allocate(votes, labels, metric, agreed.gate.experts, pool, division)
    known = share_intervals(votes.predictions, votes.gates, labels, metric, division)
    intervals = dict(zip(votes.experts, known, strict=True))
    nothing = Interval(0.0, 0.0, 0.0)
    return {
        share.expert: (share.contribution, intervals.get(share.expert.lower(), nothing))
        for share in found
    }


def _payments(run: TradeRun) -> Iterable[Payment]:
    for event in run.world.market.log(run.trade_id):
        said = event["args"]
        if event["event"] == "Credited":
            for payment in said["payments"]:
                purpose = Purpose(payment["purpose"]).name.lower()
                yield _payment(run, payment["account"], purpose, payment["amount"])
        elif event["event"] == "Refunded":
            yield _payment(run, said["buyer"], "refund", said["amount"])


def _awards(run: TradeRun) -> Iterable[Award]:
    """Name what a bond paid, and what was taken from stakes."""
    purpose, fell = "bond", False
    for event in run.world.market.disputes(run.trade_id):
        said = event["args"]
        if event["event"] in ("SilencePenalised", "ClosedSealsPenalised"):
            purpose = "stake"
        elif event["event"] == "VerdictOverturned":
            fell = True
        elif event["event"] == "Awarded":
            symbol = "ETH" if said["currency"] == NATIVE else run.symbol
            paid = _payment(run, said["account"], purpose, said["amount"])
            yield Award(**paid.model_dump(), currency=symbol)
            purpose = "stake" if fell else purpose  # the bond goes back first


def _payment(run: TradeRun, account: str, purpose: str, amount: int) -> Payment:
    return Payment(name=_name(run, account), account=account, purpose=purpose, amount=amount)


def _licence(run: TradeRun, request: Request) -> LicenceLine | None:
    holder = licence_holder(run.world.market, run.world.deployment.licence, run.trade_id)
    if holder is None:
        return None
    return LicenceLine(
        token="0x" + run.trade_id.hex(),
        holder=_name(run, holder),
        text=cid_of_digest(request.licence),
        transfers=TransferRule(request.transfer_rule).name.lower(),
    )


def _gas(records: Iterable[GasRecord]) -> Iterable[GasLine]:
    steps: dict[str, list[int]] = {}
    for record in records:
        steps.setdefault(record.step, []).append(record.gas)
    for step, costs in steps.items():
        yield GasLine(step=step, transactions=len(costs), gas=sum(costs))


def _cids(run: TradeRun) -> dict[str, str]:
    """Name every public document of the trade by its CID."""
    agreed = run.world.market.agreement(run.trade_id)
    found = {"specification": agreed.request.spec, "licence": agreed.request.licence}
    if agreed.quote is not None:
        found["data request"] = agreed.quote.data_request
    if agreed.data is not None:
        found["data manifest"] = agreed.data.data_evidence
        if agreed.data.experts:
            found["gate manifest"] = agreed.data.gate_evidence
    for attempt in agreed.attempts:
        found[f"training record {attempt.number}"] = attempt.finding.training
        found[f"attempt evidence {attempt.number}"] = attempt.finding.evidence
        if attempt.passed:
            found["delivery"] = attempt.finding.delivery
    names = {"AuditAttested": ("attestation", "report"), "Challenged": ("claim", "claim")}
    names |= dict.fromkeys(("VerdictUpheld", "VerdictOverturned"), ("reexecution", "evidence"))
    market = run.world.market
    for event in (*market.log(run.trade_id), *market.disputes(run.trade_id)):
        if event["event"] in names:
            name, field = names[event["event"]]
            found[name] = bytes(event["args"][field])
    return {name: cid_of_digest(digest) for name, digest in found.items()}


def _name(run: TradeRun, account: str) -> str:
    by_lower = {address.lower(): name for address, name in run.world.names.items()}
    return by_lower.get(account.lower(), account)
