"""What a report says of how it was computed, so that others can compute it again."""

from __future__ import annotations

from collections.abc import Iterable

from marketplace.protocol.documents import ExecutedStep, Execution
from offchain.environment import code_version, environment
from offchain.training import Step


def execution(seed: int, steps: Iterable[Step]) -> Execution:
    """Return the record of steps that this process has just made, or found made."""
    return Execution(
        code=code_version(),
        environment=environment(),
        seed=seed,
        steps=tuple(
            ExecutedStep(name=step.name, inputs=step.inputs, output=step.output) for step in steps
        ),
    )
