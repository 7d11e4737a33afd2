"""Follows coin and tokens to the parties of trades, block by block.

Headers are hashed and linked again, and transactions and receipts held against them. Who sent
native coin follows from the signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from marketplace.audit.blocks import Block, Log, bloom_mask, receipts_root
from marketplace.audit.log import transaction_faults
from marketplace.audit.rpc import Rpc
from marketplace.audit.transactions import Transaction
from marketplace.protocol.terms import NOBODY

PUBLIC_SOURCE = 50
"""Who sends to more accounts than this is a public source, such as an exchange or a faucet."""

_TRANSFER = keccak(text="Transfer(address,address,uint256)")
_SUCCESS = b"\x01"


class Transfer(NamedTuple):
    """Some coin or token that came to an account, in a block of a height."""

    sender: str
    receiver: str
    block: int


@dataclass
class Funds:
    """What came to some accounts.

    Attributes
    ----------
    transfers
        In the order of the chain, those of public sources too.
    fault
        Why the blocks can't be believed; None if they can.
    """

    transfers: list[Transfer] = field(default_factory=list)
    fault: str | None = None
    _reached: dict[str, set[str]] = field(default_factory=dict)

    def is_public(self, sender: str) -> bool:
        """Tell whether a sender reaches so many accounts that it says nothing of any two."""
        return len(self._reached.get(sender, ())) > PUBLIC_SOURCE

    def take(self, transfer: Transfer, accounts: Set[str]) -> None:
        """Take the next transfer, of which those to some accounts are kept."""
        reached = self._reached.setdefault(transfer.sender, set())
        if len(reached) <= PUBLIC_SOURCE:
            reached.add(transfer.receiver)
        if transfer.receiver in accounts:
            self.transfers.append(transfer)


def follow(rpc: Rpc, first: int, last: Block, accounts: Set[str], tokens: Set[str]) -> Funds:
    """Read who sent native coin, or one of some tokens, to some accounts.

    Parameters
    ----------
    first
        Height of the first block.
    last
        The last block; it must be the end of the chain of headers.
    """
    funds = Funds()
    masks = [bloom_mask(to_canonical_address(token)) for token in sorted(tokens)]
    before: Block | None = None
    for number in range(first, last.number + 1):
        found = rpc.full_block(number)
        if found is None:
            funds.fault = f"the node has no block {number}"
            return funds
        block, sent = found
        if before is not None and block.parent != before.recomputed:
            funds.fault = f"block {number} does not follow block {number - 1}"
            return funds
        before = block
        paying = [each for each in sent if each.value and each.receiver is not None]
        funds.fault = _unlike(block, sent, paying)
        if funds.fault is None and (paying or block.may_hold(masks)):
            funds.fault = _take_block(funds, rpc, block, paying, accounts, tokens)
        if funds.fault is not None:
            return funds
    if before is not None and before.recomputed != last.recomputed:
        funds.fault = f"block {last.number} is another than the audit looks at"
    return funds


def _take_block(
    funds: Funds,
    rpc: Rpc,
    block: Block,
    sent: Sequence[Transaction],
    accounts: Set[str],
    tokens: Set[str],
) -> str | None:
    """Take what moved in a block whose payers were held against their signatures."""
    receipts = rpc.receipts(block)
    if receipts is None or receipts_root(receipts) != block.receipts_root:
        return f"the receipts of block {block.number} are missing, or not its own"
    succeeded = {receipt.transaction for receipt in receipts if receipt.outcome == _SUCCESS}
    for coin in sent:
        if coin.hash in succeeded and coin.receiver is not None:
            funds.take(Transfer(coin.sender, coin.receiver, block.number), accounts)
    for receipt in receipts:
        for transfer in _of_tokens(receipt.logs, block.number, tokens):
            funds.take(transfer, accounts)
    return None


def _unlike(block: Block, sent: Sequence[Transaction], paying: Sequence[Transaction]) -> str | None:
    """Say what of a block's transactions is not what its header commits to; None if all is."""
    strange = {each.kind for each in sent if each.encoded is None}
    if strange:
        return f"block {block.number} holds transactions of unknown types: {sorted(strange)}"
    return next(transaction_faults(block, sent, paying), None)


def _of_tokens(logs: tuple[Log, ...], block: int, tokens: Set[str]) -> Iterator[Transfer]:
    for log in logs:
        if log.address in tokens and len(log.topics) == 3 and log.topics[0] == _TRANSFER:
            sender, receiver = (to_checksum_address(topic[12:]) for topic in log.topics[1:])
            if any(log.data) and sender != NOBODY:  # a token that is minted comes from nobody
                yield Transfer(sender, receiver, block)
