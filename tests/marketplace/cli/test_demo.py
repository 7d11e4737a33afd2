"""`moemarket demo` and `scripts` with a small trade; the full ones are in `tests/end_to_end`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Run
from small_trade import SMALL, small_scenario

from marketplace.protocol.errors import ConfigurationError, NodeUnreachable, StoreUnreachable
from marketplace.scripted import play as playing
from marketplace.scripted.script import SCRIPTS


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "script_named", lambda name: SMALL)
    monkeypatch.setattr(playing, "load_scenario", lambda name, seed: small_scenario())


@pytest.mark.usefixtures("small")
def test_shows_the_whole_trade(run: Run) -> None:
    ran = run("demo", "small")
    assert ran.status == 0
    for title in ("Price", "Validation attempts", "Experts", "Paid out of the escrow",
                  "Licence token", "Gas", "Documents",
                  "nothing speaks against what was paid"):  # fmt: skip
        assert title in ran.out
    assert "8 validation: attempt 1 passed" in ran.err
    folder = Path("runs/small-0")
    again = ran.out[ran.out.index("  moemarket audit ") :].split()[1:]
    assert again[:3] == ["audit", "--chain", str(folder / "chain")]
    assert run(*again).status == 0


@pytest.mark.usefixtures("small")
def test_one_object_for_machines(run: Run, devnet_url: str) -> None:
    data = run("demo", "small", "--rpc", devnet_url, "--out", "here", "--json").data
    assert data["summary"]["state"] == "SETTLED"
    assert data["audit"]["ok"] is True
    assert sorted(path.name for path in Path("here").iterdir()) == [
        "deployment.json", "store", "summary.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["unheard-of"], ConfigurationError),
        (["credit", "--rpc", "http://127.0.0.1:9"], NodeUnreachable),
        (["credit", "--rpc", "127.0.0.1:9"], ConfigurationError),
        (["credit", "--store", "ipfs:/ip4/127.0.0.1/tcp/9"], StoreUnreachable),
        (["credit", "--store", "ipfs:nonsense"], ConfigurationError),
    ],
    ids=["script", "node", "scheme", "daemon", "store"],
)
def test_what_can_not_be_played_leaves_nothing(
    run: Run, words: list[str], error: type[Exception]
) -> None:
    ran = run("demo", *words)
    assert ran.status == vars(error)["exit_code"], ran.err
    assert ran.err.splitlines()[-1].startswith("error: ")
    assert not list(Path().iterdir())


def test_lists_the_scripts(run: Run) -> None:
    data = run("scripts", "--json").data
    assert [entry["name"] for entry in data] == list(SCRIPTS)
    lines = run("scripts").out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [script.name, script.ends.name.lower()] for script in SCRIPTS.values()
    ]
