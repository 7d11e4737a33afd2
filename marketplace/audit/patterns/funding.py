"""One funder behind two roles that conflict in one trade."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from marketplace.audit.affiliations import AT_ACCEPTANCE, AT_THE_GATE
from marketplace.audit.chain import Chain
from marketplace.audit.funds import Funds, follow
from marketplace.audit.history import History
from marketplace.audit.report import Finding, counted, suspected, unchecked
from marketplace.audit.trade import Trade
from marketplace.protocol.terms import NATIVE

Sources = dict[str, int]
"""Senders to one account, and the height at which each sent to it first."""


def funders(history: History, chain: Chain, first: int) -> Finding:
    """Look for accounts that sent coin to both of two parties whose roles conflict.

    What counts is native coin sent by a transaction, or a token in which some trade is paid, no
    later than the step that fills the role: acceptance, or data report for experts. A party
    that funds the other itself counts too. What comes from the market's contracts, or
    from a source that reaches more than `PUBLIC_SOURCE` accounts, doesn't.

    Parameters
    ----------
    first
        Height from which to follow funds.
    """
    trades = list(history.trades.values())
    accounts = {account for t in trades for role in t.roles.values() for account in role}
    tokens = {trade.request.currency for trade in trades} - {NATIVE}
    funds = follow(chain.rpc, first, chain.block, accounts, tokens)
    if funds.fault is not None:
        return unchecked(f"the funds could not be followed: {funds.fault}")
    sources = _sources(funds, chain)
    sentences = [
        f"trade {trade.name}: {told}" for trade in trades for told in _shared(trade, sources)
    ]
    followed = counted(len(funds.transfers), "transfer")
    return suspected(sentences, f"no one funded two conflicting roles, by {followed} to parties")


def _sources(funds: Funds, chain: Chain) -> dict[str, Sources]:
    found: defaultdict[str, Sources] = defaultdict(dict)
    for sender, receiver, block in funds.transfers:
        if sender not in chain.interfaces and not funds.is_public(sender):
            found[receiver].setdefault(sender, block)
    return dict(found)


def _shared(trade: Trade, sources: dict[str, Sources]) -> Iterator[str]:
    if trade.acceptance is None:
        return
    accepted, roles = trade.acceptance.block, trade.roles
    gated = trade.data.block if trade.data else accepted
    for (one, other), until in (
        *((pair, accepted) for pair in AT_ACCEPTANCE),
        *((pair, gated) for pair in AT_THE_GATE),
    ):
        for first in roles.get(one, ()):  # the treasury is the operator's, and takes no part
            for second in roles[other]:
                ours = _until(sources, first, accepted)
                theirs = _until(sources, second, until)
                for source in sorted(ours.keys() & theirs.keys() - {first, second}):
                    yield (
                        f"{source} sent coin to its {one} {first} in block {ours[source]} and to"
                        f" its {other} {second} in block {theirs[source]}"
                    )
                for giver, role, receiver, receiving, taken in (
                    (first, one, second, other, theirs),
                    (second, other, first, one, ours),
                ):
                    if giver in taken:
                        yield (
                            f"its {role} {giver} sent coin to its {receiving} {receiver}"
                            f" in block {taken[giver]}"
                        )


def _until(sources: dict[str, Sources], account: str, block: int) -> Sources:
    return {who: at for who, at in sources.get(account, {}).items() if at <= block}
