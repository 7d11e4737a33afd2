"""A file is there whole or as it was before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from marketplace.chain.files import require_writable, write_whole
from marketplace.protocol.errors import ConfigurationError


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    for content in (b"first", b"", b"third, and longer"):
        write_whole(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def disk_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(ConfigurationError, match=r"file can't be written: No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_unusable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path / "file" / "below", tmp_path):
        with pytest.raises(ConfigurationError, match="can't be written"):
            write_whole(place, b"")
    with pytest.raises(ConfigurationError, match="can't be written"):
        require_writable(tmp_path / "file" / "below")


def test_asking_beforehand_writes_nothing(tmp_path: Path) -> None:
    require_writable(tmp_path / "folder" / "file")
    assert list((tmp_path / "folder").iterdir()) == []
