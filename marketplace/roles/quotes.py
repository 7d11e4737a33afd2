"""Signed offers as they travel between provider, broker and buyer."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.protocol.terms import DataQuote, ModelQuote


@dataclass(frozen=True)
class SignedDataQuote:
    """A provider's offer and its 65-byte signature."""

    quote: DataQuote
    signature: bytes


@dataclass(frozen=True)
class SignedModelQuote:
    """The broker's price with all signatures that the buyer needs to accept it."""

    quote: ModelQuote
    signature: bytes
    provider_signatures: tuple[bytes, ...]
