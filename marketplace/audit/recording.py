"""A node's answers kept in a file, so that an audit can be done again without the node.

Whatever the audit asks is kept word for word, by question. Nothing in the file is more
trustworthy than the node was; what the audit proves about a node's answers, it proves about
these again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.protocol.errors import ChainError, ConfigurationError
from marketplace.protocol.foreign_json import parse_json

_MAGIC = b"moemarket-log/1\n"
MAX_LOG_BYTES = 512 * 2**20
"""Of an archived log: it is read as a whole, and takes several times that in memory."""

_LATER = "archive from a later block: `moemarket evidence export --log FILE --from-block HEIGHT`"


class Recorder(BaseProvider):
    """Passes questions on to a node and keeps the answers.

    Parameters
    ----------
    node
        A web3 provider.
    limit
        Most bytes of the file that its answers fill; None where they aren't kept in any.
    """

    def __init__(self, node: BaseProvider, limit: int | None = None) -> None:
        super().__init__()
        self._node, self._limit = node, limit
        self._answers: dict[str, Any] = {}
        self._size = len(_MAGIC) + len(b"{}\n")

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask the node, once for each question: an audit is of one moment.

        Raises
        ------
        ConfigurationError
            If the file would have more than `limit` bytes.
        """
        question = _question(method, params)
        if question not in self._answers:
            answer = self._node.make_request(method, params)
            self._answers[question] = {
                part: answer[part] for part in ("result", "error") if part in answer
            }
            self._require_room(question)
        return _response(self._answers[question])

    def to_bytes(self) -> bytes:
        """Return what the file holds: a first line that says what it is, then JSON."""
        return _MAGIC + _dumped(self._answers).encode() + b"\n"

    def _require_room(self, question: str) -> None:
        if self._limit is None:
            return
        comma = len(self._answers) > 1
        self._size += len(_dumped({question: self._answers[question]})) - len("{}") + comma
        if self._size > self._limit:
            raise ConfigurationError(
                f"the archived log would have more than the {self._limit} bytes that are read back",
                _LATER,
            )


class Recording(BaseProvider):
    """Answers as a node did.

    Parameters
    ----------
    path
        What a `Recorder` wrote.

    Raises
    ------
    ConfigurationError
        If the file can't be read, has more than `MAX_LOG_BYTES`, or is something else.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            with path.open("rb") as file:
                content = file.read(MAX_LOG_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(
                f"{path} can't be read: {error.strerror}", "name an archived log"
            ) from error
        if len(content) > MAX_LOG_BYTES:
            raise ConfigurationError(
                f"{path} has more than the {MAX_LOG_BYTES} bytes of an archived log", _LATER
            )
        try:
            self._answers = dict(parse_json(content.removeprefix(_MAGIC)))
        except (ValueError, TypeError):
            raise ConfigurationError(
                f"{path} is no archived log", "name one that `moemarket evidence export` wrote"
            ) from None

    def __str__(self) -> str:
        return f"archived log {self._path}"

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer a question that was asked when the log was archived.

        Raises
        ------
        ChainError
            If it wasn't.
        """
        answer = self._answers.get(_question(method, params))
        if not isinstance(answer, dict):
            raise ChainError(
                f"the archived log {self._path} has no answer to {method}",
                "ask for the market and trade that it was made for, with the version that made it",
            )
        return _response(answer)


def is_recording(path: Path) -> bool:
    """Tell whether a file is an archived log, by its first line."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _dumped(answers: dict[str, Any]) -> str:
    return json.dumps(answers, sort_keys=True, separators=(",", ":"), default=_plain)


def _question(method: str, params: Any) -> str:
    return json.dumps([method, params], sort_keys=True, default=_plain)


def _response(answer: dict[str, Any]) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 1, **answer}  # type: ignore[typeddict-item]  # a stranger's


def _plain(value: Any) -> Any:
    """Write what web3 puts in the place of JSON's types."""
    return "0x" + value.hex() if isinstance(value, bytes) else dict(value)
