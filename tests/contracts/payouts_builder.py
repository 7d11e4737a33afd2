"""Payouts on the chain of these tests: a committee of three, deposits, distributions, claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from deploying import TestContracts
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from parties import PARTIES
from quick_chain import move_to
from web3.contract import Contract
from web3.types import TxReceipt

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.client import Node
from marketplace.protocol.agreement import committee_digest
from marketplace.protocol.earnings import Earning, Earnings, Place, build
from marketplace.protocol.payouts import ClaimTo, Distribution, PayoutsDomain, packed
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import NATIVE, Committee
from marketplace.protocol.typed_data import sign

DELAY = 86_400
GUARDIAN, GUARDIAN_ROLE = PARTIES.auditor, 7
DOCUMENT = keccak(text="list of payees")
COMMITTEE = Committee(7, 2, tuple(signer.address for signer in PARTIES.signers))


def earning(account: str, cumulative: int, salt: str = "") -> Earning:
    return Earning(account, cumulative, keccak(text=f"salt {salt} of {account}")[:16])


def payee(number: int) -> str:
    """Return the address of a payee whose key nobody has."""
    return to_checksum_address(keccak(text=f"payee {number}")[:20])


class Deployed(NamedTuple):
    """What `Payouts` needs around it."""

    payouts: Contract
    token: Contract
    in_office: Contract


def deploy_payouts(node: Node, artifacts: TestContracts, by: LocalAccount) -> Deployed:
    """Deploy with `COMMITTEE` in office, and `GUARDIAN` as the one who may veto."""
    in_office = artifacts.deploy("CommitteeInOffice")
    node.send(by, in_office.functions.appoint(committee_digest(COMMITTEE)))
    authority = artifacts.deploy("TestAuthority", by.address)
    payouts = node.deploy(by, "Payouts", authority.address, in_office.address, DELAY)
    veto = bytes.fromhex(load_artifact("Payouts").method_identifiers["veto(address)"])
    assign = authority.functions.setTargetFunctionRole(payouts.address, [veto], GUARDIAN_ROLE)
    node.send(by, assign)
    node.send(by, authority.functions.grantRole(GUARDIAN_ROLE, GUARDIAN.address, 0))
    return Deployed(payouts, node.deploy(by, "DevToken"), in_office)


class PayoutsBuilder:
    """Drives one `Payouts` contract, in one currency, by whoever it takes."""

    def __init__(self, node: Node, contract: Contract, currency: str = NATIVE) -> None:
        self.node, self.contract, self.currency = node, contract, currency
        self.committee = COMMITTEE

    def using(self, token: Contract, allowed: int = 10**30) -> PayoutsBuilder:
        """The same contract in another currency, of which the buyer allows it plenty."""
        approve = token.functions.approve(self.contract.address, allowed)
        self.node.send(PARTIES.buyer, approve)
        return PayoutsBuilder(self.node, self.contract, token.address)

    def view(self, name: str, *arguments: Any) -> Any:
        return self.node.call(self.contract.functions[name](*arguments))

    def send(self, by: LocalAccount, name: str, *arguments: Any, value: int = 0) -> TxReceipt:
        return self.node.send(by, self.contract.functions[name](*arguments), value=value)

    # ---------------------------------------------------------------- distributions

    def deposit(self, amount: int, by: LocalAccount = PARTIES.buyer) -> TxReceipt:
        value = amount if self.currency == NATIVE else 0
        return self.send(by, "deposit", self.currency, amount, value=value)

    def distribution(self, earnings: Earnings, **changes: Any) -> Distribution:
        epoch = self.view("rootsOf", self.currency)[0] + 1
        usual = Distribution(
            self.currency,
            epoch,
            earnings.total,
            earnings.roots,
            DOCUMENT,
            committee_digest(self.committee),
        )
        return replace(usual, **changes)

    def signatures(
        self,
        distribution: Distribution,
        signers: Sequence[LocalAccount] = PARTIES.signers[:2],
        domain: PayoutsDomain | None = None,
    ) -> Mapping[str, bytes]:
        where = domain or self.domain
        return {signer.address: sign(where, distribution, signer) for signer in signers}

    def propose(
        self,
        distribution: Distribution,
        signatures: Mapping[str, bytes] | None = None,
        by: LocalAccount = PARTIES.stranger,
    ) -> TxReceipt:
        signed = self.signatures(distribution) if signatures is None else signatures
        quorum = packed(self.committee.members, signed)
        return self.send(by, "propose", distribution.as_tuple(), self.committee.as_tuple(), *quorum)

    def activate(self) -> TxReceipt:
        return self.send(PARTIES.stranger, "activate", self.currency)

    def pass_delay(self) -> None:
        _, active_at, _ = self.view("pendingOf", self.currency)
        move_to(self.node, active_at)

    def distribute(self, earnings: Earnings) -> Earnings:
        """Propose and activate; what is missing of the total is deposited first."""
        funded = self.funds[0]
        if earnings.total > funded:
            self.deposit(earnings.total - funded)
        self.propose(self.distribution(earnings))
        self.pass_delay()
        self.activate()
        return earnings

    def pay(self, amounts: Mapping[str, int], trees: int | None = None) -> Earnings:
        """Distribute these cumulative amounts by account."""
        entries = [earning(account, amount) for account, amount in amounts.items()]
        return self.distribute(build(entries, sum(amounts.values()), trees))

    # ----------------------------------------------------------------------- claims

    def claim(self, place: Place, by: LocalAccount = PARTIES.stranger) -> TxReceipt:
        return self.send(by, "claim", *self.proof(place))

    def claim_to(
        self, place: Place, message: ClaimTo, signature: bytes, by: LocalAccount = PARTIES.stranger
    ) -> TxReceipt:
        said = (message.receiver, message.deadline, signature)
        return self.send(by, "claimTo", *self.proof(place), *said)

    def proof(self, place: Place) -> tuple[Any, ...]:
        return (self.currency, list(place.proof), place.earning.as_tuple())

    def order(self, account: str, receiver: str, **changes: Any) -> ClaimTo:
        nonce = self.view("nonces", account)
        deadline = self.node.now() + 3_600
        return replace(ClaimTo(account, self.currency, receiver, nonce, deadline), **changes)

    def sign(self, message: Struct, by: LocalAccount, domain: PayoutsDomain | None = None) -> bytes:
        return sign(domain or self.domain, message, by)

    # ------------------------------------------------------------------------ views

    @property
    def domain(self) -> PayoutsDomain:
        return PayoutsDomain(self.node.chain_id, self.contract.address)

    @property
    def funds(self) -> tuple[int, int, int]:
        """What arrived, what the active total is, what is unclaimed of it."""
        funded, total, unclaimed = self.view("fundsOf", self.currency)
        return funded, total, unclaimed

    def credit(self, account: str) -> int:
        return int(self.view("creditOf", account, self.currency))

    def claimed(self, account: str) -> int:
        return int(self.view("claimedOf", account, self.currency))

    def held(self) -> int:
        if self.currency == NATIVE:
            return self.node.balance(self.contract.address)
        token = self.node.contract("DevToken", self.currency)
        return int(self.node.call(token.functions.balanceOf(self.contract.address)))
