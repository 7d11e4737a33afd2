"""Signing and recovering: a signature is by one account, over one message, for one domain."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.errors import BadSignature
from marketplace.protocol.terms import DataReport, TrainingCommitment
from marketplace.protocol.typed_data import (
    Domain,
    compact,
    digest,
    expanded,
    in_signer_order,
    quorum_signatures,
    sign,
    signer_of,
    split_signatures,
)

MARKET = "0x00000000219ab540356cBB839Cbe05303d7705Fa"
DOMAIN = Domain(31337, MARKET)
REPORT = DataReport(
    *(b"\x01" * 32, 1, 7, ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",), (1_000_000,)),
    *(b"\x02" * 32, b"\x03" * 32),
)
SIGNER: LocalAccount = Account.from_key(b"\x07" * 32)


def test_the_signer_is_recovered() -> None:
    signature = sign(DOMAIN, REPORT, SIGNER)
    assert len(signature) == 65
    assert signer_of(DOMAIN, REPORT, signature) == SIGNER.address


def test_signing_is_deterministic() -> None:
    assert sign(DOMAIN, REPORT, SIGNER) == sign(DOMAIN, REPORT, SIGNER)


@pytest.mark.parametrize(
    "domain", [Domain(1, MARKET), Domain(31337, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")]
)
def test_another_domain_is_another_message(domain: Domain) -> None:
    assert digest(domain, REPORT) != digest(DOMAIN, REPORT)
    assert signer_of(domain, REPORT, sign(DOMAIN, REPORT, SIGNER)) != SIGNER.address


@pytest.mark.parametrize(
    "changed",
    [
        replace(REPORT, trade_id=bytes(32)),
        replace(REPORT, committee_version=2),
        replace(REPORT, accepted=6),
        replace(REPORT, experts=()),
        replace(REPORT, weights=(999_999,)),
        replace(REPORT, data_evidence=bytes(32)),
        replace(REPORT, gate_evidence=bytes(32)),
    ],
)
def test_each_field_is_signed(changed: DataReport) -> None:
    assert signer_of(DOMAIN, changed, sign(DOMAIN, REPORT, SIGNER)) != SIGNER.address


def test_another_implementation_signs_alike() -> None:
    # Made with `cast wallet sign --data`, which shares no code with this.
    by_cast = (
        "cfb8f949c81a0664d4bd208c346aaa43a6fce9fa5f5a0967d334378b1b539ac8"
        "7478032f7ae89e2eecb9bab08b97ba1ef7941ca90e1d59db0b5ebe5093e6a9c51b"
    )
    message = TrainingCommitment(b"\x01" * 32, SIGNER.address, 2, b"\x03" * 32, b"\x04" * 32)
    assert sign(DOMAIN, message, SIGNER).hex() == by_cast


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadSignature, match=f"a signature has {length} bytes"):
        signer_of(DOMAIN, REPORT, bytes(length))


@given(st.binary(min_size=65, max_size=65))
def test_bytes_that_no_key_made_are_refused_or_someone_elses(noise: bytes) -> None:
    with suppress(BadSignature):
        assert signer_of(DOMAIN, REPORT, noise) != SIGNER.address


@given(st.lists(st.binary(min_size=20, max_size=20), unique=True))
def test_signers_ascend_as_numbers_whatever_their_case(raw: list[bytes]) -> None:
    signers = [("0x" + each.hex().upper(), each) for each in raw]
    assert [each for _, each in in_signer_order(signers)] == sorted(raw)


# ---------------------------------------------------------------------- compact signatures


@given(st.binary(min_size=32, max_size=32).filter(any))
def test_a_compact_signature_says_the_same(trade: bytes) -> None:
    signature = sign(DOMAIN, replace(REPORT, trade_id=trade), SIGNER)
    assert len(compact(signature)) == 64
    assert expanded(compact(signature)) == signature


def test_a_quorum_is_packed_by_seat_and_split_again() -> None:
    signatures = {
        seat: sign(DOMAIN, REPORT, Account.from_key(bytes([seat + 1]) * 32)) for seat in (4, 0, 2)
    }
    signers, packed = quorum_signatures(signatures)
    assert (signers, len(packed)) == (0b10101, 3 * 64)
    assert split_signatures(packed) == [signatures[seat] for seat in (0, 2, 4)]


@pytest.mark.parametrize("bad", [b"", bytes(64), bytes(65), b"\xff" * 64 + b"\x1b"])
def test_what_has_no_compact_form_is_refused(bad: bytes) -> None:
    with pytest.raises(BadSignature, match="can't be made compact"):
        compact(bad)


@pytest.mark.parametrize("length", [63, 65, 100])
def test_a_compact_signature_has_its_length(length: int) -> None:
    with pytest.raises(BadSignature, match="compact signature has"):
        split_signatures(bytes(length))
