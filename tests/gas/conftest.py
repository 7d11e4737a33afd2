"""Finds the modules beside this one, and the builder of trades of the contracts' tests."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "contracts"):
    sys.path.insert(0, str(folder))
