"""All parties of a scripted trade on one development chain, funded and registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from marketplace.chain.client import DEVNET_CHAIN_ID, Node
from marketplace.chain.deploy import Deployment, Terms, deploy
from marketplace.chain.market import Market
from marketplace.protocol.errors import WrongChain
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI
from marketplace.roles.auditor import Auditor
from marketplace.roles.broker import Broker, PriceList
from marketplace.roles.buyer import Buyer
from marketplace.roles.challenger import Challenger
from marketplace.roles.expert import Expert
from marketplace.roles.juror import Juror
from marketplace.roles.provider import Provider
from marketplace.scripted.cast import SEATS, cast_of
from marketplace.scripted.faults import ClosedSigner, CorruptSigner, GarbageProvider, disguised
from marketplace.scripted.script import Script
from offchain.data.scenarios import Scenario
from offchain.exchange import Exchange, party_key
from offchain.oracle.signer import OracleSigner
from offchain.storage.store import Store

QUORUM = 2
TERMS = Terms(
    fee_bps=100,
    min_stake=2 * WEI,
    wrong_verdict_penalty=1 * WEI,
    silence_penalty=WEI // 2,
    closed_seal_penalty=WEI // 2,
)
LEAST_FUNDS = 20 * WEI
ROW_PRICE = WEI // 10_000
QUOTE_SECONDS = 3_600
PRICES = PriceList(
    expert_pool=1 * WEI,
    auditor_fee=WEI // 20,
    oracle_fee=WEI // 10,
    margin_bps=500,
    valid_seconds=QUOTE_SECONDS,
)


@dataclass(frozen=True)
class World:
    """Everybody and everything a scripted trade needs.

    Attributes
    ----------
    currency
        What the trade is paid in: the zero address is the native coin.
    accounts
        Of all that may be credited.
    names
        What to call each account in a summary, by checksummed address.
    stranger
        An account that is no party of the trade.
    challenger
        The same, where it challenges a verdict.
    """

    market: Market
    deployment: Deployment
    store: Store
    currency: str
    buyer: Buyer
    broker: Broker
    auditor: Auditor
    signers: tuple[OracleSigner, ...]
    jurors: tuple[Juror, ...]
    providers: tuple[Provider, ...]
    experts: tuple[Expert, ...]
    accounts: tuple[LocalAccount, ...]
    names: dict[str, str]
    stranger: LocalAccount
    challenger: Challenger


def build_world(
    node: Node, store: Store, script: Script, scenario: Scenario, progress: Callable[[str], None]
) -> World:
    """Deploy the contracts and give every party money and a published key.

    Raises
    ------
    WrongChain
        On any chain but a devnet: the accounts' keys are public.
    InsufficientFunds
        If the devnet's first account can't pay for the others.
    """
    require_devnet(node)
    cast = cast_of(script, scenario)
    progress("deploying the contracts")
    deployment = deploy(
        node,
        cast.operator,
        signers=[seat.address for seat in cast.seats],
        threshold=QUORUM,
        panel=[juror.address for juror in cast.panel],
        panel_threshold=QUORUM,
        treasury=cast.operator.address,
        terms=TERMS,
        with_token=script.token,
    )
    world = join_world(node, store, deployment, script, scenario)
    progress(f"funding {len(cast.parties)} accounts and publishing their keys")
    for account in (*cast.parties, cast.stranger):
        _fund(node, cast.operator, account)
    for account in cast.parties:
        world.market.publish_encryption_key(account, party_key(account).public)
    payees = [account.address for account in cast.parties]
    world.market.send(cast.operator, "openAccounts", payees, deployment.token or NATIVE)
    if deployment.token is not None:
        token = node.contract("DevToken", deployment.token)
        for holder in (cast.buyer, cast.stranger):
            node.send(cast.operator, token.functions.mint(holder.address, script.budget))
    return world


def require_devnet(node: Node) -> None:
    """Refuse any chain on which the well-known accounts could hold something of value.

    Raises
    ------
    WrongChain
        If the node's chain id is not a devnet's.
    """
    if node.chain_id != DEVNET_CHAIN_ID:
        raise WrongChain(
            f"scripted trades use well-known keys, and this is chain {node.chain_id}",
            f"run them on a devnet with chain id {DEVNET_CHAIN_ID}",
        )


def join_world(
    node: Node, store: Store, deployment: Deployment, script: Script, scenario: Scenario
) -> World:
    """Return the parties of a world that was built before; nothing is sent."""
    cast = cast_of(script, scenario)
    market = Market(node, deployment.market)

    def exchange(account: LocalAccount) -> Exchange:
        return Exchange(store, account, market.encryption_key_of)

    providers = []
    *_, original = scenario.providers.values()
    for number, (name, account) in enumerate(cast.providers.items()):
        role = GarbageProvider if number < script.garbage_providers else Provider
        copies = number < script.copying_providers
        dataset = disguised(original) if copies else scenario.providers[name]
        providers.append(role(market, exchange(account), dataset, ROW_PRICE, QUOTE_SECONDS))
    return World(
        market=market,
        deployment=deployment,
        store=store,
        currency=deployment.token or NATIVE,
        buyer=Buyer(market, exchange(cast.buyer)),
        broker=Broker(market, exchange(cast.broker), PRICES),
        auditor=Auditor(market, exchange(cast.auditor)),
        signers=tuple(
            role(market, exchange(seat))
            for role, seat in zip(_roles_of(script), cast.seats, strict=True)
        ),
        jurors=tuple(Juror(market, exchange(juror)) for juror in cast.panel),
        providers=tuple(providers),
        experts=tuple(
            Expert(market, exchange(account), kind) for kind, account in cast.experts.items()
        ),
        accounts=(cast.operator, cast.stranger, *cast.parties),
        names=cast.names,
        stranger=cast.stranger,
        challenger=Challenger(market, exchange(cast.stranger)),
    )


def _roles_of(script: Script) -> Sequence[type[OracleSigner]]:
    """Return how each seat of the committee behaves, the leader's first."""
    if script.closed_seals:
        return OracleSigner, ClosedSigner, ClosedSigner
    if script.corrupt_oracles:
        return CorruptSigner, CorruptSigner, OracleSigner
    return (OracleSigner,) * SEATS


def _fund(node: Node, operator: LocalAccount, account: LocalAccount) -> None:
    have = node.balance(account.address)
    if have < LEAST_FUNDS:
        node.transfer(operator, account.address, LEAST_FUNDS - have)
