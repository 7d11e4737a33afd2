"""Surveys and sweeps of a store, and what a killed process leaves for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketplace.protocol.errors import CorruptContent, MissingContent, StorageError
from offchain.storage.block import Cid
from offchain.storage.car_store import CarStore, import_car, write_car
from offchain.storage.cid import cid_of
from offchain.storage.dag import CHUNK_SIZE
from offchain.storage.disk import DiskStore
from offchain.storage.upkeep import survey, sweep

Content = Callable[[int], bytes]


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "store")


def file_of(store: DiskStore, cid: str) -> Path:
    return store.path / "blocks" / cid


def aged(store: DiskStore) -> None:
    """Make every file an hour and a bit old."""
    for file in [*store.block_files(), *store.partial_files()]:
        os.utime(file, (time.time() - 4000,) * 2)


def test_damaged_missing_and_strange_files_are_named(store: DiskStore, content: Content) -> None:
    data = content(3 * CHUNK_SIZE)
    root = store.put(data)
    assert survey(store) == (4, [])
    first, second = cid_of(data[:CHUNK_SIZE]), cid_of(data[CHUNK_SIZE : 2 * CHUNK_SIZE])
    file_of(store, first).unlink()
    file_of(store, second).write_bytes(b"damaged")
    (store.path / "blocks" / "notes.txt").touch()
    sound, faults = survey(store)
    assert sound == 2
    assert len(faults) == 3
    for name in ("notes.txt", first, second):
        assert sum(name in fault for fault in faults) == 1
    assert not store.has(root)


def test_a_pin_keeps_all_below_it(store: DiskStore, content: Content) -> None:
    kept = store.put(content(2 * CHUNK_SIZE))
    needed, other = store.put(b"needed"), store.put(content(CHUNK_SIZE + 1))
    store.pin(kept)
    store.pin(kept)
    assert store.pins() == [kept]
    aged(store)
    done = sweep(store, [Cid.parse(needed)])
    assert (done.kept, done.young, done.partial) == (4, 0, 0)
    assert other in done.swept
    assert store.has(kept)
    assert store.has(needed)
    assert not store.has(other)
    store.unpin(kept)
    with pytest.raises(MissingContent, match="is not pinned"):
        store.unpin(kept)
    assert len(sweep(store, []).swept) == 4
    assert store.block_files() == []


def test_what_is_not_whole_is_not_pinned(store: DiskStore, content: Content) -> None:
    data = content(2 * CHUNK_SIZE)
    root = store.put(data)
    leaf = file_of(store, cid_of(data[:CHUNK_SIZE]))
    leaf.write_bytes(b"damaged")
    with pytest.raises(CorruptContent):
        store.pin(root)
    leaf.unlink()
    with pytest.raises(MissingContent):
        store.pin(root)
    assert store.pins() == []


def test_a_dry_run_deletes_nothing(store: DiskStore) -> None:
    cid = store.put(b"rubbish")
    aged(store)
    assert sweep(store, [], dry_run=True) == (0, 0, [cid], 7, 0)
    assert store.has(cid)


def test_what_is_young_or_in_use_again_stays(store: DiskStore) -> None:
    cid = store.put(b"payload, whose digest is not on chain yet")
    assert sweep(store, []).young == 1
    aged(store)
    assert store.put(b"payload, whose digest is not on chain yet") == cid
    assert sweep(store, []).young == 1
    aged(store)
    assert sweep(store, []).swept == [cid]


def test_a_gap_above_what_must_stay_stops_the_sweep(store: DiskStore, content: Content) -> None:
    root = store.put(content(2 * CHUNK_SIZE))
    store.pin(root)
    file_of(store, root).write_bytes(b"damaged")
    aged(store)
    with pytest.raises(StorageError, match=f"{root} has to stay"):
        sweep(store, [])
    assert len(store.block_files()) == 3
    assert len(sweep(store, [], despite_gaps=True).swept) == 2


def test_a_sweep_waits_for_a_put_and_spares_what_it_found_there(
    store: DiskStore, content: Content
) -> None:
    """The put finds its first chunk there already; the sweep would take that for rubbish."""
    data = content(2 * CHUNK_SIZE)
    store.put(data[:CHUNK_SIZE])
    aged(store)
    reached, go_on = threading.Event(), threading.Event()

    class Slow:
        """Waits in the middle of what it gives."""

        def __init__(self) -> None:
            self._parts: Iterator[bytes] = iter([data[:CHUNK_SIZE], data[CHUNK_SIZE:]])

        def read(self, size: int) -> bytes:
            part = next(self._parts, b"")
            if part == data[CHUNK_SIZE:]:
                reached.set()
                go_on.wait()
            return part

    writer = threading.Thread(target=lambda: store.put(Slow()))
    writer.start()
    reached.wait()
    done: list[object] = []
    sweeper = threading.Thread(target=lambda: done.append(sweep(store, [])))
    sweeper.start()
    assert done == []
    go_on.set()
    writer.join()
    sweeper.join()
    assert len(done) == 1
    assert store.get(cid_of(data)) == data


def test_a_store_that_is_not_there_has_nothing_to_sweep(store: DiskStore) -> None:
    assert sweep(store, []).swept == []
    assert not store.path.exists()


WRITER = """
import hashlib, sys
from offchain.storage.disk import DiskStore

store = DiskStore(sys.argv[1])
print("ready", flush=True)
for round in range(10**6):
    store.put(hashlib.shake_128(b"%d" % round).digest(300_000 + round))
"""


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.11])
def test_a_writer_killed_at_any_moment_leaves_sound_blocks_and_no_lock(
    store: DiskStore, after: float
) -> None:
    command = [sys.executable, "-c", WRITER, str(store.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(after)
        writer.send_signal(signal.SIGKILL)
    sound, faults = survey(store)
    assert faults == []
    assert sound == len(store.block_files())
    left = len(store.partial_files())
    assert left <= 1
    done = sweep(store, [], min_age=0)
    assert (len(done.swept), done.partial) == (sound, left)
    assert store.get(store.put(b"goes on")) == b"goes on"


def killed_after(child: subprocess.Popen[bytes], lines: int) -> None:
    """Kill a process at once when it has said so many lines."""
    assert child.stdout is not None
    for _ in range(lines):
        assert child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


SWEEPER = """
import sys
from pathlib import Path
from offchain.storage.disk import DiskStore
from offchain.storage.upkeep import sweep

unlink = Path.unlink
def told(file, missing_ok=False):
    unlink(file, missing_ok=missing_ok)
    print(file.name, flush=True)
Path.unlink = told
sweep(DiskStore(sys.argv[1]), [], min_age=0)
"""


@pytest.mark.parametrize("after", [1, 2, 7, 20])
def test_a_killed_sweep_spares_what_is_pinned_and_can_be_done_again(
    store: DiskStore, content: Content, after: int
) -> None:
    kept = content(3 * CHUNK_SIZE)
    root = store.put(kept)
    store.pin(root)
    rubbish = [store.put(b"rubbish %d" % number) for number in range(40)]
    large = store.put(content(2 * CHUNK_SIZE + 1))
    command = [sys.executable, "-c", SWEEPER, str(store.path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    killed_after(child, after)
    assert child.returncode == -signal.SIGKILL
    assert store.get(root) == kept
    left = [cid for cid in [*rubbish, large] if file_of(store, cid).exists()]
    assert 0 < len(left) < 41  # killed in the middle
    assert survey(store).faults == []  # parents go first, so nothing links to what is gone
    done = sweep(store, [], min_age=0)
    assert set(left) <= set(done.swept)
    assert store.get(root) == kept
    assert len(store.block_files()) == done.kept == 4


IMPORTER = """
import sys
from pathlib import Path
from offchain.storage.car_store import CarStore, import_car
from offchain.storage.disk import DiskStore

replace = Path.replace
def told(file, target):
    found = replace(file, target)
    print(target, flush=True)
    return found
Path.replace = told
import_car(CarStore(Path(sys.argv[1])), DiskStore(sys.argv[2]))
"""


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_killed_import_leaves_sound_blocks_and_can_be_done_again(
    store: DiskStore, content: Content, tmp_path: Path, after: int
) -> None:
    source = DiskStore(tmp_path / "source")
    contents = [content(2 * CHUNK_SIZE + number) for number in range(3)]
    roots = [Cid.parse(source.put(data)) for data in contents]
    car = tmp_path / "evidence.car"
    assert write_car(roots, source.block, car) == []
    child = subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(car), str(store.path)], stdout=subprocess.PIPE
    )
    killed_after(child, after)
    assert child.returncode == -signal.SIGKILL
    there = {file.name for file in store.block_files()}
    assert after <= len(there) < len(source.block_files())
    for name in there:
        store.block(Cid.parse(name))  # verified
    assert all(store.has(pin) for pin in store.pins())  # what is pinned is whole
    assert list(import_car(CarStore(car), store)) == []
    assert [store.get(str(root)) for root in roots] == contents
    assert set(store.pins()) == {str(root) for root in roots}
    assert survey(store).faults == []
