"""Fits every neural kind in a process of its own and prints the digest of each model.

Run with the arithmetic and the number of threads; SIMD levels are set by the environment.
"""

from __future__ import annotations

import hashlib
import json
import sys

import click
import numpy as np
import torch
from sklearn.datasets import load_digits

from offchain.arithmetic import CHOICES, computing
from offchain.experts import expert
from offchain.experts.designs import NEURAL_EXPERTS

ROWS, CLASSES = 160, 10

if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    columns, labels = load_digits(return_X_y=True)
    table = columns[:ROWS].astype(np.float32)
    small = columns[:ROWS].reshape(-1, 8, 8).astype(np.float32) / np.float32(16)
    images = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2)
    answers = labels[:ROWS].astype(np.int64)
    weights = np.linspace(0.5, 1.5, ROWS, dtype=np.float32)
    digests = {"simd": torch.backends.cpu.get_cpu_capability()}
    for offered in NEURAL_EXPERTS:
        about = offered.describe()
        for name, features in (("table", table), ("image", images)):
            if not about.suits(features.shape[1:]):
                continue
            with computing(CHOICES[sys.argv[1]]):
                fitted = expert(about.kind).fit(features, answers, weights, CLASSES, 5)
            digests[f"{about.kind} {name}"] = hashlib.sha256(fitted.to_bytes()).hexdigest()
    click.echo(json.dumps(digests))
