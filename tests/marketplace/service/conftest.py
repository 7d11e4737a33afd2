"""Trades to test with come from `tests/end_to_end/small_trade.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "end_to_end"))

from small_trade import stage

__all__ = ["stage"]
