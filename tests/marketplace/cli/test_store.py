"""Content by its CID: in, out, and what is said when it is not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from command_line import Run
from small_trade import MOEMARKET

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    InvalidCid,
    MissingContent,
    StoreUnreachable,
)

HELLO = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"  # of b"hello world"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hello.txt"
    path.write_bytes(b"hello world")
    return path


def test_names_content_as_ipfs_does(run: Run, file: Path) -> None:
    assert run("store", "cid", file).out == HELLO + "\n"
    assert run("store", "cid", file, "--json").data == {"cid": HELLO}
    assert not list(Path().iterdir())


def test_adds_and_gets(run: Run, file: Path, tmp_path: Path) -> None:
    assert run("store", "add", "--store", "blocks", file, "--json").data == {"cid": HELLO}
    assert run("store", "get", "--store", "blocks", HELLO).out == "hello world"
    out = tmp_path / "folder" / "copy"
    assert run("store", "get", "--store", "blocks", HELLO, "--out", out).status == 0
    assert out.read_bytes() == b"hello world"


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(bytes(range(256)) * 3)
    store = ("--store", str(tmp_path / "store"))
    added = subprocess.run(
        [*MOEMARKET, "store", "add", *store, str(file)], capture_output=True, text=True, check=True
    )
    got = subprocess.run(
        [*MOEMARKET, "store", "get", *store, added.stdout.strip()], capture_output=True, check=True
    )
    assert got.stdout == file.read_bytes()


@pytest.mark.parametrize(
    ("cid", "error"),
    [
        (HELLO, MissingContent),
        ("QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnzfdg", InvalidCid),
        ("../../etc/passwd", InvalidCid),
        (HELLO[:-1], InvalidCid),
        ("", InvalidCid),
    ],
    ids=["missing", "CIDv0", "path", "cut", "empty"],
)
def test_a_wrong_cid(run: Run, cid: str, error: type[Exception]) -> None:
    ran = run("store", "get", "--store", "blocks", cid, "--out", "copy")
    assert ran.status == vars(error)["exit_code"]
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_a_damaged_block(run: Run, file: Path) -> None:
    run("store", "add", "--store", "blocks", file)
    (Path("blocks") / "blocks" / HELLO).write_bytes(b"hello w0rld")
    ran = run("store", "get", "--store", "blocks", HELLO, "--out", "copy")
    assert ran.status == CorruptContent.exit_code
    assert not Path("copy").exists()


def test_places_that_are_none(run: Run, file: Path) -> None:
    assert run("store", "add", "--store", "s3://x", file).status == ConfigurationError.exit_code
    assert run("store", "add", "--store", file, file).status == ConfigurationError.exit_code
    ran = run("store", "get", "--store", "http://127.0.0.1:9", HELLO)
    assert ran.status == StoreUnreachable.exit_code
    missing = run("store", "cid", "nowhere", "--json")
    assert missing.error["cause"] == "nowhere can't be read: No such file or directory"
    run("store", "add", "--store", "blocks", file)
    taken = run("store", "get", "--store", "blocks", HELLO, "--out", file / "below")
    assert taken.status == ConfigurationError.exit_code
