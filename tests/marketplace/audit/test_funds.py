"""Coin and tokens that came to some accounts, and blocks that can't be believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audit_chain import QuickChain
from cast_of_trade import Cast
from eth_utils.crypto import keccak

from marketplace.audit.blocks import Block, Log, Receipt, bloom_of, receipts_root
from marketplace.audit.funds import PUBLIC_SOURCE, Funds, Transfer, follow
from marketplace.audit.rpc import Rpc
from marketplace.audit.transactions import Transaction
from marketplace.chain.client import Node
from marketplace.protocol.terms import NOBODY

TOKEN, OTHER_TOKEN = "0x" + "11" * 20, "0x" + "22" * 20
TRANSFER = keccak(text="Transfer(address,address,uint256)")
LAST = 4


class Told(Rpc):
    """What a node says of a chain, and a test may change, block by block."""

    def __init__(self, chain: QuickChain) -> None:
        super().__init__(chain)
        self.blocks: dict[int, Block] = {}
        self.sent: dict[int, tuple[Transaction, ...]] = {}
        self.found: dict[int, tuple[Receipt, ...] | None] = {}
        self.asked: list[int] = []
        for number in range(LAST + 1):
            full = super().full_block(number)
            assert full is not None
            self.blocks[number], self.sent[number] = full
            self.found[number] = super().receipts(self.blocks[number])

    def full_block(self, number: int) -> tuple[Block, tuple[Transaction, ...]] | None:
        known = self.blocks.get(number)
        return None if known is None else (known, self.sent[number])

    def receipts(self, block: Block) -> tuple[Receipt, ...] | None:
        self.asked.append(block.number)
        return self.found[block.number]

    def change(self, number: int, **parts: Any) -> None:
        """Change a block, but not its hash."""
        self.blocks[number] = replace(self.blocks[number], **parts)

    def leave_behind(self, number: int, *logs: Log, outcome: bytes = b"\1") -> None:
        """Let a block's only transaction leave this behind, as its header says, too."""
        (receipt,) = self.found[number] or ()
        receipts = (replace(receipt, outcome=outcome, logs=logs),)
        self.found[number] = receipts
        self.change(number, receipts_root=receipts_root(receipts), bloom=bloom_of(receipts))

    def follow(
        self, accounts: set[str], first: int = 0, last: int = LAST, tokens: tuple[str, ...] = ()
    ) -> Funds:
        return follow(self, first, self.blocks[last], accounts, set(tokens))


@pytest.fixture(scope="module")
def _paid(parties: Cast) -> QuickChain:
    """Four blocks: coin for the buyer, and for the broker, a call without coin, a contract."""
    chain = QuickChain()
    buyer, broker, stranger = (
        account.address for account in (parties.buyer, parties.broker, parties.stranger)
    )
    eth = Node(chain).web3.eth
    drafts: list[Any] = [
        {"from": stranger, "to": buyer, "value": 7},
        {"from": buyer, "to": broker, "value": 5},
        {"from": stranger, "to": broker, "value": 0},
        {"from": stranger, "data": "0x00", "value": 3},
    ]
    for draft in drafts:
        eth.send_transaction(draft)
    assert eth.block_number == LAST
    return chain


@pytest.fixture
def told(_paid: QuickChain) -> Told:
    return Told(_paid)


@pytest.fixture
def accounts(parties: Cast) -> dict[str, str]:
    return {name: getattr(parties, name).address for name in ("buyer", "broker", "stranger")}


# ---------------------------------------------------------------------------------- coin


def test_coin_that_came_to_some_accounts(told: Told, accounts: dict[str, str]) -> None:
    buyer, broker, stranger = accounts.values()
    funds = told.follow({buyer, broker})
    assert funds.transfers == [Transfer(stranger, buyer, 1), Transfer(buyer, broker, 2)]
    assert funds.fault is None
    assert told.follow({broker}).transfers == [Transfer(buyer, broker, 2)]
    assert told.follow({buyer, broker}, first=2).transfers == [Transfer(buyer, broker, 2)]
    assert told.follow({buyer, broker}, last=1).transfers == [Transfer(stranger, buyer, 1)]


def test_receipts_are_asked_for_where_something_may_have_moved(
    told: Told, accounts: dict[str, str]
) -> None:
    told.follow({*accounts.values()})
    assert told.asked == [1, 2]
    told.asked.clear()
    told.leave_behind(3, moved(TOKEN, accounts["stranger"], accounts["buyer"]))
    told.follow({*accounts.values()}, tokens=(TOKEN,))
    assert told.asked == [1, 2, 3]


def test_what_failed_moved_nothing(told: Told, accounts: dict[str, str]) -> None:
    buyer, broker, stranger = accounts.values()
    told.leave_behind(2, outcome=b"")
    funds = told.follow({buyer, broker})
    assert (funds.transfers, funds.fault) == ([Transfer(stranger, buyer, 1)], None)


def test_who_sends_to_many_is_public(accounts: dict[str, str]) -> None:
    buyer, broker, stranger = accounts.values()
    funds = Funds()
    assert not funds.is_public(stranger)
    for number in range(PUBLIC_SOURCE):
        funds.take(Transfer(stranger, f"account {number}", 1), {buyer})
    for account in ("account 0", "account 1"):  # nobody new
        funds.take(Transfer(stranger, account, 2), {buyer})
    assert not funds.is_public(stranger)
    funds.take(Transfer(stranger, buyer, 3), {buyer})
    assert funds.is_public(stranger)
    assert not funds.is_public(broker)
    assert funds.transfers == [Transfer(stranger, buyer, 3)]


# -------------------------------------------------------------------------------- tokens


def moved(token: str, sender: str, receiver: str, amount: int = 1, topic: bytes = TRANSFER) -> Log:
    topics = (topic, *(bytes(12) + bytes.fromhex(party[2:]) for party in (sender, receiver)))
    return Log(token, topics, amount.to_bytes(32, "big"), 3, bytes(32), bytes(32), 0)


def test_tokens_that_came_to_some_accounts(told: Told, accounts: dict[str, str]) -> None:
    buyer, broker, stranger = accounts.values()
    item = moved(TOKEN, stranger, broker)  # of ERC-721, which tells what by a topic
    told.leave_behind(
        3,
        moved(TOKEN, stranger, buyer),
        moved(OTHER_TOKEN, stranger, broker),
        moved(TOKEN, stranger, broker, amount=0),
        moved(TOKEN, NOBODY, broker),
        moved(TOKEN, stranger, broker, topic=keccak(text="Approval(address,address,uint256)")),
        replace(item, topics=(*item.topics, bytes(32))),
        replace(item, topics=item.topics[:2]),
        moved(TOKEN, buyer, broker),
    )
    funds = told.follow({buyer, broker}, first=3, tokens=(TOKEN,))
    assert funds.fault is None
    assert funds.transfers == [Transfer(stranger, buyer, 3), Transfer(buyer, broker, 3)]


# ---------------------------------------------------------------- what can't be believed


def test_a_block_that_is_missing(told: Told, accounts: dict[str, str]) -> None:
    last = told.blocks[LAST]
    del told.blocks[2]
    funds = follow(told, 0, last, {accounts["buyer"]}, set())
    assert funds.fault == "the node has no block 2"


def test_a_block_that_follows_another(told: Told) -> None:
    told.change(3, parent=bytes(32))
    assert told.follow(set()).fault == "block 3 does not follow block 2"


def test_blocks_that_end_elsewhere(told: Told) -> None:
    elsewhere = replace(told.blocks[LAST], recomputed=bytes(32))
    found = follow(told, 0, elsewhere, set(), set())
    assert found.fault == f"block {LAST} is another than the audit looks at"


def test_no_blocks_at_all(told: Told) -> None:
    funds = told.follow(set(), first=LAST + 1)
    assert (funds.transfers, funds.fault) == ([], None)


def test_receipts_that_are_missing_or_of_another_block(told: Told) -> None:
    told.found[2] = None
    assert told.follow(set()).fault == "the receipts of block 2 are missing, or not its own"
    told.found[1] = told.found[LAST]
    assert told.follow(set()).fault == "the receipts of block 1 are missing, or not its own"


def test_a_transaction_of_a_type_from_the_future(told: Told) -> None:
    (transaction,) = told.sent[3]
    told.sent[3] = (replace(transaction, kind=9, encoded=None),)
    assert told.follow(set()).fault == "block 3 holds transactions of unknown types: [9]"


def test_a_transaction_of_another_block(told: Told) -> None:
    told.sent[2] = told.sent[1]
    fault = told.follow(set()).fault
    assert fault is not None
    assert fault.startswith("the transactions of block 2 have the root")


def test_who_did_not_sign_did_not_send(told: Told, accounts: dict[str, str]) -> None:
    (transaction,) = told.sent[2]
    told.sent[2] = (replace(transaction, sender=accounts["stranger"]),)
    fault = told.follow({accounts["broker"]}).fault
    assert fault is not None
    assert f"is signed by {accounts['buyer']}, and the node says" in fault
