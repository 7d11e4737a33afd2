"""One member of the panel: executes the attempts of a challenged trade again, and rules on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Agreement, Market, ReportedAttempt
from marketplace.protocol.disputes import STANDS, Reexecution, Ruling, ruling_domain
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import (
    ChainError,
    MarketError,
    MissingContent,
    QuorumNotReached,
    StoreUnreachable,
    TradeRefused,
)
from marketplace.protocol.states import State
from marketplace.protocol.typed_data import quorum_signatures, sign
from offchain.exchange import Exchange
from offchain.oracle.appeal import fault_of
from offchain.oracle.case import Case, require_due
from offchain.oracle.casebook import Casebook

UNPUBLISHED = "the evidence is not published"
"""What counts against a verdict in the second half of the ruling window."""


class Juror:
    """One seat of the panel with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def examine(self, trade_id: bytes, models: Mapping[int, Sealed]) -> Reexecution:
        """Score again what decided the trade: of a pass that attempt, of a rejection every one.

        The first that was judged wrongly is what is found. The verdict stands only if all could be
        looked at, and none was.

        Parameters
        ----------
        models
            The composites, sealed for the panel, by attempt, as buyer and seats hand them in.

        Raises
        ------
        TradeRefused
            If the trade is not disputed; or if nothing wrong was found, and of some attempt none or
            another model was handed in, or its evidence may still be published.
        EnvelopeError, StorageError, DataError
            If something else can't be opened or read.
        """
        require_due(self.market, trade_id, State.DISPUTED)
        book = Casebook(self.market, self.exchange)
        case, attempts = book.case(trade_id), _in_question(self.market.agreement(trade_id))
        lacking: list[MarketError] = []
        for attempt in attempts:
            try:
                fault = self._fault_of(book, case, attempt, models.get(attempt.number))
            except (ChainError, StoreUnreachable):
                raise
            except MarketError as error:  # another attempt may have been judged wrongly
                lacking.append(error)
                continue
            if fault is not None:
                return Reexecution(
                    trade=case.name, attempt=attempt.number, stands=False, finding=fault
                )
        if lacking:
            raise lacking[0]
        one = len(attempts) == 1
        what = "the attempt earns the verdict it got" if one else "each attempt earns its verdict"
        return Reexecution(
            trade=case.name,
            attempt=attempts[-1].number,
            stands=True,
            finding=f"executed again, {what}",
        )

    def _fault_of(
        self, book: Casebook, case: Case, attempt: ReportedAttempt, model: Sealed | None
    ) -> str | None:
        """Say why a verdict doesn't stand: evidence that is withheld for too long is a reason.

        The challenge ends in favour of the verdict if no ruling comes, so a committee that could
        keep the panel from looking would win by it.
        """
        try:
            return fault_of(book, case, attempt, model)
        except MissingContent as error:
            since = self._second_half(case.trade_id)
            if self.market.node.now() >= since:
                return UNPUBLISHED
            raise TradeRefused(
                f"the evidence of attempt {attempt.number} is not published ({error.cause})",
                f"look again at {since}: from then on that counts against the verdict",
            ) from error

    def _second_half(self, trade_id: bytes) -> int:
        """Return when the second half of the ruling window begins, in seconds since 1970."""
        _, window, *_ = self.market.node.call(self.market.challenges.functions.terms())
        return self.market.challenge_of(trade_id).deadline - int(window) // 2

    def sign(self, trade_id: bytes, found: Reexecution, models: Mapping[int, Sealed]) -> bytes:
        """Execute the attempts and sign the ruling, if it comes to the same finding.

        Returns
        -------
        bytes
            The signature, 65 bytes.

        Raises
        ------
        TradeRefused
            If this juror finds something else; else as `examine`.
        """
        ours = self.examine(trade_id, models)
        if ours != found:
            raise TradeRefused(f"this juror finds that {ours.finding}", "rule on what it finds")
        agreed = self.market.agreement(trade_id)
        ruling = Ruling(
            trade_id,
            self.market.panel_of(agreed.request.panel).version,
            STANDS if found.stands else _wrong(agreed, found).finding.model,
            self.exchange.publish(found),
        )
        domain = ruling_domain(self.market.node.chain_id, str(self.market.challenges.address))
        return sign(domain, ruling, self.account)


def rule(
    market: Market,
    sender: LocalAccount,
    jurors: Sequence[Juror],
    trade_id: bytes,
    models: Mapping[int, Sealed],
) -> Reexecution:
    """Let a quorum of the panel decide a challenge, and put its ruling on chain.

    Parameters
    ----------
    sender
        Pays for the transaction; any account.
    jurors
        The first one's finding is what the others are asked to sign.
    models
        The composites, sealed for the panel, by attempt; none where an attempt had none.

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
    found = sitting[0].examine(trade_id, models)
    challenge = market.challenge_of(trade_id)
    barred = challenge.may_not_uphold if found.stands else challenge.may_not_overturn
    seats = {panel.members.index(juror.account.address): juror for juror in sitting}
    free = [seat for seat in sorted(seats) if not barred >> seat & 1]
    if len(free) < panel.threshold:
        raise QuorumNotReached(
            f"{len(free)} of {panel.threshold} needed jurors may sign: the others have an interest",
            "ask more of the panel, or let the challenge lapse",
        )
    signed = {seat: seats[seat].sign(trade_id, found, models) for seat in free[: panel.threshold]}
    quorum = (sitting[0].exchange.publish(found), *quorum_signatures(signed))
    functions, request = market.challenges.functions, agreed.request.as_tuple()
    if found.stands:
        call = functions.uphold(request, panel.as_tuple(), *quorum)
    else:
        attempt, committee = _wrong(agreed, found), agreed.request.committee
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


def _in_question(agreed: Agreement) -> tuple[ReportedAttempt, ...]:
    """Return the attempts that decided the trade: the one that passed, or all that failed."""
    return (agreed.last_attempt,) if agreed.last_attempt.passed else agreed.attempts


def _wrong(agreed: Agreement, found: Reexecution) -> ReportedAttempt:
    return next(attempt for attempt in agreed.attempts if attempt.number == found.attempt)
