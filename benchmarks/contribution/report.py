"""Tables for people, JSON for programs, and what they were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path


def machine() -> dict[str, str]:
    """Name hardware, load and versions."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "scipy", "torch")},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    rows = [head, rule, *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def percent(values: Sequence[float]) -> str:
    """Return the mean, and the range where there are several."""
    mean = 100 * sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.1f}"
    return f"{mean:.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def conditions(facts: Mapping[str, str]) -> str:
    """Return the machine as one sentence."""
    return "Measured on " + ", ".join(f"{name} {value}" for name, value in facts.items()) + "."
