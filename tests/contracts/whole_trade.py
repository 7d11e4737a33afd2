"""A market with all that it stands on, and one trade on it from request to settlement.

For the tests of contracts that build on trades which have ended: each call is made
once, as the honest parties would, with three providers, five experts, an auditor and
two of three signers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from office import bitmap, compact
from parties import PARTIES
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.chain.deploy import deploy_offices
from marketplace.chain.governance import deploy_governance
from marketplace.protocol.agreement import record_hash
from marketplace.protocol.terms import NATIVE, AttemptRecord

DAY = 86_400
ROTATION_DELAY = 3 * DAY  # longer than governance takes to think twice
FAR_FUTURE = 2**40 - 1
SCORE, THRESHOLD = 912_345, 900_000
SEATS = (0, 1)  # of the signers
FEE_BPS = 250
DATA_PRICES = (3 * 10**17 + 1, 2 * 10**17 + 7, 10**17 + 3)
ROWS = (500, 300, 200)
WEIGHTS = (400_000, 300_000, 150_000, 100_000, 50_000)
EXPERT_POOL, BROKER_FEE, AUDITOR_FEE, ORACLE_FEE = (
    10**18 + 11,
    5 * 10**16,
    4 * 10**16,
    3 * 10**16 + 1,
)
NO_PERMIT = (0, 0, 0, bytes(32), bytes(32))
WINDOWS = {
    "quote": 1_000,
    "delivery": 2_000,
    "judging": 2_000,
    "training": 4_000,
    "validation": 4_000,
    "review": 5_000,
    "settlement": 6_000,
}

FIELDS = {
    "DataQuote": "bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,uint128 price,"
    "uint40 expiry",
    "ModelQuote": "bytes32 tradeId,bytes32 dataRequest,DataQuote[] dataQuotes,uint128 expertPool,"
    "uint128 brokerFee,uint128 auditorFee,uint128 oracleFee,uint40 expiry",
    "DataReport": "bytes32 tradeId,uint32 committeeVersion,uint256 accepted,address[] experts,"
    "uint32[] weights,bytes32 dataEvidence,bytes32 gateEvidence",
    "AttemptReport": "bytes32 tradeId,uint32 committeeVersion,uint8 attempt,bytes32 model,"
    "bytes32 training,bytes32 delivery,bytes32 evidence,uint128[] amounts,bool passed,bytes32 seal",
    "AuditReport": "bytes32 tradeId,bytes32 record,bytes32 report,bool approved",
}


def commitment(text: str) -> bytes:
    """Return 32 bytes that stand for some content."""
    return keccak(text=text)


def words(*values: Any) -> bytes:
    """Return the hash of values that take one word each."""
    kinds = {bool: "bool", int: "uint256", str: "address", bytes: "bytes32"}
    return keccak(encode([kinds[type(value)] for value in values], values))


def quote_hash(quote: dict[str, Any]) -> bytes:
    """Return the EIP-712 struct hash of a broker's quote, the same in every domain."""
    offers = words(*(_struct_hash("DataQuote", offer) for offer in quote["dataQuotes"]))
    return _struct_hash("ModelQuote", quote | {"dataQuotes": offers}, "DataQuote")


def _struct_hash(primary: str, message: dict[str, Any], *within: str) -> bytes:
    types = "".join(f"{kind}({FIELDS[kind]})" for kind in (primary, *within))
    names = [part.split()[1] for part in FIELDS[primary].split(",")]
    return words(keccak(text=types), *(message[name] for name in names))


def typed_digest(
    chain_id: int, contract: str, name: str, primary: str, message: dict[str, Any]
) -> bytes:
    """Return the EIP-712 digest of a message for a contract."""
    return digest_of_types(chain_id, contract, name, FIELDS, primary, message)


def digest_of_types(
    chain_id: int,
    contract: str,
    name: str,
    fields: dict[str, str],
    primary: str,
    message: dict[str, Any],
) -> bytes:
    """Return the EIP-712 digest of a message whose types are written as in Solidity."""
    types = {
        kind: [dict(zip(("type", "name"), part.split(), strict=True)) for part in listed.split(",")]
        for kind, listed in fields.items()
        if kind == primary or kind in fields[primary]
    }
    domain = {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": contract}
    signable = encode_typed_data(
        full_message={
            "types": types
            | {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ]
            },
            "domain": domain,
            "primaryType": primary,
            "message": message,
        }
    )
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def sign_digest(account: LocalAccount, digest: bytes) -> bytes:
    """Sign a digest in the usual 65 bytes."""
    return bytes(account.unsafe_sign_hash(digest).signature)


@dataclass(frozen=True)
class World:
    """The market and what it needs, the first committee in office."""

    node: Node
    governance: Contract
    rules: Contract
    committee: Contract
    market: Contract
    judges: tuple[int, int, list[str]]
    judges_digest: bytes
    panel_digest: bytes

    @classmethod
    def deploy(cls, node: Node) -> World:
        """Deploy with the admin in charge."""
        admin = PARTIES.admin
        governance = deploy_governance(node, admin)
        terms = (NATIVE, 0, ROTATION_DELAY, 2**32 - 1, admin.address)
        committee, panel = deploy_offices(node, admin, governance.address, terms)
        signers = [signer.address for signer in PARTIES.signers]
        node.send(admin, committee.functions.scheduleRotation(signers, 2))
        node.send(admin, panel.functions.scheduleRotation([admin.address], 1))
        registry = node.deploy(admin, "ParticipantRegistry", NATIVE, (DAY, DAY, DAY, DAY))
        rules = node.deploy(
            admin,
            "MarketRules",
            governance.address,
            committee.address,
            panel.address,
            FEE_BPS,
            PARTIES.treasury.address,
            3_600,
            255,
            DAY,
        )
        market = node.deploy(admin, "ModelMarket", rules.address, registry.address, admin.address)
        return cls(
            node,
            governance,
            rules,
            committee,
            market,
            (1, 2, signers),
            node.call(committee.functions.currentDigest()),
            node.call(panel.functions.currentDigest()),
        )


@dataclass
class WholeTrade:
    """One trade, a step at a time."""

    world: World
    rule: int = 0
    accepted: int = 0b111
    passed: bool = True
    salt: str = "a trade"
    broker: LocalAccount = PARTIES.broker
    buyer: str = PARTIES.buyer.address
    request_fields: dict[str, Any] = field(default_factory=dict)

    # ----------------------------------------------------------- what is agreed

    @cached_property
    def request(self) -> dict[str, Any]:
        return {
            "buyer": self.buyer,
            "broker": self.broker.address,
            "auditor": PARTIES.auditor.address,
            "currency": NATIVE,
            "budget": 10**19,
            "threshold": THRESHOLD,
            "maxAttempts": 3,
            "minRows": 300,
            "validationRows": 250,
            "validationRoot": commitment("validation rows"),
            "spec": commitment("specification"),
            "licence": commitment("licence"),
            "transferRule": self.rule,
            "approvalRequired": False,
            "committee": self.world.judges_digest,
            "panel": self.world.panel_digest,
            "feeBps": FEE_BPS,
            "treasury": PARTIES.treasury.address,
            "windows": WINDOWS,
            "salt": commitment(self.salt),
        } | self.request_fields

    @cached_property
    def id(self) -> bytes:
        functions = self.world.market.functions
        return bytes(self.world.node.call(functions.tradeIdOf(self.request)))

    @cached_property
    def quote(self) -> dict[str, Any]:
        quotes = [
            {
                "tradeId": self.id,
                "provider": provider.address,
                "dataset": commitment(f"dataset {number}"),
                "rows": ROWS[number],
                "price": DATA_PRICES[number],
                "expiry": FAR_FUTURE,
            }
            for number, provider in enumerate(PARTIES.providers)
        ]
        return {
            "tradeId": self.id,
            "dataRequest": commitment("data request"),
            "dataQuotes": quotes,
            "expertPool": EXPERT_POOL,
            "brokerFee": BROKER_FEE,
            "auditorFee": AUDITOR_FEE,
            "oracleFee": ORACLE_FEE,
            "expiry": FAR_FUTURE,
        }

    @cached_property
    def price(self) -> list[int]:
        """The price, and the protocol fee in it."""
        node, functions = self.world.node, self.world.market.functions
        quotes = node.contract("Quotes", node.call(functions.quotes())).functions
        return list(node.call(quotes.priceOf(self.quote, FEE_BPS)))

    @property
    def deal(self) -> dict[str, Any]:
        from_request = ("buyer", "broker", "auditor", "treasury", "currency", "threshold")
        from_quote = ("expertPool", "brokerFee", "auditorFee", "oracleFee")
        return (
            {name: self.request[name] for name in (*from_request, "minRows", "approvalRequired")}
            | {name: self.quote[name] for name in from_quote}
            | {"protocolFee": self.price[1], "quote": quote_hash(self.quote)}
        )

    @property
    def supplies(self) -> list[dict[str, Any]]:
        names = ("provider", "rows", "price")
        return [{name: quote[name] for name in names} for quote in self.quote["dataQuotes"]]

    @property
    def dropped(self) -> int:
        return sum(
            price for number, price in enumerate(DATA_PRICES) if not self.accepted >> number & 1
        )

    @property
    def experts(self) -> list[str]:
        return [expert.address for expert in PARTIES.experts]

    @property
    def data_report(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "experts": self.experts,
            "weights": list(WEIGHTS),
            "dataEvidence": commitment("data evidence"),
            "gateEvidence": commitment("gate evidence"),
        }

    @property
    def gate(self) -> dict[str, Any]:
        return {
            "dropped": self.dropped,
            "history": self.history,
            "experts": self.experts,
            "weights": list(WEIGHTS),
        }

    @property
    def history(self) -> tuple[bytes, int]:
        """What earlier attempts left: there was none."""
        return bytes(32), 0

    @property
    def attempt_report(self) -> dict[str, Any]:
        share = EXPERT_POOL // len(WEIGHTS)
        shares = [EXPERT_POOL - share * (len(WEIGHTS) - 1)] + [share] * (len(WEIGHTS) - 1)
        return {
            "model": commitment("model"),
            "training": commitment("training"),
            "delivery": commitment("delivery") if self.passed else bytes(32),
            "evidence": commitment("evidence"),
            "amounts": shares if self.passed else [],
        }

    @property
    def record(self) -> dict[str, Any]:
        return {
            "attempt": 1,
            "model": self.attempt_report["model"],
            "delivery": self.attempt_report["delivery"],
            "signers": bitmap(SEATS),
            "verdicts": bitmap(SEATS) if self.passed else 0,
            "seals": [
                words(self.id, 1, PARTIES.signers[seat].address, self.score, self.salt_of(seat))
                for seat in SEATS
            ],
        }

    @property
    def score(self) -> int:
        return SCORE if self.passed else THRESHOLD - 1

    # ------------------------------------------------------------------ digests

    @property
    def gated(self) -> bytes:
        head = (self.world.judges_digest, EXPERT_POOL, len(self.experts), self.terms)
        return words(*head, *self.history)

    @property
    def terms(self) -> bytes:
        deal = [v.to_bytes(32, "big") if isinstance(v, int) else v for v in self.deal.values()]
        return words(words(*deal), self.dropped, words(*self.experts), words(*WEIGHTS))

    @property
    def amounts(self) -> bytes:
        return words(*self.attempt_report["amounts"])

    @property
    def record_digest(self) -> bytes:
        *values, seals = self.record.values()
        return words(*values, words(*seals))

    def salt_of(self, seat: int) -> bytes:
        return commitment(f"salt {seat}")

    def digest(self, primary: str, message: dict[str, Any]) -> bytes:
        """Return the digest of something signed for the market."""
        market = self.world.market.address
        return typed_digest(self.world.node.chain_id, market, "ModelMarket", primary, message)

    def quorum(self, primary: str, *messages: dict[str, Any]) -> bytes:
        """Let the two signers sign one message, or each its own."""
        each = messages * len(SEATS) if len(messages) == 1 else messages
        return b"".join(
            compact(PARTIES.signers[seat], self.digest(primary, message))
            for seat, message in zip(SEATS, each, strict=True)
        )

    @property
    def signed_data_report(self) -> bytes:
        head = {"tradeId": self.id, "committeeVersion": self.world.judges[0]}
        return self.quorum("DataReport", head | self.data_report)

    @property
    def broker_signature(self) -> bytes:
        return sign_digest(self.broker, self.digest("ModelQuote", self.quote))

    # -------------------------------------------------------------------- calls

    def send(self, account: LocalAccount, function: str, *arguments: Any, value: int = 0) -> None:
        """Call the market."""
        call = self.world.market.get_function_by_name(function)(*arguments)
        self.world.node.send(account, call, value=value)

    def fund(self) -> WholeTrade:
        """Request and accept."""
        self.send(PARTIES.buyer, "requestModel", self.request)
        offers = zip(PARTIES.providers, self.quote["dataQuotes"], strict=True)
        signatures = [
            self.broker_signature,
            *(sign_digest(provider, self.digest("DataQuote", quote)) for provider, quote in offers),
        ]
        price = self.price[0]
        judges = self.world.judges
        arguments = (self.request, judges, self.quote, price, signatures, NO_PERMIT)
        self.send(PARTIES.buyer, "acceptQuote", *arguments, value=price)
        return self

    def deliver(self) -> WholeTrade:
        """Have the data reported, and a model."""
        judges, signers = self.world.judges, bitmap(SEATS)
        anyone = PARTIES.stranger
        self.send(
            anyone,
            "reportData",
            self.id,
            self.deal,
            self.supplies,
            self.data_report,
            judges,
            signers,
            self.signed_data_report,
        )
        head = {"tradeId": self.id, "committeeVersion": judges[0], "attempt": 1}
        findings = [
            head | self.attempt_report | {"passed": self.passed, "seal": seal}
            for seal in self.record["seals"]
        ]
        self.send(
            anyone,
            "reportAttempt",
            self.id,
            self.terms,
            EXPERT_POOL,
            len(WEIGHTS),
            self.history,
            [bytes(32)] * 3,
            self.attempt_report,
            judges,
            signers,
            self.record["verdicts"],
            self.record["seals"],
            self.quorum("AttemptReport", *findings),
        )
        return self

    def settle(self, after: int = WINDOWS["review"], approved: bool = True) -> WholeTrade:
        """Settle after the review window, in seconds, with what the auditor says."""
        self.world.node.advance_time(after + 1)
        audit = {"report": commitment("audit report"), "approved": approved}
        record = record_hash(AttemptRecord.from_values(self.record))
        said = {"tradeId": self.id, "record": record} | audit
        signature = sign_digest(PARTIES.auditor, self.digest("AuditReport", said))
        openings = [(self.score, self.salt_of(seat)) for seat in SEATS]
        self.send(
            PARTIES.stranger,
            "settle",
            self.id,
            self.deal,
            self.gate,
            self.world.judges,
            self.attempt_report["amounts"],
            self.record,
            openings,
            audit | {"signature": signature},
        )
        return self
