"""What is left to do once the last verdict is there: evidence, settlement and sealed scores.

Any member can do it, and what needs no other's score anyone could.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketplace.chain.market import Agreement, ReportedAttempt
from marketplace.protocol.agreement import amounts_hash, seats_in
from marketplace.protocol.documents import NoModel
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_AUDIT, AuditFinding, Opening
from offchain.oracle.attempt import open_reported
from offchain.oracle.case import Case, require_decided
from offchain.oracle.casebook import Progress
from offchain.oracle.openings import bears_out, collect_openings, in_seat_order
from offchain.oracle.seat import Seat
from offchain.oracle.signer import OracleSigner


class OracleSettler:
    """Ends decided trades on behalf of a committee.

    Parameters
    ----------
    signer
        The own seat.
    peers
        The other seats; any may be out of reach.
    progress
        Called with one line as work goes on.
    """

    def __init__(
        self,
        signer: OracleSigner,
        peers: Sequence[Seat],
        progress: Progress = lambda message: None,
    ) -> None:
        self.signer = signer
        self.peers = peers
        self.progress = progress
        self.market = signer.market
        self.exchange = signer.exchange
        self.book = signer.book

    def publish(self, trade_id: bytes) -> None:
        """Publish the evidence of all attempts, for anyone to recompute and to challenge.

        May be repeated: what is there already is left as it is.

        Raises
        ------
        TradeRefused
            If another attempt may follow, which the evidence would help.
        """
        require_decided(self.market, trade_id)
        for attempt in self.market.agreement(trade_id).attempts:
            case = self.book.case(trade_id)
            if attempt.finding.without_model:  # told in public, and kept by every seat
                self.exchange.publish(self.exchange.read(NoModel, attempt.finding.model))
                continue
            parts = open_reported(self.exchange, case, attempt)
            self.exchange.store.put(parts.votes)
            self.exchange.store.put(parts.openings)
            self.exchange.publish(parts.document(case, attempt.number, attempt.finding.training))

    def settle(self, trade_id: bytes, audit: AuditFinding = NO_AUDIT) -> State:
        """After the review window: open the deciding scores and have everybody paid.

        Parameters
        ----------
        audit
            The auditor's signed finding, if it handed one over; left out when the market
            has its attestation.

        Returns
        -------
        State
            How the trade ended.

        Raises
        ------
        TradeRefused
            If the trade is not decided, the review window is open, or a signer that still
            may open its score keeps it sealed.
        """
        status = self.market.status(trade_id)
        if status.state not in (State.PASSED, State.REJECTED):
            raise TradeRefused(
                f"the trade is {status.state.name}, and nothing is to be settled",
                "settle once it has passed, or its attempts are used up",
            )
        now = self.market.node.now()
        if now <= status.deadline:
            raise TradeRefused(
                f"the review window is open until {status.deadline}",
                f"settle in {status.deadline - now + 1} s; anyone may challenge until then",
            )
        case, agreed = self.book.case(trade_id), self.market.agreement(trade_id)
        attempt = agreed.last_attempt
        opened = self._opened(case, attempt)
        closed = self._closed(case, attempt, opened)
        until = status.deadline + status.windows.settlement
        if closed and now <= until:
            raise TradeRefused(
                f"{', '.join(closed)} didn't open the sealed score",
                f"ask again, or settle without it after {until}, which costs its signer the fee",
            )
        self._send(
            "settle",
            trade_id,
            agreed.deal,
            agreed.gate,
            case.committee,
            attempt.finding.amounts,
            attempt.record,
            in_seat_order(attempt.record, opened),
            NO_AUDIT if status.audited else audit,
        )
        return self.market.status(trade_id).state

    def open_deciding_scores(self, trade_id: bytes) -> tuple[str, ...]:
        """Open what scores can be opened before the settlement, for whoever waits in vain for it.

        Returns
        -------
        tuple of str
            The signers whose scores are still sealed.

        Raises
        ------
        TradeRefused
            If another attempt may follow, or no signer in reach opens its score.
        TransactionReverted
            If the review isn't over.
        """
        require_decided(self.market, trade_id)
        case, agreed = self.book.case(trade_id), self.market.agreement(trade_id)
        attempt = agreed.last_attempt
        opened = self._opened(case, attempt)
        if not opened:
            raise TradeRefused("no signer in reach opens its score", "ask the seats that signed")
        self._send(
            "openDecidingScores",
            trade_id,
            agreed.deal,
            agreed.gate,
            case.committee,
            amounts_hash(attempt.finding.amounts),
            attempt.record,
            in_seat_order(attempt.record, opened),
        )
        return self._closed(case, attempt, opened)

    def open_failed_scores(self, trade_id: bytes) -> None:
        """Once the trade has ended: open the scores of the attempts that did not decide it.

        May be repeated: what is open already is left as it is.

        Raises
        ------
        TradeRefused
            If the trade is still running.
        """
        state = self.market.status(trade_id).state
        if not state.final:
            raise TradeRefused(f"the trade is {state.name}", "open them once it has ended")
        challenges = self.market.challenges.functions
        agreed = self.market.agreement(trade_id)
        for attempt in agreed.earlier_attempts:  # the settlement opened the one that decided
            case = self.book.case(trade_id)
            done = int(self.market.node.call(challenges.settledSeals(trade_id, attempt.number)))
            due = {
                seat: opening
                for seat, opening in self._opened(case, attempt).items()
                if not done >> seat & 1 and bears_out(case, attempt, seat, opening)
            }
            if due:
                self._open_failed(case, agreed, attempt, due)

    # ------------------------------------------------------------------- inside

    def _opened(self, case: Case, attempt: ReportedAttempt) -> dict[int, Opening]:
        return collect_openings(case, attempt, self._seats(case.trade_id), self.progress)

    def _closed(
        self, case: Case, attempt: ReportedAttempt, opened: Mapping[int, Opening]
    ) -> tuple[str, ...]:
        """Return the signers whose scores are neither opened now nor were on chain before."""
        before = 0
        for event in self.market.log(case.trade_id):
            if event["event"] == "ScoresOpened" and event["args"]["attempt"] == attempt.number:
                before |= int(event["args"]["opened"])
        signers = seats_in(attempt.record.signers & ~before)
        return tuple(case.members[seat] for seat in signers if seat not in opened)

    def _open_failed(
        self,
        case: Case,
        agreed: Agreement,
        attempt: ReportedAttempt,
        opened: Mapping[int, Opening],
    ) -> None:
        call = self.market.challenges.functions.openScores(
            case.request.as_tuple(),
            case.committee.as_tuple(),
            attempt.record.as_tuple(),
            agreed.proof_of(attempt),
            [opening.as_tuple() for opening in in_seat_order(attempt.record, opened)],
        )
        self.progress(f"opening the sealed scores of attempt {attempt.number}")
        self.market.node.send(self.signer.account, call, step=f"openScores {attempt.number}")

    def _seats(self, trade_id: bytes) -> list[Seat]:
        """Return all seats, the own first; peers take turns, so that each earns its seat.

        The turn changes from data to attempts: the gate is fitted by another seat, too.
        """
        if not self.peers:
            return [self.signer]
        turn = int(self.market.status(trade_id).state) % len(self.peers)
        return [self.signer, *self.peers[turn:], *self.peers[:turn]]

    def _send(self, function: str, *arguments: object, step: str | None = None) -> None:
        self.market.send(self.signer.account, function, *arguments, step=step)
