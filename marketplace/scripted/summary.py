"""What a scripted trade came to, as one JSON-ready record read from the chain and the run."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from marketplace.chain.client import GasRecord
from marketplace.protocol.documents import Amount, AttemptEvidence, SettlementEvidence, Share
from marketplace.protocol.states import Purpose
from marketplace.scripted.trade import TradeRun
from offchain.oracle.case import ReportedAttempt, reported_attempts
from offchain.storage.cid import cid_of_digest
from offchain.validation import decode_evidence, quantise_gate, score_votes


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class PricePart(_Record):
    """One component of the price, in wei."""

    name: str
    amount: Amount


class AttemptLine(_Record):
    """One attempt: the verdict, and the score that was sealed until the end."""

    attempt: int
    passed: bool
    score_ppm: int
    best_single_ppm: int
    best_single: str
    uniform_ppm: int


class ExpertLine(_Record):
    """One chosen expert: gate weight (ppm), exact Shapley value, payout in wei."""

    name: str
    account: str
    weight_ppm: int
    shapley: str
    shapley_share: float
    amount: Amount


class Payment(_Record):
    """One movement out of the escrow, in wei."""

    name: str
    account: str
    purpose: str
    amount: Amount


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
    price: Amount
    price_parts: tuple[PricePart, ...]
    attempts: tuple[AttemptLine, ...]
    experts: tuple[ExpertLine, ...]
    payments: tuple[Payment, ...]
    gas: tuple[GasLine, ...]
    cids: dict[str, str]


def summarise(run: TradeRun) -> Summary:
    """Read the ended trade back from the chain and the store."""
    market, trade = run.world.market, run.world.market.trade(run.trade_id)
    return Summary(
        script=run.script.name,
        title=run.script.title,
        scenario=run.script.scenario,
        seed=run.seed,
        chain_id=run.world.deployment.chain_id,
        market=market.address,
        currency=run.symbol,
        trade="0x" + run.trade_id.hex(),
        state=trade.state.name,
        threshold_ppm=run.script.threshold,
        price=run.world.buyer.price_of(run.offer) if run.offer else 0,
        price_parts=tuple(_price_parts(run)),
        attempts=tuple(
            _attempt_line(run, attempt) for attempt in reported_attempts(market, run.trade_id)
        ),
        experts=tuple(_experts(run)),
        payments=tuple(_payments(run)),
        gas=tuple(_gas(market.node.gas_records)),
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
    _, fee = run.world.market.view("priceOf", quote)
    yield PricePart(name="protocol fee", amount=int(fee))


def _attempt_line(run: TradeRun, attempt: ReportedAttempt) -> AttemptLine:
    """Score the composite, each of its experts alone, and their uniform average."""
    store = run.world.store
    document = AttemptEvidence.from_bytes(store.get(cid_of_digest(attempt.report.evidence)))
    votes, rows = decode_evidence(store.get(document.votes)), run.scenario.validation
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
        passed=attempt.report.passed,
        score_ppm=score_votes(votes.predictions, votes.gates, rows.labels, metric).ppm,
        best_single_ppm=singles[best],
        best_single=_name(run, votes.experts[best]),
        uniform_ppm=score_votes(votes.predictions, even, rows.labels, metric).ppm,
    )


def _experts(run: TradeRun) -> Iterable[ExpertLine]:
    """Put each chosen expert's gate weight beside its exact contribution and its pay."""
    weights: dict[str, int] = {}
    shares: dict[str, Share] = {}
    amounts: dict[str, int] = {}
    for event in run.world.market.log(run.trade_id):
        values = event["args"]
        if event["event"] == "GateCommitted":
            weights = dict(zip(values["experts"], values["weights"], strict=True))
        elif event["event"] == "TradeSettled":
            amounts = dict(zip(values["experts"], values["amounts"], strict=True))
            shares = _shares(run, bytes(values["evidence"]))
    total = sum((Fraction(share.shapley) for share in shares.values()), Fraction(0)) or Fraction(1)
    for account, weight in weights.items():
        share = shares.get(account)
        yield ExpertLine(
            name=_name(run, account),
            account=account,
            weight_ppm=weight,
            shapley=share.shapley if share else "",
            shapley_share=float(Fraction(share.shapley) / total) if share else 0.0,
            amount=amounts.get(account, 0),
        )


def _shares(run: TradeRun, evidence: bytes) -> dict[str, Share]:
    """Return the experts' exact shares; none if the gate's weights settled the trade."""
    if not any(evidence):
        return {}
    document = SettlementEvidence.from_bytes(run.world.store.get(cid_of_digest(evidence)))
    return {share.expert: share for share in document.shares}


def _payments(run: TradeRun) -> Iterable[Payment]:
    for event in run.world.market.log(run.trade_id):
        values = event["args"]
        if event["event"] == "Credited":
            account, purpose = values["account"], Purpose(values["purpose"]).name.lower()
        elif event["event"] == "Refunded":
            account, purpose = values["buyer"], "refund"
        else:
            continue
        yield Payment(
            name=_name(run, account), account=account, purpose=purpose, amount=values["amount"]
        )


def _gas(records: Iterable[GasRecord]) -> Iterable[GasLine]:
    steps: dict[str, list[int]] = {}
    for record in records:
        steps.setdefault(record.step, []).append(record.gas)
    for step, costs in steps.items():
        yield GasLine(step=step, transactions=len(costs), gas=sum(costs))


def _cids(run: TradeRun) -> dict[str, str]:
    """Name every public document of the trade by its CID."""
    found: dict[str, str] = {}
    for event in run.world.market.log(run.trade_id):
        values, name = event["args"], event["event"]
        if name == "ModelRequested":
            found["specification"] = cid_of_digest(values["request"]["spec"])
        elif name == "DataRequested":
            found["data need"] = cid_of_digest(values["dataSpec"])
        elif name == "DataDelivered":
            found["data manifest"] = cid_of_digest(values["evidence"])
        elif name == "GateCommitted":
            found["gate manifest"] = cid_of_digest(values["evidence"])
        elif name == "AttemptReported":
            attempt, report = values["attempt"], values["report"]
            found[f"training record {attempt}"] = cid_of_digest(report["training"])
            found[f"attempt evidence {attempt}"] = cid_of_digest(report["evidence"])
            if report["passed"]:
                found["delivery"] = cid_of_digest(report["delivery"])
        elif name == "TradeSettled" and any(values["evidence"]):
            found["settlement evidence"] = cid_of_digest(values["evidence"])
        elif name == "AuditAttested":
            found["attestation"] = cid_of_digest(values["report"])
    return found


def _name(run: TradeRun, account: str) -> str:
    by_lower = {address.lower(): name for address, name in run.world.names.items()}
    return by_lower.get(account.lower(), account)
