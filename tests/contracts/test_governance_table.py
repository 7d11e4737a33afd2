"""`docs/governance.md` says who can call what: no function is missing, and no role is wrong.

Rows that name a role are compared with the sources. Where a row names a party (the buyer,
the arbiter, who was credited), a stranger makes the call, all else being as it should be,
and is refused or changes nothing but its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from expectations import refused_for_one_of
from office import bitmap
from parties import PARTIES
from payouts_builder import earning
from tender_builder import TenderBuilder
from trade_builder import TradeBuilder
from trade_terms import TWO, commitment
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from marketplace.chain.artifacts import CHECKOUT, Artifact, compile_contracts, load_artifact
from marketplace.chain.deploy import Deployment
from marketplace.chain.governance import GOVERNOR_DELAY, RULES, Role
from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, record_hash
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, AuditFinding

PAGE = Path(__file__).parents[2] / "docs" / "governance.md"
PACKAGED_BASE = {"Governance": "@openzeppelin/contracts/access/manager/AccessManager.sol"}
GUARD = re.compile(r"\bfunction (\w+)\([^{};]*\b(?:restricted|onlyAuthorized)\b[^{};]*\{")
BASES = re.compile(r"\bcontract (\w+) is ([^{]+)\{")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$")


class Entry(NamedTuple):
    """One line of a contract's table."""

    who: str
    delay: str

    @property
    def role(self) -> Role | None:
        word = re.match(r"\w+", self.who)
        return Role[word[0]] if word and word[0] in Role.__members__ else None


def page() -> dict[str, dict[str, Entry]]:
    """Read the tables: entries by contract and function."""
    tables: dict[str, dict[str, Entry]] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        name, *lines = section.splitlines()
        rows = [match.groups() for line in lines if (match := ROW.match(line))]
        tables[name] = {function: Entry(who, delay) for function, who, delay in rows}
        assert len(tables[name]) == len(rows), f"a function of {name} stands in two rows"
    return tables


def deployable() -> dict[str, Artifact]:
    """Return the contracts that have functions of their own on a chain."""
    artifacts = {name: load_artifact(name) for name in compile_contracts()}
    return {
        name: artifact
        for name, artifact in artifacts.items()
        if artifact.bytecode and artifact.method_identifiers
    }


def changing(artifact: Artifact) -> set[str]:
    """Return the names of the functions that change something."""
    return {
        item["name"]
        for item in artifact.abi
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    }


def guarded(name: str) -> set[str]:
    """Return the functions behind an access check in a contract's source or in its bases'."""
    texts = {path.stem: path.read_text() for path in CHECKOUT.contracts.glob("src/**/*.sol")}
    if name in PACKAGED_BASE:
        path = CHECKOUT.contracts / "node_modules" / PACKAGED_BASE[name]
        texts["AccessManager"] = path.read_text()
    found: set[str] = set()
    waiting = [name]
    while waiting:
        text = texts.get(waiting.pop(), "")
        found |= set(GUARD.findall(text))
        for _, bases in BASES.findall(text):
            waiting += re.findall(r"\w+", bases)
    return found


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, Entry]]:
    return page()


def test_each_contract_has_its_table_and_each_function_its_row(
    tables: dict[str, dict[str, Entry]],
) -> None:
    known = {name: changing(artifact) for name, artifact in deployable().items()}
    assert {name: set(rows) for name, rows in tables.items()} == known


def test_a_row_names_a_role_exactly_where_the_source_checks_one(
    tables: dict[str, dict[str, Entry]],
) -> None:
    for name, rows in tables.items():
        named = {function for function, entry in rows.items() if entry.role is not None}
        assert named == guarded(name), name


def test_the_roles_are_those_that_the_deployment_gives(
    tables: dict[str, dict[str, Entry]],
) -> None:
    given = {
        name: {function: entry.role for function, entry in rows.items() if entry.role is not None}
        for name, rows in tables.items()
        if name != "Governance"
    }
    assert {name: roles for name, roles in given.items() if roles} == RULES


def test_the_access_manager_is_administered_by_governors_or_nobody(
    tables: dict[str, dict[str, Entry]],
) -> None:
    for function in guarded("Governance"):
        entry = tables["Governance"][function]
        if function in {"grantRole", "revokeRole"}:
            assert entry.role is Role.GOVERNOR
        else:
            assert entry.who == "ADMIN: nobody"


def test_delays_are_those_of_the_roles(tables: dict[str, dict[str, Entry]]) -> None:
    days = f"{GOVERNOR_DELAY // 86_400} days"
    delays = {Role.GOVERNOR: days, Role.GUARDIAN: "none", Role.ADMIN: "—", None: "—"}
    for rows in tables.values():
        for function, entry in rows.items():
            assert entry.delay == delays[entry.role], function


def test_the_market_knows_no_role(tables: dict[str, dict[str, Entry]]) -> None:
    market = load_artifact("ModelMarket")
    assert guarded("ModelMarket") == set()
    assert not {"authority", "owner"} & {
        name.partition("(")[0] for name in market.method_identifiers
    }
    assert all(entry.role is None for entry in tables["ModelMarket"].values())


# ------------------------------------------------------------- what is a party's alone

STRANGER, BUYER = PARTIES.stranger, PARTIES.buyer
PROVIDER, SIGNER = PARTIES.providers[0], PARTIES.signers[0]
DATASET, REPORT = commitment("dataset 0"), commitment("new validation")


@dataclass(frozen=True)
class Scene:
    """A market of which a stranger wants something."""

    market: Market
    deployment: Deployment

    def at(self, state: State) -> TradeBuilder:
        return TradeBuilder(self.market).advance_to(state)

    def settled(self, of: str, **request: Any) -> TradeBuilder:
        """Settle a trade of the market that a contract stands on."""
        node, address = self.market.node, self.contract(of).functions.market().call()
        return TradeBuilder(Market(node, address), **request).advance_to(State.SETTLED)

    def contract(self, name: str) -> Contract:
        where = {
            "MarketRules": "rules",
            "OracleCommittee": "committee",
            "ParticipantRegistry": "registry",
            "ModelLicence": "licence",
            "ConsentRegistry": "consent",
            "SealedBids": "bids",
            "DevToken": "token",
        }
        address = getattr(self.deployment, where.get(name, name.lower()))
        return self.market.node.contract(name, address)

    def call(self, name: str, function: str, *arguments: Any) -> ContractFunction:
        """Bind a call of a contract of this deployment."""
        bound: ContractFunction = self.contract(name).functions[function](*arguments)
        return bound

    def by_stranger(self, name: str, function: str, *arguments: Any) -> None:
        self.market.node.send(STRANGER, self.call(name, function, *arguments))

    def licence(self, rule: int) -> int:
        """Mint the buyer's licence of a settled trade."""
        trade = self.settled("ModelLicence", transfer_rule=rule)
        last = trade.agreement.last_attempt
        decided = (trade.gated, amounts_hash(last.finding.amounts), last.record.as_tuple())
        self.by_stranger("ModelLicence", "mint", trade.request.as_tuple(), *decided)
        return int.from_bytes(trade.id, "big")

    def linked(self) -> TradeBuilder:
        """Link a model with the first dataset, and let its provider withdraw."""
        trade = self.settled("ConsentRegistry")
        agreed, data, quote = trade.agreement, trade.course.data, trade.course.quote
        assert data is not None
        assert quote is not None
        training = (
            quote.as_tuple(),
            agreed.deal.as_tuple(),
            *(agreed.gate.dropped, data.as_tuple(), trade.judges.as_tuple(), bitmap(TWO)),
            *(trade.quorum(trade.data_report(data)), agreed.gate.history.as_tuple()),
            *(amounts_hash(agreed.last_attempt.finding.amounts),),
            record_hash(agreed.last_attempt.record),
        )
        self.by_stranger("ConsentRegistry", "link", training, 0)
        withdrawal = self.call("ConsentRegistry", "withdrawConsent", quote.data_quotes[0].dataset)
        self.market.node.send(PROVIDER, withdrawal)
        return trade


Try = Callable[[Scene], object]


def simply(name: str, function: str, *arguments: Any) -> Try:
    """Call a function that needs nothing before it."""
    return lambda scene: scene.by_stranger(name, function, *arguments)


def withdraw_anothers(scene: Scene) -> None:
    trade = scene.at(State.GATED)
    assert trade.market.credit_of(PROVIDER.address) > 0
    trade.market.send(STRANGER, "withdraw", NATIVE, STRANGER.address)


def take_a_stake(function: str) -> Try:
    def take(scene: Scene) -> None:
        node = scene.market.node
        node.send(SIGNER, scene.call("OracleCommittee", "stake", SIGNER.address, 5), value=5)
        if function == "withdrawStake":
            node.send(SIGNER, scene.call("OracleCommittee", "requestUnstake", 5))
        argument = STRANGER.address if function == "withdrawStake" else 5
        scene.by_stranger("OracleCommittee", function, argument)

    return take


def take_a_participants_stake(function: str) -> Try:
    def take(scene: Scene) -> None:
        node = scene.market.node
        node.send(BUYER, scene.call("ParticipantRegistry", "depositStake", 5), value=5)
        if function == "withdrawStake":
            node.send(BUYER, scene.call("ParticipantRegistry", "unlockStake", 5))
        argument = STRANGER.address if function == "withdrawStake" else 5
        scene.by_stranger("ParticipantRegistry", function, argument)

    return take


def touch_a_group(function: str) -> Try:
    def touch(scene: Scene) -> None:
        name, content = "ParticipantRegistry", commitment("a group")
        group = scene.call(name, "groupIdOf", BUYER.address, content).call()
        scene.market.node.send(BUYER, scene.call(name, "foundGroup", content))
        invite = scene.call(name, "setInvitation", PROVIDER.address, True)
        scene.market.node.send(BUYER, invite)
        arguments: dict[str, tuple[Any, ...]] = {
            "setInvitation": (STRANGER.address, True),
            "joinGroup": (group,),
            "leaveGroup": (),
        }
        scene.by_stranger(name, function, *arguments[function])

    return touch


def move_a_licence(function: str, *more: Any) -> Try:
    def move(scene: Scene) -> None:
        token = scene.licence(rule=1)
        arguments = (BUYER.address, STRANGER.address, token, *more)
        scene.by_stranger("ModelLicence", function, *arguments)

    return move


def move_a_licence_with_consent(scene: Scene) -> None:
    token = scene.licence(rule=2)
    contract = scene.contract("ModelLicence")
    terms = (BUYER.address, STRANGER.address, token, 2**40)
    digest = contract.functions.consentDigest(*terms).call()
    consent = PARTIES.broker.unsafe_sign_hash(digest).signature
    scene.by_stranger("ModelLicence", "transferWithConsent", *terms, bytes(consent))


def approve_a_licence(scene: Scene) -> None:
    token = scene.licence(rule=1)
    scene.by_stranger("ModelLicence", "approve", STRANGER.address, token)


def revalidate(scene: Scene) -> None:
    trade = scene.linked()
    dataset = trade.quote.data_quotes[0].dataset
    scene.by_stranger("ConsentRegistry", "revalidate", trade.id, PROVIDER.address, dataset, REPORT)


def open_a_tender(scene: Scene) -> None:
    TenderBuilder(scene.market.node, scene.contract("SealedBids")).open(by=STRANGER)


def sponsor(scene: Scene) -> None:
    rules = scene.market.in_force()
    inputs = scene.contract("Ladder").get_function_by_name("open").abi["inputs"][0]["components"]
    known = {"sponsor": BUYER.address, "committee": rules.committee, "step": 1_000}
    usual = {"address": BUYER.address, "bytes32": commitment("any")}
    terms = tuple(known.get(f["name"], usual.get(f["type"], 1)) for f in inputs)
    scene.by_stranger("Ladder", "open", terms)


def governed(function: str, *more: Any) -> Try:
    def act(scene: Scene) -> None:
        rules = scene.contract("MarketRules")
        data = bytes.fromhex(rules.encode_abi("pauseRequests", [True])[2:])
        admin = (PARTIES.admin.address,) if function == "cancel" else ()
        scene.by_stranger("Governance", function, *admin, rules.address, data, *more)

    return act


def claim_anothers(scene: Scene) -> None:
    place = earning(PROVIDER.address, 5)
    given = (NATIVE, [], place.as_tuple(), STRANGER.address)
    scene.by_stranger("Payouts", "claimAndWithdraw", *given)


REFUSED: dict[tuple[str, str], tuple[str, Try]] = {
    ("ModelMarket", "requestModel"): (
        "NotAllowed",
        lambda s: s.at(State.NONE).ask(sender=STRANGER),
    ),
    ("ModelMarket", "declineQuote"): (
        "NotAllowed",
        lambda s: s.at(State.REQUESTED).decline(sender=STRANGER),
    ),
    ("ModelMarket", "acceptQuote"): (
        "NotAllowed",
        lambda s: s.at(State.REQUESTED).accept(sender=STRANGER),
    ),
    ("ModelMarket", "attestAudit"): (
        "BadSignature",
        lambda s: s.at(State.PASSED).attest(
            AuditFinding(commitment("audit"), True, bytes(65)), sender=STRANGER
        ),
    ),
    ("ModelMarket", "dispute"): (
        "NotAllowed",
        lambda s: s.at(State.PASSED).dispute(sender=STRANGER),
    ),
    ("ModelMarket", "rule"): (
        "NotAllowed",
        lambda s: s.at(State.DISPUTED).rule(True, sender=STRANGER),
    ),
    ("ModelMarket", "withdraw"): ("NothingToWithdraw", withdraw_anothers),
    ("OracleCommittee", "requestUnstake"): ("NotStaked", take_a_stake("requestUnstake")),
    ("OracleCommittee", "withdrawStake"): ("NothingToUnstake", take_a_stake("withdrawStake")),
    ("OracleCommittee", "slash"): (
        "OnlyArbiter",
        simply("OracleCommittee", "slash", SIGNER.address, 1, STRANGER.address),
    ),
    **{
        (name, "withdrawCredit"): (
            "NothingToWithdraw",
            simply(name, "withdrawCredit", NATIVE, STRANGER.address),
        )
        for name in ("OracleCommittee", "Challenges", "SealedBids")
    },
    ("Ladder", "open"): ("NotSponsor", sponsor),
    ("ParticipantRegistry", "unlockStake"): (
        "StakeTooSmall",
        take_a_participants_stake("unlockStake"),
    ),
    ("ParticipantRegistry", "withdrawStake"): (
        "NoStakeToWithdraw",
        take_a_participants_stake("withdrawStake"),
    ),
    ("ParticipantRegistry", "setInvitation"): ("NotAffiliated", touch_a_group("setInvitation")),
    ("ParticipantRegistry", "joinGroup"): ("NotInvited", touch_a_group("joinGroup")),
    ("ParticipantRegistry", "leaveGroup"): ("NotAffiliated", touch_a_group("leaveGroup")),
    ("ModelLicence", "transferWithConsent"): (
        "ERC721InsufficientApproval",
        move_a_licence_with_consent,
    ),
    ("ModelLicence", "transferFrom"): (
        "ERC721InsufficientApproval",
        move_a_licence("transferFrom"),
    ),
    ("ModelLicence", "safeTransferFrom"): (
        "ERC721InsufficientApproval",
        move_a_licence("safeTransferFrom(address,address,uint256)"),
    ),
    ("ModelLicence", "approve"): ("ERC721InvalidApprover", approve_a_licence),
    ("ConsentRegistry", "revalidate"): ("NotTheMaintainer", revalidate),
    ("Governance", "renounceRole"): (
        "AccessManagerBadConfirmation",
        simply("Governance", "renounceRole", Role.GUARDIAN, PARTIES.admin.address),
    ),
    ("Governance", "schedule"): ("AccessManagerUnauthorizedCall", governed("schedule", 2**40)),
    ("Governance", "execute"): ("AccessManagerUnauthorizedCall", governed("execute")),
    ("Governance", "cancel"): (
        "AccessManagerNotScheduled",
        governed("cancel"),
    ),
    ("Governance", "consumeScheduledOp"): (
        "",  # the manager asks the caller about it, and an account without code gives no answer
        simply("Governance", "consumeScheduledOp", STRANGER.address, b""),
    ),
    ("SealedBids", "open"): ("NotAllowed", open_a_tender),
    ("Payouts", "claimAndWithdraw"): ("NotAllowed", claim_anothers),
    ("Payouts", "withdraw"): (
        "NothingToWithdraw",
        simply("Payouts", "withdraw", NATIVE, STRANGER.address),
    ),
    ("DevToken", "transfer"): (
        "ERC20InsufficientBalance",
        simply("DevToken", "transfer", STRANGER.address, 1),
    ),
    ("DevToken", "transferFrom"): (
        "ERC20InsufficientAllowance",
        simply("DevToken", "transferFrom", BUYER.address, STRANGER.address, 1),
    ),
}
"""How a stranger is refused: the error, and the call."""


def an_operator_of_ones_own(scene: Scene) -> None:
    scene.licence(rule=1)
    scene.by_stranger("ModelLicence", "setApprovalForAll", STRANGER.address, True)
    approved = scene.contract("ModelLicence").functions.isApprovedForAll
    assert approved(STRANGER.address, STRANGER.address).call()
    assert not approved(BUYER.address, STRANGER.address).call()


def an_end_of_ones_own(function: str) -> Try:
    def end(scene: Scene) -> None:
        now = scene.market.node.now()
        more = (now + 1_000,) if function == "setConsentEnd" else ()
        scene.by_stranger("ConsentRegistry", function, DATASET, *more)
        ends = scene.contract("ConsentRegistry").functions.consentEndOf
        assert ends(STRANGER.address, DATASET).call() != 0
        assert ends(PROVIDER.address, DATASET).call() == 0

    return end


def an_allowance_of_ones_own(scene: Scene) -> None:
    scene.by_stranger("DevToken", "approve", STRANGER.address, 5)
    allowed = scene.contract("DevToken").functions.allowance
    assert allowed(STRANGER.address, STRANGER.address).call() == 5
    assert allowed(BUYER.address, STRANGER.address).call() == 0


OF_ITSELF: dict[tuple[str, str], Try] = {
    ("ModelLicence", "setApprovalForAll"): an_operator_of_ones_own,
    ("ConsentRegistry", "setConsentEnd"): an_end_of_ones_own("setConsentEnd"),
    ("ConsentRegistry", "withdrawConsent"): an_end_of_ones_own("withdrawConsent"),
    ("DevToken", "approve"): an_allowance_of_ones_own,
}
"""Calls that go through for a stranger, and say nothing about anybody else."""


@pytest.fixture
def scene(market: Market, deployment: Deployment) -> Scene:
    return Scene(market, deployment)


@pytest.mark.parametrize("row", REFUSED, ids=".".join)
def test_what_is_a_partys_is_refused_to_a_stranger(scene: Scene, row: tuple[str, str]) -> None:
    error, attempt = REFUSED[row]
    with refused_for_one_of(error):
        attempt(scene)


@pytest.mark.parametrize("row", OF_ITSELF, ids=".".join)
def test_what_a_stranger_says_is_of_itself(scene: Scene, row: tuple[str, str]) -> None:
    OF_ITSELF[row](scene)


@pytest.mark.parametrize(
    ("name", "function", "arguments"),
    [
        ("MarketRules", "pauseRequests", (True,)),
        ("MarketRules", "setFee", (0, STRANGER.address)),
        ("MarketRules", "setReview", (0, 255)),
        ("MarketRules", "setReviewShift", (NATIVE, 255)),
        ("MarketRules", "setAuthority", (STRANGER.address,)),
        ("OracleCommittee", "scheduleRotation", ([STRANGER.address], 1)),
        ("OracleCommittee", "cancelRotation", ()),
        ("OracleCommittee", "setAuthority", (STRANGER.address,)),
        ("Payouts", "veto", (NATIVE,)),
        ("Payouts", "setAuthority", (STRANGER.address,)),
    ],
)
def test_what_is_a_roles_is_refused_to_a_stranger(
    scene: Scene, name: str, function: str, arguments: tuple[Any, ...]
) -> None:
    with refused_for_one_of("AccessManagedUnauthorized"):
        scene.by_stranger(name, function, *arguments)


def test_every_row_that_names_a_party_is_tried(tables: dict[str, dict[str, Entry]]) -> None:
    of_parties = {
        (name, function)
        for name, rows in tables.items()
        for function, entry in rows.items()
        if entry.role is None and not entry.who.startswith(("anyone", "the authority itself"))
    }
    assert REFUSED.keys() | OF_ITSELF.keys() == of_parties
