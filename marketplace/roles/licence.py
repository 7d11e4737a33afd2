"""The licence token of a settled trade: anyone may have it minted, and it goes to the buyer."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, gated_digest
from marketplace.protocol.errors import TransactionReverted


def mint_licence(market: Market, licences: str, account: LocalAccount, trade_id: bytes) -> int:
    """Mint the token of a settled trade to its buyer; returns the token's id.

    Parameters
    ----------
    licences
        Address of the market's licence contract.
    account
        Pays for the transaction; any account.

    Raises
    ------
    TransactionReverted
        If the trade is not settled, or its token was minted before.
    """
    agreed = market.agreement(trade_id)
    attempt = agreed.last_attempt
    contract = market.node.contract("ModelLicence", licences)
    mint = contract.functions.mint(
        agreed.request.as_tuple(),
        gated_digest(agreed.request.committee, agreed.deal, agreed.gate),
        amounts_hash(attempt.finding.amounts),
        attempt.record.as_tuple(),
    )
    market.node.send(account, mint, step="mint licence")
    return int.from_bytes(trade_id, "big")


def licence_holder(market: Market, licences: str, trade_id: bytes) -> str | None:
    """Return who holds the licence token of a trade; None if it was never minted."""
    contract = market.node.contract("ModelLicence", licences)
    try:
        return str(market.node.call(contract.functions.ownerOf(int.from_bytes(trade_id, "big"))))
    except TransactionReverted:
        return None
