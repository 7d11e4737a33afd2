"""A journal of finished steps: a run that was killed goes on without repeating them.

A step is named by what it was made from: its name, the CIDs of its inputs, seeds and settings,
the version of the code, of the libraries and of the arithmetic. Its output lies in a
content-addressed store; one small file per step, written whole after the output, says which
CID it was. A run killed in between has at most done a step that nobody wrote down.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from marketplace.protocol.errors import ConfigurationError, CorruptContent, MissingContent
from offchain.environment import code_version, environment
from offchain.storage.cid import cid_of
from offchain.storage.disk import DiskStore

Say = Callable[[str], None]
_DECIDING = ("torch", "numpy", "lightgbm", "scikit-learn", "arithmetic", "device")


@dataclass(frozen=True)
class Step:
    """One finished step.

    Attributes
    ----------
    name
        For example ``probe mlp``.
    inputs
        CIDs and settings, in the step's own order.
    output
        CID of what came out.
    """

    name: str
    inputs: tuple[str, ...]
    output: str

    def to_json(self) -> dict[str, object]:
        """Return JSON-ready content."""
        return {"name": self.name, "inputs": list(self.inputs), "output": self.output}


class Journal:
    """Makes steps, or finds them made; remembers in ``steps`` what this run consists of.

    Parameters
    ----------
    folder
        Where steps are kept, for its owner's eyes only: outputs are not encrypted. None keeps
        none, and every step is made.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.steps: list[Step] = []
        self._folder = folder
        self._store = None if folder is None else DiskStore(folder / "store")

    def find(self, name: str, *inputs: str) -> bytes | None:
        """Return the output of a finished step; None if it has to be made."""
        if self._folder is None or self._store is None:
            return None
        try:
            cid = self._note(name, inputs).read_text()
            output = self._store.get(cid)
        except (FileNotFoundError, MissingContent, CorruptContent):
            return None
        self.steps.append(Step(name, inputs, cid))
        return output

    def keep(self, name: str, inputs: tuple[str, ...], output: bytes) -> None:
        """Write a step down that was just made.

        Raises
        ------
        ConfigurationError
            If the folder can't be written.
        """
        if self._folder is None or self._store is None:
            self.steps.append(Step(name, inputs, cid_of(output)))
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            cid = self._store.put(output)
            note = self._note(name, inputs)
            note.parent.mkdir(exist_ok=True)
            partial = note.with_name(f"partial-{uuid.uuid4().hex}")
            with partial.open("x") as file:
                file.write(cid)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(note)
        except OSError as error:
            raise ConfigurationError(
                f"the run's folder {self._folder} can't be written: {error.strerror}",
                "name another folder for it",
            ) from error
        self.steps.append(Step(name, inputs, cid))

    def do(
        self,
        name: str,
        inputs: tuple[str, ...],
        make: Callable[[], bytes],
        say: Say = lambda message: None,
    ) -> bytes:
        """Find a step or make it, and say which."""
        found = self.find(name, *inputs)
        if found is not None:
            say(f"{name}: done before")
            return found
        output = make()
        self.keep(name, inputs, output)
        return output

    def _note(self, name: str, inputs: tuple[str, ...]) -> Path:
        here = environment()
        deciding = [code_version(), *(here[key] for key in _DECIDING)]
        content = json.dumps([name, inputs, deciding], separators=(",", ":")).encode()
        return Path(str(self._folder)) / "steps" / hashlib.sha256(content).hexdigest()
