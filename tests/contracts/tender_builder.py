"""One tender at a time, with bids by many accounts, on the chain of these tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from parties import PARTIES, ascending
from quick_chain import move_to
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt, Wei

from marketplace.chain.client import Node
from marketplace.protocol.tenders import PricingRule, Service, Tender, bid_seal, tender_id
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

BOND = WEI // 10
RESERVE = 10 * WEI
COMMIT_SECONDS = 3_600
REVEAL_SECONDS = 7_200
BIDDERS = ascending("bidder", 6)


def salt_of(bidder: LocalAccount) -> bytes:
    return keccak(text=f"salt of {bidder.address}")


class TenderBuilder:
    """A tender in native coin whose terms can be varied; nothing is opened yet."""

    def __init__(self, node: Node, contract: Contract, **terms: Any) -> None:
        self.node, self.contract = node, contract
        now = node.now()
        usual = Tender(
            requester=PARTIES.buyer.address,
            service=Service.BROKER,
            rule=PricingRule.SECOND_PRICE,
            spec=keccak(text="what is bought"),
            currency=NATIVE,
            bond=BOND,
            reserve=RESERVE,
            commit_end=now + COMMIT_SECONDS,
            reveal_end=now + COMMIT_SECONDS + REVEAL_SECONDS,
            salt=keccak(text="tender"),
        )
        self.terms = replace(usual, **terms)

    @property
    def id(self) -> bytes:
        return tender_id(self.node.chain_id, self.contract.address, self.terms)

    def call(self, name: str, *arguments: Any) -> Any:
        return self.node.call(self.contract.functions[name](*arguments))

    def send(self, by: LocalAccount, name: str, *arguments: Any, value: int = 0) -> TxReceipt:
        function = self.contract.functions[name]
        return self.node.send(by, function(self.terms.as_tuple(), *arguments), value=value)

    def open(self, by: LocalAccount = PARTIES.buyer) -> TxReceipt:
        return self.send(by, "open")

    def seal(self, bidder: LocalAccount, price: int, salt: bytes | None = None) -> bytes:
        where = (self.node.chain_id, self.contract.address, self.id)
        return bid_seal(*where, bidder.address, price, salt or salt_of(bidder))

    def commit(
        self,
        bidder: LocalAccount,
        price: int,
        *,
        seal: bytes | None = None,
        value: int | None = None,
    ) -> TxReceipt:
        native = self.terms.bond if self.terms.currency == NATIVE else 0
        sent = native if value is None else value
        return self.send(bidder, "commit", seal or self.seal(bidder, price), value=sent)

    def reveal(
        self, bidder: LocalAccount, price: int, *, by: LocalAccount = PARTIES.stranger
    ) -> TxReceipt:
        return self.send(by, "reveal", bidder.address, price, salt_of(bidder))

    def end_commits(self) -> None:
        move_to(self.node, self.terms.commit_end)

    def end_reveals(self) -> None:
        move_to(self.node, self.terms.reveal_end + 1)

    def award(self) -> tuple[str, int]:
        winner, price = self.call("awardOf", self.id)
        return str(winner), int(price)

    def credit(self, account: str) -> int:
        return int(self.call("creditOf", account, self.terms.currency))

    def events(self, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
        found = [
            event
            for kind in self.contract.events
            for event in kind().process_receipt(receipt, errors=DISCARD)
        ]
        found.sort(key=lambda event: event["logIndex"])
        return [(str(event["event"]), dict(event["args"])) for event in found]

    def fund_bidders(self) -> None:
        source = self.node.web3.eth.accounts[0]
        for bidder in BIDDERS:
            self.node.web3.eth.send_transaction(
                {"from": source, "to": bidder.address, "value": Wei(100 * WEI)}
            )


def run(tender: TenderBuilder, prices: list[int | None]) -> None:
    """Commit in the order of the list; reveal, last first, those with a price."""
    for bidder, price in zip(BIDDERS, prices, strict=False):
        tender.commit(bidder, price or 0)
    tender.end_commits()
    for bidder, price in reversed(list(zip(BIDDERS, prices, strict=False))):
        if price is not None:
            tender.reveal(bidder, price)
    tender.end_reveals()
