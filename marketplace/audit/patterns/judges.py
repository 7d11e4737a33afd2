"""Members of a committee that judged a trade of their own party."""

from __future__ import annotations

from marketplace.audit.history import History
from marketplace.audit.report import Finding, suspected


def judges(history: History) -> Finding:
    """Look for signers of a report or a ruling that are a party of its trade, or in its group.

    The contracts keep committee and parties apart in nothing but name: no rule of theirs
    forbids it.
    """
    return suspected(
        history.affiliations.judges,
        "nobody signed a report or a ruling on a trade of its own, or of its group",
    )
