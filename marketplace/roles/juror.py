"""One member of the panel: executes a challenged attempt again and rules on the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Agreement, Market, ReportedAttempt
from marketplace.protocol.disputes import STANDS, Reexecution, Ruling, ruling_domain
from marketplace.protocol.documents import AttemptEvidence, Sealed
from marketplace.protocol.errors import QuorumNotReached, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.typed_data import quorum_signatures, sign
from offchain.exchange import Exchange
from offchain.oracle.case import Case, open_case, require_due
from offchain.oracle.casebook import Casebook
from offchain.oracle.reexecution import (
    Compared,
    compare_absence,
    compare_allocation,
    compare_openings,
    compare_predictions,
    compare_score,
    open_composite,
)
from offchain.validation import decode_evidence


class Juror:
    """One seat of the panel with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def examine(self, trade_id: bytes, model: Sealed | None) -> Reexecution:
        """Score the challenged attempt again, from the buyer's rows and the model itself.

        Parameters
        ----------
        model
            The composite, sealed for the panel; None where the attempt had none.

        Raises
        ------
        TradeRefused
            If the trade is not disputed, or none or another model was handed in.
        EnvelopeError, StorageError, DataError, ProtocolError
            If something can't be opened or read.
        """
        require_due(self.market, trade_id, State.DISPUTED)
        case = open_case(self.market, self.exchange, trade_id)
        agreed = self.market.agreement(trade_id)
        attempt = agreed.last_attempt
        if attempt.finding.without_model:
            book = Casebook(self.market, self.exchange)
            found = list(compare_absence(book, case, attempt))
        else:
            found = self._scored_again(case, agreed, attempt, model)
        fault = next((one.detail for one in found if one.outcome == "different"), None)
        return Reexecution(
            trade=case.name,
            attempt=attempt.number,
            stands=fault is None,
            finding=fault or "executed again, the attempt earns the verdict it got",
        )

    def _scored_again(
        self, case: Case, agreed: Agreement, attempt: ReportedAttempt, model: Sealed | None
    ) -> list[Compared]:
        if model is None:
            raise TradeRefused("no model was handed in", "ask for the one that was scored")
        evidence = self.exchange.read(AttemptEvidence, attempt.finding.evidence)
        votes = decode_evidence(self.exchange.store.get(evidence.votes))
        composite = open_composite(self.exchange, case, attempt, model)
        openings = self.exchange.store.get(evidence.openings)
        found = [
            compare_openings(case, openings),
            compare_predictions(case, composite, votes),
            compare_score(case, votes, attempt.passed),
        ]
        if attempt.passed:
            found.append(compare_allocation(case, agreed, attempt, votes))
        return found

    def sign(self, trade_id: bytes, found: Reexecution, model: Sealed | None) -> bytes:
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
    model: Sealed | None,
) -> Reexecution:
    """Let a quorum of the panel decide a challenge, and put its ruling on chain.

    Parameters
    ----------
    sender
        Pays for the transaction; any account.
    jurors
        The first one's finding is what the others are asked to sign.
    model
        The composite, sealed for the panel; None where the attempt had none.

    Raises
    ------
    QuorumNotReached
        If too few jurors are there who have no interest in the ruling.
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
    *_, may_not_uphold, may_not_overturn = market.node.call(
        market.challenges.functions.challengeOf(trade_id)
    )
    barred = may_not_uphold if found.stands else may_not_overturn
    seats = {panel.members.index(juror.account.address): juror for juror in sitting}
    free = [seat for seat in sorted(seats) if not barred >> seat & 1]
    if len(free) < panel.threshold:
        raise QuorumNotReached(
            f"{len(free)} of {panel.threshold} needed jurors may sign: the others have an interest",
            "ask more of the panel, or let the challenge lapse",
        )
    signed = {seat: seats[seat].sign(trade_id, found, model) for seat in free[: panel.threshold]}
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
            agreed.proof_of(attempt),
            *quorum,
        )
    market.node.send(sender, call)
    return found
