"""The log of a market, read and folded up to a block, and taken further as the chain grows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from web3.providers import BaseProvider

from marketplace.audit.abi import Event
from marketplace.audit.books import Books
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.history import History
from marketplace.audit.invariants import Watch
from marketplace.audit.log import LogReader, Reading
from marketplace.audit.office import Office
from marketplace.audit.payee_lists import PayeeLists
from marketplace.audit.reporting.journal import Journal
from marketplace.audit.rpc import Rpc
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.typed_data import Domain


class Fold:
    """Everything that an audit knows of the log, with the invariants looked at on the way.

    Memory holds what the fold keeps of each trade. Events lie in a temporary file.

    Parameters
    ----------
    chain
        As it is looked at: the log is read up to its block.
    first
        Height from which to read.
    wanted
        Ids of the trades whose events are kept to be told; all if None.

    Attributes
    ----------
    chain, first, journal
        As above, and the events.
    watch
        The history, and what did not hold of it on the way.
    touched
        By trade, the height of its last event.
    last_event
        The height of the last event of any kind; -1 before the first.
    lists
        What lists of payees were found to say of it, if somebody looked.
    """

    def __init__(
        self, chain: Chain, first: int = 0, wanted: Collection[bytes] | None = None
    ) -> None:
        self.chain, self.first = chain, first
        self.journal = Journal(wanted, chain.interfaces)
        self.watch = Watch(blank_history(chain), chain)
        self.touched: dict[bytes, int] = {}
        self.last_event = -1
        self.lists = PayeeLists()
        self._reader = LogReader(chain.rpc, chain.interfaces, first, chain.block.number)
        self._read()

    @property
    def history(self) -> History:
        """What the log says."""
        return self.watch.history

    @property
    def reading(self) -> Reading:
        """What came up while the log was read."""
        return self._reader.reading

    @property
    def sound(self) -> bool:
        """Whether the node's answers fit together, up to the block at which it is looked."""
        reading = self.reading
        return reading.head == self.chain.block.recomputed and not (
            reading.header_faults
            or reading.receipt_faults
            or reading.transaction_faults
            or reading.served_faults
            or self.watch.shortages
        )

    def leads_to(self, chain: Chain) -> bool:
        """Tell whether the block up to which the log was read is still a part of a chain."""
        last = self.chain.block
        if chain.contracts != self.chain.contracts or chain.block.number < last.number:
            return False
        if any(chain.code(each) != code for each, code in self.chain.codes.items()):
            return False
        there = chain.rpc.block(last.number)
        return there is not None and there.recomputed == last.recomputed

    def take_to(self, chain: Chain) -> None:
        """Read on, up to the block of a chain to which this one leads."""
        self.chain = self.watch.chain = chain
        self._reader.last = chain.block.number
        self._read()

    def ended_since(self, block: int) -> set[bytes]:
        """Return the trades in a final state that had an event after a height."""
        return {
            trade.id
            for trade in self.history.trades.values()
            if trade.ended and self.touched[trade.id] > block
        }

    def _read(self) -> None:
        self.watch.follow(self._noting(self.journal.noting(self._reader.events())))

    def _noting(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.last_event = event.log.block
            if event.trade is not None:
                self.touched[event.trade] = event.log.block
            yield event


class Follower:
    """Keeps a fold between looks at one market, so that a look costs what is new.

    What is kept ends at a block whose hash was recomputed. If that block is no longer in the
    chain, or an answer does not fit to what was kept, all is read anew: a look never finds
    anything else than an audit that begins then. Nothing is kept when the process ends, since
    whoever could write to a file could write a history into it.

    Parameters
    ----------
    source
        A web3 provider.
    market, bids, payouts
        Addresses, as `marketplace.audit.audit` takes them.
    """

    def __init__(
        self,
        source: BaseProvider,
        market: str,
        bids: str | None = None,
        payouts: str | None = None,
    ) -> None:
        self._rpc = Rpc(source)
        self._market, self._bids, self._payouts = market, bids, payouts
        self._kept: Fold | None = None

    def to_head(self) -> Fold:
        """Return the fold up to the newest block.

        Raises
        ------
        ChainError, NodeUnreachable
            If the node doesn't answer; all is read anew then.
        """
        kept, self._kept = self._kept, None
        chain = open_chain(self._rpc, self._market, None, self._bids, self._payouts)
        if kept is not None and kept.leads_to(chain):
            kept.take_to(chain)
            if kept.sound:
                self._kept = kept
                return kept
        fold = Fold(chain)
        self._kept = fold if fold.sound else None
        return fold

    def forget(self) -> None:
        """Read all anew at the next look."""
        self._kept = None


def blank_history(chain: Chain) -> History:
    """Return a history that knows no event yet."""
    contracts = chain.contracts
    return History(
        Domain(chain.rpc.chain_id(), contracts.market),
        contracts,
        _blank_office("committee", contracts.committee, chain),
        _blank_office("panel", contracts.panel, chain),
        Books(contracts, _stake_currencies(chain)),
    )


def _blank_office(title: str, address: str, chain: Chain) -> Office:
    delay, least = (chain.view(address, name) or 0 for name in ("rotationDelay", "minStake"))
    return Office(title, delay, least)


def _stake_currencies(chain: Chain) -> dict[str, str]:
    contracts = chain.contracts
    return {
        address: chain.view(address, "stakeCurrency") or NATIVE
        for address in (contracts.committee, contracts.panel, contracts.registry)
        if address is not None
    }
