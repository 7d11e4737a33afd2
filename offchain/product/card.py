"""What is known of a bought model, as a document for machines and as a page for people."""

from __future__ import annotations

from typing import Any

from marketplace.protocol.documents import Amount, Document


class Lineage(Document):
    """Where the model comes from: CIDs of what the trade left behind, and where it was traded."""

    kind = "lineage"
    chain_id: int
    market: str
    trade: str
    attempt: int
    specification: str
    data_manifest: str
    gate_manifest: str
    training: str
    evidence: str
    delivery: str
    model_manifest: str


class Source(Document):
    """A provider whose rows were bought; the price in the currency's smallest unit."""

    kind = "source"
    provider: str
    rows: int
    price: Amount
    accepted: bool


class Contributor(Document):
    """An expert in the model.

    `weight` is its share of the gate's load in parts per million and `paid` what the trade
    allotted to it; `called` is the share of the measured rows that call it, and `contribution`
    its Shapley value on them.
    """

    kind = "contributor"
    name: str
    learner: str
    keeps_rows: bool
    weight: int | None = None
    paid: Amount | None = None
    called: float | None = None
    contribution: float | None = None


class Measured(Document):
    """A score with its 95 % interval; of all rows if `group` is empty."""

    kind = "measured"
    metric: str
    group: str
    rows: int
    estimate: float | None
    low: float | None
    high: float | None
    method: str


class Influence(Document):
    """How far the chance of the decided class falls without a part of the input, on average."""

    kind = "influence"
    part: str
    fall: float


class Licence(Document):
    """What the holder may do, and how the token passes on."""

    kind = "licence"
    text: str
    cid: str
    transfer_rule: str


class Limits(Document):
    """What the model was made for.

    `low` and `high` are the range of each value over the measured rows, flattened, or one range
    for all where a row has more than 1,000 values; beyond it
    nothing is known. `gives_rows_away` names the experts that hold training rows.
    """

    kind = "limits"
    classes: tuple[str, ...]
    feature_shape: tuple[int, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    gives_rows_away: tuple[str, ...] = ()


class ModelCard(Document):
    """Everything that goes beside the ONNX file; `sha256` is that of the file."""

    kind = "model-card"
    version: int = 1
    task: dict[str, Any]
    description: str
    composite: str
    sha256: str
    opset: int
    lineage: Lineage | None
    sources: tuple[Source, ...]
    experts: tuple[Contributor, ...]
    measured: tuple[Measured, ...]
    influences: tuple[Influence, ...]
    licence: Licence | None
    limits: Limits
    environment: dict[str, str]


def published_schema() -> dict[str, Any]:
    """Return the JSON schema of a card, as `docs/model-card.schema.json` publishes it."""
    schema = ModelCard.model_json_schema(by_alias=True, mode="serialization")
    schema["properties"]["document"] = {"const": ModelCard.kind}
    schema["required"].append("document")
    return schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def page(card: ModelCard) -> str:
    """Return the card as Markdown."""
    lines = [f"# Model card: {_plain(card.task['name'])}", "", _plain(card.description), ""]
    lines += [f"Composite `{card.composite}`. `model.onnx` has sha256 `{card.sha256}`,"]
    lines += [f"opset {card.opset}.", "", "## Scores", ""]
    if card.measured:
        lines += ["| metric | group | rows | score | 95 % interval | how |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        lines += [_score_line(found) for found in card.measured]
    else:
        lines += ["Not measured: no rows were given to the export."]
    lines += ["", "## Experts", "", "| expert | kind | weight | paid | called | contribution |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for each in card.experts:
        weight = None if each.weight is None else each.weight / 1e6
        numbers = " | ".join(_number(n) for n in (weight, each.paid, each.called))
        named = f"{_plain(each.name)} | {_plain(each.learner)}"
        lines += [f"| {named} | {numbers} | {_number(each.contribution)} |"]
    if card.sources:
        lines += ["", "## Data", "", "| provider | rows | price | accepted |"]
        lines += ["| --- | --- | --- | --- |"]
        for source in card.sources:
            taken = "yes" if source.accepted else "no"
            lines += [f"| {source.provider} | {source.rows} | {source.price} | {taken} |"]
    if card.influences:
        lines += ["", "## What the answers depend on", ""]
        lines += ["Mean fall of the chance of the decided class when a part of the input is"]
        lines += ["replaced by its mean.", "", "| part | fall |", "| --- | --- |"]
        lines += [f"| {found.part} | {found.fall:.4f} |" for found in card.influences]
    lines += ["", "## Limits", "", *_limits(card.limits)]
    if card.lineage is not None:
        lines += ["", "## Lineage", "", "| what | where |", "| --- | --- |"]
        origin = card.lineage.model_dump(mode="json", by_alias=True)
        lines += [f"| {name} | `{value}` |" for name, value in origin.items()]
    if card.licence is not None:
        lines += ["", "## Licence", "", f"Transfer: {card.licence.transfer_rule}. Text"]
        lines += [f"`{card.licence.cid}`:", "", *_quoted(card.licence.text)]
    lines += ["", "## Environment", "", "Of the export; experts train on their owners' machines,"]
    lines += ["which no record describes.", "", "| what | version |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in card.environment.items()]
    return "\n".join(lines) + "\n"


def _score_line(found: Measured) -> str:
    interval = "—"
    if found.low is not None and found.high is not None:
        interval = f"{found.low:.4f} to {found.high:.4f}"
    group = _plain(found.group) or "all"
    score = _number(found.estimate)
    return f"| {found.metric} | {group} | {found.rows} | {score} | {interval} | {found.method} |"


def _limits(limits: Limits) -> list[str]:
    lines = [f"- Classes: {', '.join(map(_plain, limits.classes))}; it knows no other."]
    lines += [f"- One row has shape {list(limits.feature_shape)}, finite float32."]
    if limits.low:
        spread = f"{min(limits.low):g} to {max(limits.high):g}"
        lines += [f"- Measured on values from {spread}; `card.json` has the range of each."]
    if limits.gives_rows_away:
        names = ", ".join(map(_plain, limits.gives_rows_away))
        lines += [f"- The file holds (reduced) training rows, in {names}: treat it as data."]
    return lines


def _quoted(text: str) -> list[str]:
    return [f"> {_plain(line)}".rstrip() for line in text.strip().splitlines()]


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _plain(text: str) -> str:
    """Keep strangers' words from being more than words on the page."""
    kept = "".join(sign if sign.isprintable() else " " for sign in text)
    for sign in "\\`*_[]|#!":
        kept = kept.replace(sign, f"\\{sign}")
    return kept.replace("<", "&lt;").replace(">", "&gt;")
