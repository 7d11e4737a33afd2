"""Checks of the chain under the log: headers, receipts, the anchor, and the sums over time."""

from __future__ import annotations

from marketplace.audit.blocks import Block
from marketplace.audit.chain import Chain
from marketplace.audit.codes import Codes
from marketplace.audit.invariants import Watch
from marketplace.audit.log import Reading
from marketplace.audit.report import Finding, counted, judged, listed, shown, unchecked
from marketplace.protocol.errors import ChainError


def check_headers(reading: Reading) -> Finding:
    """Check that each header hashes to its block's hash, and names the one before as its parent."""
    return judged(
        reading.header_faults,
        f"{counted(reading.blocks, 'header')} hash as the node says, each to the next one's parent",
    )


def check_anchor(reading: Reading, chain: Chain, anchor: bytes | None) -> Finding:
    """Check that the last header is the one that the auditor brought the hash of.

    With or without: what was read must end at the block at which the chain is looked at.
    """
    head = chain.block
    if reading.head != head.recomputed:
        found = "no block" if reading.head is None else shown(reading.head)
        before = f"and the node gave {shown(head.recomputed)} for it before"
        return judged([f"block {head.number} of the chain is {found}, {before}"], "")
    if anchor is None:
        return unchecked(
            f"unanchored: that block {head.number} is {shown(head.recomputed)} is the node's word"
            " alone; bring its hash from elsewhere"
        )
    if head.recomputed != anchor:
        return judged([f"the node has no block {shown(anchor)}; what follows is not anchored"], "")
    return judged([], f"block {head.number} is {shown(anchor)}, as was brought")


def check_start(reading: Reading, chain: Chain, first: int) -> Finding:
    """Check that nothing was left out before the first block that was read.

    That no contract stood there is proven under the state root of the block before, whose hash
    the first header names as its parent.
    """
    if first == 0:
        return judged([], "the log is read from the genesis block on")
    before = _block_before(reading, chain, first)
    if isinstance(before, Finding):
        return before
    codes = Codes(chain.rpc, before, lambda address: chain.rpc.code(address, before.number))
    early = [address for address in chain.interfaces if codes.of(address)]
    faults = [*(f"{address} had code before block {first}" for address in early), *codes.faults]
    none = f"none of {counted(len(chain.interfaces), 'contract')} stood before block {first}"
    if codes.gaps and not faults:
        return unchecked(listed([f"by the node's word {none}", *codes.gaps]))
    return judged(faults, f"{none}, as is proven under the state root of block {before.number}")


def _block_before(reading: Reading, chain: Chain, first: int) -> Block | Finding:
    """Return the block before the first that was read; a finding, if it isn't to be had."""
    try:
        before = chain.rpc.block(first - 1)
    except ChainError as error:
        return unchecked(f"whether a contract stood before block {first}: {error.cause}")
    if before is None:
        return judged([f"the node has no block {first - 1}"], "")
    if before.recomputed != reading.parent:
        named = "nothing" if reading.parent is None else shown(reading.parent)
        found = f"block {first - 1} hashes to {shown(before.recomputed)}"
        return judged([f"{found}, and block {first} follows {named}"], "")
    return before


def check_receipts(reading: Reading) -> Finding:
    """Check that receipts have the root and the bloom that their header names."""
    return judged(
        reading.receipt_faults,
        f"the receipts of {counted(reading.opened, 'block')} have the roots that the headers name;"
        f" the blooms of the others admit no log",
    )


def check_transactions(reading: Reading) -> Finding:
    """Check that transactions have the root that their header names, and the hashes of receipts.

    Looked at are all of the blocks that may hold a log.
    """
    if reading.strange and not reading.transaction_faults:
        kinds = ", ".join(str(kind) for kind in sorted(reading.strange))
        return unchecked(f"there are transactions of types that this audit can't encode: {kinds}")
    return judged(
        reading.transaction_faults,
        f"the transactions of {counted(reading.opened, 'block')} have the roots that the headers"
        " name, and the hashes that the receipts name",
    )


def check_served_log(reading: Reading) -> Finding:
    """Check that `eth_getLogs` tells what the receipts tell, nothing more and nothing less."""
    if reading.served_faults:
        return judged(reading.served_faults, "")
    if reading.refusal is not None:
        return unchecked(f"eth_getLogs was not compared: {reading.refusal}")
    return judged([], f"eth_getLogs gives the same {counted(reading.events, 'log')}")


def check_log(reading: Reading, strays: list[str]) -> Finding:
    """Check that every log is an event of its contract, and of a trade that was requested."""
    return judged(
        [*reading.unreadable, *strays], f"{counted(reading.events, 'event')} of known trades"
    )


def check_invariants(watch: Watch) -> Finding:
    """Check that sums, caps and quorums held after every transaction."""
    return judged(
        watch.faults, f"all held after each of {counted(watch.transactions, 'transaction')}"
    )


def check_solvency(watch: Watch) -> Finding:
    """Check that the market held what it owed after every block in which money moved."""
    if not watch.shortages and watch.unasked:
        return unchecked(
            f"the node doesn't know the balance after {watch.unasked} of"
            f" {watch.unasked + watch.weighed} blocks in which money moved"
        )
    return judged(
        watch.shortages,
        f"the market held what it owed after each of {counted(watch.weighed, 'block')} in which"
        " money moved, as the node says of these blocks",
    )
