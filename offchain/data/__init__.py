"""Datasets: what a task asks for and how its rows travel as bytes.

The shipped scenarios are in :mod:`offchain.data.scenarios`, which needs the packages that
hold their data; an auditor doesn't.
"""

from offchain.data.codec import decode, encode
from offchain.data.dataset import Dataset, Metric, Task

__all__ = ["Dataset", "Metric", "Task", "decode", "encode"]
