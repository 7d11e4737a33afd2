"""Work is the same wherever it is done, and none is lost with the process that did it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.engines import InProcess, engine

SMALL = (sys.executable, str(Path(__file__).parent / "training" / "run_small.py"))
# Ray lets its workers wait for others; a machine that is busy with tests would starve them.
ON_RAY = {**os.environ, "MOEMARKET_ENGINE": "ray", "RAY_worker_niceness": "0"}

LOST = """
import os, signal
from marketplace.protocol.errors import UnusableData, WorkLost
from offchain.engines import engine

def double(number):
    return 2 * number

def refuse(number):
    raise UnusableData(f"{number} is odd", "give an even one")

def die(number):
    os.kill(os.getpid(), signal.SIGKILL)

print(sorted((n, get()) for n, get in engine().each(double, [(at,) for at in range(5)])))
for work in (refuse, die):
    ((_, get),) = engine().each(work, [(3,)])
    try:
        get()
    except (UnusableData, WorkLost) as error:
        print(f"{type(error).__name__}: {error}")
"""


def _workers(session: int) -> list[int]:
    """Return the processes of a session that train at this moment, as Ray names them."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            name = (path / "cmdline").read_bytes()
            if name.startswith(b"ray::train_batch") and os.getsid(int(path.name)) == session:
                found.append(int(path.name))
        except (OSError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def _killing_one(environment: Mapping[str, str]) -> tuple[str, int]:
    """Run the small trade, kill the first process that trains; its output, and how many died."""
    killed: set[int] = set()
    with subprocess.Popen(
        SMALL,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        while process.poll() is None:
            for worker in _workers(process.pid) if not killed else ():
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
            time.sleep(0.01)
        assert process.stdout is not None
        assert process.returncode == 0
        return process.stdout.read(), len(killed)


@pytest.mark.ray
def test_a_worker_that_is_killed_costs_nothing_but_time() -> None:
    here = subprocess.run(SMALL, capture_output=True, text=True, check=True).stdout
    there, killed = _killing_one(ON_RAY)
    assert killed
    assert there == here


@pytest.mark.ray
def test_results_and_errors_come_back_as_they_were_raised() -> None:
    result = subprocess.run(
        [sys.executable, "-c", LOST], env=ON_RAY, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines() == [
        "[(0, 0), (1, 2), (2, 4), (3, 6), (4, 8)]",
        "UnusableData: 3 is odd; give an even one",
        (
            "WorkLost: the cluster lost a piece of work 4 times (WorkerCrashedError);"
            " see whether its processes run out of memory, then start again"
        ),
    ]


def test_here_a_piece_is_done_when_its_result_is_asked_for() -> None:
    done: list[int] = []
    for number, result in InProcess().each(done.append, [(at,) for at in range(3)]):
        assert done == list(range(number))
        result()
    assert done == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("MOEMARKET_ENGINE", "dask", "'dask', which is no engine; choose here or ray"),
        ("MOEMARKET_RAY_GPUS", "much", "'much', which is no part of a GPU"),
    ],
)
def test_a_setting_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    from offchain.engines.cluster import gpus

    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=why):
        engine(), gpus()
