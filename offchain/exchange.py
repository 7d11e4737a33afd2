"""What parties hand to each other through storage: public documents and sealed payloads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from eth_account.signers.local import LocalAccount

from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import Document, Sealed
from offchain.storage.cid import cid_of_digest, digest_of
from offchain.storage.envelope import (
    EncryptionKey,
    decrypt,
    encrypt,
    new_content_key,
    unwrap,
    wrap,
)
from offchain.storage.store import Store

D = TypeVar("D", bound=Document)


def party_key(account: LocalAccount) -> EncryptionKey:
    """Return the encryption key that belongs to an account."""
    return EncryptionKey.from_seed(derived_secret(account, "encryption key"))


def context(trade: bytes | str, purpose: str) -> bytes:
    """Return the associated data that binds a payload to its trade and purpose.

    Parameters
    ----------
    trade
        Trade id (32 bytes); the buyer's address while there is no trade yet.
    purpose
        For example ``data/0x…``; `docs/protocol.md` lists them.
    """
    where = f"0x{trade.hex()}" if isinstance(trade, bytes) else trade
    return f"{where}/{purpose}".encode()


class Exchange:
    """One party's view of storage: it publishes, seals for others and opens what is for it.

    Parameters
    ----------
    store
        Where blocks lie.
    account
        The party; others address it by its account.
    public_key_of
        Looks up another account's X25519 public key (32 bytes).
    """

    def __init__(
        self, store: Store, account: LocalAccount, public_key_of: Callable[[str], bytes]
    ) -> None:
        self.store = store
        self.account = account
        self.key = party_key(account)
        self._public_key_of = public_key_of

    def publish(self, document: Document) -> bytes:
        """Store a document; returns the digest that goes on chain (32 bytes)."""
        return digest_of(self.store.put(document.to_bytes()))

    def read(self, kind: type[D], digest: bytes) -> D:
        """Fetch a document by the digest on chain.

        Raises
        ------
        MissingContent, CorruptContent
            If the store can't give the bytes.
        ProtocolError
            If they are another document.
        """
        return kind.from_bytes(self.store.get(cid_of_digest(digest)))

    def seal(
        self, payload: bytes, trade: bytes | str, purpose: str, recipients: Iterable[str]
    ) -> Sealed:
        """Encrypt a payload once and wrap its key for each recipient (account addresses)."""
        content_key = new_content_key()
        keys = {recipient: self._public_key_of(recipient) for recipient in recipients}
        return Sealed(
            ciphertext=self.store.put(encrypt(payload, content_key, context(trade, purpose))),
            envelope=self.store.put(wrap(content_key, keys)),
        )

    def share(self, sealed: Sealed, recipients: Iterable[str]) -> Sealed:
        """Wrap the key of a payload that this party can open for others, too."""
        content_key = self._content_key(sealed)
        keys = {recipient: self._public_key_of(recipient) for recipient in recipients}
        return Sealed(
            ciphertext=sealed.ciphertext, envelope=self.store.put(wrap(content_key, keys))
        )

    def unseal(self, sealed: Sealed, trade: bytes | str, purpose: str) -> bytes:
        """Open a payload that was sealed for this party.

        Raises
        ------
        EnvelopeError
            If it is not for this party, or not what the context says.
        """
        ciphertext = self.store.get(sealed.ciphertext)
        return decrypt(ciphertext, self._content_key(sealed), context(trade, purpose))

    def _content_key(self, sealed: Sealed) -> bytes:
        return unwrap(self.store.get(sealed.envelope), self.account.address, self.key)
