"""What the owners of the benchmark's experts train: six plain kinds with fixed settings.

They are deliberately ordinary. A learner only ever knows the classes of its owner's rows; the
others get probability zero, as from any model that is bought as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

EPOCHS, EPOCHS_FEW, FEW_ROWS = 8, 20, 1_500
TREES: dict[str, Any] = {
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_child_samples": 5,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.3,
    "n_estimators": 60,
    "num_threads": 1,
    "verbosity": -1,
}


class Classifier(Protocol):
    """What scikit-learn calls a classifier."""

    def fit(self, rows: NDArray[Any], labels: NDArray[Any]) -> Any:
        """Learn."""

    def predict_proba(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return probabilities of the classes seen."""
        ...


class Convolutional:
    """A small convolutional network on square grey images that come as flat rows."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def fit(
        self, rows: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any] | None = None
    ) -> Convolutional:
        """Learn with Adam in batches of 50; weights are chances of being drawn."""
        torch.manual_seed(self.seed)
        classes = int(labels.max()) + 1
        self.network = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )
        optimizer = torch.optim.Adam(self.network.parameters(), lr=2e-3)
        images, targets = _images(rows), torch.from_numpy(labels)
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(EPOCHS_FEW if len(rows) < FEW_ROWS else EPOCHS):
            for batch in torch.randperm(len(rows), generator=generator).split(50):
                loss = nn.functional.cross_entropy(
                    self.network(images[batch]), targets[batch], reduction="none"
                )
                if weights is not None:
                    loss = loss * torch.from_numpy(weights)[batch]
                optimizer.zero_grad()
                torch.autograd.backward(loss.mean())
                optimizer.step()
        return self

    def predict_proba(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return probabilities (n, classes)."""
        with torch.no_grad():
            answers = [self.network(part).softmax(1) for part in _images(rows).split(500)]
        return torch.cat(answers).numpy()


def _images(rows: NDArray[Any]) -> torch.Tensor:
    side = round(rows.shape[1] ** 0.5)
    return torch.from_numpy(np.asarray(rows, np.float32)).reshape(-1, 1, side, side)


def _scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


KINDS: Mapping[str, Callable[[int], Classifier]] = {
    "logistic": lambda seed: LogisticRegression(C=0.1, max_iter=200),
    "mlp": lambda seed: MLPClassifier((64,), max_iter=60, random_state=seed, tol=1e-3),
    "cnn": Convolutional,
    "lightgbm": lambda seed: lightgbm.LGBMClassifier(**TREES, random_state=seed),
    "extra-trees": lambda seed: ExtraTreesClassifier(100, random_state=seed, n_jobs=1),
    "nearest": lambda seed: KNeighborsClassifier(5, weights="distance"),
    "scaled-logistic": lambda seed: _scaled(LogisticRegression(C=0.3, max_iter=500)),
    "scaled-mlp": lambda seed: _scaled(
        MLPClassifier((32,), alpha=1e-2, max_iter=80, random_state=seed, tol=1e-3)
    ),
    "scaled-nearest": lambda seed: _scaled(KNeighborsClassifier(25, weights="distance")),
    "scaled-bayes": lambda seed: _scaled(GaussianNB(var_smoothing=1e-2)),
    "word-bayes": lambda seed: MultinomialNB(alpha=0.1),
}


class Learned:
    """A classifier that answers for all C classes, with zero for those it never saw."""

    def __init__(
        self, kind: str, rows: NDArray[Any], labels: NDArray[Any], classes: int, seed: int
    ) -> None:
        self.classes = classes
        self.seen, targets = np.unique(labels, return_inverse=True)
        self.model = KINDS[kind](seed)
        if len(self.seen) > 1:
            self.model.fit(rows, targets)

    def predict_proba(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return probabilities (n, C)."""
        answers = np.zeros((len(rows), self.classes), np.float32)
        if len(self.seen) > 1:
            answers[:, self.seen] = self.model.predict_proba(rows)
        else:
            answers[:, self.seen] = 1.0
        return answers
