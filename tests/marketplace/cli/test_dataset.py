"""A user's own dataset, looked at as the oracles will."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import Run
from numpy.typing import NDArray
from safetensors.numpy import save_file
from small_trade import small_scenario

from marketplace.protocol.documents import Sealed, Specification
from marketplace.protocol.errors import (
    ConfigurationError,
    InvalidCid,
    LabelOutsideRequest,
    MarketError,
    MissingContent,
    NotFinite,
    ProtocolError,
    UnreadableDataset,
    UnusableData,
    WrongShape,
)
from offchain.storage.disk import DiskStore

Arrays = dict[str, NDArray[np.generic]]


@pytest.fixture
def specification(tmp_path: Path) -> tuple[str, str]:
    """Store and CID of the small trade's specification."""
    nowhere = Sealed(ciphertext="x", envelope="x")
    document = Specification(
        task=small_scenario().task.to_json(),
        description="",
        validation=nowhere,
        auditor_reads=False,
    )
    store = DiskStore(tmp_path / "store")
    return str(store.path), store.put(document.to_bytes())


def own(change: Callable[[Arrays], None] = lambda arrays: None) -> Path:
    """A dataset of a user's own, changed."""
    dataset = small_scenario().providers["north"]
    arrays: Arrays = {"features": dataset.features.copy(), "labels": dataset.labels.copy()}
    change(arrays)
    save_file(arrays, "own.safetensors")
    return Path("own.safetensors")


def test_a_good_dataset(run: Run, specification: tuple[str, str]) -> None:
    store, cid = specification
    ran = run("dataset", "check", own(), "--spec", cid, "--store", store)
    assert ran.status == 0
    assert "100 rows for task tumours (malignant" in ran.out
    found = run("dataset", "check", own(), "--spec", cid, "--store", store, "--json").data
    assert found["rows"] == sum(found["classes"].values()) == 100
    assert found["standardErrors"] > 4


def set_feature(value: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays["features"][3, 2] = value

    return change


def set_label(arrays: Arrays) -> None:
    arrays["labels"][5] = 7


def narrow(arrays: Arrays) -> None:
    arrays["features"] = np.ascontiguousarray(arrays["features"][:, :4])


def other_dtype(arrays: Arrays) -> None:
    arrays["features"] = arrays["features"].astype(np.float64)


def other_names(arrays: Arrays) -> None:
    arrays["x"] = arrays.pop("features")


def shuffled(arrays: Arrays) -> None:
    arrays["labels"] = np.random.default_rng(0).permutation(arrays["labels"])


@pytest.mark.parametrize(
    ("change", "error", "cause"),
    [
        (set_feature(np.nan), NotFinite, "row 3, column 2 is nan"),
        (set_feature(np.inf), NotFinite, "row 3, column 2 is inf"),
        (set_feature(1e30), UnusableData, "as large as 1e+30"),
        (set_label, LabelOutsideRequest, "row 5 has label 7, outside 0 to 1"),
        (narrow, WrongShape, "shape (100, 4)"),
        (other_dtype, WrongShape, "float64, not float32"),
        (other_names, UnreadableDataset, "labels"),
        (shuffled, UnusableData, "do not follow from its features"),
    ],
    ids=["NaN", "infinite", "huge", "label", "shape", "dtype", "names", "noise"],
)
def test_what_is_wrong_with_a_dataset(
    run: Run,
    specification: tuple[str, str],
    change: Callable[[Arrays], None],
    error: type[MarketError],
    cause: str,
) -> None:
    store, cid = specification
    ran = run("dataset", "check", own(change), "--spec", cid, "--store", store, "--json")
    assert ran.error["kind"] == error.__name__
    assert cause in ran.error["cause"]
    assert ran.error["remedy"]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x93NUMPY", b"\x80\x04pickle."])
def test_what_is_no_dataset(run: Run, specification: tuple[str, str], content: bytes) -> None:
    store, cid = specification
    Path("file").write_bytes(content)
    ran = run("dataset", "check", "file", "--spec", cid, "--store", store)
    assert ran.status == UnreadableDataset.exit_code
    assert ran.err.startswith("error: the ")
    assert ran.err.count("\n") == 1


def test_one_task_is_needed(run: Run, specification: tuple[str, str]) -> None:
    store, cid = specification
    file = own()
    for words in ((), ("--scenario", "credit", "--spec", cid), ("--spec", cid)):
        assert run("dataset", "check", file, *words).status == ConfigurationError.exit_code
    unknown = run("dataset", "check", file, "--scenario", "nope", "--json")
    assert unknown.error["cause"] == "there is no scenario 'nope'"
    missing = run("dataset", "check", "nowhere", "--scenario", "credit")
    assert missing.status == ConfigurationError.exit_code
    for wrong, error in (
        ("nonsense", InvalidCid),
        (cid[:-4] + "aaaa", MissingContent),
        (DiskStore(store).put(b"{}"), ProtocolError),
    ):
        ran = run("dataset", "check", file, "--spec", wrong, "--store", store)
        assert ran.status == error.exit_code


def test_a_sample_passes_its_own_check(run: Run) -> None:
    sample = ("dataset", "sample", "--scenario", "credit", "--out", "rows.safetensors")
    assert run(*sample, "--json").data["rows"] > 100
    assert run("dataset", "check", "rows.safetensors", "--scenario", "credit").status == 0
    digits = run("dataset", "check", "rows.safetensors", "--scenario", "digits", "--json")
    assert digits.error["kind"] == "WrongShape"
    unknown = run(*sample, "--provider", "nobody", "--json")
    assert "has no provider 'nobody'" in unknown.error["cause"]
