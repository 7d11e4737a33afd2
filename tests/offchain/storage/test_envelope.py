"""Encryption to recipients: who can open what, and what any alteration leads to."""

from __future__ import annotations

import json
import logging
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt
from nacl.public import PublicKey, SealedBox

from marketplace.protocol.errors import EnvelopeError
from offchain.storage.envelope import (
    EncryptionKey,
    _derive,
    decrypt,
    encrypt,
    new_content_key,
    unwrap,
    wrap,
)

ALICE = EncryptionKey.from_seed(b"a" * 32)
BOB = EncryptionKey.from_seed(b"b" * 32)
ALICES = "0x52908400098527886E0F7030069857D2E4169EE7"
BOBS = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"

content_keys = st.binary(min_size=32, max_size=32)


@given(st.binary(), content_keys, st.binary(max_size=50))
def test_a_payload_opens_with_its_key_and_context(data: bytes, key: bytes, context: bytes) -> None:
    ciphertext = encrypt(data, key, context)
    assert decrypt(ciphertext, key, context) == data
    assert len(ciphertext) == len(data) + 108


def test_a_payload_is_encrypted_anew_each_time() -> None:
    key = new_content_key()
    assert encrypt(b"data", key, b"") != encrypt(b"data", key, b"")
    assert key != new_content_key()


def test_the_cipher_is_xchacha20_poly1305_over_the_header() -> None:
    key = new_content_key()
    ciphertext = encrypt(b"data", key, b"context")
    header, body, nonce = ciphertext[:92], ciphertext[92:], ciphertext[4:28]
    derived = bytes(_derive(key, nonce)[0])
    assert crypto_aead_xchacha20poly1305_ietf_decrypt(body, header, nonce, derived) == b"data"


@given(st.binary(max_size=40), content_keys, st.data())
def test_one_flipped_bit_anywhere_is_found(data: bytes, key: bytes, draw: st.DataObject) -> None:
    ciphertext = bytearray(encrypt(data, key, b"context"))
    bit = draw.draw(st.integers(0, len(ciphertext) * 8 - 1))
    ciphertext[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EnvelopeError):
        decrypt(bytes(ciphertext), key, b"context")


@given(st.binary(max_size=40), content_keys, st.integers(0, 147))
def test_a_ciphertext_cut_short_is_found(data: bytes, key: bytes, length: int) -> None:
    ciphertext = encrypt(data, key, b"")
    with pytest.raises(EnvelopeError):
        decrypt(ciphertext[: min(length, len(ciphertext) - 1)], key, b"")


def test_each_cause_has_its_own_words() -> None:
    key = new_content_key()
    ciphertext = encrypt(b"data", key, b"trade 1/data")
    with pytest.raises(EnvelopeError, match="another content key"):
        decrypt(ciphertext, new_content_key(), b"trade 1/data")
    with pytest.raises(EnvelopeError, match="another context than b'trade 2/data'"):
        decrypt(ciphertext, key, b"trade 2/data")
    with pytest.raises(EnvelopeError, match="was altered"):
        decrypt(ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]), key, b"trade 1/data")
    with pytest.raises(EnvelopeError, match="not a ciphertext of format 1"):
        decrypt(b"{}", key, b"trade 1/data")
    with pytest.raises(EnvelopeError, match="not a ciphertext of format 1"):
        decrypt(b"MOE\x02" + ciphertext[4:], key, b"trade 1/data")
    for use in (encrypt, decrypt):
        with pytest.raises(EnvelopeError, match="content key of 31 bytes"):
            use(ciphertext, bytes(31), b"")


@given(content_keys, content_keys)
def test_no_ciphertext_opens_under_two_keys(one: bytes, other: bytes) -> None:
    """The header names its key: moving the commitment of another key in doesn't help."""
    ciphertext = encrypt(b"data", one, b"")
    commitment = _derive(other, ciphertext[4:28])[1]
    if one != other:
        with pytest.raises(EnvelopeError):
            decrypt(ciphertext, other, b"")
        with pytest.raises(EnvelopeError, match="was altered"):
            decrypt(ciphertext[:28] + commitment + ciphertext[60:], other, b"")


@settings(max_examples=30)
@given(content_keys, st.dictionaries(st.text(min_size=1), st.binary(min_size=32, max_size=64)))
def test_every_recipient_takes_the_key_out(key: bytes, seeds: dict[str, bytes]) -> None:
    keys = {name.lower(): EncryptionKey.from_seed(seed) for name, seed in seeds.items()}
    keys["alice"] = ALICE
    envelope = wrap(key, {name: private.public for name, private in keys.items()})
    assert all(unwrap(envelope, name, private) == key for name, private in keys.items())


def test_a_recipient_is_found_in_either_case() -> None:
    key = new_content_key()
    envelope = wrap(key, {ALICES: ALICE.public})
    assert unwrap(envelope, ALICES.lower(), ALICE) == key
    assert unwrap(envelope, ALICES, ALICE) == key


def test_others_get_nothing() -> None:
    envelope = wrap(new_content_key(), {ALICES: ALICE.public})
    with pytest.raises(EnvelopeError, match=f"{BOBS} is none of the 1 recipients"):
        unwrap(envelope, BOBS, BOB)
    with pytest.raises(EnvelopeError, match=f"does not open what was sealed for {ALICES}"):
        unwrap(envelope, ALICES, BOB)


def test_a_recipient_can_let_another_in_later() -> None:
    key = new_content_key()
    ciphertext = encrypt(b"data", key, b"trade 1/data")
    for_alice = wrap(key, {ALICES: ALICE.public})
    for_bob = wrap(unwrap(for_alice, ALICES, ALICE), {BOBS: BOB.public})
    assert decrypt(ciphertext, unwrap(for_bob, BOBS, BOB), b"trade 1/data") == b"data"


def test_an_envelope_is_canonical_json_and_hides_the_key() -> None:
    key = new_content_key()
    envelope = wrap(key, {BOBS: BOB.public, ALICES: ALICE.public})
    content = json.loads(envelope)
    assert list(content) == ["keys", "version"]
    assert content["version"] == 1
    assert list(content["keys"]) == [ALICES.lower(), BOBS.lower()]
    assert json.dumps(content, sort_keys=True, separators=(",", ":")).encode() == envelope
    assert key.hex().encode() not in envelope


@given(content_keys, st.data())
def test_one_flipped_bit_in_an_envelope_is_found(key: bytes, draw: st.DataObject) -> None:
    envelope = bytearray(wrap(key, {ALICES: ALICE.public}))
    bit = draw.draw(st.integers(0, len(envelope) * 8 - 1))
    envelope[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EnvelopeError):
        unwrap(bytes(envelope), ALICES, ALICE)


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"version":1}',
        b'{"keys":null,"version":1}',
        b'{"keys":[["0x0","00"]],"version":1}',
        b'{"keys":{"0x0":7},"version":1}',
        b'{"keys":{"0x0":"zz"},"version":1}',
        b'{"keys":{"0x0":"AA"},"version":1}',
        b'{"keys":{"0x0":"aa"},"version":2}',
        b'{"keys":{"0x0":"aa","0x0":"bb"},"version":1}',
        b'{"keys": {"0x0":"aa"},"version":1}',
        b'{"keys":{"0x0":"aa"},"version":1}\n',
        b'{"keys":{"0x0":"a"},"version":1}',
        b'{"keys":{"\n":"aa"},"version":1}',
        b'{"keys":{"\xff":"aa"},"version":1}',
        b'{"keys":{"0x0":"aa",},"version":1}',
        # enough to overflow the stack of Python's parser, once py-evm has raised its limit
        b"[" * 100_000,
        b'{"keys":' * 100_000,
        b'{"keys":{"0x0":' + b"[" * 100_000,
    ],
)
def test_what_is_no_envelope_is_refused(envelope: bytes) -> None:
    with pytest.raises(EnvelopeError, match=r"bytes are not an envelope of format 1"):
        unwrap(envelope, "0x0", ALICE)


def test_a_sealed_box_with_something_else_in_it_is_refused() -> None:
    box = SealedBox(PublicKey(ALICE.public)).encrypt(b"not a key").hex()
    envelope = b'{"keys":{"alice":"%s"},"version":1}' % box.encode()
    with pytest.raises(EnvelopeError, match="content key of 9 bytes"):
        unwrap(envelope, "alice", ALICE)


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32), "0" * 32])
def test_a_public_key_that_is_none_is_refused(public) -> None:
    with pytest.raises(EnvelopeError, match=f"public key of {ALICES} is not an X25519 key"):
        wrap(new_content_key(), {ALICES: public})


def test_an_envelope_is_for_somebody_and_holds_a_key() -> None:
    with pytest.raises(EnvelopeError, match="nobody"):
        wrap(new_content_key(), {})
    with pytest.raises(EnvelopeError, match="content key of 16 bytes"):
        wrap(bytes(16), {ALICES: ALICE.public})


def test_keys_follow_from_their_seed() -> None:
    assert EncryptionKey.from_seed(b"a" * 32).public == ALICE.public != BOB.public
    assert EncryptionKey.generate().public != EncryptionKey.generate().public
    with pytest.raises(EnvelopeError, match="seed of 31 bytes"):
        EncryptionKey.from_seed(b"a" * 31)


def test_a_private_key_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    secret = bytes(ALICE._private).hex()
    logging.getLogger("test").warning("%s %r %s", ALICE, [ALICE], f"{ALICE}")
    assert ALICE.public.hex() in caplog.text
    assert secret not in caplog.text
    assert not hasattr(ALICE, "__dict__")
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ALICE)
