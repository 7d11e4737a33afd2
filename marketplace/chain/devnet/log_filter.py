"""Which logs a caller wants: the filter object of eth_getLogs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth.abc import LogAPI
from eth_bloom.bloom import BloomFilter

from marketplace.chain.devnet.params import address_of, hash_of, list_of
from marketplace.chain.devnet.rpc_errors import invalid_params

_MAX_TOPICS = 4


@dataclass(frozen=True)
class LogFilter:
    """A conjunction over positions of a disjunction over values.

    Attributes
    ----------
    addresses
        20-byte addresses, one of which emitted the log; empty for any.
    topics
        For each position the 32-byte topics of which the log has one; empty for any.
    """

    addresses: frozenset[bytes]
    topics: tuple[frozenset[bytes], ...]

    def matches(self, log: LogAPI) -> bool:
        """Tell whether a log is wanted."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(
            not wanted or topic.to_bytes(32, "big") in wanted
            for wanted, topic in zip(self.topics, log.topics, strict=False)
        )

    def bloom_masks(self) -> tuple[tuple[int, ...], ...]:
        """Return, for each constrained position, the bloom bits of each wanted value."""
        positions: Sequence[frozenset[bytes]] = (self.addresses, *self.topics)
        return tuple(
            tuple(int(BloomFilter.from_iterable([value])) for value in wanted)
            for wanted in positions
            if wanted
        )


def may_contain(bloom: int, masks: tuple[tuple[int, ...], ...]) -> bool:
    """Tell whether a block with this bloom can hold a wanted log.

    False is certain; true may be a false positive (Yellow Paper, section 4.3.1).
    """
    return all(any(bloom & mask == mask for mask in wanted) for wanted in masks)


def log_filter_of(criteria: dict[str, object]) -> LogFilter:
    """Read ``address`` and ``topics`` of a filter object.

    Raises
    ------
    RpcError
        If an address or a topic is malformed, or there are more than four positions.
    """
    given_topics = criteria.get("topics")
    topics = [] if given_topics is None else list_of(given_topics, "topics")
    if len(topics) > _MAX_TOPICS:
        raise invalid_params(f"topics: expected at most {_MAX_TOPICS} positions, got {len(topics)}")
    return LogFilter(
        addresses=frozenset(address_of(item) for item in _alternatives(criteria.get("address"))),
        topics=tuple(
            frozenset(hash_of(item, "topics") for item in _alternatives(position))
            for position in topics
        ),
    )


def _alternatives(value: object) -> list[object]:
    """Read null as anything, a list as alternatives, and a value as the only one."""
    alternatives = value if isinstance(value, list) else [value]
    return [] if None in alternatives else alternatives
