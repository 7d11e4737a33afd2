"""One member of the panel: executes a challenged attempt again and rules on the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Agreement, Market
from marketplace.protocol.agreement import amounts_hash, gated_digest
from marketplace.protocol.disputes import STANDS, Reexecution, Ruling, ruling_domain
from marketplace.protocol.documents import AttemptEvidence, Sealed
from marketplace.protocol.errors import QuorumNotReached, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.typed_data import quorum_signatures, sign
from offchain.exchange import Exchange
from offchain.oracle.allocation import allocate
from offchain.oracle.attempt import model_digest, score_of
from offchain.oracle.case import Case, open_case, require_due
from offchain.oracle.numerics import same_votes
from offchain.training import Composite
from offchain.validation import Evidence, decode_evidence, encode_openings


class Juror:
    """One seat of the panel with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def examine(self, trade_id: bytes, model: Sealed) -> Reexecution:
        """Score the attempt that passed again, from the buyer's rows and the model itself.

        Parameters
        ----------
        model
            The composite, sealed for the panel.

        Raises
        ------
        TradeRefused
            If the trade is not disputed, or another model was handed in.
        EnvelopeError, StorageError, DataError, ProtocolError
            If something can't be opened or read.
        """
        require_due(self.market, trade_id, State.DISPUTED)
        case = open_case(self.market, self.exchange, trade_id)
        agreed = self.market.agreement(trade_id)
        attempt = agreed.last_attempt
        evidence = self.exchange.read(AttemptEvidence, attempt.finding.evidence)
        votes = decode_evidence(self.exchange.store.get(evidence.votes))
        payload = self.exchange.unseal(model, trade_id, f"composite/{attempt.number}")
        composite = Composite.from_bytes(payload)
        name = model_digest(case.name, attempt.number, composite, payload)
        if name != attempt.finding.model:
            raise TradeRefused("another model was handed in", "ask for the one that was scored")
        openings = self.exchange.store.get(evidence.openings)
        fault = _fault(case, composite, votes, openings, attempt.passed)
        if fault is None and not _divided(case, agreed, votes):
            fault = "the expert pool is not divided by what the experts contributed"
        return Reexecution(
            trade=case.name,
            attempt=attempt.number,
            stands=fault is None,
            finding=fault or "executed again, the attempt earns the verdict it got",
        )

    def sign(self, trade_id: bytes, found: Reexecution, model: Sealed) -> bytes:
        """Execute the attempt and sign the ruling, if it comes to the same finding.

        Returns
        -------
        bytes
            The signature, 65 bytes.

        Raises
        ------
        TradeRefused
            If this juror finds something else; else as `examine`.
        """
        ours = self.examine(trade_id, model)
        if ours != found:
            raise TradeRefused(f"this juror finds that {ours.finding}", "rule on what it finds")
        agreed = self.market.agreement(trade_id)
        ruling = Ruling(
            trade_id,
            self.market.panel_of(agreed.request.panel).version,
            STANDS if found.stands else agreed.last_attempt.finding.model,
            self.exchange.publish(found),
        )
        domain = ruling_domain(self.market.node.chain_id, str(self.market.challenges.address))
        return sign(domain, ruling, self.account)


def rule(
    market: Market,
    sender: LocalAccount,
    jurors: Sequence[Juror],
    trade_id: bytes,
    model: Sealed,
) -> Reexecution:
    """Let a quorum of the panel decide a challenge, and put its ruling on chain.

    Parameters
    ----------
    sender
        Pays for the transaction; any account.
    jurors
        The first one's finding is what the others are asked to sign.
    model
        The composite, sealed for the panel.

    Raises
    ------
    QuorumNotReached
        If too few jurors are there.
    TradeRefused
        If they disagree.
    """
    agreed = market.agreement(trade_id)
    panel = market.panel_of(agreed.request.panel)
    sitting = [juror for juror in jurors if juror.account.address in panel.members]
    if len(sitting) < panel.threshold:
        raise QuorumNotReached(
            f"{len(sitting)} of {panel.threshold} needed jurors are there", "ask more of the panel"
        )
    found = sitting[0].examine(trade_id, model)
    signed = {
        panel.members.index(juror.account.address): juror.sign(trade_id, found, model)
        for juror in sitting[: panel.threshold]
    }
    quorum = (sitting[0].exchange.publish(found), *quorum_signatures(signed))
    functions, request = market.challenges.functions, agreed.request.as_tuple()
    if found.stands:
        call = functions.uphold(request, panel.as_tuple(), *quorum)
    else:
        attempt, committee = agreed.last_attempt, agreed.request.committee
        call = functions.overturn(
            request,
            market.committee_of(committee).as_tuple(),
            panel.as_tuple(),
            attempt.record.as_tuple(),
            gated_digest(committee, agreed.deal, agreed.gate),
            amounts_hash(attempt.finding.amounts),
            *quorum,
        )
    market.node.send(sender, call)
    return found


def _divided(case: Case, agreed: Agreement, votes: Evidence) -> bool:
    """Whether a pass divides the expert pool as the votes say."""
    attempt, labels = agreed.last_attempt, case.validation.labels
    if not attempt.passed:
        return True
    pool = agreed.deal.expert_pool
    shares = allocate(votes, labels, case.task.metric, agreed.gate.experts, pool)
    return attempt.finding.amounts == tuple(share.amount for share in shares)


def _fault(
    case: Case, composite: Composite, votes: Evidence, openings: bytes, passed: bool
) -> str | None:
    """Return what is wrong with the verdict, or None."""
    if openings != encode_openings(case.commitment.openings):
        return "the opened labels are not those that the buyer committed to"
    if not same_votes(votes, composite.evidence(case.validation.features)):
        return "the votes are not the model's answers"
    if (score_of(case, votes).ppm >= case.request.threshold) != passed:
        return "the votes earn another verdict than the one reported"
    return None
