"""The licence token: for the buyer of a settled trade, and as free as its licence."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from deploying import TestContracts
from eth_account.signers.local import LocalAccount
from expectations import refused, refused_for_one_of
from participants import forgetting
from parties import PARTIES
from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt
from whole_trade import WholeTrade, World, commitment, digest_of_types, sign_digest

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE
from offchain.storage.cid import cid_of_digest

BOUND, FREE, BY_LICENSOR = range(3)
BUYER, BROKER, STRANGER = PARTIES.buyer, PARTIES.broker, PARTIES.stranger
NEXT = PARTIES.experts[0]
CONSENT = {"Consent": "uint256 tokenId,address from,address to,uint64 nonce,uint256 deadline"}


@dataclass(frozen=True)
class Office:
    """The market and its licence tokens."""

    world: World
    contract: Contract

    def settled(self, rule: int, **fields: Any) -> WholeTrade:
        return WholeTrade(self.world, rule, **fields).fund().deliver().settle()

    def mint(self, trade: WholeTrade, by: LocalAccount = STRANGER) -> TxReceipt:
        return self.send(by, "mint", trade.request, trade.gated, trade.amounts, trade.record)

    def minted(self, rule: int) -> int:
        trade = self.settled(rule)
        self.mint(trade)
        return int.from_bytes(trade.id, "big")

    def send(self, by: LocalAccount, function: str, *arguments: Any) -> TxReceipt:
        call = getattr(self.contract.functions, function)(*arguments)
        return self.world.node.send(by, call)

    def view(self, function: str, *arguments: Any) -> Any:
        return self.world.node.call(getattr(self.contract.functions, function)(*arguments))

    def events(self, receipt: TxReceipt) -> list[str]:
        """Return the names of the contract's events, in order."""
        found = {
            event["logIndex"]: event["event"]
            for kind in self.contract.events
            for event in kind().process_receipt(receipt, DISCARD)
        }
        return [found[index] for index in sorted(found)]

    def consent(
        self,
        token: int,
        to: LocalAccount,
        *,
        by: LocalAccount = BROKER,
        sender: LocalAccount = BUYER,
        nonce: int = 0,
        deadline: int = 2**64,
    ) -> bytes:
        message = {
            "tokenId": token,
            "from": sender.address,
            "to": to.address,
            "nonce": nonce,
            "deadline": deadline,
        }
        chain, address = self.world.node.chain_id, self.contract.address
        return sign_digest(
            by, digest_of_types(chain, address, "ModelLicence", CONSENT, "Consent", message)
        )

    def move(
        self, token: int, to: LocalAccount, consent: bytes, by: LocalAccount = BUYER
    ) -> TxReceipt:
        return self.send(
            by, "transferWithConsent", BUYER.address, to.address, token, 2**64, consent
        )


@pytest.fixture
def office(node: Node) -> Iterator[Office]:
    with forgetting(node):
        world = World.deploy(node)
        yield Office(world, node.deploy(PARTIES.admin, "ModelLicence", world.market.address))


def test_anyone_mints_the_token_of_a_settled_trade_to_its_buyer(office: Office) -> None:
    trade = office.settled(FREE)
    receipt = office.mint(trade)
    token = int.from_bytes(trade.id, "big")
    assert office.view("ownerOf", token) == BUYER.address
    assert office.view("licenceOf", token) == (
        commitment("model"),
        commitment("delivery"),
        commitment("licence"),
        BROKER.address,
        0,
        FREE,
    )
    assert office.events(receipt) == ["Transfer", "LicenceMinted", "Unlocked"]
    with refused("ERC721InvalidSender", NATIVE):
        office.mint(trade)


def test_a_trade_that_is_not_settled_has_no_token(office: Office) -> None:
    trade = WholeTrade(office.world, FREE)
    token = int.from_bytes(trade.id, "big")
    for step in (lambda: None, trade.fund, trade.deliver):
        step()
        with refused("NotSettled", token):
            office.mint(trade)
    with refused("ERC721NonexistentToken", token):
        office.view("licenceOf", token)


def test_the_token_names_what_the_trade_decided_and_nothing_else(office: Office) -> None:
    trade = office.settled(FREE)
    forged = trade.record | {"model": commitment("a better model")}
    with refused_for_one_of("RecordMismatch"):
        office.send(STRANGER, "mint", trade.request, trade.gated, trade.amounts, forged)
    with refused_for_one_of("RecordMismatch"):
        office.send(STRANGER, "mint", trade.request, trade.amounts, trade.gated, trade.record)
    other = trade.request | {"licence": commitment("a better licence")}
    unknown = replace(trade, request_fields={"licence": commitment("a better licence")})
    with refused("NotSettled", int.from_bytes(unknown.id, "big")):
        office.send(STRANGER, "mint", other, trade.gated, trade.amounts, trade.record)


def test_a_bound_token_stays(office: Office) -> None:
    token = office.minted(BOUND)
    assert office.view("locked", token) is True
    office.send(BUYER, "approve", NEXT.address, token)
    for by in (BUYER, NEXT):
        with refused("TransferNotAllowed", token, BOUND):
            office.send(by, "transferFrom", BUYER.address, NEXT.address, token)
    with refused("TransferNotAllowed", token, BOUND):
        office.move(token, NEXT, office.consent(token, NEXT))
    assert office.view("ownerOf", token) == BUYER.address


def test_a_free_token_moves(office: Office) -> None:
    token = office.minted(FREE)
    assert office.view("locked", token) is False
    office.send(BUYER, "transferFrom", BUYER.address, NEXT.address, token)
    assert office.view("ownerOf", token) == NEXT.address
    with refused("ERC721InsufficientApproval", STRANGER.address, token):
        office.send(STRANGER, "transferFrom", NEXT.address, STRANGER.address, token)
    with refused("TransferNotAllowed", token, FREE):
        office.send(NEXT, "transferWithConsent", NEXT.address, BUYER.address, token, 2**64, b"")


def test_the_licensor_consents_to_one_transfer(office: Office) -> None:
    token = office.minted(BY_LICENSOR)
    assert office.view("locked", token) is True
    with refused("TransferNotAllowed", token, BY_LICENSOR):
        office.send(BUYER, "transferFrom", BUYER.address, NEXT.address, token)
    consent = office.consent(token, NEXT)
    receipt = office.move(token, NEXT, consent)
    assert office.events(receipt) == ["Unlocked", "Transfer", "Locked"]
    assert office.view("ownerOf", token) == NEXT.address
    assert office.view("licenceOf", token)[4] == 1

    back = office.consent(token, BUYER, sender=NEXT, nonce=1)
    office.send(NEXT, "transferWithConsent", NEXT.address, BUYER.address, token, 2**64, back)
    with refused("NotTheLicensor", BROKER.address):  # the first consent was for the first transfer
        office.move(token, NEXT, consent)


def test_a_consent_is_for_this_token_these_parties_and_this_time(office: Office) -> None:
    token = office.minted(BY_LICENSOR)
    other = int.from_bytes(commitment("another"), "big")
    for consent in (
        office.consent(other, NEXT),
        office.consent(token, STRANGER),
        office.consent(token, NEXT, sender=NEXT),
        office.consent(token, NEXT, nonce=1),
        office.consent(token, NEXT, deadline=2**63),
        office.consent(token, NEXT, by=BUYER),
        b"",
    ):
        with refused("NotTheLicensor", BROKER.address):
            office.move(token, NEXT, consent)
    now = office.world.node.now()
    late = office.consent(token, NEXT, deadline=now)
    with refused("ConsentExpired", now):
        office.send(BUYER, "transferWithConsent", BUYER.address, NEXT.address, token, now, late)


def test_consent_does_not_replace_the_holder(office: Office) -> None:
    token = office.minted(BY_LICENSOR)
    consent = office.consent(token, NEXT)
    for by in (NEXT, STRANGER, BROKER):
        with refused("ERC721InsufficientApproval", by.address, token):
            office.move(token, NEXT, consent, by=by)
    wrong = office.consent(token, NEXT, sender=STRANGER)
    with refused("ERC721IncorrectOwner", STRANGER.address, token, BUYER.address):
        office.send(
            STRANGER, "transferWithConsent", STRANGER.address, NEXT.address, token, 2**64, wrong
        )
    with refused("ERC721InvalidReceiver", NATIVE):
        office.send(BUYER, "transferWithConsent", BUYER.address, NATIVE, token, 2**64, consent)
    office.send(BUYER, "approve", NEXT.address, token)
    office.move(token, NEXT, consent, by=NEXT)
    assert office.view("getApproved", token) == NATIVE


def test_a_wallet_is_a_licensor(office: Office, request: pytest.FixtureRequest) -> None:
    contracts = TestContracts(office.world.node, request.config.cache.mkdir("test-contracts"))
    wallet = contracts.deploy("ContractWallet", BROKER.address)
    trade = office.settled(BY_LICENSOR, request_fields={"broker": wallet.address})
    office.mint(trade)
    token = int.from_bytes(trade.id, "big")
    with refused("NotTheLicensor", wallet.address):
        office.move(token, NEXT, office.consent(token, NEXT, by=STRANGER))
    office.move(token, NEXT, office.consent(token, NEXT, by=BROKER))
    assert office.view("ownerOf", token) == NEXT.address


def test_the_metadata_lie_on_chain_with_cids_as_the_stores_write_them(office: Office) -> None:
    token = office.minted(BY_LICENSOR)
    head, _, body = office.view("tokenURI", token).partition(",")
    assert head == "data:application/json;base64"
    assert json.loads(base64.b64decode(body)) == {
        "name": "Model licence",
        "external_url": "ipfs://" + cid_of_digest(commitment("licence")),
        "trade": f"0x{token:064x}",
        "model": "ipfs://" + cid_of_digest(commitment("model")),
        "delivery": "ipfs://" + cid_of_digest(commitment("delivery")),
        "transfer": "with the licensor's consent",
    }


def test_the_interfaces_are_announced(office: Office) -> None:
    for interface in ("0x01ffc9a7", "0x80ac58cd", "0x5b5e139f", "0xb45a3c0e"):
        assert office.view("supportsInterface", interface) is True
    assert office.view("supportsInterface", "0xffffffff") is False
    for function in ("locked", "tokenURI"):
        with refused("ERC721NonexistentToken", 7):
            office.view(function, 7)
