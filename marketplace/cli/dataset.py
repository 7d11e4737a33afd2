"""`moemarket dataset`: look at a dataset as the oracles will, before offering it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.output import as_json, command, conclude
from marketplace.cli.store import read_file
from marketplace.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from offchain.data import Task


@click.group("dataset")
def dataset_commands() -> None:
    """Check a dataset against a task, or get a sample of one.

    A dataset is a safetensors file with `features` (float32, one row each) and `labels`
    (int64, indices into the task's classes); `offchain.data.encode` writes it.
    """


@dataset_commands.command("check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--scenario", help="Check against the task of a scenario that ships.")
@click.option("--spec", metavar="CID", help="Check against the specification of a request.")
@click.option("--store", "store_location", metavar="PLACE", help="Where the specification lies.")
@as_json
@command
def check_command(
    file: Path,
    scenario: str | None,
    spec: str | None,
    store_location: str | None,
    json_output: bool,
) -> None:
    """Say whether the oracles would accept FILE for a task.

    They open it, hold shapes, labels and numbers against the task, and see whether a model
    of some rows predicts the labels of the others.
    """
    from offchain.compute import work_on_one_core
    from offchain.data import decode
    from offchain.oracle.inspection import require_acceptable
    from offchain.training import examine

    task = _task(scenario, spec, store_location)
    dataset = decode(read_file(file), task)
    work_on_one_core()
    require_acceptable(file.name, dataset, task, seed=0)
    evidence = examine(dataset, task, seed=0).evidence
    classes = {
        name: int((dataset.labels == index).sum()) for index, name in enumerate(task.classes)
    }

    def show() -> None:
        counts = ", ".join(f"{name} {count}" for name, count in classes.items())
        click.echo(f"{file}: {len(dataset)} rows for task {task.name} ({counts})")
        click.echo(f"labels follow from features: {evidence:.1f} standard errors above chance")

    conclude(
        {
            "task": task.name,
            "rows": len(dataset),
            "classes": classes,
            "standardErrors": round(evidence, 1),
        },
        json_output,
        show,
    )


@dataset_commands.command("sample")
@click.option("--scenario", required=True, help="A scenario that ships.")
@click.option("--provider", help="One of its providers.  [default: the first]")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False))
@as_json
@command
def sample_command(
    scenario: str, provider: str | None, seed: int, out: Path, json_output: bool
) -> None:
    """Write the dataset of a scenario's provider to a file, as an example of the format."""
    from marketplace.chain.files import write_whole
    from offchain.data import encode
    from offchain.data.scenarios import load_scenario

    providers = load_scenario(scenario, seed).providers
    name = provider or next(iter(providers))
    if name not in providers:
        raise ConfigurationError(
            f"scenario {scenario!r} has no provider {name!r}",
            f"choose one of {', '.join(providers)}",
        )
    write_whole(out, encode(providers[name]))
    rows = len(providers[name])
    conclude(
        {"file": str(out), "provider": name, "rows": rows},
        json_output,
        lambda: click.echo(f"{out}: {rows} rows of {name}"),
    )


def _task(scenario: str | None, spec: str | None, store_location: str | None) -> Task:
    from offchain.data import Task

    if (scenario is None) == (spec is None):
        raise ConfigurationError("one task is needed", "give either --scenario or --spec")
    if scenario is not None:
        from offchain.data.scenarios import load_scenario

        return load_scenario(scenario, 0).task
    if spec is None or store_location is None:
        raise ConfigurationError("--spec needs a store", "name it with --store")
    from marketplace.protocol.documents import Specification
    from offchain.storage.store import open_store

    content = open_store(store_location).get(spec)
    return Task.from_json(Specification.from_bytes(content).task)
