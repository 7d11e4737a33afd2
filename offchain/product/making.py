"""Making a product of a composite: the file, held against its origin, and the card."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import ConfigurationError
from offchain.contribution import shapley
from offchain.data import Dataset
from offchain.experts import expert
from offchain.product.card import Contributor, Licence, Limits, Lineage, Measured, ModelCard, Source
from offchain.product.explaining import influences
from offchain.product.export import export
from offchain.product.graph import OPSET
from offchain.product.metrics import measure
from offchain.product.running import Agreement, compare
from offchain.storage.cid import cid_of
from offchain.training import Composite
from offchain.validation import Evidence, vote

PACKAGES = ("numpy", "onnx", "onnxruntime", "torch")
FURTHEST = 1e-4
MOST_RANGES = 1_000


@dataclass(frozen=True)
class Origin:
    """What the chain and the store say of a model.

    Attributes
    ----------
    weights, paid
        By the expert's name: parts per million, and wei.
    """

    description: str
    lineage: Lineage
    sources: tuple[Source, ...]
    weights: dict[str, int]
    paid: dict[str, int]
    licence: Licence


@dataclass(frozen=True, eq=False)
class Product:
    """A model that travels; `agreement` is None if there were no rows to compare on."""

    model: bytes
    card: ModelCard
    agreement: Agreement | None


def make_product(
    composite: Composite,
    origin: Origin | None = None,
    rows: Dataset | None = None,
    groups: Sequence[str] | None = None,
    explain: bool = False,
) -> Product:
    """Export a composite and write its card.

    Parameters
    ----------
    rows
        Labelled rows of the task: what is measured is measured on them.
    groups
        Name of each row's group.
    explain
        Whether to say what the answers depend on; needs the extra `explain`.

    Raises
    ------
    ConfigurationError
        If a part has no ONNX form, the file answers otherwise than the composite, there is not
        one group to a row, or something is asked for that needs rows.
    """
    if (rows is None or not len(rows)) and (groups is not None or explain):
        raise ConfigurationError("groups and influences need rows", "give labelled rows")
    if rows is not None and groups is not None and len(groups) != len(rows):
        raise ConfigurationError(
            f"there are {len(groups)} groups for {len(rows)} rows", "name one group for each row"
        )
    model = export(composite)
    agreement = votes = None
    if rows is not None and len(rows):
        agreement, votes = (
            compare(model, composite, rows.features),
            composite.evidence(rows.features),
        )
        _require_alike(agreement)
    card = ModelCard(
        task=composite.task.to_json(),
        description=origin.description if origin else "",
        composite=cid_of(composite.to_bytes()),
        sha256=hashlib.sha256(model).hexdigest(),
        opset=OPSET,
        lineage=origin.lineage if origin else None,
        sources=origin.sources if origin else (),
        experts=_contributors(composite, origin, rows, votes),
        measured=_measured(composite, rows, votes, groups),
        influences=influences(model, rows.features) if explain and rows is not None else (),
        licence=origin.licence if origin else None,
        limits=_limits(composite, rows),
        environment={"python": platform.python_version(), "machine": platform.machine()}
        | {name: version(name) for name in PACKAGES},
    )
    return Product(model, card, agreement)


def _require_alike(found: Agreement) -> None:
    if found.labels_apart or found.furthest > FURTHEST:
        raise ConfigurationError(
            f"the exported file answers {found.labels_apart} of {found.rows} rows with another"
            f" label, and probabilities differ by up to {found.furthest:.1g}",
            "use the composite itself, and report this model",
        )


def _contributors(
    composite: Composite, origin: Origin | None, rows: Dataset | None, votes: Evidence | None
) -> tuple[Contributor, ...]:
    called: list[float | None] = [None] * len(composite.experts)
    worth: list[float | None] = list(called)
    if rows is not None and votes is not None:
        called = [float(share) for share in (votes.gates > 0).mean(axis=0)]
        values = shapley(votes.predictions, votes.gates, rows.labels, composite.task.metric)
        worth = [float(value) for value in values]
    return tuple(
        Contributor(
            name=name,
            learner=fitted.kind,
            keeps_rows=expert(fitted.kind).describe().keeps_rows,
            weight=origin.weights.get(name) if origin else None,
            paid=origin.paid.get(name) if origin else None,
            called=share,
            contribution=value,
        )
        for (name, fitted), share, value in zip(
            composite.experts.items(), called, worth, strict=True
        )
    )


def _measured(
    composite: Composite,
    rows: Dataset | None,
    votes: Evidence | None,
    groups: Sequence[str] | None,
) -> tuple[Measured, ...]:
    if rows is None or votes is None:
        return ()
    counted = vote(votes.predictions, votes.gates)
    return measure(counted, rows.labels, composite.task.metric, groups)


def _limits(composite: Composite, rows: Dataset | None) -> Limits:
    low = high = np.zeros(0, np.float32)
    if rows is not None and len(rows):
        flat: NDArray[np.float32] = rows.features.reshape(len(rows), -1)
        if flat.shape[1] > MOST_RANGES:
            flat = flat.reshape(-1, 1)
        low, high = flat.min(axis=0), flat.max(axis=0)
    return Limits(
        classes=composite.task.classes,
        feature_shape=composite.task.feature_shape,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        gives_rows_away=tuple(
            name
            for name, fitted in composite.experts.items()
            if expert(fitted.kind).describe().keeps_rows
        ),
    )
