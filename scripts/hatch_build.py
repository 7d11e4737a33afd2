"""Build hook: compile the contracts before they are packed into a wheel or an sdist.

An editable install packs nothing; there the first use of a contract compiles.
"""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileContracts(BuildHookInterface[Any]):
    """Compile what is stale, from the source tree that is being packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run before files are collected."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from marketplace.chain.artifacts import compile_contracts

            compile_contracts(progress=self.app.display_info)
        finally:
            sys.path.remove(self.root)
