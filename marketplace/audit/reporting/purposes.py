"""What each check compares: the first line of what its function says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from marketplace.audit.checks import MARKET_CHECKS, TRADE_CHECKS, blocks
from marketplace.audit.checks.distributions import check_distributions
from marketplace.audit.patterns import PATTERNS
from marketplace.audit.patterns.bidding import moving_bids
from marketplace.audit.patterns.funding import funders
from marketplace.audit.proofs import StateProofs

_BY_NAME: dict[str, Callable[..., Any]] = {
    **MARKET_CHECKS,
    **TRADE_CHECKS,
    **PATTERNS,
    "bids": moving_bids,
    "funders": funders,
    "distributions": check_distributions,
    "state-proofs": StateProofs.finding,
}


def purpose_of(name: str) -> str:
    """Return what a check compares; nothing, if this version has no such check."""
    function = _BY_NAME.get(name) or _of_chain(name)
    said = (inspect.getdoc(function) if function else None) or ""
    return said.partition("\n")[0].removeprefix("Check ").removeprefix("that ").replace("`", "")


def _of_chain(name: str) -> Callable[..., Any] | None:
    return getattr(blocks, f"check_{name.replace('-', '_')}", None)
