"""The parts of a report that say what happened in a trade, and where its money went."""

from __future__ import annotations

from typing import Literal, get_args

from marketplace.protocol.documents import Amount, Document

OfEscrow = Literal["escrow", "data", "expert", "broker", "audit", "oracle", "protocol", "refund"]
OfStakes = Literal["stake", "unbonding", "unstake", "slash"]
OfTenders = Literal["bid-bond", "bond-return", "forfeit"]
OfPayouts = Literal["funding", "claim"]
Reason = Literal[OfEscrow, "bond", "award", OfStakes, OfTenders, OfPayouts, "withdrawal"]
"""
escrow
    The buyer locks the price.
data, expert, broker, audit, oracle, protocol
    The escrow credits an account; `marketplace.protocol.states.Purpose` in small letters.
refund
    The escrow credits the buyer with what is left.
bond, award
    Into the challenges' contract from a challenger, and from there to an account. The escrow
    has no part in it.
stake, unbonding, unstake, slash
    Into a committee's contract or the registry; on its way out; paid out; and taken away, for
    the challenges' contract.
bid-bond, bond-return, forfeit
    Into the tenders' contract with a sealed bid; credited to who reveals; taken from who doesn't.
funding, claim
    Into the contract that pays many, and from there to an account's credit.
withdrawal
    A contract pays out what it had credited to an account, for whatever.
"""

OF_ESCROW: tuple[Reason, ...] = get_args(OfEscrow)


class Occurrence(Document):
    """One event of a trade, in the order of the log.

    Attributes
    ----------
    name
        The event's, e.g. ``DataReported``.
    meaning
        What it says, in a sentence.
    block, transaction, log_index, time
        Where it stands; transaction as 0x-hex, time in seconds since 1970.
    evidence
        CIDs of the documents that it names.
    """

    kind = "occurrence"
    name: str
    meaning: str
    block: int
    transaction: str
    log_index: int
    time: int
    evidence: tuple[str, ...]


class Movement(Document):
    """One amount that went from one account to another.

    Attributes
    ----------
    contract
        Whose event says so: it holds the money before, after, or both.
    block, transaction, log_index, time
        Of that event. One event may move several amounts.
    payer_role, payer, payee_role, payee
        Who, and as what.
    reason
        What for.
    currency
        Address of the token; the zero address for the native coin.
    amount
        In the currency's smallest unit (wei).
    evidence
        CID of the document on which it rests, if it rests on one.
    """

    kind = "movement"
    contract: str
    block: int
    transaction: str
    log_index: int
    time: int
    payer_role: str
    payer: str
    payee_role: str
    payee: str
    reason: Reason
    currency: str
    amount: Amount
    evidence: str | None
