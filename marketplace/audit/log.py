"""Reads a market's log from a node and holds the node's answers against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from marketplace.audit.abi import Event, Interface
from marketplace.audit.rpc import Header, Log, Rpc


@dataclass(frozen=True)
class MarketLog:
    """The decoded log of a market and its committee.

    Attributes
    ----------
    events
        In the order of the chain.
    faults
        Sentences about what doesn't fit together.
    """

    events: tuple[Event, ...]
    faults: tuple[str, ...]


def read_log(rpc: Rpc, contracts: Mapping[str, Interface], last: Header) -> MarketLog:
    """Read everything that some contracts logged, up to and including a block.

    Parameters
    ----------
    contracts
        Interface by checksummed address.
    last
        The block at which the audit looks at the chain.
    """
    logs = rpc.logs(list(contracts), 0, last.number)
    headers = {block: rpc.header(block) for block in sorted({log.block for log in logs})}
    faults = [
        *_out_of_order(logs),
        *_in_other_blocks(logs, headers),
        *_unlike_receipts(rpc, logs, contracts),
    ]
    events = []
    for log in sorted(logs, key=lambda log: (log.block, log.index)):
        try:
            events.append(contracts[log.address].event(log, headers[log.block].timestamp))
        except KeyError:
            faults.append(f"{log.place} is by {log.address}, which nobody asked for")
        except ValueError as error:
            faults.append(f"{log.place} is unreadable: {error}")
    return MarketLog(tuple(events), tuple(faults))


def _out_of_order(logs: Sequence[Log]) -> Iterable[str]:
    for before, log in pairwise(logs):
        if (before.block, before.index) >= (log.block, log.index):
            yield f"{log.place} follows {before.place}"


def _in_other_blocks(logs: Sequence[Log], headers: Mapping[int, Header]) -> Iterable[str]:
    for log in logs:
        header = headers[log.block]
        if log.block != header.number or log.block_hash != header.hash:
            yield f"{log.place} names another block than 0x{header.hash.hex()}"


def _unlike_receipts(
    rpc: Rpc, logs: Sequence[Log], contracts: Mapping[str, Interface]
) -> Iterable[str]:
    """Compare with the receipts: every log of a transaction that we know of, and no other."""
    by_transaction: dict[bytes, list[Log]] = {}
    for log in logs:
        by_transaction.setdefault(log.transaction, []).append(log)
    for transaction, given in by_transaction.items():
        receipt = rpc.receipt(transaction)
        if receipt is None or not receipt.succeeded:
            yield f"transaction 0x{transaction.hex()} of {given[0].place} did not succeed"
            continue
        written = [log for log in receipt.logs if log.address in contracts]
        if written != given:
            yield (
                f"the receipt of transaction 0x{transaction.hex()} holds {len(written)} logs,"
                f" which are not the {len(given)} that eth_getLogs gave"
            )
