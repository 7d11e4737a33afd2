"""Experts of outsiders: found when they are installed, harmless when they are broken."""

from __future__ import annotations

import numpy as np
import pytest
from outside import MODULE, Install

from marketplace.protocol.errors import ConfigurationError, UnreadableModel, UnusableData
from offchain.data import Dataset
from offchain.experts import expert, faults, kinds, load_fitted, origins, plugins
from offchain.experts.boosting import BoostedTrees

GOOD = {"nearest-mean": f"{MODULE}:NearestMean"}
BROKEN = {
    "no-such-module": ("no_such_module:X", "ModuleNotFoundError"),
    "no-such-name": (f"{MODULE}:Nothing", "AttributeError"),
    "exits": ("outside_broken:exits", "SystemExit"),
    "no-expert": ("outside_broken:NoExpert", "has no quote and no load"),
    "other-kind": (f"{MODULE}:NearestMean", "describes itself as 'nearest-mean'"),
    "odd-inputs": ("outside_broken:OddInputs", "its inputs are 'video'"),
    "escapes": ("outside_broken:Escapes", "invisible sign U.001B"),
    "below-zero": ("outside_broken:BelowZero", "its price is"),
    "Shouting": (f"{MODULE}:NearestMean", "is no name of a kind"),
}
SOURCE = """
from dataclasses import replace
from outside_centroids import NearestMean
from offchain.experts import Description, Price

def exits():
    raise SystemExit(3)

class NoExpert:
    def describe(self): pass
    def fit(self): pass

class OddInputs(NearestMean):
    def describe(self): return Description("odd-inputs", "Moving.", "video")

class Escapes(NearestMean):
    def describe(self): return Description("escapes", "Red: \\x1b[31m.", "any")

class BelowZero(NearestMean):
    def describe(self): return Description("below-zero", "Pays you.", "any", price=Price(-1))
"""
FAILS = """
from outside_centroids import NearestMean, FittedMean
from offchain.experts import Description

class Fails(NearestMean):
    def describe(self): return Description("fails", "Raises what nobody expects.", "any")
    def quote(self, rows, effort=1): return "free"
    def fit(self, features, labels, weights, classes, seed, effort=1):
        features[:] = 0
        if classes == 2: raise AssertionError("two\\x07")
        return Raising()
    def load(self, data): raise OSError("no disk")

class Raising(FittedMean):
    def __init__(self): pass
    def predict_proba(self, features): raise NameError("what?")
    def to_bytes(self): return "text"
"""


def test_an_installed_package_offers_its_expert(install: Install, table: Dataset) -> None:
    install("outside", GOOD)
    assert origins()["nearest-mean"] == "outside 1.2"
    assert faults() == ()
    offered = expert("nearest-mean")
    assert offered.describe().suits((5,))
    assert offered.quote(100, effort=2) == 5 + 2 * 100 * 2
    ones = np.ones(600, np.float32)
    fitted = offered.fit(table.features[:600], table.labels[:600], ones, 10, 0)
    loaded = load_fitted("nearest-mean", fitted.to_bytes())
    answers = loaded.predict_proba(table.features[600:])
    assert (answers.argmax(axis=1) == table.labels[600:]).mean() > 0.8
    assert "nearest-mean" not in kinds()


def test_a_kind_that_ships_is_nobody_elses(install: Install) -> None:
    install("thief", {"boosted-trees": f"{MODULE}:NearestMean", **GOOD})
    assert isinstance(expert("boosted-trees"), BoostedTrees)
    assert origins()["boosted-trees"] == "moemarket"
    assert expert("nearest-mean").describe().kind == "nearest-mean"
    (fault,) = faults()
    assert (fault.kind, fault.origin) == ("boosted-trees", "thief 1.2")
    assert "is one that moemarket ships" in fault.reason


def test_of_two_packages_with_one_name_neither_is_used(install: Install) -> None:
    install("one", GOOD)
    install("two", GOOD)
    assert {(fault.kind, fault.origin) for fault in faults()} == {
        ("nearest-mean", "one 1.2"), ("nearest-mean", "two 1.2")
    }  # fmt: skip
    with pytest.raises(
        ConfigurationError, match=r"can't be used: .* is offered by (one|two) 1.2, too"
    ):
        expert("nearest-mean")


def test_what_is_broken_is_said_and_harms_nobody(install: Install) -> None:
    install("centroids", GOOD)
    install("broken", {k: v[0] for k, v in BROKEN.items()}, "outside_broken", SOURCE)
    reasons = {fault.kind: fault.reason for fault in faults()}
    assert reasons.keys() == BROKEN.keys()
    for kind, (_, reason) in BROKEN.items():
        assert reason.replace("U.", "U+") in reasons[kind]
        assert all(sign.isprintable() for sign in reasons[kind])
        with pytest.raises(ConfigurationError, match="mend or remove"):
            expert(kind)
    assert expert("nearest-mean").describe().kind == "nearest-mean"
    assert expert("logistic").describe().kind == "logistic"


def test_what_an_outsider_raises_is_a_refusal(install: Install, table: Dataset) -> None:
    install("centroids", GOOD)
    install("fails", {"fails": "outside_fails:Fails"}, "outside_fails", FAILS)
    rows, labels = table.features[:20].copy(), table.labels[:20] % 2
    ones = np.ones(20, np.float32)
    with pytest.raises(UnusableData, match=r"AssertionError: two\\x07"):
        expert("fails").fit(rows, labels, ones, 2, 0)
    np.testing.assert_array_equal(rows, table.features[:20])
    fitted = expert("fails").fit(rows, labels, ones, 3, 0)
    for use in (lambda: fitted.predict_proba(rows), fitted.to_bytes):
        with pytest.raises(UnreadableModel, match="the model of fails"):
            use()
    with pytest.raises(UnreadableModel, match="OSError: no disk"):
        load_fitted("fails", b"")
    with pytest.raises(UnusableData, match="it quotes 'free' wei"):
        expert("fails").quote(10)


def test_nothing_is_looked_for_until_an_outsider_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    asked: list[object] = []

    def looked(**selection: str) -> list[object]:
        asked.append(selection)
        return []

    monkeypatch.setattr(plugins, "entry_points", looked)
    assert expert("logistic").describe().kind == "logistic"
    assert "logistic" in kinds((3,))
    assert asked == []
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="there is no expert"):
            expert("nobody")
    assert asked == [{"group": "moemarket.experts"}]
