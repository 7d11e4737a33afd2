"""Trades to test with come from `small_trade.py`, beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from small_trade import stage

__all__ = ["stage"]
