"""The same bits whatever the processor's vector units and the number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from offchain.arithmetic import FAST, REPLAYABLE, computing
from offchain.data import Dataset
from offchain.experts import expert

SCRIPT = Path(__file__).with_name("fit_kinds.py")
MACHINES = {
    "as it is": ({}, 1),
    "two threads": ({}, 2),
    "without vector units": (
        {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
        1,
    ),
    "avx2 and two threads": ({"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}, 2),
}


def _digests(arithmetic: str, settings: dict[str, str], threads: int) -> dict[str, str]:
    limits = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    result = subprocess.run(
        [sys.executable, str(SCRIPT), arithmetic, str(threads)],
        env={**os.environ, **limits, "OMP_WAIT_POLICY": "passive", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(result.stdout)
    return found


@pytest.mark.slow
def test_all_machines_train_the_same_models() -> None:
    found = {name: _digests("replayable", *how) for name, how in MACHINES.items()}
    levels = {digests.pop("simd") for digests in found.values()}
    assert len(levels) > 1  # the setting has an effect
    expected = found.pop("as it is")
    assert len(expected) == 8
    for name, digests in found.items():
        apart = [kind for kind in expected if digests[kind] != expected[kind]]
        assert apart == [], name


@pytest.mark.slow
def test_float32_does_not(tmp_path: Path) -> None:
    """Were it equal too, the test above would say nothing."""
    one = _digests("fast", *MACHINES["as it is"])
    other = _digests("fast", *MACHINES["without vector units"])
    assert any(one[kind] != other[kind] for kind in one if kind != "simd")


@pytest.mark.parametrize("kind", ["logistic", "mlp", "random-features"])
def test_the_grid_costs_no_accuracy(table: Dataset, kind: str) -> None:
    right = []
    for numbers in (FAST, REPLAYABLE):
        with computing(numbers):
            fitted = expert(kind).fit(
                table.features[:800], table.labels[:800], np.ones(800, np.float32), 10, 1
            )
            answers = fitted.predict_proba(table.features[800:]).argmax(axis=1)
        right.append((answers == table.labels[800:]).mean())
    assert right[1] > right[0] - 0.01
