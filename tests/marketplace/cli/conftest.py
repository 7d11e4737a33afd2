"""Trades are from `tests/end_to_end/small_trade.py`, commands from `command_line.py`.

Where a trade's data don't matter, it is one of those that the audit's tests make.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "end_to_end"))
sys.path.insert(0, str(Path(__file__).parents[1] / "audit"))

from command_line import devnet_url, run, serve

__all__ = ["devnet_url", "run", "serve"]
