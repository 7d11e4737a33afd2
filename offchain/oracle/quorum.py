"""Collects a quorum of signatures: each is checked here, so that a bad one costs no transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from marketplace.chain.market import Market
from marketplace.protocol.errors import (
    BadSignature,
    MarketError,
    QuorumNotReached,
    TradeRefused,
)
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import Committee
from marketplace.protocol.typed_data import compact, signer_of
from offchain.oracle.seat import Seat

R = TypeVar("R")


def collect(
    market: Market,
    committee: Committee,
    seats: Sequence[Seat],
    review: Callable[[Seat], R],
    signed: Callable[[R], tuple[Struct, bytes]],
    progress: Callable[[str], None],
) -> dict[int, R]:
    """Ask seats in turn until a quorum has signed; a refusal is a reason to ask the next.

    Parameters
    ----------
    review
        Asks one seat.
    signed
        The report that a seat's answer should be a signature of, and the signature.
    progress
        Called with one line for each seat that does not sign.

    Returns
    -------
    dict of int to R
        Answers by seat, ascending.

    Raises
    ------
    QuorumNotReached
        If too few signed, with everybody's reasons.
    """
    answers: dict[int, R] = {}
    needed = committee.threshold
    reasons: list[str] = []
    for seat in seats:
        if len(answers) == needed:
            break
        try:
            answer = _answer(market, committee, seat, review, signed)
            answers[committee.members.index(seat.address)] = answer
        except MarketError as error:
            progress(f"{seat.address} does not sign: {error.cause}")
            reasons.append(f"{seat.address[:10]}…: {error.cause}")
    if len(answers) < needed:
        raise QuorumNotReached(
            f"{len(answers)} of {needed} needed oracles signed"
            f" ({'; '.join(reasons) or 'no other was asked'})",
            "mend what they refuse, or let the trade time out",
        )
    return dict(sorted(answers.items()))


def _answer(
    market: Market,
    committee: Committee,
    seat: Seat,
    review: Callable[[Seat], R],
    signed: Callable[[R], tuple[Struct, bytes]],
) -> R:
    if seat.address not in committee.members:
        raise TradeRefused("it is no member of this trade's committee", "ask a member")
    answer = review(seat)
    report, signature = signed(answer)
    if signer_of(market.domain, report, signature) != seat.address:
        raise BadSignature("it signed something else", "ask it again")
    compact(signature)  # as the contracts want it
    return answer
