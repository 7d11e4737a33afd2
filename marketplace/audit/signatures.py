"""Who signed what: committee reports by recovery, accounts by key or by their contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eth_abi.abi import encode
from eth_keys.constants import SECPK1_N

from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import ReportedAttempt, Trade
from marketplace.protocol.errors import BadSignature
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import AttemptReport, DataReport, GateReport, SettlementReport
from marketplace.protocol.typed_data import Domain, digest, signer_of

_IS_VALID_SIGNATURE = bytes.fromhex("1626ba7e")
"""Selector of ``isValidSignature(bytes32,bytes)``, and its answer for yes (ERC-1271)."""

_SIGNATURE_BYTES = 65
_HALF_ORDER = SECPK1_N // 2


@dataclass(frozen=True)
class RecoveredReport:
    """One report of the committee.

    Attributes
    ----------
    title
        What it reports, for people.
    subject
        The record in the trade that it signs.
    signers
        Whose keys made the signatures, in the order of the log.
    faults
        Sentences about signatures that nobody's key could have made.
    """

    title: str
    subject: object
    signers: tuple[str, ...]
    faults: tuple[str, ...]


def recovered_reports(domain: Domain, trade: Trade) -> tuple[RecoveredReport, ...]:
    """Recover the signers of every committee report of a trade."""
    return tuple(_recovered(domain, report) for report in _signed(trade))


def objection_to(
    rpc: Rpc, domain: Domain, signer: str, message: Struct, signature: bytes, block: int
) -> str | None:
    """Say why a signature over a message is not by an account; None if it is.

    An account with code at that block decides itself (ERC-1271), as in the contract.
    """
    if rpc.has_code(signer, block):
        word = digest(domain, message)
        question = _IS_VALID_SIGNATURE + encode(["bytes32", "bytes"], [word, signature])
        answer = rpc.call(signer, question, block)
        if answer is None or answer[:32] != _IS_VALID_SIGNATURE.ljust(32, b"\0"):
            return f"the contract {signer} does not accept it"
        return None
    try:
        actual = _signer(domain, message, signature)
    except BadSignature as error:
        return error.cause
    return None if actual == signer else f"it is by {actual}, not by {signer}"


class _Signed(NamedTuple):
    """A report with what each of its signatures signs."""

    title: str
    subject: object
    messages: Sequence[Struct]
    signatures: Sequence[bytes]


def _signed(trade: Trade) -> Iterator[_Signed]:
    version = trade.terms.committee_version
    if trade.data is not None:
        data = trade.data
        message: Struct = DataReport(trade.id, version, data.accepted, data.evidence)
        yield _Signed("the data report", data, [message] * len(data.signatures), data.signatures)
    if trade.gate is not None:
        gate = trade.gate
        message = GateReport(trade.id, version, gate.experts, gate.weights, gate.evidence)
        yield _Signed("the gate report", gate, [message] * len(gate.signatures), gate.signatures)
    for attempt in trade.attempts:
        messages = _attempt_messages(trade, attempt)
        title = f"the report on attempt {attempt.number}"
        yield _Signed(title, attempt, messages, attempt.signatures)
    if trade.settlement is not None and not trade.settlement.by_gate:
        paid = trade.settlement
        message = SettlementReport(trade.id, version, paid.experts, paid.amounts, paid.evidence)
        messages = [message] * len(paid.signatures)
        yield _Signed("the settlement report", paid, messages, paid.signatures)


def _attempt_messages(trade: Trade, attempt: ReportedAttempt) -> list[Struct]:
    """Return one message per seal: each signer signs the same finding and its own seal."""
    shared = attempt.report
    return [
        AttemptReport(
            trade_id=trade.id,
            committee_version=trade.terms.committee_version,
            attempt=attempt.number,
            model=shared.model,
            training=shared.training,
            passed=shared.passed,
            delivery=shared.delivery,
            evidence=shared.evidence,
            seal=seal,
        )
        for seal in attempt.seals
    ]


def _signer(domain: Domain, message: Struct, signature: bytes) -> str:
    """Recover a signer by the contracts' rule: one form of each signature and no other.

    OpenZeppelin's ECDSA takes v of 27 or 28 and the lower of the two possible s (EIP-2);
    libraries off chain take more, and would let a changed log pass.
    """
    if len(signature) == _SIGNATURE_BYTES:
        s, v = int.from_bytes(signature[32:64], "big"), signature[64]
        if v not in (27, 28) or s > _HALF_ORDER:
            raise BadSignature(
                f"the signature 0x{signature.hex()[:16]}… is not in its one accepted form",
                "ask the signer for a new one",
            )
    return signer_of(domain, message, signature)


def _recovered(domain: Domain, report: _Signed) -> RecoveredReport:
    title, subject, messages, signatures = report
    signers, faults = [], []
    if len(messages) != len(signatures):
        faults.append(f"{title} has {len(signatures)} signatures for {len(messages)} seals")
    for message, signature in zip(messages, signatures, strict=False):
        try:
            signers.append(_signer(domain, message, signature))
        except BadSignature as error:
            faults.append(f"{title}: {error.cause}")
    return RecoveredReport(title, subject, tuple(signers), tuple(faults))
