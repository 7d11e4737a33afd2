"""What one party seals, the named recipients open: in that trade, for that purpose, no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.protocol.documents import Attestation, DataNeed, Sealed
from marketplace.protocol.errors import (
    CorruptContent,
    EnvelopeError,
    MissingContent,
    ProtocolError,
    TradeRefused,
)
from offchain.exchange import Exchange, context, party_key
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.disk import DiskStore

ANNA, BEN, CLEO = (Account.from_key(bytes([number] * 32)) for number in (1, 2, 3))
KEYS = {account.address: party_key(account).public for account in (ANNA, BEN, CLEO)}
TRADE = bytes(range(32))
NOTE = Attestation(trade="0x00", approved=True, finding="all is well")

Joined = Callable[[LocalAccount], Exchange]


def key_of(account: str) -> bytes:
    if account not in KEYS:
        raise TradeRefused(f"{account} has published no encryption key", "publish one")
    return KEYS[account]


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    return lambda account: Exchange(DiskStore(tmp_path), account, key_of)


def test_a_document_is_found_by_its_digest(joined: Joined) -> None:
    digest = joined(ANNA).publish(NOTE)
    assert digest == digest_of(cid_of(NOTE.to_bytes()))
    assert joined(BEN).read(Attestation, digest) == NOTE


def test_reading_says_what_is_wrong(joined: Joined, tmp_path: Path) -> None:
    digest = joined(ANNA).publish(NOTE)
    with pytest.raises(ProtocolError, match="not a data-need"):
        joined(BEN).read(DataNeed, digest)
    with pytest.raises(MissingContent):
        joined(BEN).read(Attestation, bytes(32))
    block = tmp_path / "blocks" / cid_of(NOTE.to_bytes())
    block.write_bytes(b"something else")
    with pytest.raises(CorruptContent):
        joined(BEN).read(Attestation, digest)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=2_000), trade=st.binary(min_size=32, max_size=32))
def test_recipients_open_what_was_sealed(joined: Joined, payload: bytes, trade: bytes) -> None:
    sealed = joined(ANNA).seal(payload, trade, "data/x", [BEN.address, CLEO.address])
    for reader in (BEN, CLEO):
        assert joined(reader).unseal(sealed, trade, "data/x") == payload
    with pytest.raises(EnvelopeError, match="none of the 2 recipients"):
        joined(ANNA).unseal(sealed, trade, "data/x")


@pytest.mark.parametrize(
    ("trade", "purpose"),
    [(bytes(32), "data/x"), (TRADE, "data/y"), ("0x" + TRADE.hex()[2:], "data/x")],
)
def test_a_payload_opens_in_its_place_only(
    joined: Joined, trade: bytes | str, purpose: str
) -> None:
    sealed = joined(ANNA).seal(b"secret", TRADE, "data/x", [BEN.address])
    with pytest.raises(EnvelopeError, match="another context"):
        joined(BEN).unseal(sealed, trade, purpose)


def test_an_envelope_opens_its_own_ciphertext_only(joined: Joined) -> None:
    one = joined(ANNA).seal(b"one", TRADE, "data/x", [BEN.address])
    two = joined(ANNA).seal(b"two", TRADE, "data/x", [BEN.address])
    mixed = Sealed(ciphertext=one.ciphertext, envelope=two.envelope)
    with pytest.raises(EnvelopeError, match="another content key"):
        joined(BEN).unseal(mixed, TRADE, "data/x")


def test_a_reader_may_share(joined: Joined) -> None:
    sealed = joined(ANNA).seal(b"model", TRADE, "composite/1", [BEN.address])
    shared = joined(BEN).share(sealed, [CLEO.address])
    assert shared.ciphertext == sealed.ciphertext
    assert joined(CLEO).unseal(shared, TRADE, "composite/1") == b"model"
    with pytest.raises(EnvelopeError, match="none of the 1 recipients"):
        joined(CLEO).share(sealed, [CLEO.address])


def test_nothing_is_sealed_for_an_account_without_a_key(joined: Joined, tmp_path: Path) -> None:
    stranger = Account.from_key(bytes([9] * 32)).address
    with pytest.raises(TradeRefused, match="published no encryption key"):
        joined(ANNA).seal(b"secret", TRADE, "data/x", [BEN.address, stranger])
    assert not (tmp_path / "blocks").exists()


def test_a_key_belongs_to_its_account() -> None:
    again = Account.from_key(bytes([1] * 32))
    assert party_key(again).public == party_key(ANNA).public
    assert len(set(KEYS.values())) == len(KEYS)
    assert bytes(ANNA.key).hex() not in repr(party_key(ANNA))


def test_the_context_names_trade_and_purpose() -> None:
    assert context(TRADE, "data/x") == f"0x{TRADE.hex()}/data/x".encode()
    assert context("0xAbC", "validation") == b"0xAbC/validation"
