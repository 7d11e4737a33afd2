"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marketplace.protocol.errors import ConfigurationError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there, so that no reader sees half of it.

    Parameters
    ----------
    path
        The file; its folder is made if needed.

    Raises
    ------
    ConfigurationError
        If it can't be written; what was there before is left as it was.
    """
    with _refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise


def require_writable(path: Path) -> None:
    """Require that a file can be written, before something is done that can't be taken back.

    Raises
    ------
    ConfigurationError
        If it can't; nothing is left behind but its folder.
    """
    with _refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be written: {error.strerror}",
            "name a file in a folder that is writable, on a disk with room",
        ) from error
