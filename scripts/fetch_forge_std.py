"""Fetch forge-std, Foundry's library for tests, into ``contracts/lib/forge-std``.

    python scripts/fetch_forge_std.py

The package ``forge-std`` of npm is too old to hold StdInvariant. A complete copy lies in
Chainlink's package of contracts; only that folder is unpacked, since the package's own
dependencies are many and not all on npm. The archive's digest is pinned here, as a lock
file would pin it.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@chainlink/contracts@1.5.0"
INTEGRITY = (
    "sha512-1fGJwjvivqAxvVOTqZUEXGR54CATtg0vjcXgSIk4Cfoad2nUhSG/"
    "qaWHXjLg1CkNTeOoteoxGQcpP/HiA5HsUA=="
)
FOLDER = "package/src/v0.8/vendor/forge-std/"
TARGET = Path(__file__).parents[1] / "contracts" / "lib" / "forge-std"


class FetchError(Exception):
    """The library can't be had; the message says why."""


def unpack(archive: Path, integrity: str, target: Path) -> int:
    """Unpack the library from a package's archive, if the archive is the pinned one.

    Parameters
    ----------
    archive
        A gzipped tar, as ``npm pack`` writes it.
    integrity
        Its digest in npm's notation: ``sha512-`` and 64 bytes in base64.
    target
        Folder that the library replaces.

    Returns
    -------
    int
        Number of files unpacked.

    Raises
    ------
    FetchError
        If the digest is another, or the archive has no such folder.
    """
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != integrity:
        raise FetchError(f"{archive.name} has the digest {found}, not {integrity}")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    count = 0
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith(FOLDER):
                member.name = member.name.removeprefix(FOLDER)
                tar.extract(member, partial, filter="data")
                count += 1
    if count == 0:
        raise FetchError(f"{archive.name} holds no {FOLDER}")
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
    return count


def _download(folder: Path) -> Path:
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise FetchError(f"npm can't fetch {PACKAGE} ({error})") from error
    return next(folder.glob("*.tgz"))


def main() -> int:
    """Download, check, unpack."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            count = unpack(_download(Path(folder)), INTEGRITY, TARGET)
    except FetchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} files of forge-std in {TARGET}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
