"""What seats sign: a finding with its trade and committee, and on an attempt each its own word."""

from __future__ import annotations

from marketplace.protocol.terms import (
    AttemptFinding,
    AttemptReport,
    Committee,
    DataFinding,
    DataReport,
)
from offchain.oracle.case import Case


def data_report(trade_id: bytes, committee: Committee, finding: DataFinding) -> DataReport:
    """Return what every signer signs about data and gate."""
    return DataReport(trade_id, committee.version, *finding.as_tuple())


def attempt_report(
    case: Case, number: int, finding: AttemptFinding, passed: bool, seal: bytes
) -> AttemptReport:
    """Return what one signer signs about an attempt.

    Parameters
    ----------
    passed, seal
        The signer's own verdict, and its sealed score.
    """
    return AttemptReport(
        trade_id=case.trade_id,
        committee_version=case.committee.version,
        attempt=number,
        model=finding.model,
        training=finding.training,
        delivery=finding.delivery,
        evidence=finding.evidence,
        amounts=finding.amounts,
        passed=passed,
        seal=seal,
    )
