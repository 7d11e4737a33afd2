"""`moemarket export`: the buyer of a trade makes a product of its model."""

from __future__ import annotations

from pathlib import Path

from command_line import Run, Serve
from small_trade import small_scenario

from marketplace.protocol.errors import ConfigurationError, EnvelopeError
from marketplace.protocol.states import State
from offchain.data import encode
from offchain.product import run as run_model
from offchain.product.card import ModelCard

BUYER, BROKER = 1, 2


def test_the_buyer_exports_the_model_with_its_card(run: Run, serve: Serve) -> None:
    served, rows = serve(State.PASSED), small_scenario().validation
    Path("rows").write_bytes(encode(rows))
    Path("groups").write_text("".join(f"{'old' if at % 3 else 'new'}\n" for at in range(len(rows))))
    exporting = ("export", *served.place, "--trade", served.trade, "--store", served.store)
    measured = ("--rows", "rows", "--groups", "groups")
    said = run(*exporting, "--account", BUYER, "--out", "made", *measured, "--json").data
    assert said["rowsCompared"] == len(rows)
    labels = run_model(Path("made/model.onnx").read_bytes(), rows.features).labels
    assert (labels == rows.labels).mean() > 0.85

    card = ModelCard.from_bytes(Path("made/card.json").read_bytes())
    assert card.sha256 == said["sha256"]
    assert card.lineage is not None
    assert (card.lineage.trade, card.lineage.market) == (served.trade, served.market)
    assert [source.rows for source in card.sources] == [100, 100, 100]
    assert {m.group for m in card.measured} == {"", "new", "old"}
    assert all(each.weight for each in card.experts)
    assert sum(each.paid or 0 for each in card.experts) > 0
    assert card.licence is not None
    assert "may not sell copies" in card.licence.text
    assert served.trade in Path("made/card.md").read_text()
    names = card.limits.gives_rows_away
    assert len(names) == sum(each.keeps_rows for each in card.experts)


def test_nobody_else_exports_it_and_groups_need_rows(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    exporting = ("export", *served.place, "--trade", served.trade, "--store", served.store)
    stranger = run(*exporting, "--account", BROKER, "--out", "made")
    assert stranger.status == EnvelopeError.exit_code
    Path("groups").write_text("a\n")
    ran = run(*exporting, "--account", BUYER, "--out", "made", "--groups", "groups")
    assert ran.status == ConfigurationError.exit_code
    assert "need rows" in ran.err
    assert not Path("made").exists()
