"""Plays one script on a chain and a store, saves both, and audits the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketplace.audit import Report, audit
from marketplace.chain.client import Node, connect
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.files import write_whole
from marketplace.protocol.errors import ConfigurationError
from marketplace.scripted.script import script_named
from marketplace.scripted.summary import Summary, summarise
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import build_world, require_devnet
from offchain.data.scenarios import load_scenario
from offchain.storage.store import open_store

CHAIN_FILE = "chain"
STORE_FOLDER = "store"
DEPLOYMENT_FILE = "deployment.json"
SUMMARY_FILE = "summary.json"


@dataclass(frozen=True)
class Played:
    """What one script came to.

    Attributes
    ----------
    summary, report
        The trade's summary and its audit.
    rpc
        Endpoint of the chain; None when it ran in process and was saved.
    folder
        Where chain, store, deployment and summary lie.
    store
        The store's location.
    """

    summary: Summary
    report: Report
    rpc: str | None
    folder: Path
    store: str


def play(
    name: str,
    *,
    seed: int,
    rpc: str | None,
    folder: Path,
    store_location: str | None,
    progress: Callable[[str], None],
) -> Played:
    """Play a script by name.

    Node and store are tried before anything is written or sent. The files in the folder
    are replaced one by one, each wholly; one that an earlier run left there is removed
    first, so that they never belong to different trades.

    Parameters
    ----------
    seed
        Decides who holds which rows; the same seed on a fresh chain gives the same trade.
    rpc
        Endpoint of a devnet, or None for one in this process, saved to the folder.
    folder
        Is made if needed.
    store_location
        As `open_store`; None for a folder beside the saved chain.

    Raises
    ------
    MarketError
        Of the class that fits what went wrong.
    """
    script = script_named(name)
    location = store_location or str(folder / STORE_FOLDER)
    store = open_store(location)
    with _chain(rpc, folder / CHAIN_FILE) as node:
        require_devnet(node)
        progress(f"script {script.name}: {script.title}")
        progress(f"loading the {script.scenario} data")
        scenario = load_scenario(script.scenario, seed)
        store.put(b"")  # a store out of reach shows here, before there is a trade to strand
        _clear(folder)
        world = build_world(node, store, script, scenario, progress)
        world.deployment.save(folder / DEPLOYMENT_FILE)
        run = TradeRun(world, script, scenario, seed, progress)
        run.play()
    summary = summarise(run)
    text = summary.model_dump_json(indent=2, by_alias=True) + "\n"
    write_whole(folder / SUMMARY_FILE, text.encode())
    progress("auditing the trade from the log and the store")
    report = audit(node.web3.provider, world.market.address, store)
    return Played(summary, report, rpc, folder, location)


@contextmanager
def _chain(rpc: str | None, file: Path) -> Iterator[Node]:
    """Give a node; one in this process is saved to the file if anything happened on it."""
    if rpc is not None:
        yield connect(rpc)
        return
    devnet = open_devnet()
    node = Node(DevnetProvider(devnet))
    try:
        yield node
    finally:
        if node.gas_records:
            devnet.save(file)


def _clear(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (CHAIN_FILE, DEPLOYMENT_FILE, SUMMARY_FILE):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} can't be written: {error.strerror}", "name another folder with --out"
        ) from error
