"""All parties of a scripted trade on one development chain, funded and registered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from marketplace.chain.client import DEVNET_CHAIN_ID, Node
from marketplace.chain.deploy import Deployment, deploy
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.errors import WrongChain
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI
from marketplace.roles.auditor import Auditor
from marketplace.roles.broker import Broker, PriceList
from marketplace.roles.buyer import Buyer
from marketplace.roles.expert import Expert
from marketplace.roles.provider import Provider
from marketplace.scripted.faults import GarbageProvider
from marketplace.scripted.script import Script
from offchain.data.scenarios import Scenario
from offchain.exchange import Exchange, party_key
from offchain.oracle.signer import OracleSigner
from offchain.storage.store import Store
from offchain.training import default_roster

SEATS = 3
QUORUM = 2
FEE_BPS = 100
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
        Of all parties that may be credited, the treasury excepted.
    names
        What to call each account in a summary, by checksummed address.
    stranger
        An account that is no party of the trade.
    """

    market: Market
    deployment: Deployment
    store: Store
    currency: str
    buyer: Buyer
    broker: Broker
    auditor: Auditor
    signers: tuple[OracleSigner, ...]
    providers: tuple[Provider, ...]
    experts: tuple[Expert, ...]
    accounts: tuple[LocalAccount, ...]
    names: dict[str, str]
    stranger: LocalAccount


def build_world(
    node: Node, store: Store, script: Script, scenario: Scenario, progress: Callable[[str], None]
) -> World:
    """Deploy the contracts and give every party an account, money and a published key.

    Raises
    ------
    WrongChain
        On any chain but a devnet: the accounts' keys are public.
    """
    if node.chain_id != DEVNET_CHAIN_ID:
        raise WrongChain(
            f"scripted trades use well-known keys, and this is chain {node.chain_id}",
            f"run them on a devnet with chain id {DEVNET_CHAIN_ID}",
        )
    accounts = iter(well_known_accounts())
    operator, buyer, broker, auditor, stranger = (next(accounts) for _ in range(5))
    seats = [next(accounts) for _ in range(SEATS)]
    names: dict[str, str] = {
        operator.address: "treasury",
        buyer.address: "buyer",
        broker.address: "broker",
        auditor.address: "auditor",
    }
    names |= {seat.address: f"oracle {number}" for number, seat in enumerate(seats, 1)}
    progress("deploying the contracts")
    deployment = deploy(
        node,
        operator,
        signers=[seat.address for seat in seats],
        threshold=QUORUM,
        fee_bps=FEE_BPS,
        treasury=operator.address,
        with_token=script.token,
    )
    market = Market(node, deployment.market, deployment.registry)

    def exchange(account: LocalAccount) -> Exchange:
        return Exchange(store, account, market.encryption_key_of)

    providers = []
    for number, (name, dataset) in enumerate(scenario.providers.items()):
        account = next(accounts)
        names[account.address] = f"provider {name}"
        role = GarbageProvider if number < script.garbage_providers else Provider
        providers.append(role(market, exchange(account), dataset, ROW_PRICE, QUOTE_SECONDS))
    experts = []
    for name, kind in default_roster(scenario.task).items():
        account = next(accounts)
        names[account.address] = f"expert {name}"
        experts.append(Expert(market, exchange(account), kind))

    progress(f"funding {len(names)} accounts and publishing their keys")
    parties = [buyer, broker, auditor, *seats]
    parties += [provider.account for provider in providers]
    parties += [expert.account for expert in experts]
    for account in (*parties, stranger):
        _fund(node, operator, account)
    for account in parties:
        market.publish_encryption_key(account, party_key(account).public)
    return World(
        market=market,
        deployment=deployment,
        store=store,
        currency=_currency(node, deployment, buyer, script),
        buyer=Buyer(market, exchange(buyer)),
        broker=Broker(market, exchange(broker), PRICES),
        auditor=Auditor(market, exchange(auditor)),
        signers=tuple(OracleSigner(market, exchange(seat)) for seat in seats),
        providers=tuple(providers),
        experts=tuple(experts),
        accounts=tuple(parties),
        names=names,
        stranger=stranger,
    )


def _fund(node: Node, operator: LocalAccount, account: LocalAccount) -> None:
    have = node.balance(account.address)
    if have < LEAST_FUNDS:
        node.transfer(operator, account.address, LEAST_FUNDS - have)


def _currency(node: Node, deployment: Deployment, buyer: LocalAccount, script: Script) -> str:
    if deployment.token is None:
        return NATIVE
    token = node.contract("DevToken", deployment.token)
    node.send(buyer, token.functions.mint(buyer.address, script.budget))
    return deployment.token
