"""An auditor's signature under a report: who vouches for which bytes, about which chain.

It is EIP-712, in a domain of its own, so that no signature under a report can pass for one
that a market takes. The report is named by its CID; any change of its bytes is another CID.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from marketplace.audit.report import Report
from marketplace.protocol.documents import Document
from marketplace.protocol.errors import BadSignature, MarketError, ProtocolError
from marketplace.protocol.structs import Bool, Bytes32, Struct, Uint256
from marketplace.protocol.typed_data import Domain, sign, signer_of
from offchain.storage.cid import cid_of, digest_of

NAME = "ModelMarketAudit"


@dataclass(frozen=True)
class SignedReport(Struct):
    """What is signed: the sha2-256 in the report's CID, up to which block, and the outcome.

    Chain id and market are in the domain.
    """

    report: Bytes32
    block: Uint256
    block_hash: Bytes32
    ok: Bool


class ReportSignature(Document):
    """A detached signature under a report.

    Attributes
    ----------
    report
        CID of the report's bytes, as ``ipfs add --cid-version=1`` gives it.
    chain_id, market, block, block_hash, ok
        As in the report.
    signer
        Checksummed address.
    signature
        65 bytes (r, s, v), 0x-hex.
    """

    kind = "audit-report-signature"
    report: str
    chain_id: int
    market: str
    block: int
    block_hash: str
    ok: bool
    signer: str
    signature: str


def sign_report(content: bytes, account: LocalAccount) -> ReportSignature:
    """Sign the bytes of a report.

    Raises
    ------
    ProtocolError
        If they are no report.
    """
    report, cid = Report.from_bytes(content), cid_of(content)
    domain, message = _message(report, cid)
    return ReportSignature(
        report=cid,
        chain_id=report.chain_id,
        market=report.market,
        block=report.block,
        block_hash=report.block_hash,
        ok=report.ok,
        signer=account.address,
        signature="0x" + sign(domain, message, account).hex(),
    )


def report_signer(content: bytes, signature: ReportSignature) -> str:
    """Return who signed the bytes of a report, a checksummed address.

    Raises
    ------
    BadSignature
        If other bytes were signed, if the signature says something else than the report, or
        is not by the account that it names.
    ProtocolError
        If the bytes are no report.
    """
    cid = cid_of(content)
    if cid != signature.report:
        raise BadSignature(
            f"this file is {cid}, and {signature.report} was signed",
            "ask the auditor for the file that was signed",
        )
    report = Report.from_bytes(content)
    for name in ("chain_id", "market", "block", "block_hash", "ok"):
        if getattr(report, name) != getattr(signature, name):
            raise BadSignature(
                f"the signature is for another {name.replace('_', ' ')} than the report's",
                "ask the auditor to sign it again",
            )
    try:
        given = bytes.fromhex(signature.signature.removeprefix("0x"))
    except ValueError:
        given = b""
    signer = signer_of(*_message(report, cid), given)
    if signer != signature.signer:
        raise BadSignature(
            f"{signer} signed this, or nobody did, and not {signature.signer}",
            "ask the auditor to sign it again",
        )
    return signer


def _message(report: Report, cid: str) -> tuple[Domain, SignedReport]:
    try:
        block_hash = bytes.fromhex(report.block_hash.removeprefix("0x"))
        message = SignedReport(digest_of(cid), report.block, block_hash, report.ok)
    except (ValueError, MarketError) as error:
        raise ProtocolError(
            f"the report names no block: {report.block_hash[:80]!r}", "audit the market again"
        ) from error
    return Domain(report.chain_id, report.market, NAME), message
