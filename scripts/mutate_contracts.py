"""Break the contracts on purpose, one way at a time, and see whether the tests notice.

    python scripts/mutate_contracts.py [--only NAME ...] [--list] [--state] [--fresh]

Each entry of ``mutations.py`` is applied to a copy of the sources, compiled, and put to
the tests that it names. Prints a table and keeps ``docs/mutations/contracts.json``: a run
that was broken off goes on, on another machine, too, and a mutant is tried again only if its
source or the tests it names changed. Fails if one survives without an explanation, or
doesn't compile.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from mutation import Mutation
from mutations import MUTATIONS

from marketplace.chain.artifacts import Workspace, recompile
from marketplace.protocol.errors import ToolchainError

CHECKOUT = Path(__file__).parents[1]
RESULTS = CHECKOUT / "docs" / "mutations" / "contracts.json"
COPIED = ["contracts", "marketplace", "offchain", "tests", "pyproject.toml"]
NOT_COPIED = shutil.ignore_patterns("node_modules", "lib", "__pycache__")
LINKED = ["contracts/node_modules", "contracts/lib"]

IMPORT = re.compile(r'from "(\.[^"]+)"')

Outcome = Literal["killed", "survived", "broken"]


def faults(mutations: Iterable[Mutation], contracts: Path) -> list[str]:
    """Check the table against the sources.

    Parameters
    ----------
    mutations
        The entries.
    contracts
        Folder that their files are named in.

    Returns
    -------
    list of str
        A line for each name given twice, fragment that doesn't occur exactly once, and
        replacement that changes nothing.
    """
    found = []
    names = Counter(mutation.name for mutation in mutations)
    found += [f"{name} is there {count} times" for name, count in names.items() if count > 1]
    for mutation in mutations:
        path = contracts / mutation.file
        count = path.read_text().count(mutation.fragment) if path.is_file() else 0
        if count != 1:
            found.append(f"{mutation.name}: its fragment occurs {count} times in {mutation.file}")
        if mutation.fragment == mutation.replacement:
            found.append(f"{mutation.name}: its replacement changes nothing")
    return found


class Workshop:
    """A copy of the checkout in which sources may be broken.

    Parameters
    ----------
    checkout
        What is copied; npm packages and Foundry's library are linked instead.
    folder
        Where to; must not exist.
    """

    def __init__(self, checkout: Path, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        for name in COPIED:
            source = checkout / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=NOT_COPIED)
            elif source.is_file():
                shutil.copy(source, folder / name)
        self._artifacts = Workspace(
            folder / "contracts", folder / "marketplace" / "chain" / "artifacts"
        )
        for name in LINKED:
            if (checkout / name).exists():
                (folder / name).symlink_to(checkout / name)

    def attempt(self, mutation: Mutation) -> Outcome:
        """Break the source, run the tests, and mend it again."""
        path = self._folder / "contracts" / mutation.file
        sound = path.read_text()
        path.write_text(sound.replace(mutation.fragment, mutation.replacement))
        try:
            if mutation.runner == "forge":
                return self._forge(mutation.tests)
            with self._artifacts_kept():
                return self._pytest(mutation.tests) if self._recompiled(mutation.file) else "broken"
        finally:
            path.write_text(sound)

    @contextmanager
    def _artifacts_kept(self) -> Iterator[None]:
        compiled = self._artifacts.output
        kept = compiled.with_name("sound-artifacts")
        shutil.copytree(compiled, kept)  # sooner copied back than compiled again
        try:
            yield
        finally:
            shutil.rmtree(compiled)
            kept.rename(compiled)

    def run(self, runner: str, tests: str) -> Outcome:
        """Run a selection of tests on the sources as they are now."""
        return self._forge(tests) if runner == "forge" else self._pytest(tests)

    def _forge(self, file: str) -> Outcome:
        # By path, so that forge compiles that file alone and what it imports; and by a profile that
        # links it with the contracts at run time, so that a mutant compiles without its tests.
        selection = ["--match-path", f"test/forge/{file}.t.sol"]
        command = ["forge", "test", *selection, "--fail-fast", "--json"]
        told = self._call(command, self._folder / "contracts", FOUNDRY_PROFILE="plain").stdout
        try:
            suites: dict[str, Any] = json.loads(told[told.index("{") :])
        except ValueError:
            return "broken"  # it didn't compile
        results = [
            test["status"] for suite in suites.values() for test in suite["test_results"].values()
        ]
        if not results:
            return "broken"
        return "killed" if "Failure" in results else "survived"

    def _recompiled(self, file: str) -> bool:
        """Compile the contracts that a file is part of, and no other."""
        try:
            recompile(importers(self._folder / "contracts", file), workspace=self._artifacts)
        except ToolchainError:
            return False
        return True

    def _pytest(self, paths: str) -> Outcome:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "--no-cov",
            "-n",
            "0",
            *paths.split(),
        ]
        outcomes: dict[int, Outcome] = {0: "survived", 1: "killed"}
        return outcomes.get(self._call(command, self._folder).returncode, "broken")

    def _call(
        self, command: list[str], folder: Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        # The copy's own packages, not those of the checkout that the environment installed.
        environment = os.environ | {"PYTHONPATH": str(self._folder)} | variables
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )


def importers(contracts: Path, file: str) -> set[str]:
    """Return the sources that a file is part of, itself included.

    Parameters
    ----------
    contracts
        Folder with ``src``.
    file
        Name in it, e.g. ``src/Ledger.sol``.
    """
    imports = {
        path.relative_to(contracts).as_posix(): {
            posixpath.normpath(f"{path.parent.relative_to(contracts).as_posix()}/{name}")
            for name in IMPORT.findall(path.read_text())
        }
        for path in (contracts / "src").rglob("*.sol")
    }
    found = {file}
    while more := {name for name, named in imports.items() if named & found} - found:
        found |= more
    return found


def digest(mutation: Mutation, checkout: Path) -> str:
    """Hash what the outcome depends on: the entry, its source, the tests that it names.

    Helpers that tests share are left out, or an edit of one would void every outcome;
    ``--fresh`` is for that.
    """
    parts = [json.dumps(asdict(mutation) | {"explained": ""}, sort_keys=True)]
    parts.append((checkout / "contracts" / mutation.file).read_text())
    if mutation.runner == "forge":
        named = [f"contracts/test/forge/{mutation.tests}.t.sol"]
    else:
        named = [selection.partition("::")[0] for selection in mutation.tests.split()]
    parts += [(checkout / name).read_text() for name in named]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def mutate(
    mutations: list[Mutation], checkout: Path, results: Path, workshop: Workshop
) -> dict[str, dict[str, Any]]:
    """Try each mutation that isn't known yet, and write down each outcome at once.

    Raises
    ------
    RuntimeError
        If a selection of tests fails on the sound sources, where all would count as killed.
    """
    known = outcomes_in(results)
    digests = {mutation.name: digest(mutation, checkout) for mutation in mutations}
    due = [m for m in mutations if known.get(m.name, {}).get("digest") != digests[m.name]]
    for runner, tests in sorted({(mutation.runner, mutation.tests) for mutation in due}):
        if (outcome := workshop.run(runner, tests)) != "survived":
            raise RuntimeError(f"{runner} {tests} on the sound sources: {outcome}")
    results.parent.mkdir(parents=True, exist_ok=True)
    for mutation in due:
        began = time.monotonic()
        outcome = workshop.attempt(mutation)
        known[mutation.name] = {
            "outcome": outcome,
            "file": mutation.file,
            "tests": f"{mutation.runner} {mutation.tests}",
            "seconds": round(time.monotonic() - began, 1),
            "digest": digests[mutation.name],
        }
        partial = results.with_suffix(".partial")
        partial.write_text(json.dumps(known, indent=1) + "\n")
        partial.replace(results)
        print(f"{outcome:9} {mutation.name}", flush=True)
    return {mutation.name: known[mutation.name] for mutation in mutations}


def outcomes_in(results: Path) -> dict[str, dict[str, Any]]:
    """Read what became of each mutant that was tried, by its name."""
    known: dict[str, dict[str, Any]] = json.loads(results.read_text()) if results.exists() else {}
    return known


def state(
    mutations: list[Mutation], checkout: Path, known: dict[str, dict[str, Any]]
) -> Counter[str]:
    """Count the mutants by what became of them; ``due`` are those that the next run tries."""
    return Counter(
        known[mutation.name]["outcome"]
        if known.get(mutation.name, {}).get("digest") == digest(mutation, checkout)
        else "due"
        for mutation in mutations
    )


def table(mutations: list[Mutation], outcomes: dict[str, dict[str, Any]]) -> str:
    """Write the outcomes as a table in Markdown, with the count of each."""
    lines = ["| mutation | file | tests | outcome |", "| --- | --- | --- | --- |"]
    for mutation in mutations:
        known = outcomes[mutation.name]
        note = f": {mutation.explained}" if known["outcome"] == "survived" else ""
        lines.append(
            f"| {mutation.name} | {Path(mutation.file).name} | {known['tests']} "
            f"| {known['outcome']}{note} |"
        )
    counts = Counter(known["outcome"] for known in outcomes.values())
    told = ", ".join(f"{counts[name]} {name}" for name in ("killed", "survived", "broken"))
    return "\n".join([*lines, "", told])


def unexplained(mutations: list[Mutation], outcomes: dict[str, dict[str, Any]]) -> list[str]:
    """Name what should not be: broken mutants, survivors without reason, reasons without one."""
    wanted = {
        mutation.name: "survived" if mutation.explained else "killed" for mutation in mutations
    }
    return [
        f"{name} is {outcomes[name]['outcome']}, where {outcome} is expected"
        for name, outcome in wanted.items()
        if outcomes[name]["outcome"] != outcome
    ]


def main() -> int:
    """Parse the command line, check the table, run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these mutations alone")
    parser.add_argument("--list", action="store_true", help="list them and run nothing")
    parser.add_argument("--state", action="store_true", help="count what is due and run nothing")
    parser.add_argument("--fresh", action="store_true", help="forget earlier outcomes")
    options = parser.parse_args()
    found = faults(MUTATIONS, CHECKOUT / "contracts")
    names = {mutation.name for mutation in MUTATIONS}
    found += [f"there is no mutation {name}" for name in options.only or [] if name not in names]
    if found:
        print(*(f"error: {fault}" for fault in found), sep="\n", file=sys.stderr)
        return 2
    chosen = [m for m in MUTATIONS if not options.only or m.name in options.only]
    if options.list:
        for mutation in chosen:
            print(f"{mutation.name:45} {mutation.file:40} {mutation.runner} {mutation.tests}")
        return 0
    if options.state:
        counts = state(chosen, CHECKOUT, outcomes_in(RESULTS))
        told = (f"{counts[name]} {name}" for name in ("killed", "survived", "broken", "due"))
        print(f"contracts: {len(chosen)} mutants,", ", ".join(told))
        return 0
    if options.fresh:
        RESULTS.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(CHECKOUT, Path(folder) / "copy")
        try:
            outcomes = mutate(chosen, CHECKOUT, RESULTS, workshop)
        except RuntimeError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    print(f"\n{table(chosen, outcomes)}")
    wrong = unexplained(chosen, outcomes)
    print(*(f"error: {line}" for line in wrong), sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
