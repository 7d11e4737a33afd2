"""Who signed what: committee reports seat by seat, accounts by key or by their contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from eth_abi.abi import encode
from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature as MalformedSignature

from marketplace.audit.office import Committee, Office
from marketplace.audit.records import ReportedAttempt
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade, seats_in
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import AttemptReport, DataReport
from marketplace.protocol.typed_data import Domain, digest

_IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")
"""Selector of ``isValidSignature(bytes32,bytes)``, and its answer for yes (ERC-1271)."""

_SIGNATURE_BYTES = 65
_COMPACT_BYTES = 64
_HALF_ORDER = SECPK1_N // 2
_PARITY = 1 << 255


class SignedReport(NamedTuple):
    """A committee's report: what it is, and what the member in each seat signed.

    Attributes
    ----------
    title
        What it reports, for people.
    signers
        Bitmap of the seats that it names.
    digests
        32 bytes by seat, for every seat that signed.
    signatures
        Compact signatures, back to back in the order of the seats.
    block, timestamp
        Height and time of its block, in seconds since 1970.
    """

    title: str
    signers: int
    digests: dict[int, bytes]
    signatures: bytes
    block: int
    timestamp: int


def reports_of(domain: Domain, version: int, trade: Trade) -> Iterator[SignedReport]:
    """Yield every committee report of a trade.

    Parameters
    ----------
    version
        Of the committee that the trade names; it is part of what is signed.
    """
    if trade.data is not None:
        data, found = trade.data, trade.data.finding
        message = DataReport(
            trade_id=trade.id,
            committee_version=version,
            accepted=found.accepted,
            experts=found.experts,
            weights=found.weights,
            data_evidence=found.data_evidence,
            gate_evidence=found.gate_evidence,
        )
        digests = dict.fromkeys(seats_in(data.signers), digest(domain, message))
        where = data.block, data.timestamp
        yield SignedReport("the data report", data.signers, digests, data.signatures, *where)
    for attempt in trade.attempts:
        title = f"the report on attempt {attempt.number}"
        digests = {
            seat: digest(domain, _attempt_message(trade, version, attempt, seat, seal))
            for seat, seal in zip(seats_in(attempt.signers), attempt.seals, strict=False)
        }
        where = attempt.block, attempt.timestamp
        yield SignedReport(title, attempt.signers, digests, attempt.signatures, *where)


def quorum_faults(committee: Committee, report: SignedReport) -> Iterator[str]:
    """Name what keeps a report from being signed by a quorum of a committee."""
    title, signers, digests, packed = report[:4]
    seats = seats_in(signers)
    if len(seats) < committee.threshold or not seats:
        yield f"{title} names {len(seats)} signers where {committee.threshold} are a quorum"
    if len(packed) != _COMPACT_BYTES * len(seats) or len(digests) != len(seats):
        yield (
            f"{title} has {len(packed)} bytes of signatures and {len(digests)} signed messages"
            f" for {len(seats)} signers"
        )
        return
    for position, seat in enumerate(seats):
        if seat >= len(committee.members):
            yield f"{title} names seat {seat}, which the committee does not have"
            continue
        compact = packed[_COMPACT_BYTES * position :][:_COMPACT_BYTES]
        signer = _signer(digests[seat], _expanded(compact))
        if signer != committee.members[seat]:
            yield (
                f"{title}: the signature of seat {seat} is by {signer or 'nobody'},"
                f" not by {committee.members[seat]}"
            )


def signed_by(office: Office, committee: Committee, report: SignedReport) -> str:
    """Name who signed a report, seat by seat, and who was in office when it came.

    A trade keeps the committee that its request names, which `check_terms` holds against who
    was in office then; so a later rotation takes nothing from a report, and is only told.
    """
    seats = [
        f"seat {seat} {committee.members[seat]}"
        for seat in seats_in(report.signers)
        if seat < len(committee.members)
    ]
    now = office.version_at(report.timestamp)
    since = "" if now == committee.version else f" (when {office.title} {now} had taken office)"
    return (
        f"{report.title} in block {report.block}{since} by {', '.join(seats) or 'nobody'}"
        f" of {office.title} {committee.version}"
    )


def objection_to(
    rpc: Rpc, domain: Domain, signer: str, message: Struct, signature: bytes, block: int
) -> str | None:
    """Say why a signature over a message is not by an account; None if it is.

    A key's signature counts for any account; one with code at that block may accept
    others by its own rule (ERC-1271), as in the contract.
    """
    word = digest(domain, message)
    actual = _signer(word, signature)
    if actual == signer:
        return None
    if rpc.has_code(signer, block):
        question = _IS_VALID_SIGNATURE + encode(["bytes32", "bytes"], [word, signature])
        answer = rpc.call(signer, question, block)
        accepted = answer is not None and answer[:32] == _IS_VALID_SIGNATURE.ljust(32, b"\0")
        return None if accepted else f"the contract {signer} does not accept it"
    return f"it is by {actual or 'nobody'}, not by {signer}"


def _attempt_message(
    trade: Trade, version: int, attempt: ReportedAttempt, seat: int, seal: bytes
) -> AttemptReport:
    """Return what one seat signs: the shared finding with its own verdict and seal."""
    finding = attempt.finding
    return AttemptReport(
        trade_id=trade.id,
        committee_version=version,
        attempt=attempt.number,
        model=finding.model,
        training=finding.training,
        delivery=finding.delivery,
        evidence=finding.evidence,
        amounts=finding.amounts,
        passed=bool(attempt.verdicts >> seat & 1),
        seal=seal,
    )


def _expanded(compact: bytes) -> bytes:
    """Return the 65 bytes of a compact signature (EIP-2098: the parity is s's top bit)."""
    word = int.from_bytes(compact[32:], "big")
    s, parity = word & ~_PARITY, word >> 255
    return compact[:32] + s.to_bytes(32, "big") + bytes([27 + parity])


def _signer(word: bytes, signature: bytes) -> str | None:
    """Recover a signer by the contracts' rule: one form of each signature and no other.

    OpenZeppelin's ECDSA takes v of 27 or 28 and the lower of the two possible s (EIP-2);
    libraries off chain take more, and would let a changed log pass.
    """
    if len(signature) != _SIGNATURE_BYTES:
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER or signature[64] not in (27, 28):
        return None
    try:
        made = Signature(signature[:64] + bytes([signature[64] - 27]))
        return str(made.recover_public_key_from_msg_hash(word).to_checksum_address())
    except MalformedSignature:
        return None
