"""The card: its published schema, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.product.card import ModelCard, page, published_schema
from offchain.product.making import make_product

SCHEMA = Path(__file__).parents[3] / "docs" / "model-card.schema.json"


@pytest.fixture(scope="module")
def product(table_model, tumours):
    """With groups, and with what the answers depend on."""
    rows = tumours.validation
    groups = ["small" if size < 13 else "large" for size in rows.features[:, 0]]
    return make_product(table_model.composite, rows=rows, groups=groups, explain=True)


def test_the_published_schema_is_that_of_the_cards() -> None:
    assert json.loads(SCHEMA.read_text()) == published_schema()


def test_a_card_has_what_the_schema_asks_for(product) -> None:
    content = json.loads(product.card.to_bytes())
    schema = json.loads(SCHEMA.read_text())
    assert content.keys() == schema["properties"].keys()
    assert content["document"] == schema["properties"]["document"]["const"]
    assert ModelCard.from_bytes(product.card.to_bytes()) == product.card


def test_it_measures_what_the_market_measures(product, table_model, tumours) -> None:
    found = {(m.group, m.metric): m for m in product.card.measured}
    whole = found["", "balanced_accuracy"]
    assert whole.estimate == pytest.approx(float(table_model.score.fraction))
    assert whole.low < whole.estimate < whole.high
    assert found["", "accuracy"].rows == len(tumours.validation)
    sizes = [found[group, "accuracy"].rows for group in ("small", "large")]
    assert sum(sizes) == len(tumours.validation)
    worth = [each.contribution for each in product.card.experts]
    assert sum(worth) == pytest.approx(whole.estimate)


def test_influences_find_a_column_that_matters(product) -> None:
    """Of tumours their size and outline count most, as every model of these data finds."""
    falls = [abs(found.fall) for found in product.card.influences]
    assert falls == sorted(falls, reverse=True)
    assert falls[0] > 0.005


def test_images_are_summed_up_by_cells(image_model, digits) -> None:
    rows = digits.validation.take(np.arange(60))
    card = make_product(image_model.composite, rows=rows, explain=True).card
    assert all(found.part.startswith("cell ") for found in card.influences)
    assert max(found.fall for found in card.influences) > 0


def test_experts_that_keep_rows_are_named(product, image_model) -> None:
    card = make_product(image_model.composite).card
    keepers = [each.name for each in card.experts if each.keeps_rows]
    assert list(card.limits.gives_rows_away) == keepers
    if keepers:
        assert "treat it as data" in page(card)


def test_the_page_tells_it_all_and_lets_no_stranger_write_markdown(product) -> None:
    told = page(product.card)
    for heading in ("Scores", "Experts", "What the answers depend on", "Limits", "Environment"):
        assert f"## {heading}\n" in told
    evil = product.card.model_copy(update={"description": "x\n# Audited | <script>"})
    assert "\n# Audited" not in page(evil)
    assert "<script>" not in page(evil)


def test_without_rows_nothing_is_measured(table_model) -> None:
    made = make_product(table_model.composite)
    assert made.agreement is None
    assert made.card.measured == ()
    assert "Not measured" in page(made.card)


def test_what_needs_rows_is_refused_without(table_model, tumours) -> None:
    composite = table_model.composite
    for wish in ({"explain": True}, {"groups": ["a"]}):
        with pytest.raises(ConfigurationError, match="need rows; give labelled rows"):
            make_product(composite, **wish)
    with pytest.raises(ConfigurationError, match="2 groups for 329 rows"):
        make_product(composite, rows=tumours.validation, groups=["a", "b"])
