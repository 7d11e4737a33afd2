"""Make a market that has seen many whole trades; what `benchmarks.audit.growth` audits.

    python -m benchmarks.audit.trades --folder FOLDER [--trades 2000]

Every trade is a real one: signed quotes, data and gate, one attempt or two, evidence of 40 rows
by three experts, the settlement and the opened scores, or a request that is declined. It is the
trade of the audit's own tests, and only its division of the pool is computed once for all
trades with the same votes. The chain is saved with each hundred trades, so who starts again
goes on from there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from web3.types import RPCEndpoint, RPCResponse

from benchmarks.audit.chain import PLENTY_OF_GAS
from marketplace.chain.client import Node
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.files import write_whole
from marketplace.chain.market import Market
from offchain.storage.disk import DiskStore
from offchain.validation import Evidence

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "marketplace" / "audit"))

from audit_chain import START, deployed
from audited_trade import UNSKILLED, AuditedTrade
from cast_of_trade import Cast, cast

BATCH = 20
"""Trades that run beside each other, in stages, and wait for one review window together."""

SAVED_EVERY = 100

FULL_OF_GAS = 3_000_000
"""What a step of a trade never needs; a block has room for ten."""


class TradesChain(DevnetProvider):
    """Gives each transaction plenty of gas, where estimating it would run it a second time."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request."""
        if method == "eth_estimateGas":
            gas = FULL_OF_GAS if params[0].get("to") else PLENTY_OF_GAS
            return {"jsonrpc": "2.0", "id": 1, "result": hex(gas)}
        return super().make_request(method, params)


class QuickTrade(AuditedTrade):
    """A trade that remembers how a pool is divided, for each set of votes."""

    _known: ClassVar[dict[bytes, list[int]]] = {}

    def true_amounts(self, evidence: Evidence) -> list[int]:
        """Divide the pool by the rule that was asked for."""
        key = evidence.predictions.tobytes() + evidence.gates.tobytes()
        if key not in self._known:
            self._known[key] = super().true_amounts(evidence)
        return self._known[key]


def make(folder: Path, trades: int) -> None:
    """Let a market see so many trades; what is in the folder already counts."""
    folder.mkdir(parents=True, exist_ok=True)
    parties, state = cast(), folder / "chain.bin"
    devnet = open_devnet(state, now=lambda: START)
    chain, progress = TradesChain(devnet), _progress(folder)
    store = DiskStore(folder / "store")
    if progress["market"] is None:
        progress["market"] = deployed(chain, parties)[1].market
    market = Market(Node(chain), progress["market"])
    while progress["trades"] < trades:
        start, spent = time.time(), time.process_time()
        first = progress["trades"]
        _batch(market, store, parties, range(first, first + BATCH))
        progress["trades"] = first + BATCH
        progress["seconds"] += time.process_time() - spent
        head = chain.make_request(RPCEndpoint("eth_getBlockByNumber"), ["latest", False])["result"]
        progress["anchors"][str(first + BATCH)] = head["hash"]
        if progress["trades"] % SAVED_EVERY == 0 or progress["trades"] >= trades:
            devnet.save()
            write_whole(folder / "progress.json", json.dumps(progress, indent=1).encode())
        took = (time.time() - start) / BATCH
        print(f"{progress['trades']} trades, {took:.2f} s each", flush=True)


def _progress(folder: Path) -> dict[str, Any]:
    path = folder / "progress.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    return {"market": None, "trades": 0, "seconds": 0.0, "anchors": {}}


def _batch(market: Market, store: DiskStore, parties: Cast, numbers: range) -> None:
    """Run some trades in stages: most settle, every fifth after a failed attempt."""
    running = [QuickTrade(market, store, parties, salt=f"trade {n}") for n in numbers]
    for trade in running:
        trade.ask()
    declined, *others = running
    declined.decline()
    for trade in others:
        trade.accept()
        trade.report_data()
    for number, trade in enumerate(others):
        if number % 5 == 0:
            trade.attempt(UNSKILLED)
        trade.attempt()
        trade.publish()
    for trade in others[::2]:
        trade.attest()
    others[-1].lapse()
    for trade in others:
        trade.settle()
        trade.open_failed()
    for account in _paid(parties):
        others[0].withdraw(account)


def _paid(parties: Cast) -> Iterator[Any]:
    yield parties.broker
    yield from parties.providers
    yield from parties.experts


def main() -> None:
    """Make the chain."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.audit.trades", description="A market with many whole trades."
    )
    parser.add_argument("--folder", type=Path, required=True, help="where chain and evidence go")
    parser.add_argument("--trades", type=int, default=2_000)
    chosen = parser.parse_args()
    make(chosen.folder, chosen.trades)


if __name__ == "__main__":
    main()
