"""A whole training run in one process, without a chain: what benchmarks and tests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from offchain.compute import work_on_one_core
from offchain.data.codec import encode
from offchain.data.scenarios import Scenario
from offchain.storage.cid import cid_of
from offchain.training.composite import Composite, compose
from offchain.training.journal import Journal, Step
from offchain.training.pool import Pool, pool
from offchain.training.probe import probe_subset
from offchain.training.roster import default_roster
from offchain.training.route import Routing, route
from offchain.training.work import train_experts
from offchain.validation import Evidence, Score, decode_evidence, encode_evidence, score_votes


@dataclass(frozen=True, eq=False)
class Trained:
    """Everything a run produced.

    Parameters
    ----------
    pooled, probes, routing, composite
        Results of the steps; the probes' models by name.
    evidence, score
        The composite on the buyer's validation rows.
    steps
        What was done, or found done, with inputs and outputs by CID.
    """

    pooled: Pool
    probes: Mapping[str, bytes]
    routing: Routing
    composite: Composite
    evidence: Evidence
    score: Score
    steps: tuple[Step, ...]


def run_local(
    scenario: Scenario,
    seed: int,
    attempt: int = 1,
    roster: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda message: None,
    folder: Path | None = None,
) -> Trained:
    """Pool, probe, route, train, compose and score.

    Parameters
    ----------
    attempt
        1 or more: a later attempt makes every expert work harder.
    roster
        Kind of each expert by name; by default one of every suitable kind.
    progress
        Called with one line before each step.
    folder
        Where finished steps are kept, so that a run that was killed goes on there.
    """
    work_on_one_core()
    task, journal = scenario.task, Journal(folder)
    offered = dict(roster or default_roster(task))
    pooled = pool(scenario.providers, task, seed)
    progress(f"pooled {len(pooled.dataset)} rows of {len(pooled.providers)} providers")
    probe = dict.fromkeys(offered, probe_subset(pooled))
    probes = train_experts(journal, "probe", offered, probe, task, seed, 1, progress)

    def routed() -> bytes:
        progress(f"fitting the gate on {len(pooled.gate)} rows")
        return route(pooled, offered, probes, seed).to_bytes()

    names = [f"{name} {offered[name]} {cid_of(model)}" for name, model in probes.items()]
    inputs = pooled.cid, str(seed), *names
    routing = Routing.from_bytes(journal.do("gate", inputs, routed, progress), pooled)
    models = train_experts(
        journal, "train", offered, routing.subsets, task, seed, attempt, progress
    )
    composite = compose(pooled, offered, routing, models)
    rows = scenario.validation

    def answered() -> bytes:
        progress(f"validating on {len(rows)} rows")
        return encode_evidence(composite.evidence(rows.features))

    inputs = cid_of(composite.to_bytes()), cid_of(encode(rows))
    evidence = decode_evidence(journal.do("predict", inputs, answered, progress))
    score = score_votes(evidence.predictions, evidence.gates, rows.labels, task.metric)
    return Trained(pooled, probes, routing, composite, evidence, score, tuple(journal.steps))
