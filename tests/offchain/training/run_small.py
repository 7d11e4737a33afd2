"""A run in a process of its own, to be killed: folder, and optionally where to stop.

Says each step on standard error, and prints the digest of what came out.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import click
import numpy as np
from sklearn.datasets import load_breast_cancer

from offchain.data import Dataset, Task
from offchain.data.scenarios import Scenario
from offchain.training import run_local
from offchain.validation import encode_evidence

ROSTER = {
    "first": "logistic",
    "second": "logistic",
    "near": "nearest-neighbours",
    "trees": "extra-trees",
}


def tumours() -> Scenario:
    """Two clinics with 150 tumours each, and 150 to judge by."""
    features, labels = load_breast_cancer(return_X_y=True)
    rows = Dataset(features.astype(np.float32), labels.astype(np.int64))
    return Scenario(
        Task("tumours", (30,), ("malignant", "benign"), "balanced_accuracy"),
        {
            name: rows.take(np.arange(start, start + 150))
            for name, start in (("north", 0), ("south", 150))
        },
        rows.take(np.arange(300, 450)),
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    run = run_local(
        tumours(), 7, roster=ROSTER, folder=folder, progress=lambda line: click.echo(line, err=True)
    )
    whole = run.composite.to_bytes() + encode_evidence(run.evidence)
    click.echo(f"{hashlib.sha256(whole).hexdigest()} {len(run.steps)}")
