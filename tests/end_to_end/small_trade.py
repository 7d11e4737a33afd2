"""A trade on real data, small enough to be played in a second, and its chain at each stage.

The data are 450 tumours of scikit-learn's breast cancer set. A trade is played once per
process; a test gets a copy of the chain and the store as they were in any state.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from web3.types import RPCEndpoint

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.protocol.agreement import terms_hash
from marketplace.protocol.attempts import path_of
from marketplace.protocol.states import State
from marketplace.protocol.terms import AttemptFinding, AttemptReport
from marketplace.protocol.typed_data import quorum_signatures, sign
from marketplace.scripted.script import UNREACHABLE, Script
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import build_world, join_world
from offchain.data import Dataset, Task
from offchain.data.scenarios import Scenario
from offchain.oracle.signer import OracleSigner
from offchain.storage.disk import DiskStore

MOEMARKET = (sys.executable, "-c", "from marketplace.cli import main; main()")
"""The command-line program, of this checkout, as a process of its own."""

PROVIDER_ROWS, VALIDATION_ROWS = 100, 150
EXPERTS = ("logistic", "nearest-neighbours", "extra-trees")
SMALL = Script(
    "small",
    "tumours from three clinics",
    "tumours",
    threshold=850_000,
    ends=State.SETTLED,
    max_attempts=2,
    experts=EXPERTS,
)
SEAL = bytes(31) + b"\x07"
"""Of no score: who colludes opens nothing."""
TOKEN = replace(SMALL, name="token", token=True)


@cache
def small_scenario() -> Scenario:
    """Three providers with 100 tumours each, and a buyer with 150."""
    features, labels = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    rows = Dataset(features[order].astype(np.float32), labels[order].astype(np.int64))

    def part(start: int, count: int) -> Dataset:
        return rows.take(np.arange(start, start + count))

    return Scenario(
        Task("tumours", (30,), ("malignant", "benign"), "balanced_accuracy"),
        {
            name: part(number * PROVIDER_ROWS, PROVIDER_ROWS)
            for number, name in enumerate(("north", "east", "west"))
        },
        part(3 * PROVIDER_ROWS, VALIDATION_ROWS),
    )


@cache
def scenario_of(script: Script) -> Scenario:
    """The same; where a script needs a model to fail, each fifth of the buyer's labels is wrong."""
    sound = small_scenario()
    if script.threshold < UNREACHABLE:
        return sound  # of these tumours a sample can be right in every row
    labels = sound.validation.labels.copy()
    labels[::5] = 1 - labels[::5]
    return replace(sound, validation=replace(sound.validation, labels=labels))


class Said(list[str]):
    """Remembers each line of progress."""

    def __call__(self, line: str) -> None:
        self.append(line)


@dataclass
class Stages:
    """One trade, kept at every state that it went through."""

    script: Script
    deployment: Deployment
    trade_id: bytes
    signers: tuple[OracleSigner, ...]
    home: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    kept: list[State] = field(default_factory=list)

    @classmethod
    def played(cls, script: Script) -> Stages:
        """Play a script to its end, keeping chain and store before each step."""
        with tempfile.TemporaryDirectory() as live:
            run = fresh_run(script, Path(live))
            run.request()
            stages = cls(script, run.world.deployment, run.trade_id, run.world.signers)
            stages._keep(run)
            while not run.state().final:
                run.step()
                stages._keep(run)
        return stages

    @property
    def folder(self) -> Path:
        return Path(self.home.name)

    def at(
        self, state: State, folder: Path, *, store_of: State | None = None, fresh: bool = False
    ) -> TradeRun:
        """Return a run on a copy of the chain as it was when the trade came to a state.

        Parameters
        ----------
        store_of
            Take the store from a later state, which holds more.
        fresh
            The oracles start anew and compute all again; otherwise they remember what
            they computed when the trade was played.
        """
        store = folder / f"store-{len(list(folder.iterdir()))}"
        shutil.copytree(self.folder / f"{(store_of or state).name}-store", store)
        node = Node(DevnetProvider(open_devnet(self.folder / state.name)))
        scenario = scenario_of(self.script)
        world = join_world(node, DiskStore(store), self.deployment, self.script, scenario)
        for signer, remembers in zip(world.signers, self.signers, strict=True):
            if not fresh:
                for kept, computed in vars(remembers.book).items():
                    if isinstance(computed, dict):
                        vars(signer.book)[kept].update(computed)
        return TradeRun(world, self.script, scenario, 0, Said(), self.trade_id)

    def _keep(self, run: TradeRun) -> None:
        state = run.state()
        if state in self.kept:
            return
        self.kept.append(state)
        provider, store = run.world.market.node.web3.provider, run.world.store
        assert isinstance(provider, DevnetProvider)
        assert isinstance(store, DiskStore)
        provider.devnet.save(self.folder / state.name)
        shutil.copytree(store.path, self.folder / f"{state.name}-store")


def fresh_run(script: Script, folder: Path, node: Node | None = None) -> TradeRun:
    """Make a run of a script in a world of its own; nothing has been requested yet."""
    said, scenario = Said(), scenario_of(script)
    chain = node or Node(DevnetProvider(open_devnet()))
    world = build_world(chain, DiskStore(folder / "store"), script, scenario, said)
    return TradeRun(world, script, scenario, seed=0, progress=said)


@cache
def stages_of(script: Script = SMALL) -> Stages:
    """Play a script once in this process."""
    return Stages.played(script)


StageAt = Callable[..., TradeRun]


@pytest.fixture
def stage(tmp_path: Path) -> StageAt:
    """Give runs on copies of the small trade, or of another script, at a state."""

    def at(
        state: State,
        script: Script = SMALL,
        store_of: State | None = None,
        fresh: bool = False,
    ) -> TradeRun:
        return stages_of(script).at(state, tmp_path, store_of=store_of, fresh=fresh)

    return at


def to_training_end(run: TradeRun, before: int) -> None:
    """Seal a block so many seconds before the time to train ends; after it, if negative.

    Not by so many seconds more: the clock of a copied chain has run since the copy was made.
    """
    node, status = run.world.market.node, run.world.market.status(run.trade_id)
    moment = status.deadline - status.windows.validation - before
    answer = node.web3.provider.make_request(RPCEndpoint("evm_mine"), [moment])
    assert "error" not in answer, answer


def moemarket(*arguments: str) -> Any:
    """Run a command with --json in a process of its own and return its envelope."""
    result = subprocess.run(
        [*MOEMARKET, *arguments, "--json"], capture_output=True, text=True, check=False
    )
    envelope = json.loads(result.stdout)
    assert envelope["ok"] == (result.returncode == 0), result.stderr[-2_000:]
    return envelope


@contextmanager
def devnet_process(state: Path) -> Iterator[str]:
    """Serve a devnet as a second terminal would, while a with statement lasts."""
    command = [*MOEMARKET, "devnet", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line for line in process.stdout if line.startswith("endpoint")).split()[1]
        finally:
            process.terminate()


def collude(run: TradeRun, finding: AttemptFinding, *, passed: bool = True) -> None:
    """Report an attempt that two of the three oracles sign without looking."""
    market, agreed = run.world.market, run.world.market.agreement(run.trade_id)
    judges = market.committee_of(agreed.request.committee)
    number = market.status(run.trade_id).attempts + 1
    signatures = {
        judges.members.index(seat.address): sign(
            market.domain,
            AttemptReport(run.trade_id, judges.version, number, *finding.as_tuple(), passed, SEAL),
            seat.account,
        )
        for seat in run.world.signers[:2]
    }
    signers, packed = quorum_signatures(signatures)
    market.send(
        run.world.signers[0].account,
        "reportAttempt",
        run.trade_id,
        terms_hash(agreed.deal, agreed.gate),
        agreed.deal.expert_pool,
        len(agreed.gate.experts),
        agreed.gate.history,
        path_of([attempt.record for attempt in agreed.attempts], number),
        finding,
        judges,
        signers,
        signers if passed else 0,
        [SEAL] * 2,
        packed,
    )


def rejoined(run: TradeRun, store: DiskStore | None = None) -> TradeRun:
    """Return the same trade to parties who remember nothing: fresh objects, the same keys."""
    world = join_world(
        run.world.market.node,
        store or run.world.store,
        run.world.deployment,
        run.script,
        run.scenario,
    )
    return replace(run, world=world, offer=None)
