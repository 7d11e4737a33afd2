"""Empty databases, in files or in a PostgreSQL server that lives as long as the tests."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

_NUMBERS = itertools.count()
_UNPRIVILEGED = "nobody"


class Databases:
    """Makes databases at a URL in which ``@@`` stands for a database's name."""

    def __init__(self, place: str) -> None:
        self._place = place

    @property
    def is_postgres(self) -> bool:
        return self._place.startswith("postgresql")

    def new(self) -> str:
        """Return the URL of an empty database."""
        name = f"index{os.getpid()}x{next(_NUMBERS)}"
        if not self.is_postgres:
            return self._place.replace("@@", f"{name}.sqlite")
        with psycopg.connect(self._place.replace("@@", "postgres"), autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}".encode())
        return self._place.replace("@@", name)


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run PostgreSQL on a socket in a folder; it refuses to run as root, so root hands it over."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    # Not pytest's own folder: only its owner can enter that, and a socket's path must be short.
    home = Path(tempfile.mkdtemp())
    user: dict[str, str] = {}
    if os.geteuid() == 0:
        user = {"user": _UNPRIVILEGED}
        shutil.chown(home, _UNPRIVILEGED)

    def run(tool: str, *words: str) -> None:
        command = [str(binaries / tool), "-D", str(home / "data"), *words]
        done = subprocess.run(  # type: ignore[call-overload]  # its keywords have many types
            command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **user
        )
        assert done.returncode == 0, done.stdout

    # ICU sorts other than by bytes: the order of a dump must not follow the server's.
    sorting = ("--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8", "--encoding=UTF8")
    run("initdb", "--auth=trust", "--username=moemarket", "--no-sync", *sorting)
    options = f"-k {home} -c listen_addresses= -c shared_buffers=16MB"
    run("pg_ctl", "start", "-w", "-l", str(home / "log"), "-o", options)
    try:
        yield f"postgresql://moemarket@/@@?host={home}"
    finally:
        run("pg_ctl", "stop", "-w", "-m", "immediate")
        shutil.rmtree(home)


def _binaries() -> Path | None:
    """Find the folder of the server's programs; Debian keeps it off PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None
