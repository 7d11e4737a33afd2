"""What is checked, in the order in which the report lists it.

A check of a trade is a function of a `Case`. It returns what it found, or None when there is
nothing to say: the trade ended before it came to what is checked. It may raise
`Unavailable`, which means that it could not recompute anything.
"""

from __future__ import annotations

from collections.abc import Callable

from marketplace.audit.case import Case
from marketplace.audit.checks.contributions import check_allocation, check_shapley
from marketplace.audit.checks.documents import check_documents
from marketplace.audit.checks.gate import check_gate, check_training
from marketplace.audit.checks.money import check_data_payments, check_fees, check_sums
from marketplace.audit.checks.order import check_attempts, check_quorum, check_states
from marketplace.audit.checks.scores import check_score, check_seals, check_validation_commitment
from marketplace.audit.checks.storage import check_storage_state
from marketplace.audit.checks.terms import (
    check_price,
    check_quote_signatures,
    check_roles,
    check_terms,
    check_trade_id,
)
from marketplace.audit.report import Finding

TRADE_CHECKS: dict[str, Callable[[Case], Finding | None]] = {
    "trade-id": check_trade_id,
    "terms": check_terms,
    "states": check_states,
    "roles": check_roles,
    "quote-signatures": check_quote_signatures,
    "price": check_price,
    "quorum": check_quorum,
    "documents": check_documents,
    "data-payments": check_data_payments,
    "gate": check_gate,
    "training": check_training,
    "attempts": check_attempts,
    "validation-commitment": check_validation_commitment,
    "score": check_score,
    "seals": check_seals,
    "shapley": check_shapley,
    "allocation": check_allocation,
    "fees": check_fees,
    "sums": check_sums,
    "storage-state": check_storage_state,
}
"""By the stable name that the report uses."""
