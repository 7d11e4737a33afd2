from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from marketplace.chain.devnet.clock import Clock

SECONDS = st.integers(min_value=0, max_value=2**32)


@given(parent=SECONDS, wall=SECONDS, offset=st.integers(-(2**31), 2**31))
def test_each_block_is_later_than_its_parent(parent: int, wall: int, offset: int) -> None:
    clock = Clock(offset=offset, now=lambda: wall)
    assert clock.next_timestamp(parent) == max(parent + 1, wall + offset)


@given(newest=SECONDS, wall=SECONDS, seconds=SECONDS)
def test_advancing_outruns_the_newest_block(newest: int, wall: int, seconds: int) -> None:
    clock = Clock(now=lambda: wall)
    ahead = clock.advance(seconds, newest)
    assert ahead == clock.offset >= seconds
    assert clock.next_timestamp(newest) >= newest + seconds


@given(wall=SECONDS, first=SECONDS, second=SECONDS)
def test_advances_add_up(wall: int, first: int, second: int) -> None:
    clock = Clock(now=lambda: wall)
    clock.advance(first, 0)
    assert clock.advance(second, 0) == first + second


def test_time_goes_on_from_a_pinned_timestamp() -> None:
    wall = 1_000.7
    clock = Clock(now=lambda: wall)
    clock.pinned = 5_000
    assert clock.next_timestamp(1_000) == 5_000
    clock.block_sealed(5_000)
    assert clock.pinned is None
    wall += 10
    assert clock.next_timestamp(5_000) == 5_010
