"""Which signatures count: the contracts' rule, at its borders, and for accounts with code."""

from __future__ import annotations

import pytest
from audited_trade import Settled
from eth_account import Account
from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from marketplace.audit.office import NO_COMMITTEE
from marketplace.audit.rpc import Rpc
from marketplace.audit.signatures import SignedReport, objection_to, quorum_faults
from marketplace.protocol.terms import AuditReport
from marketplace.protocol.typed_data import digest, sign

HALF = SECPK1_N // 2
KEY = Account.from_key("0x" + "17" * 32)
MESSAGE = AuditReport(
    keccak(text="a trade"), keccak(text="a record"), keccak(text="a report"), True
)


def with_s(settled: Settled, s: int) -> tuple[bytes, str]:
    """Return a signature whose second half is any number, and whose it is then."""
    r = sign(settled.trade.market.domain, MESSAGE, KEY)[:32]
    word = digest(settled.trade.market.domain, MESSAGE)
    made = Signature(r + s.to_bytes(32, "big") + b"\0")
    signer = made.recover_public_key_from_msg_hash(word).to_checksum_address()
    return r + s.to_bytes(32, "big") + bytes([27]), signer


def objection(settled: Settled, signer: str, signature: bytes) -> str | None:
    head = settled.trade.market.node.web3.eth.block_number
    return objection_to(
        Rpc(settled.chain), settled.trade.market.domain, signer, MESSAGE, signature, head
    )


@pytest.mark.parametrize(("s", "counts"), [(HALF, True), (HALF + 1, False), (1, True)])
def test_the_lower_half_counts_and_its_border_with_it(
    settled: Settled, s: int, counts: bool
) -> None:
    signature, signer = with_s(settled, s)
    assert (objection(settled, signer, signature) is None) is counts


def test_a_contract_that_knows_no_signatures_accepts_none(settled: Settled) -> None:
    signature = sign(settled.trade.market.domain, MESSAGE, KEY)
    assert objection(settled, KEY.address, signature) is None
    market = settled.market
    assert objection(settled, market, signature) == f"the contract {market} does not accept it"


def test_nobody_is_no_quorum_of_nobody() -> None:
    report = SignedReport("a report", 0, {}, b"", 1, 1)
    assert list(quorum_faults(NO_COMMITTEE, report)) == [
        "a report names 0 signers where 0 are a quorum"
    ]
