"""Trades to test with come from `small_trade.py`, beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "offchain" / "experts"))

from outside import install
from small_trade import stage

__all__ = ["install", "stage"]
