"""Puts the contracts on a chain and remembers where they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount
from pydantic.alias_generators import to_camel, to_snake
from web3.contract import Contract
from web3.types import Nonce
from web3.utils.address import get_create_address

from marketplace.chain.client import Node
from marketplace.chain.files import write_whole
from marketplace.chain.governance import GOVERNOR_DELAY, deploy_governance, hand_over
from marketplace.protocol.errors import ConfigurationError
from marketplace.protocol.terms import NATIVE

DAY = 86_400


@dataclass(frozen=True)
class Deployment:
    """Addresses of one deployment.

    Attributes
    ----------
    chain_id
        The chain they are on.
    market, rules, committee, panel, registry, challenges, governance, licence, consent, ladder,
    bids, payouts
        Checksummed addresses.
    token
        The development token, or None where there is none.
    """

    chain_id: int
    market: str
    rules: str
    committee: str
    panel: str
    registry: str
    challenges: str
    governance: str
    licence: str
    consent: str
    ladder: str
    bids: str
    payouts: str
    token: str | None = None

    def save(self, path: Path) -> None:
        """Write the addresses as JSON.

        Raises
        ------
        ConfigurationError
            If the file can't be written.
        """
        write_whole(path, (json.dumps(self.to_json(), indent=2) + "\n").encode())

    def to_json(self) -> dict[str, str | int | None]:
        """Return the addresses by name, in camelCase as all JSON of this project."""
        return {to_camel(name): value for name, value in asdict(self).items()}

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read the addresses back.

        Raises
        ------
        ConfigurationError
            If the file is missing or is not a deployment.
        """
        try:
            content = json.loads(path.read_text())
            return cls(**{to_snake(name): value for name, value in content.items()})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{path} holds no deployment: {error}", "give the file that a deployment wrote"
            ) from error


@dataclass(frozen=True)
class Terms:
    """What a market is deployed with, most of it for good.

    Delays and windows are in seconds, stakes and penalties in wei of the chain's native
    coin, shares in basis points.

    Attributes
    ----------
    fee_bps
        Protocol fee of the other components' sum.
    base_review, review_shift
        The least review window, and how many units of budget (2**shift) add a second; 51 adds
        seven and a half minutes for each coin of 18 decimals.
    min_stake
        What a member of a committee must have at stake.
    rotation_delay, unbonding_delay
        Before a new committee judges, and before a stake can be taken out.
    bond_bps, ruling_window, announcement_delay, panel_bps, challenger_bps
        A challenge's bond of what the trade holds, the time to rule on it and from its
        announcement until it may come, the panel's part of a lost bond, and the challenger's of
        what is slashed.
    wrong_verdict_penalty, silence_penalty, closed_seal_penalty, reporter_bps
        What a signer of a verdict that fell, a silent member, and a signer that keeps a
        score sealed lose, and the reporter's part of the last.
    least_window
        A request that gives its judges less time excuses them.
    domains_delay, joining_delay, leaving_delay, withdrawal_delay
        In the registry: between two changes of domains, before a membership counts, before it
        no longer does, and before a participant's stake can be taken out.
    activation_delay
        Between the proposal of a distribution to many payees and the first claim.
    revalidation_window
        For a maintainer, after a consent was withdrawn.
    governor_delay
        Between the announcement of what a governor does and the act.
    """

    fee_bps: int = 250
    base_review: int = 3_600
    review_shift: int = 51
    min_stake: int = 0
    rotation_delay: int = 2 * DAY
    unbonding_delay: int = 30 * DAY
    bond_bps: int = 500
    ruling_window: int = DAY
    announcement_delay: int = 60
    panel_bps: int = 5_000
    challenger_bps: int = 5_000
    wrong_verdict_penalty: int = 0
    silence_penalty: int = 0
    closed_seal_penalty: int = 0
    reporter_bps: int = 5_000
    least_window: int = 3_600
    domains_delay: int = 30 * DAY
    joining_delay: int = DAY
    leaving_delay: int = 31 * DAY
    withdrawal_delay: int = 7 * DAY
    activation_delay: int = DAY
    revalidation_window: int = 30 * DAY
    governor_delay: int = GOVERNOR_DELAY


def deploy(
    node: Node,
    admin: LocalAccount,
    *,
    signers: Sequence[str],
    threshold: int,
    panel: Sequence[str],
    panel_threshold: int,
    treasury: str,
    terms: Terms = Terms(),
    governor: str | None = None,
    guardian: str | None = None,
    with_token: bool = False,
) -> Deployment:
    """Deploy everything, and put the first committee and the first panel into office.

    Parameters
    ----------
    node
        Where to.
    admin
        Pays, the first members' stakes included.
    signers, panel
        Addresses of the members, in any order; nobody may sit in both.
    threshold, panel_threshold
        Signatures that make a quorum.
    treasury
        Receives the protocol fee.
    terms
        Everything else.
    governor, guardian
        Who may change the rules after a delay, and who may pause new requests. Without a
        governor the admin stays in charge, which suits a devnet only.
    with_token
        Also deploy the development token, on the devnet only.

    Raises
    ------
    ConfigurationError
        If committee and panel share a member, or only one of governor and guardian is given.
    """
    if set(signers) & set(panel):
        raise ConfigurationError("committee and panel share a member", "give disjoint members")
    if (governor is None) != (guardian is None):
        raise ConfigurationError("governor and guardian go together", "give both, or neither")
    governance = deploy_governance(node, admin, terms.governor_delay)
    delays = (
        terms.domains_delay,
        terms.joining_delay,
        terms.leaving_delay,
        terms.withdrawal_delay,
    )
    registry = node.deploy(admin, "ParticipantRegistry", NATIVE, delays)
    # The arbiter is fixed where it is asked, before it is there: committee, panel, rules and
    # market come first, with the calls for each committee's first members.
    steps = 4 + sum(1 + len(m) * bool(terms.min_stake) for m in (signers, panel))
    arbiter = _address_after(node, admin, steps)
    lasting = (NATIVE, terms.min_stake, terms.rotation_delay, terms.unbonding_delay, arbiter)
    committee, bench = deploy_offices(node, admin, governance.address, lasting)
    _appoint(node, admin, committee, terms.min_stake, signers, threshold)
    _appoint(node, admin, bench, terms.min_stake, panel, panel_threshold)
    rules = node.deploy(
        admin,
        "MarketRules",
        governance.address,
        committee.address,
        bench.address,
        terms.fee_bps,
        treasury,
        terms.base_review,
        terms.review_shift,
        terms.ruling_window,
    )
    market = node.deploy(admin, "ModelMarket", rules.address, registry.address, arbiter)
    challenges = node.deploy(
        admin, "Challenges", market.address, committee.address, _challenge_terms(terms)
    )
    if challenges.address != arbiter:
        raise ConfigurationError(
            f"the arbiter is at {challenges.address}, not at {arbiter} as foreseen",
            "let the deploying account send nothing else meanwhile, and deploy again",
        )
    licence = node.deploy(admin, "ModelLicence", market.address)
    consent = node.deploy(admin, "ConsentRegistry", market.address, terms.revalidation_window)
    ladder = node.deploy(admin, "Ladder", committee.address)
    bids = node.deploy(admin, "SealedBids", treasury)
    payouts = node.deploy(
        admin, "Payouts", governance.address, committee.address, terms.activation_delay
    )
    token = node.deploy(admin, "DevToken").address if with_token else None
    if governor is not None and guardian is not None:
        governed = [("MarketRules", rules.address), ("Payouts", payouts.address)]
        governed += [("OracleCommittee", each.address) for each in (committee, bench)]
        hand_over(node, admin, governance, governed, governor=governor, guardian=guardian)
    return Deployment(
        chain_id=node.chain_id,
        market=market.address,
        rules=rules.address,
        committee=committee.address,
        panel=bench.address,
        registry=registry.address,
        challenges=challenges.address,
        governance=governance.address,
        licence=licence.address,
        consent=consent.address,
        ladder=ladder.address,
        bids=bids.address,
        payouts=payouts.address,
        token=token,
    )


def deploy_offices(
    node: Node, admin: LocalAccount, authority: str, terms: tuple[str, int, int, int, str]
) -> tuple[Contract, Contract]:
    """Deploy committee and panel, each the other's counterpart, with nobody in office yet.

    Parameters
    ----------
    node
        Where to.
    admin
        Pays, and sends nothing else meanwhile.
    authority
        Address of the access manager.
    terms
        `CommitteeTerms` of both without the counterpart: currency of the stakes, least stake in
        its units, rotation and unbonding delay in seconds, and the arbiter.
    """
    panel = _address_after(node, admin, 1)
    committee = node.deploy(admin, "OracleCommittee", authority, (*terms, panel))
    bench = node.deploy(admin, "OracleCommittee", authority, (*terms, committee.address))
    return committee, bench


def _appoint(
    node: Node,
    admin: LocalAccount,
    office: Contract,
    stake: int,
    members: Sequence[str],
    threshold: int,
) -> None:
    """Put the first members into office, each with its stake in wei."""
    ordered = sorted(members, key=lambda member: int(member, 16))
    if stake:
        for member in ordered:
            node.send(admin, office.functions.stake(member, stake), value=stake)
    node.send(admin, office.functions.scheduleRotation(ordered, threshold))


def _challenge_terms(terms: Terms) -> tuple[int, ...]:
    return (
        terms.bond_bps,
        terms.ruling_window,
        terms.announcement_delay,
        terms.panel_bps,
        terms.challenger_bps,
        terms.wrong_verdict_penalty,
        terms.silence_penalty,
        terms.closed_seal_penalty,
        terms.reporter_bps,
        terms.least_window,
    )


def _address_after(node: Node, account: LocalAccount, transactions: int) -> str:
    """Return the address of what an account deploys after that many more transactions."""
    nonce = node.web3.eth.get_transaction_count(account.address) + transactions
    return str(get_create_address(account.address, Nonce(nonce)))
