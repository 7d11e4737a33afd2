"""Check of the evidence itself: it is there, its bytes are what the log names, it can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from marketplace.audit.archive import MAX_FILE_BYTES, Unavailable
from marketplace.audit.case import Case
from marketplace.audit.holdings import Holding, due
from marketplace.audit.report import Finding, Verdict, listed

Read = Callable[[], object]

MOST_GAPS = 20
"""After so many files that no check reads can't be had, no more of them are asked for: a stranger's
document may name thousands, and a store may search for each of them for long."""


def check_documents(case: Case) -> Finding:
    """Check that every digest on chain and CID in a document leads to what it names.

    What no check reads is asked for, too: every file that is due, as an export of the evidence
    hands it over. Of what is sealed, the encrypted bytes are checked: that they are still there
    and are what was paid for, though only their recipients can read them.
    """
    gaps: dict[Verdict, list[str]] = {"failed": [], "missing": [], "sealed": []}
    count = 0
    for title, read in _named(case):
        try:
            read()
        except Unavailable as gap:
            gaps[gap.verdict].append(f"{title}: {gap.why}")
        else:
            count += 1
    rest = due(case.trade, case.acts, case.store, case.archive.asked, MAX_FILE_BYTES)
    there, lacking = _parted(rest)
    for held in lacking:
        gaps["missing" if held.standing == "missing" else "failed"].append(
            f"{held.what}: {held.why}"
        )
    count += there
    if gaps["failed"] or gaps["missing"]:
        verdict: Verdict = "failed" if gaps["failed"] else "missing"
        return Finding(verdict, listed([*gaps["failed"], *gaps["missing"]]))
    sealed = f", {len(gaps['sealed'])} are sealed until the last verdict" if gaps["sealed"] else ""
    return Finding("passed", f"{count} documents and files are what the log names{sealed}")


def _parted(files: Iterator[Holding]) -> tuple[int, list[Holding]]:
    """Count the files that are there, until `MOST_GAPS` of them are lacking."""
    there, lacking = 0, []
    for held in files:
        if held.lacking:
            lacking.append(held)
        there += not held.lacking
        if len(lacking) == MOST_GAPS:
            break
    return there, lacking


def _named(case: Case) -> Iterator[tuple[str, Read]]:
    """Yield what the checks read of what the log names by now, directly or through a document."""
    trade, evidence = case.trade, case.evidence
    yield "specification", evidence.task
    yield "sealed validation set", lambda: evidence.sealed(evidence.specification().validation)
    if trade.acceptance is not None:
        yield "data need", evidence.data_need
    if trade.data is not None:
        yield "data manifest", evidence.data_manifest
        yield "accepted datasets", evidence.sealed_datasets
    if trade.gate is not None:
        yield "gate manifest", evidence.gate_manifest
        yield "routing array", evidence.routing
        yield "training subsets", evidence.sealed_subsets
    for attempt in trade.attempts:
        of = f"of attempt {attempt.number}"
        yield f"training record {of}", partial(evidence.training_record, attempt)
        if attempt.finding.without_model:
            yield f"no model {of}", partial(evidence.no_model, attempt)
            continue
        yield f"sealed evidence {of}", partial(evidence.sealed_evidence, attempt)
        if attempt.passed:
            yield f"delivery manifest {of}", partial(evidence.delivery_manifest, attempt)
            yield f"delivered model {of}", partial(evidence.delivered_model, attempt)
        yield f"evidence {of}", partial(evidence.attempt_evidence, attempt)
        yield f"votes {of}", partial(evidence.votes, attempt)
        yield f"opened labels {of}", partial(evidence.openings, attempt)
    for attested in trade.attestations:
        yield "attestation", partial(evidence.attestation, attested)
