"""`moemarket oracle`: one seat, or one owner of an expert, as a process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from marketplace.chain.client import http_provider
from marketplace.chain.market import Market
from marketplace.protocol.errors import MarketError
from marketplace.roles.expert import Expert
from marketplace.service.app import asking_app, monitoring_app
from marketplace.service.desk import Desk, heard_once
from marketplace.service.follower import Follower
from marketplace.service.journal import Journal
from marketplace.service.keeping import Keeping
from marketplace.service.logs import say, start_logging, warn
from marketplace.service.metrics import Metrics
from marketplace.service.peers import Asker, Remembering, RemoteOwner, RemoteSeat
from marketplace.service.questions import Inbox, Parties, owner_services, seat_services
from marketplace.service.sending import JournaledNode
from marketplace.service.serving import served, set_by_signals
from marketplace.service.settings import ExpertEntry, Settings
from marketplace.service.transport import Line, require_url
from offchain.exchange import Exchange
from offchain.oracle.experts import ExpertOwner
from offchain.oracle.signer import OracleSigner
from offchain.storage.store import Store

HEALTHY_SECONDS = 2**31
"""An owner of an expert is healthy as long as it answers."""

KEEPING_SECONDS = 15.0
"""Between two looks at whether what an owner trained has to be put on record."""


@dataclass(frozen=True)
class Place:
    """Where a process listens: for others' questions, and for this machine's monitoring."""

    host: str
    port: int
    metrics_port: int


def journaled_node(url: str, chain_id: int | None) -> JournaledNode:
    """Connect to a node, as `marketplace.chain.client.connect`.

    Raises
    ------
    ConfigurationError
        If the URL has another scheme than http or https.
    """
    return JournaledNode(http_provider(require_url(url)), chain_id)


def run_seat(
    node: JournaledNode,
    market: Market,
    account: LocalAccount,
    store: Store,
    state: Path,
    settings: Settings,
    open_key: Callable[[ExpertEntry], LocalAccount],
    place: Place,
    announce: Callable[[str], object],
) -> None:
    """Serve one seat until SIGTERM or SIGINT; call it in the main thread.

    Parameters
    ----------
    node, market
        The market on this seat's own node.
    account
        The seat.
    state
        Folder of its journal.
    open_key
        Opens the key of an owner that trains in this process.
    announce
        Told where it listens.

    Raises
    ------
    ConfigurationError
        If the journal is another's, or a port can't be used.
    """
    start_logging()
    stopping = threading.Event()
    owner = f"{node.chain_id}/{market.address}/{account.address}"
    with ExitStack() as stack:
        journal = Journal(state, owner)
        stack.callback(journal.close)
        node.journal = journal
        exchange = Exchange(store, account, market.encryption_key_of)
        asker = _Askers(market, account, settings.patience_seconds, stopping)
        owners = _owners(market, store, settings.experts, journal, asker, open_key)
        signer, parties = OracleSigner(market, exchange, owners=owners), Parties(market)
        inbox = Inbox(market, journal, parties)
        metrics = Metrics(settings.stale_seconds)
        desk = Desk(
            market.domain,
            account.address,
            seat_services(signer, inbox, parties),
            journal.hear,
            metrics.count_question,
        )
        stack.callback(desk.close)
        metrics.queue_is(lambda: desk.waiting)
        follower = Follower(
            signer,
            node,
            journal,
            inbox,
            parties,
            [
                RemoteSeat(asker.of(entry.address, entry.url))
                for entry in settings.seats
                if entry.address != account.address
            ],
            owners,
            settings,
            metrics,
            stopping,
        )
        stack.enter_context(set_by_signals(stopping))
        url = stack.enter_context(served(asking_app(desk), place.host, place.port))
        health = stack.enter_context(
            served(monitoring_app(metrics), "127.0.0.1", place.metrics_port)
        )
        announce(f"seat       {account.address}\nasked at   {url}\nhealth at  {health}/healthz")
        say("started", seat=account.address, url=url, health=health)
        follower.run()
        say("stopping")
    say("stopped")


def run_owner(
    market: Market,
    account: LocalAccount,
    store: Store,
    kind: str,
    place: Place,
    announce: Callable[[str], object],
) -> None:
    """Serve an expert's owner to the committees of its trades, until SIGTERM or SIGINT."""
    start_logging()
    stopping, metrics = threading.Event(), Metrics(HEALTHY_SECONDS)
    owner = Expert(market, Exchange(store, account, market.encryption_key_of), kind)
    keeping = Keeping(owner)
    services = owner_services(owner, Parties(market), keeping)
    desk = Desk(market.domain, account.address, services, heard_once(), metrics.count_question)
    metrics.queue_is(lambda: desk.waiting)
    with ExitStack() as stack:
        stack.callback(desk.close)
        stack.enter_context(set_by_signals(stopping))
        url = stack.enter_context(served(asking_app(desk), place.host, place.port))
        health = stack.enter_context(
            served(monitoring_app(metrics), "127.0.0.1", place.metrics_port)
        )
        announce(f"{kind} of {account.address}\nasked at   {url}\nhealth at  {health}/healthz")
        say("started", owner=account.address, kind=kind, url=url, health=health)
        with suppress(KeyboardInterrupt):
            while not stopping.wait(KEEPING_SECONDS):
                _look(keeping)
    say("stopped")


def _look(keeping: Keeping) -> None:
    try:
        keeping.look()
    except MarketError as error:  # it goes on answering, and looks again
        warn("the look at the chain failed", cause=error.cause)


@dataclass(frozen=True)
class _Askers:
    """Ways to others, in the name of one account."""

    market: Market
    account: LocalAccount
    patience: float
    stopping: threading.Event

    def of(self, address: str, url: str) -> Asker:
        return Asker(self.market, self.account, address, Line(url, self.patience, self.stopping))


def _owners(
    market: Market,
    store: Store,
    entries: Sequence[ExpertEntry],
    journal: Journal,
    asker: _Askers,
    open_key: Callable[[ExpertEntry], LocalAccount],
) -> list[ExpertOwner]:
    owners: list[ExpertOwner] = []
    for entry in entries:
        if entry.url is not None and entry.address is not None:
            owner: ExpertOwner = RemoteOwner(asker.of(entry.address, entry.url), entry.kind)
        else:
            exchange = Exchange(store, open_key(entry), market.encryption_key_of)
            owner = Expert(market, exchange, entry.kind)
        owners.append(Remembering(owner, journal))
    return owners
