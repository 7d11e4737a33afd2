"""Gradient boosted trees by LightGBM, stored as LightGBM's own text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import MAX_CLASSES
from offchain.experts.protocol import Description, Features, Labels, Probabilities
from offchain.experts.reduction import coarse
from offchain.packing import pack, unpack, unreadable

KIND = "boosted-trees"
ROUNDS = 50
SETTINGS: dict[str, Any] = {
    "num_leaves": 15,
    "min_data_in_leaf": 10,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class BoostedTrees:
    """An expert that boosts shallow trees."""

    def describe(self) -> Description:
        """Return the description."""
        return Description(KIND, "Gradient boosted trees (LightGBM).", "any")

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedTrees:
        """Train; see :meth:`offchain.experts.protocol.Expert.fit`."""
        kept = weights > 0
        seen, targets = np.unique(labels[kept], return_inverse=True)
        if len(seen) == 1:
            return FittedTrees(classes, seen, None)
        columns = coarse(features[kept])
        wide = columns.shape[1] > 64
        settings = SETTINGS | {
            "objective": "multiclass" if len(seen) > 2 else "binary",
            "learning_rate": 0.16 / effort if wide else 0.08 / effort,
            "feature_fraction": 0.15 if wide else 0.5,
            "seed": seed % 2**31,
        }
        if len(seen) > 2:
            settings["num_class"] = len(seen)
        scaled = weights[kept] / weights[kept].mean()
        rows = lightgbm.Dataset(columns, targets.reshape(-1), weight=scaled, params=settings)
        booster = lightgbm.train(settings, rows, num_boost_round=ROUNDS * effort)
        return FittedTrees(classes, seen, booster)

    def load(self, data: bytes) -> FittedTrees:
        """Read a fitted model."""
        header, arrays = unpack(data)
        classes, seen, text = header.get("classes"), arrays.get("seen"), arrays.get("text")
        if (
            type(classes) is not int
            or not 2 <= classes <= MAX_CLASSES
            or seen is None
            or seen.dtype != np.int64
            or seen.ndim != 1
            or not 1 <= len(seen) <= classes
            or np.any(np.diff(seen) <= 0)
            or seen[0] < 0
            or seen[-1] >= classes
            or (text is None) != (len(seen) == 1)
        ):
            raise unreadable("it does not say which classes it has seen")
        if text is None:
            return FittedTrees(classes, seen, None)
        try:
            booster = lightgbm.Booster(model_str=text.tobytes().decode("ascii"))
        except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError) as error:
            raise unreadable(f"LightGBM refuses its text ({error})") from error
        if booster.num_model_per_iteration() != (len(seen) if len(seen) > 2 else 1):
            raise unreadable("its trees are for another number of classes")
        return FittedTrees(classes, seen, booster)


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Boosted trees for the classes that were seen; None if there was only one."""

    classes: int
    seen: NDArray[np.int64]
    booster: lightgbm.Booster | None

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        return KIND

    def predict_proba(self, features: Features) -> Probabilities:
        """Return class probabilities (n, C); classes that were not seen get zero."""
        result = np.zeros((len(features), self.classes), np.float32)
        if self.booster is None:
            result[:, self.seen] = 1.0
        elif len(features):
            raw = np.asarray(self.booster.predict(coarse(features), num_threads=1))
            result[:, self.seen] = np.stack([1.0 - raw, raw], axis=1) if raw.ndim == 1 else raw
        return result

    def to_bytes(self) -> bytes:
        """Serialise as LightGBM's text; :meth:`BoostedTrees.load` is the inverse."""
        arrays: dict[str, NDArray[Any]] = {"seen": self.seen}
        if self.booster is not None:
            text = self.booster.model_to_string().encode("ascii")
            arrays["text"] = np.frombuffer(text, np.uint8)
        return pack({"kind": KIND, "classes": self.classes}, arrays)
