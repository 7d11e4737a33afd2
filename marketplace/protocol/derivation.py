"""Secrets that a party can always make again from its account key.

A salt that is lost with a crash costs its owner money: a sealed score that can't be
opened, a validation set that no longer matches its commitment. Deriving them leaves
nothing to store and nothing to lose.
"""

from __future__ import annotations

import hashlib
import hmac

from eth_account.signers.local import LocalAccount


def derived_secret(account: LocalAccount, purpose: str, *parts: bytes) -> bytes:
    """Return 32 secret bytes that only the account's holder can compute.

    HMAC-SHA256 (RFC 2104) under the private key, over a length-prefixed list, so that
    no two uses share an input.

    Parameters
    ----------
    account
        Whose private key is used; it does not leave this function.
    purpose
        What the secret is for, e.g. ``score salt``.
    parts
        What it is bound to, e.g. trade id and attempt.
    """
    message = b"".join(
        len(part).to_bytes(4, "big") + part for part in (b"moemarket", purpose.encode(), *parts)
    )
    return hmac.new(bytes(account.key), message, hashlib.sha256).digest()
