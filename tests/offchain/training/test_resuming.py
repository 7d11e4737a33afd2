"""A run that is killed goes on where it stood, and ends with the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.training import Journal

SCRIPT = (sys.executable, str(Path(__file__).with_name("run_small.py")))


def _run(*folder: str) -> tuple[str, list[str]]:
    """Return what a whole run prints, and the lines that it says."""
    result = subprocess.run([*SCRIPT, *folder], capture_output=True, text=True, check=True)
    return result.stdout, result.stderr.splitlines()


def _begun(lines: list[str]) -> list[str]:
    """Return the lines that say that a step begins."""
    return [line for line in lines if not line.startswith("pooled") and "done before" not in line]


def _kill_at_third(folder: str) -> tuple[list[str], bool]:
    """Kill a run, by SIGKILL, as soon as it begins a third step.

    Returns
    -------
    tuple
        The steps that it began, and whether it had ended before it could be killed.
    """
    said: list[str] = []
    with subprocess.Popen(
        [*SCRIPT, folder], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.strip())
            if len(_begun(said)) == 3:
                process.kill()
    assert process.returncode in (0, -9)
    return _begun(said)[:3], process.returncode == 0


@pytest.mark.slow
def test_killed_at_every_step_it_repeats_none_that_finished(tmp_path: Path) -> None:
    """A kill as a step begins falls on the end of the one before, or into one of the two."""
    expected, lines = _run()
    folder = str(tmp_path / "run")
    assert len(_begun(lines)) >= 8
    times, ended, kills = Counter[str](), False, 0
    while not ended:
        begun, ended = _kill_at_third(folder)
        times.update(begun)
        kills += not ended
    assert set(times) == set(_begun(lines))
    assert max(times.values()) <= 2  # killed in it once, and then done
    assert kills >= 3
    again, said = _run(folder)
    assert again == expected
    assert _begun(said) == []


def test_a_step_is_made_once_and_found_after(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b"model"

    for _ in range(2):
        journal = Journal(tmp_path)
        assert journal.do("train", ("a", "1"), make) == b"model"
        assert [step.inputs for step in journal.steps] == [("a", "1")]
    Journal(tmp_path).do("train", ("a", "2"), make)
    Journal(None).do("train", ("a", "1"), make)
    assert len(made) == 3


def test_damaged_output_or_other_code_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal(tmp_path).do("train", ("a",), lambda: b"model")
    for block in (tmp_path / "store" / "blocks").iterdir():
        block.write_bytes(b"other")
    assert Journal(tmp_path).find("train", "a") is None
    assert Journal(tmp_path).do("train", ("a",), lambda: b"model") == b"model"
    assert Journal(tmp_path).find("train", "a") == b"model"
    monkeypatch.setattr("offchain.training.journal.code_version", lambda: "later")
    assert Journal(tmp_path).find("train", "a") is None
    monkeypatch.undo()
    monkeypatch.setenv("MOEMARKET_ARITHMETIC", "fast")
    assert Journal(tmp_path).find("train", "a") is None


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError):
        Journal(tmp_path / "file").keep("train", ("a",), b"model")
