"""Encryption to recipients: a payload under a content key, the key in an envelope.

A payload is encrypted once, with XChaCha20-Poly1305 under a random content key. An
envelope holds that key, sealed to the X25519 public key of each recipient (libsodium's
sealed box). Whoever has the content key can make a further envelope for somebody else.

A ciphertext commits to its content key. The cipher alone does not: its author could make
one ciphertext that opens to other data under other keys, and show each oracle another
dataset. The remedy is that of Albertini et al., "How to Abuse and Fix Authenticated
Encryption Without Key Commitment" (USENIX Security 2022): both the key in use and a
commitment to it are derived from the content key and the nonce.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import struct
from collections.abc import Mapping
from typing import NoReturn

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import Aead
from nacl.utils import random

from marketplace.protocol.errors import EnvelopeError

KEY_SIZE = 32

_MAGIC = b"MOE\x01"  # its last byte is the version of the ciphertext format
_HEADER = struct.Struct("4s 24s 32s 32s")  # magic, nonce, key commitment, hash of the context
_ENVELOPE_VERSION = 1
_SHAPE = re.compile(rb'\{"keys":\{("([^"\\]|\\.)*":"[0-9a-f]*",?)*\},"version":1\}')


class EncryptionKey:
    """An X25519 private key, which is neither printed nor pickled.

    Attributes
    ----------
    public
        The public key that others wrap content keys to, 32 bytes.
    """

    __slots__ = ("_private", "public")

    def __init__(self, private: PrivateKey) -> None:
        self._private = private
        self.public = bytes(private.public_key)

    @classmethod
    def generate(cls) -> EncryptionKey:
        """Make a key from the operating system's randomness."""
        return cls(PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> EncryptionKey:
        """Derive a key from a secret of 32 bytes or more; equal secrets give equal keys.

        Raises
        ------
        EnvelopeError
            If `seed` is shorter.
        """
        if len(seed) < KEY_SIZE:
            raise EnvelopeError(
                f"a seed of {len(seed)} bytes is too short for a key",
                f"give {KEY_SIZE} secret bytes or more",
            )
        return cls(PrivateKey(hashlib.blake2b(seed, digest_size=32, person=b"moe x25519").digest()))

    def __repr__(self) -> str:
        return f"EncryptionKey(public={self.public.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an EncryptionKey cannot be pickled: it stays in its process")


def new_content_key() -> bytes:
    """Return 32 random bytes to encrypt one payload, or a few, with."""
    return random(KEY_SIZE)


def encrypt(plaintext: bytes, content_key: bytes, context: bytes) -> bytes:
    """Encrypt a payload.

    Parameters
    ----------
    plaintext
        The payload.
    content_key
        32 bytes, from `new_content_key`.
    context
        What the payload is for, such as trade and purpose. It is not stored: `decrypt`
        must be given the same, so that a ciphertext works nowhere else.

    Returns
    -------
    bytes
        108 bytes more than `plaintext`, different on every call.
    """
    nonce = random(Aead.NONCE_SIZE)
    cipher, commitment = _derive(content_key, nonce)
    header = _HEADER.pack(_MAGIC, nonce, commitment, _hash(context))
    return header + cipher.encrypt(plaintext, header, nonce).ciphertext


def decrypt(ciphertext: bytes, content_key: bytes, context: bytes) -> bytes:
    """Return the payload that `encrypt` was given.

    Raises
    ------
    EnvelopeError
        If the key or the context is another one, or a byte was altered.
    """
    if len(ciphertext) < _HEADER.size + Aead.MACBYTES or not ciphertext.startswith(_MAGIC):
        raise EnvelopeError(
            f"{len(ciphertext)} bytes are not a ciphertext of format {_MAGIC[-1]}",
            "check that this is the CID of an encrypted payload",
        )
    header = ciphertext[: _HEADER.size]
    _, nonce, expected_commitment, expected_context = _HEADER.unpack(header)
    cipher, commitment = _derive(content_key, nonce)
    if not hmac.compare_digest(commitment, expected_commitment):
        raise EnvelopeError(
            "the ciphertext was made with another content key, or altered",
            "unwrap the envelope that was published with this ciphertext",
        )
    if _hash(context) != expected_context:
        raise EnvelopeError(
            f"the ciphertext was made for another context than {context!r}",
            "check the trade and the purpose; its sender must encrypt it for this one",
        )
    try:
        return cipher.decrypt(ciphertext[_HEADER.size :], header, nonce)
    except CryptoError:
        raise EnvelopeError(
            "the ciphertext was altered", "fetch it again by its CID, or ask its sender"
        ) from None


def wrap(content_key: bytes, recipients: Mapping[str, bytes]) -> bytes:
    """Make an envelope from which each recipient can take the content key.

    Parameters
    ----------
    content_key
        32 bytes, from `new_content_key` or from another envelope.
    recipients
        Public keys (X25519, 32 bytes) by recipient, such as an account's address.
        Upper and lower case are the same.

    Returns
    -------
    bytes
        Canonical JSON. The sealed boxes in it differ on every call.

    Raises
    ------
    EnvelopeError
        If there is no recipient, or a key is not one.
    """
    _check_content_key(content_key)
    if not recipients:
        raise EnvelopeError("an envelope for nobody", "name at least one recipient")
    return _written(
        {name.lower(): _sealed(content_key, name, public) for name, public in recipients.items()}
    )


def unwrap(envelope: bytes, recipient: str, key: EncryptionKey) -> bytes:
    """Take the content key (32 bytes) out of an envelope.

    Raises
    ------
    EnvelopeError
        If `envelope` is malformed or altered, isn't for `recipient`, or `key` isn't theirs.
    """
    boxes = _parsed(envelope)
    if recipient.lower() not in boxes:
        raise EnvelopeError(
            f"{recipient} is none of the {len(boxes)} recipients of the envelope",
            "ask one of them to wrap the content key for you",
        )
    try:
        content_key = SealedBox(key._private).decrypt(boxes[recipient.lower()])
    except (CryptoError, ValueError):
        raise EnvelopeError(
            f"the key {key.public.hex()} does not open what was sealed for {recipient}",
            "use the private half of the public key that they registered",
        ) from None
    _check_content_key(content_key)
    return content_key


def _derive(content_key: bytes, nonce: bytes) -> tuple[Aead, bytes]:
    """Derive the cipher for one payload, and the commitment to its content key."""
    _check_content_key(content_key)
    derived = hashlib.blake2b(
        nonce, key=content_key, digest_size=64, person=b"moe payload"
    ).digest()
    return Aead(derived[:KEY_SIZE]), derived[KEY_SIZE:]


def _hash(context: bytes) -> bytes:
    return hashlib.blake2b(context, digest_size=32, person=b"moe context").digest()


def _sealed(content_key: bytes, name: str, public: bytes) -> bytes:
    try:
        return SealedBox(PublicKey(public)).encrypt(content_key)
    except (CryptoError, TypeError, ValueError):
        raise EnvelopeError(
            f"the public key of {name} is not an X25519 key",
            "give the 32 bytes of `EncryptionKey.public`",
        ) from None


def _written(boxes: Mapping[str, bytes]) -> bytes:
    content = {
        "version": _ENVELOPE_VERSION,
        "keys": {name: box.hex() for name, box in boxes.items()},
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _parsed(envelope: bytes) -> dict[str, bytes]:
    # The shape is checked first: json recurses, and with the recursion limit that py-evm
    # sets, brackets nested by a stranger would overflow the stack and end the process.
    try:
        keys = json.loads(envelope)["keys"] if _SHAPE.fullmatch(envelope) else {}
        boxes = {name: bytes.fromhex(box) for name, box in keys.items()}
    except ValueError:
        boxes = {}
    if _written(boxes) != envelope:  # whatever else was altered: one envelope has one form
        raise EnvelopeError(
            f"{len(envelope)} bytes are not an envelope of format {_ENVELOPE_VERSION}",
            "check that this is the CID of an envelope, and fetch it again",
        )
    return boxes


def _check_content_key(content_key: bytes) -> None:
    if len(content_key) != KEY_SIZE:
        raise EnvelopeError(
            f"a content key of {len(content_key)} bytes", f"give the {KEY_SIZE} bytes of one"
        )
