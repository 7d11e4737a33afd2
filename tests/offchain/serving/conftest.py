"""Services to test with come from `services.py`, beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from services import misbehave, rows, serve

__all__ = ["misbehave", "rows", "serve"]
