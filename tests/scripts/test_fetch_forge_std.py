"""Foundry's library is unpacked from the pinned archive, and from no other."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest


def pack(folder: Path, *names: str) -> tuple[Path, str]:
    archive = folder / "package.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    digest = hashlib.sha512(archive.read_bytes()).digest()
    return archive, "sha512-" + base64.b64encode(digest).decode()


def test_only_the_library_is_unpacked(fetch_forge_std: ModuleType, tmp_path: Path) -> None:
    inside = fetch_forge_std.FOLDER + "src/Test.sol"
    archive, integrity = pack(tmp_path, inside, "package/package.json")
    target = tmp_path / "forge-std"
    (target / "src").mkdir(parents=True)
    (target / "src" / "Old.sol").touch()
    assert fetch_forge_std.unpack(archive, integrity, target) == 1
    files = [path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()]
    assert files == ["src/Test.sol"]


def test_another_archive_is_refused(fetch_forge_std: ModuleType, tmp_path: Path) -> None:
    archive, _ = pack(tmp_path, fetch_forge_std.FOLDER + "src/Test.sol")
    with pytest.raises(fetch_forge_std.FetchError, match="has the digest"):
        fetch_forge_std.unpack(archive, fetch_forge_std.INTEGRITY, tmp_path / "forge-std")
    assert not (tmp_path / "forge-std").exists()


def test_an_archive_without_the_library_is_refused(
    fetch_forge_std: ModuleType, tmp_path: Path
) -> None:
    archive, integrity = pack(tmp_path, "package/package.json")
    with pytest.raises(fetch_forge_std.FetchError, match="holds no"):
        fetch_forge_std.unpack(archive, integrity, tmp_path / "forge-std")
