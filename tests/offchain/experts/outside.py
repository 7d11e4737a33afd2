"""Packages of outsiders as pip leaves them: a module and its metadata on the path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offchain.experts import registry

CENTROIDS = '''
"""Nearest class mean: a small expert, complete, that knows the market by its protocol only."""

import numpy as np

from offchain.experts import Description, Price, Priced
from offchain.packing import pack, unpack, unreadable


class NearestMean(Priced):
    def describe(self):
        return Description("nearest-mean", "Softmax over distances.", "any", price=Price(5, 2))

    def fit(self, features, labels, weights, classes, seed, effort=1):
        flat = features.reshape(len(features), -1).astype(np.float64)
        scale = 1.0 / (flat.std(axis=0) + 0.05)
        means = np.zeros((classes, flat.shape[1]))
        known = np.zeros(classes, bool)
        for label in np.unique(labels[weights > 0]):
            mine = labels == label
            means[label] = np.average(flat[mine], axis=0, weights=weights[mine])
            known[label] = True
        return FittedMean(means, scale, known)

    def load(self, data):
        header, arrays = unpack(data)
        try:
            means, scale, known = arrays["means"], arrays["scale"], arrays["known"]
        except KeyError as error:
            raise unreadable("an array is missing") from error
        if means.shape != (len(known), len(scale)) or not known.any():
            raise unreadable("its arrays do not fit each other")
        return FittedMean(means, scale, known)


class FittedMean:
    kind = "nearest-mean"

    def __init__(self, means, scale, known):
        self.means, self.scale, self.known = means, scale, known

    def predict_proba(self, features):
        flat = features.reshape(len(features), -1)
        apart = ((flat[:, None] - self.means) * self.scale) ** 2
        logits = np.where(self.known, -0.5 * apart.mean(axis=2), -np.inf)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)

    def to_bytes(self):
        arrays = {"means": self.means, "scale": self.scale, "known": self.known}
        return pack({"kind": self.kind}, arrays)
'''
MODULE = "outside_centroids"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages for one test: name, entry points, and the source of their module."""
    monkeypatch.syspath_prepend(tmp_path)
    registry.outsiders.cache_clear()

    def put(
        package: str, points: dict[str, str], module: str = MODULE, source: str = CENTROIDS
    ) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        about = tmp_path / f"{package.replace('-', '_')}-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"{kind} = {target}" for kind, target in points.items()]
        (about / "entry_points.txt").write_text("\n".join(["[moemarket.experts]", *lines, ""]))
        registry.outsiders.cache_clear()

    yield put
    registry.outsiders.cache_clear()
