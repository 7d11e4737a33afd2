"""The participant registry: anyone publishes a key for itself, the latest one counts."""

from __future__ import annotations

import pytest
from expectations import refused
from parties import PARTIES

from marketplace.chain.market import Market
from marketplace.protocol.errors import TradeRefused

KEY, NEW_KEY = b"\x01" * 32, b"\x02" * 32


def test_a_published_key_can_be_read_by_all(market: Market) -> None:
    receipt = market.publish_encryption_key(PARTIES.buyer, KEY)
    (event,) = market.registry.events.EncryptionKeyPublished().process_receipt(receipt)
    assert dict(event["args"]) == {"account": PARTIES.buyer.address, "encryptionKey": KEY}
    assert market.encryption_key_of(PARTIES.buyer.address) == KEY


def test_the_latest_key_counts_and_only_for_its_account(market: Market) -> None:
    market.publish_encryption_key(PARTIES.buyer, KEY)
    market.publish_encryption_key(PARTIES.broker, NEW_KEY)
    market.publish_encryption_key(PARTIES.buyer, NEW_KEY)
    market.publish_encryption_key(PARTIES.broker, KEY)
    assert market.encryption_key_of(PARTIES.buyer.address) == NEW_KEY
    assert market.encryption_key_of(PARTIES.broker.address) == KEY


def test_the_zero_key_is_refused(market: Market) -> None:
    with refused("ZeroKey"):
        market.publish_encryption_key(PARTIES.buyer, bytes(32))


def test_an_account_without_a_key_is_named(market: Market) -> None:
    stranger = PARTIES.stranger.address
    with pytest.raises(TradeRefused, match=f"{stranger} has published no encryption key"):
        market.encryption_key_of(stranger)
