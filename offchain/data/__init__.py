"""Datasets: what a task asks for, how rows travel as bytes, and the shipped scenarios."""

from offchain.data.codec import decode, encode
from offchain.data.dataset import Dataset, Metric, Task
from offchain.data.scenarios import Scenario, load_scenario, scenario_names

__all__ = [
    "Dataset",
    "Metric",
    "Scenario",
    "Task",
    "decode",
    "encode",
    "load_scenario",
    "scenario_names",
]
