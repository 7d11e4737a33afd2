"""What a trade's id and its one stored digest commit to, stage by stage.

The market stores a digest; each later step brings what was agreed along, and the
digest says whether it is that. `contracts/src/libraries/Digests.sol` computes the
same::

    id      = hash(chain id, market, request)
    agreed  = hash(committee, hash(deal), hash(supplies))
    terms   = hash(hash(deal), dropped, hash(experts), hash(weights))
    gated   = hash(committee, expert pool, number of experts, terms, records, models)
    decided = hash(gated, hash(amounts), hash(record))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from marketplace.protocol.structs import abi_type
from marketplace.protocol.terms import (
    NO_HISTORY,
    AttemptFinding,
    AttemptRecord,
    Committee,
    DataFinding,
    Deal,
    Gate,
    History,
    ModelQuote,
    Request,
    Supply,
)
from marketplace.protocol.typed_data import struct_hash

BASIS_POINTS = 10_000


def price_of(quote: ModelQuote, fee_bps: int) -> tuple[int, int]:
    """Return the price of a quote and the protocol fee in it, in wei."""
    parts = quote.expert_pool + quote.broker_fee + quote.auditor_fee + quote.oracle_fee
    parts += sum(offer.price for offer in quote.data_quotes)
    fee = parts * fee_bps // BASIS_POINTS
    return parts + fee, fee


def deal_of(request: Request, quote: ModelQuote) -> Deal:
    """Return what the market keeps of an accepted quote."""
    return Deal(
        buyer=request.buyer,
        broker=request.broker,
        auditor=request.auditor,
        treasury=request.treasury,
        currency=request.currency,
        threshold=request.threshold,
        min_rows=request.min_rows,
        approval_required=request.approval_required,
        expert_pool=quote.expert_pool,
        broker_fee=quote.broker_fee,
        auditor_fee=quote.auditor_fee,
        oracle_fee=quote.oracle_fee,
        protocol_fee=price_of(quote, request.fee_bps)[1],
        quote=struct_hash(quote),
    )


def supplies_of(quote: ModelQuote) -> tuple[Supply, ...]:
    """Return the providers' parts of a quote, in its order."""
    return tuple(Supply(q.provider, q.rows, q.price) for q in quote.data_quotes)


def dropped_of(supplies: Sequence[Supply], accepted: int) -> int:
    """Return the price of the supplies that were not delivered, in wei."""
    return sum(s.price for number, s in enumerate(supplies) if not accepted >> number & 1)


def gate_of(
    supplies: Sequence[Supply], finding: DataFinding, history: History = NO_HISTORY
) -> Gate:
    """Return what data report and earlier attempts leave for the later steps."""
    return Gate(dropped_of(supplies, finding.accepted), history, finding.experts, finding.weights)


def escrow_of(deal: Deal, gate: Gate) -> int:
    """Return what a trade holds from the gate on and pays out at its end, in wei."""
    fees = deal.broker_fee + deal.auditor_fee + deal.oracle_fee + deal.protocol_fee
    return deal.expert_pool + fees + gate.dropped


def record_of(
    attempt: int, finding: AttemptFinding, signers: int, verdicts: int, seals: Sequence[bytes]
) -> AttemptRecord:
    """Return what an attempt report leaves for the later steps."""
    return AttemptRecord(attempt, finding.model, finding.delivery, signers, verdicts, tuple(seals))


def seats_in(bitmap: int) -> list[int]:
    """Return the seats of a bitmap, ascending."""
    return [seat for seat in range(bitmap.bit_length()) if bitmap >> seat & 1]


# -------------------------------------------------------------------------- digests


def committee_digest(committee: Committee) -> bytes:
    """Return the digest by which a request names a committee, 32 bytes."""
    return keccak(encode([abi_type(Committee)], [committee.as_tuple()]))


def agreed_digest(committee: bytes, deal: Deal, supplies: Sequence[Supply]) -> bytes:
    """Return what the market stores of a funded trade, 32 bytes."""
    packed = b"".join(encode([abi_type(Supply)], [supply.as_tuple()]) for supply in supplies)
    return _hash(["bytes32"] * 3, [committee, deal_hash(deal), keccak(packed)])


def deal_hash(deal: Deal) -> bytes:
    """Return the hash of a deal, 32 bytes."""
    return keccak(encode([abi_type(Deal)], [deal.as_tuple()]))


def terms_hash(deal: Deal, gate: Gate) -> bytes:
    """Return the hash of deal and gate, which an attempt report names, 32 bytes."""
    values = [deal_hash(deal), gate.dropped, _words(gate.experts, "address")]
    kinds = ["bytes32", "uint128", "bytes32", "bytes32"]
    return _hash(kinds, [*values, _words(gate.weights, "uint32")])


def gated_digest(committee: bytes, deal: Deal, gate: Gate) -> bytes:
    """Return what the market stores of a gated trade, 32 bytes."""
    values = [committee, deal.expert_pool, len(gate.experts), terms_hash(deal, gate)]
    kinds = ["bytes32", "uint128", "uint256", "bytes32", "bytes32", "uint256"]
    return _hash(kinds, [*values, *gate.history.as_tuple()])


def amounts_hash(amounts: Sequence[int]) -> bytes:
    """Return the hash of a division of the expert pool (wei), 32 bytes."""
    return _words(amounts, "uint128")


def record_hash(record: AttemptRecord) -> bytes:
    """Return the hash of what an attempt leaves behind, 32 bytes."""
    values: list[Any] = [record.attempt, record.model, record.delivery]
    values += [record.signers, record.verdicts, _words(record.seals, "bytes32")]
    return _hash(["uint8", "bytes32", "bytes32", "uint16", "uint16", "bytes32"], values)


def decided_digest(gated: bytes, amounts: Sequence[int], record: AttemptRecord) -> bytes:
    """Return what the market stores once the last verdict is there, 32 bytes."""
    return _hash(["bytes32"] * 3, [gated, amounts_hash(amounts), record_hash(record)])


def _words(values: Sequence[Any], kind: str) -> bytes:
    return keccak(b"".join(encode([kind], [value]) for value in values))


def _hash(kinds: Sequence[str], values: Sequence[Any]) -> bytes:
    return keccak(encode(kinds, values))
