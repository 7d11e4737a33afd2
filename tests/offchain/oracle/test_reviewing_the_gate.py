"""The gate from a signer's seat: routing, weights and subsets are what it fits itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from small_trade import StageAt

from marketplace.protocol.documents import GateManifest, Sealed, Subset
from marketplace.protocol.errors import DataError, EnvelopeError, MarketError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataReport
from marketplace.protocol.typed_data import signer_of
from marketplace.protocol.units import PARTS
from marketplace.scripted.trade import TradeRun
from offchain.oracle.routing import decode_routing, encode_routing, expert_weights
from offchain.oracle.signer import OracleSigner
from offchain.training import Subset as Rows
from offchain.training import decode_subset, encode_subset
from offchain.validation import SCALE


class Gating:
    """A seat that is asked to review a gate, and the honest manifest of the same trade."""

    def __init__(self, stage: StageAt) -> None:
        self.run: TradeRun = stage(State.FUNDED, store_of=State.GATED)
        later: TradeRun = stage(State.GATED)
        data = later.world.market.agreement(later.trade_id).data
        assert data is not None
        self.finding = data
        self.seat: OracleSigner = self.run.world.signers[2]
        self.manifest = self.seat.exchange.read(GateManifest, data.gate_evidence)
        self.routed = decode_routing(self.seat.exchange.store.get(self.manifest.routing))

    def review(self, **changes: object) -> bytes:
        changed = self.seat.exchange.publish(self.manifest.model_copy(update=changes))
        return self.seat.review_data(self.run.trade_id, self.finding.data_evidence, changed)

    def stored(self, routed: NDArray[np.int16]) -> str:
        return self.seat.exchange.store.put(encode_routing(routed))

    def rows_of(self, subset: Subset) -> Rows:
        payload = self.seat.exchange.unseal(
            subset.sealed, self.run.trade_id, f"subset/{subset.expert}"
        )
        return decode_subset(payload, self.run.scenario.task)

    def sealed(self, expert: str, payload: bytes, *readers: str) -> Sealed:
        members = self.run.world.market.current_committee().members
        recipients = readers or (expert, *members)
        return self.seat.exchange.seal(payload, self.run.trade_id, f"subset/{expert}", recipients)

    def with_rows(self, place: int, change: Callable[[Rows], Rows]) -> tuple[Subset, ...]:
        subset = self.manifest.subsets[place]
        payload = encode_subset(change(self.rows_of(subset)))
        changed = subset.model_copy(update={"sealed": self.sealed(subset.expert, payload)})
        return (*self.manifest.subsets[:place], changed, *self.manifest.subsets[place + 1 :])


@pytest.fixture
def gating(stage: StageAt) -> Gating:
    return Gating(stage)


def first_rows(count: int) -> Callable[[Rows], Rows]:
    return lambda rows: Rows(rows.dataset.take(np.arange(count)), rows.weights[:count])


def test_signs_the_weights_that_its_own_gate_gives(gating: Gating) -> None:
    signature = gating.review()
    weights = expert_weights(gating.manifest.candidates, gating.routed)
    assert sum(weights.values()) == PARTS
    experts = tuple(subset.expert for subset in gating.manifest.subsets)
    assert gating.finding.experts == experts
    report = DataReport(
        gating.run.trade_id,
        1,
        0b111,
        experts,
        tuple(weights.values()),
        gating.finding.data_evidence,
        gating.finding.gate_evidence,
    )
    assert signer_of(gating.run.world.market.domain, report, signature) == gating.seat.address


def test_refuses_weights_that_differ(gating: Gating) -> None:
    favoured = gating.routed.copy()
    favoured[:, 0] += favoured[:, 1]
    favoured[:, 1] = 0
    with pytest.raises(TradeRefused, match=r"routing differs by [\d.]+%"):
        gating.review(routing=gating.stored(favoured))
    with pytest.raises(TradeRefused, match="routing differs"):
        gating.review(routing=gating.stored(gating.routed[:-1]))


def test_signs_weights_of_another_machine(gating: Gating) -> None:
    rounded = gating.routed.copy()
    rounded[0] = np.roll(rounded[0], 1)  # one row of 300 went to other experts
    assert not np.array_equal(rounded, gating.routed)
    gating.review(routing=gating.stored(rounded))


@pytest.mark.parametrize(
    "damage",
    [
        lambda routed: routed.astype(np.int32),
        lambda routed: routed[0],
        lambda routed: routed[:0],
        lambda routed: routed - np.int16(SCALE),
        lambda routed: (routed // 2).astype(np.int16),
    ],
    ids=["another dtype", "one row", "empty", "negative", "rows that sum to less"],
)
def test_refuses_what_is_no_routing(
    gating: Gating, damage: Callable[[NDArray[np.int16]], NDArray[np.int16]]
) -> None:
    with pytest.raises(DataError, match="not a routing array"):
        gating.review(routing=gating.stored(damage(gating.routed)))


def test_refuses_other_candidates(gating: Gating) -> None:
    manifest = gating.manifest
    crony = gating.run.world.stranger.address.lower()
    with pytest.raises(TradeRefused, match="another trade"):
        gating.review(trade="0x" + "00" * 32)
    with pytest.raises(TradeRefused, match="don't ascend"):
        gating.review(candidates=manifest.candidates[::-1])
    with pytest.raises(TradeRefused, match="don't ascend"):
        gating.review(candidates=tuple(name.upper() for name in manifest.candidates))
    with pytest.raises(TradeRefused, match="2 kinds stand for 3"):
        gating.review(kinds=manifest.kinds[:2])
    # A chosen expert of another kind by these lists is found first; who that is, the trade draws.
    with pytest.raises(TradeRefused, match=r"differs|is no"):
        gating.review(
            candidates=tuple(sorted([*manifest.candidates, crony])), kinds=(*manifest.kinds, "mlp")
        )
    with pytest.raises(TradeRefused, match=r"differs|is no"):
        gating.review(kinds=manifest.kinds[::-1])
    with pytest.raises(MarketError):
        gating.review(candidates=(), kinds=())


def test_refuses_subsets_that_the_gate_did_not_route(gating: Gating) -> None:
    one, two, three = gating.manifest.subsets
    with pytest.raises(TradeRefused, match="subsets go to"):
        gating.review(subsets=(one, two))
    with pytest.raises(TradeRefused, match="subsets go to"):
        gating.review(subsets=(two, one, three))
    with pytest.raises(TradeRefused, match="subsets go to"):
        gating.review(subsets=(*gating.manifest.subsets, one))
    wrong_kind = one.model_copy(update={"expert_kind": two.expert_kind})
    with pytest.raises(TradeRefused, match="is no"):
        gating.review(subsets=(wrong_kind, two, three))
    with pytest.raises(TradeRefused, match=r"subset of .* differs"):
        gating.review(subsets=gating.with_rows(0, first_rows(20)))
    with pytest.raises(TradeRefused, match=r"subset of .* differs"):
        gating.review(
            subsets=gating.with_rows(1, lambda rows: Rows(rows.dataset, rows.weights * 2))
        )


def test_refuses_subsets_that_it_can_not_open(gating: Gating) -> None:
    one, *others = gating.manifest.subsets
    payload = encode_subset(gating.rows_of(one))
    hidden = one.model_copy(update={"sealed": gating.sealed(one.expert, payload, one.expert)})
    with pytest.raises(EnvelopeError, match="none of the 1 recipients"):
        gating.review(subsets=(hidden, *others))
    swapped = one.model_copy(update={"sealed": others[0].sealed})
    with pytest.raises(EnvelopeError, match="another context"):
        gating.review(subsets=(swapped, *others))
    garbage = one.model_copy(update={"sealed": gating.sealed(one.expert, b"garbage")})
    with pytest.raises(DataError, match="not a weighted subset"):
        gating.review(subsets=(garbage, *others))
