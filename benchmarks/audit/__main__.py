"""Print what reading, checking and folding a log costs; write it to docs/benchmarks.

    python -m benchmarks.audit [--trades 100] [--transfers 2] [--repeats 5] [--folder FOLDER]

Without a folder, trades are asked for and declined, with transfers between; with one, they are
the whole trades that `benchmarks.audit.trades` made.

Times are processor seconds of one thread without the node's: it answers out of memory. Each
part is run several times; the median counts, and the range is beside it. What web3.py takes
to read the same log by `eth_getLogs`, and to decode it, is measured in the same run.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth_utils.abi import event_abi_to_log_topic
from web3 import Web3
from web3.providers import BaseProvider

from benchmarks.audit.chain import RememberedNode, traded_chain
from benchmarks.contribution.report import conditions, table
from marketplace.audit.blocks import Block, bloom_of, receipts_root
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.folding import blank_history
from marketplace.audit.invariants import Watch
from marketplace.audit.log import LogReader, transaction_faults
from marketplace.audit.rpc import Rpc
from marketplace.chain.artifacts import load_artifact
from marketplace.chain.devnet import DevnetProvider, open_devnet

LEAST_S = 1.0
"""How long a part is repeated at least: some kernels count processor time in steps of 50 ms."""

OUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "audit.json"


def main() -> None:
    """Measure, print and write."""
    chosen = _arguments()
    if chosen.folder is None:
        chain, market = traded_chain(chosen.trades, chosen.transfers)
        facts = {"trades": chosen.trades, "transfers_each": chosen.transfers}
    else:
        chain, market, made = whole_trades(chosen.folder)
        facts = {"whole_trades": made}
    found = measure(chain, market, chosen.repeats, facts)
    text = json.dumps(found, indent=2) + "\n"
    print(report(found))
    chosen.out.write_text(text)
    print(f"\nwritten to {chosen.out}")


def whole_trades(folder: Path) -> tuple[BaseProvider, str, int]:
    """Open what `benchmarks.audit.trades` made: the chain, its market, and how many trades."""
    made = json.loads((folder / "progress.json").read_text())
    chain = DevnetProvider(open_devnet(folder / "chain.bin", create=False))
    return chain, made["market"], made["trades"]


def measure(
    chain: BaseProvider, market: str, repeats: int, facts: dict[str, int]
) -> dict[str, Any]:
    """Read a chain, and return every figure with its conditions."""
    node = RememberedNode(chain)
    looked_at = open_chain(Rpc(node), market)
    last = looked_at.block.number
    blocks = [block for n in range(last + 1) if (block := looked_at.rpc.block(n)) is not None]
    full = [block for block in blocks if block.transactions]
    events = len(list(_reader(looked_at).events()))
    Watch(blank_history(looked_at), looked_at).follow(_reader(looked_at).events())
    decoded = list(_reader(looked_at).events())
    web3 = Web3(node)
    addresses: Any = list(looked_at.interfaces)
    wanted: Any = {"address": addresses, "fromBlock": 0, "toBlock": last}
    by_topic = _events_of(web3, looked_at)
    web3.eth.get_logs(wanted)

    def decode_by_web3() -> None:
        for log in web3.eth.get_logs(wanted):
            by_topic[log["address"], bytes(log["topics"][0])].process_log(log)

    parts: dict[str, tuple[Callable[[], Any], int, str]] = {
        "header": (lambda: [looked_at.rpc.block(b.number) for b in blocks], len(blocks), "block"),
        "receipts": (lambda: [_receipts(looked_at, b) for b in full], len(full), "block"),
        "transactions": (lambda: [_transactions(looked_at, b) for b in full], len(full), "block"),
        "log": (lambda: list(_reader(looked_at).events()), events, "event"),
        "fold": (lambda: _fold(looked_at, decoded), events, "event"),
        "log_and_fold": (
            lambda: Watch(blank_history(looked_at), looked_at).follow(_reader(looked_at).events()),
            events,
            "event",
        ),
        "web3_get_logs": (lambda: web3.eth.get_logs(wanted), events, "event"),
        "web3_get_logs_decoded": (decode_by_web3, events, "event"),
    }
    return {
        "conditions": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load": [round(load, 1) for load in os.getloadavg()],
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
            **facts,
            "repeats": repeats,
        },
        "blocks": len(blocks),
        "blocks_with_transactions": len(full),
        "events": events,
        "node_s": round(node.node_s, 3),
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "microseconds": (taken := {n: _timed(*part, repeats) for n, part in parts.items()}),
        "events_a_second": round(1e6 / taken["log_and_fold"]["median"]),
        "times_as_fast_as_web3": round(
            taken["web3_get_logs_decoded"]["median"] / taken["log_and_fold"]["median"], 1
        ),
    }


_PACKAGES = ("web3", "eth-abi", "eth-hash", "pycryptodome", "py-evm")

_NAMES = {
    "header": "a header: read, hashed, linked",
    "receipts": "a block's receipts: read, root and bloom",
    "transactions": "its transactions: read, root and hashes",
    "log": "the log out of verified blocks, decoded",
    "fold": "the fold, with its invariants",
    "log_and_fold": "log and fold together",
    "web3_get_logs": "the same log by eth_getLogs through web3.py",
    "web3_get_logs_decoded": "and decoded by web3.py",
}


def report(found: dict[str, Any]) -> str:
    """Return the figures as a table, and what they were measured on."""
    lines = [
        [
            _NAMES[name],
            part["per"],
            f"{part['median']:.0f} ({part['least']:.0f} to {part['most']:.0f})",
            f"{1e6 / part['median']:,.0f}",
        ]
        for name, part in found["microseconds"].items()
    ]
    head = ["what", "per", "microseconds", "a second"]
    sizes = (
        f"{found['blocks']} blocks, {found['events']} events. Log and fold:"
        f" {found['events_a_second']:,} events a second, {found['times_as_fast_as_web3']} times as"
        " fast as web3.py reads and decodes the same log by eth_getLogs."
    )
    facts = {name: str(value) for name, value in found["conditions"].items()}
    return f"{table(head, lines)}\n\n{sizes} {conditions(facts)}"


def _reader(chain: Chain) -> LogReader:
    return LogReader(chain.rpc, chain.interfaces, 0, chain.block.number)


def _receipts(chain: Chain, block: Block) -> bool:
    receipts = chain.rpc.receipts(block) or ()
    return receipts_root(receipts) == block.receipts_root and bloom_of(receipts) == block.bloom


def _transactions(chain: Chain, block: Block) -> bool:
    found = chain.rpc.transactions(block) or ()
    return not list(transaction_faults(block, found))


def _fold(chain: Chain, events: list[Any]) -> None:
    Watch(blank_history(chain), chain).follow(events)


def _events_of(web3: Web3, chain: Chain) -> dict[tuple[Any, bytes], Any]:
    found: dict[tuple[Any, bytes], Any] = {}
    for address, interface in chain.interfaces.items():
        abi: Any = load_artifact(interface.name).abi
        contract: Any = web3.eth.contract(address=address, abi=abi)  # type: ignore[call-overload]  # the ABI is Any
        for item in abi:
            if item["type"] == "event":
                found[address, event_abi_to_log_topic(item)] = contract.events[item["name"]]()
    return found


def _timed(work: Callable[[], Any], count: int, per: str, repeats: int) -> dict[str, Any]:
    taken = []
    for _ in range(repeats):
        gc.collect()
        start, rounds, spent = time.process_time(), 0, 0.0
        while spent < LEAST_S:
            work()
            rounds += 1
            spent = time.process_time() - start
        taken.append(spent / rounds / count * 1e6)
    return {
        "per": per,
        "median": round(statistics.median(taken), 1),
        "least": round(min(taken), 1),
        "most": round(max(taken), 1),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.audit", description="What the audit's foundations cost."
    )
    parser.add_argument("--trades", type=int, default=100)
    parser.add_argument("--transfers", type=int, default=2, help="beside each trade")
    parser.add_argument("--folder", type=Path, help="whole trades, by benchmarks.audit.trades")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT, help="where the figures go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
