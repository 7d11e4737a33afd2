"""How long exact contributions take, and pyDVL on the same game.

Votes are random integers with weight on every expert in every row: no row is cheaper than it
could be. Seconds are processor time of one thread, beside them the wall clock.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.audit.shares import shapley_values
from offchain.contribution import shapley, skill

ROWS, CLASSES, SEED = 4_000, 10, 0
EXPERTS, MOST_EXPERTS, SAME_GAME = 16, 20, 8
LARGE_ROWS, AUDITED_ROWS, UPDATES, REPEATS = 500, 200, 40, 3

Game = tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]]


def dense_game(experts: int, rows: int = ROWS) -> Game:
    """Return predictions, gates and labels."""
    generator = np.random.default_rng(SEED)
    return (
        generator.integers(0, 2048, (experts, rows, CLASSES), dtype=np.int16),
        generator.integers(1, 2047 // experts, (rows, experts), dtype=np.int16),
        generator.integers(0, CLASSES, rows),
    )


def measure(pydvl: Path | None) -> dict[str, Any]:
    """Time every program; `pydvl` is a Python that has it installed."""
    game = dense_game(EXPERTS)
    large = dense_game(MOST_EXPERTS, LARGE_ROWS)
    few = game[0][:, :AUDITED_ROWS], game[1][:AUDITED_ROWS], game[2][:AUDITED_ROWS]
    found: dict[str, Any] = {
        "shapley_16": _timed(lambda: shapley(*game, "accuracy"), REPEATS),
        "skill_16": _timed(lambda: skill(*game, "accuracy"), REPEATS),
        "shapley_20_of_500_rows": _timed(
            lambda: shapley(*large, "accuracy", _Progress(LARGE_ROWS)), 1
        ),
        "audit_16_of_200_rows": _timed(
            lambda: shapley_values(*(part.astype(np.int64) for part in few), "accuracy"), 1
        ),
    }
    if pydvl:
        found["pydvl"] = _pydvl(pydvl, game, found["shapley_16"]["cpu_s"])
    return found


def _pydvl(python: Path, game: Game, ours: float) -> dict[str, Any]:
    """Let pyDVL value eight experts exactly, and sixteen for a while."""
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file.name, predictions=game[0], gates=game[1], labels=game[2])
        program = str(Path(__file__).parent / "with_pydvl.py")

        def ask(experts: int, updates: int) -> dict[str, Any]:
            arguments = [str(python), program, file.name, str(experts), str(updates)]
            done = subprocess.run(arguments, capture_output=True, text=True, check=True)
            answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return answer

        exact, sampled = ask(SAME_GAME, 0), ask(EXPERTS, UPDATES)
    same = game[0][:SAME_GAME], game[1][:, :SAME_GAME], game[2]
    mine = [float(value) for value in shapley(*same, "accuracy")]
    each = sampled["cpu_s"] / sampled["evaluations"]
    return {
        "version": exact["version"],
        "exact_8": exact,
        "ours_8": _timed(lambda: shapley(*same, "accuracy"), REPEATS),
        "largest_difference_8": max(abs(a - b) for a, b in zip(mine, exact["values"], strict=True)),
        "sampled_16": sampled,
        "cpu_s_16_extrapolated": each * EXPERTS * 2**EXPERTS,
        "cpu_s_16_if_it_cached": each * 2**EXPERTS,
        "times_faster": each * EXPERTS * 2**EXPERTS / ours,
        "times_faster_if_it_cached": each * 2**EXPERTS / ours,
    }


def _timed(work: Callable[[], object], repeats: int) -> dict[str, float]:
    """Return the best processor time of some runs, and the wall clock of that run."""
    runs = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        runs.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = min(runs)
    return {"cpu_s": cpu, "wall_s": wall, "runs": repeats}


class _Progress:
    """Says on standard error how many of the rows are done."""

    def __init__(self, rows: int) -> None:
        self.rows, self.done = rows, 0

    def __call__(self, rows: int) -> None:
        self.done += rows
        if self.done % 100 < rows or self.done == self.rows:
            sys.stderr.write(f"\r{self.done} of {self.rows} rows")
            sys.stderr.write("\n" if self.done == self.rows else "")
            sys.stderr.flush()
