"""What is checked, in the order in which the report lists it.

A check of the market is a function of the log and the chain. A check of a trade is a
function of a `Case`. It returns what it found, or None when there is nothing to say: the
trade ended before it came to what is checked. It may raise `Unavailable`, which means that
it could not recompute anything. No two checks share a name.
"""

from __future__ import annotations

from collections.abc import Callable

from marketplace.audit.case import Case
from marketplace.audit.chain import Chain
from marketplace.audit.checks.books import (
    check_balances,
    check_deposits,
    check_payouts,
    check_tenders,
)
from marketplace.audit.checks.contracts import check_contracts
from marketplace.audit.checks.contributions import check_allocation
from marketplace.audit.checks.disputes import (
    check_awards,
    check_dispute,
    check_stored_awards,
    check_stored_challenges,
)
from marketplace.audit.checks.documents import check_documents
from marketplace.audit.checks.gate import check_absence, check_gate, check_training
from marketplace.audit.checks.money import (
    check_data_payments,
    check_expert_payments,
    check_fees,
    check_sums,
)
from marketplace.audit.checks.order import (
    check_attempts,
    check_audit_signature,
    check_quorum,
    check_states,
    check_verdicts,
)
from marketplace.audit.checks.scores import check_score, check_seals, check_validation_commitment
from marketplace.audit.checks.storage import (
    check_committees,
    check_credits,
    check_ledger,
    check_memberships,
    check_panels,
    check_rules,
    check_stakes,
    check_stored_agreement,
    check_stored_deliveries,
    check_stored_seals,
    check_stored_status,
)
from marketplace.audit.checks.terms import (
    check_conflicts,
    check_price,
    check_quote_signatures,
    check_roles,
    check_terms,
    check_trade_id,
)
from marketplace.audit.history import History
from marketplace.audit.report import Finding

MARKET_CHECKS: dict[str, Callable[[History, Chain], Finding]] = {
    "contracts": check_contracts,
    "rules": check_rules,
    "committees": check_committees,
    "panels": check_panels,
    "stakes": check_stakes,
    "ledger": check_ledger,
    "stored-credits": check_credits,
    "stored-awards": check_stored_awards,
    "stored-challenges": check_stored_challenges,
    "deposits": check_deposits,
    "memberships": check_memberships,
    "tenders": check_tenders,
    "payouts": check_payouts,
    "balances": check_balances,
}
"""By the stable name that the report uses; the check of the log itself comes before them.

`tenders` and `payouts` are looked at if the auditor names such a contract.
"""

TRADE_CHECKS: dict[str, Callable[[Case], Finding | None]] = {
    "trade-id": check_trade_id,
    "terms": check_terms,
    "states": check_states,
    "roles": check_roles,
    "conflicts": check_conflicts,
    "quote-signatures": check_quote_signatures,
    "price": check_price,
    "quorum": check_quorum,
    "documents": check_documents,
    "data-payments": check_data_payments,
    "gate": check_gate,
    "training": check_training,
    "attempts": check_attempts,
    "no-model": check_absence,
    "verdicts": check_verdicts,
    "validation-commitment": check_validation_commitment,
    "score": check_score,
    "seals": check_seals,
    "allocation": check_allocation,
    "expert-payments": check_expert_payments,
    "audit-signature": check_audit_signature,
    "dispute": check_dispute,
    "awards": check_awards,
    "fees": check_fees,
    "sums": check_sums,
    "stored-status": check_stored_status,
    "stored-agreement": check_stored_agreement,
    "stored-seals": check_stored_seals,
    "stored-deliveries": check_stored_deliveries,
}
"""By the stable name that the report uses."""
