"""Finds the modules beside this one, those of peers, and the builders of the contracts' tests."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent

for folder in (HERE, HERE / "peers", HERE.parent / "contracts"):
    sys.path.insert(0, str(folder))
