"""A stranger's check of every trade, from the log, the store and nothing else.

``audit(provider, market, store)`` returns a `Report`; `marketplace.audit.terminal` prints it.
The log is replayed by code that shares nothing with the roles or the chain client. What moved
money is recomputed and compared; `marketplace.audit.checks` lists every check by its name.
"""

from marketplace.audit.auditor import audit
from marketplace.audit.checks import TRADE_CHECKS
from marketplace.audit.report import AuditedTrade, Check, Report, Verdict

__all__ = [
    "TRADE_CHECKS",
    "AuditedTrade",
    "Check",
    "Report",
    "Verdict",
    "audit",
]
