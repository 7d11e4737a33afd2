"""The README says only what works: its commands, targets, scripts and links exist."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from marketplace.cli import main
from marketplace.scripted.script import SCRIPTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[0] == "moemarket"], ids=" ".join)
def test_commands_and_their_options_exist(words: list[str]) -> None:
    names = [words[1], *([words[2]] if words[1] in ("store", "expert", "oracle") else [])]
    result = CliRunner().invoke(main, [*names, "--help"])
    assert result.exit_code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in result.output


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[0] == "make"], ids=" ".join)
def test_targets_exist(words: list[str]) -> None:
    assert re.search(rf"^{words[1]}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_script_is_in_the_table() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert listed == list(SCRIPTS)


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "hardhat-free-devnet.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_gas_figures_are_those_of_the_snapshot() -> None:
    gas = json.loads((ROOT / "tests" / "gas" / "snapshot.json").read_text())["gas"]
    kinds = ("trade of open accounts", "first trade", "repeated trade")
    whole = [gas[f"{kind}, native coin"]["request to settled"] for kind in kinds]
    more = [gas["more"][step] for step in ("second", "third signature in reportData")]
    for figure in (*whole, *more, gas["more"]["third signature in reportAttempt"]):
        assert f"{figure:,}" in README
