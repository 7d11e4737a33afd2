"""A whole training run in one process, without a chain: what benchmarks and tests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from offchain.compute import work_on_one_core
from offchain.data.scenarios import Scenario
from offchain.training.composite import Composite, compose
from offchain.training.pool import Pool, pool
from offchain.training.probe import probe_subset
from offchain.training.roster import default_roster
from offchain.training.route import Routing, route
from offchain.training.subset import train_expert
from offchain.validation import Evidence, Score, score_votes

Step = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """Everything a run produced.

    Parameters
    ----------
    pooled, probes, routing, composite
        Results of the steps; the probes' models by name.
    evidence, score
        The composite on the buyer's validation rows.
    """

    pooled: Pool
    probes: Mapping[str, bytes]
    routing: Routing
    composite: Composite
    evidence: Evidence
    score: Score


def run_local(
    scenario: Scenario,
    seed: int,
    attempt: int = 1,
    roster: Mapping[str, str] | None = None,
    progress: Step = lambda message: None,
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
    """
    work_on_one_core()
    task = scenario.task
    offered = dict(roster or default_roster(task))
    pooled = pool(scenario.providers, task, seed)
    progress(f"pooled {len(pooled.dataset)} rows of {len(pooled.providers)} providers")
    probe = probe_subset(pooled)
    probes = {}
    for name, kind in offered.items():
        progress(f"probing {name} with {len(probe)} rows")
        probes[name] = train_expert(kind, probe, task, seed)
    progress(f"fitting the gate on {len(pooled.gate)} rows")
    routing = route(pooled, offered, probes, seed)
    models = {}
    for name in routing.experts:
        progress(f"training {name} on {len(routing.subsets[name])} rows")
        models[name] = train_expert(offered[name], routing.subsets[name], task, seed, attempt)
    composite = compose(pooled, offered, routing, models)
    progress(f"validating on {len(scenario.validation)} rows")
    evidence = composite.evidence(scenario.validation.features)
    score = score_votes(
        evidence.predictions, evidence.gates, scenario.validation.labels, task.metric
    )
    return Trained(pooled, probes, routing, composite, evidence, score)
