"""One signed question to one server: bounded in size and time, asked again while it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from marketplace.protocol.errors import ConfigurationError, ProtocolError, TradeRefused
from marketplace.service.messages import MAX_BYTES, Answer, Message, P, read_part

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Line:
    """A way to one server.

    Attributes
    ----------
    url
        ``http://`` or ``https://``, without a path.
    patience
        Longest time for one question in all, in seconds, while the other side says that it
        works on the answer.
    stopping
        Set when this process is to end; a question is given up then.
    """

    url: str
    patience: float
    stopping: threading.Event

    def ask(self, question: Callable[[], Message], answer: type[P]) -> P:
        """Ask until there is an answer.

        Parameters
        ----------
        question
            Makes the message; a new one each time, since each is heard once only.

        Raises
        ------
        TradeRefused
            If the other side refuses, can't be reached, or works for too long.
        ProtocolError
            If it answers with something else.
        """
        end = time.monotonic() + self.patience
        while True:
            said = read_part(Answer, self._posted(question().to_bytes()))
            if said.refusal is not None:
                raise TradeRefused(said.refusal.cause, said.refusal.remedy)
            if said.answer is not None:
                return self._read(answer, said)
            if time.monotonic() > end:
                raise TradeRefused(
                    f"{self.url} works for more than {self.patience:.0f} s", "ask it again later"
                )
            if self.stopping.wait(PAUSE_SECONDS):
                raise TradeRefused("this process is to end", "start it again")

    def _read(self, kind: type[P], said: Answer) -> P:
        try:
            return kind.model_validate_json(_json(said))
        except ValueError as error:
            raise ProtocolError(
                f"{self.url} answers with something else than {kind.__name__}",
                "ask its operator which version it runs",
            ) from error

    def _posted(self, body: bytes) -> bytes:
        end = time.monotonic() + ANSWER_SECONDS
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy, no credentials from files
                response = session.post(
                    f"{self.url}/ask",
                    data=body,
                    headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                    timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                    allow_redirects=False,
                    stream=True,
                )
                content = bytearray()
                for chunk in response.iter_content(16 * 1024):
                    content += chunk
                    if len(content) > MAX_BYTES or time.monotonic() > end:
                        raise _unreachable(self.url, "its answer is too long, or too slow")
        except (requests.RequestException, OSError) as error:
            raise _unreachable(self.url, type(error).__name__) from error
        if response.status_code != 200:
            raise _unreachable(self.url, f"HTTP status {response.status_code}")
        return bytes(content)


def require_url(url: str) -> str:
    """Return a URL without a slash at its end.

    Raises
    ------
    ConfigurationError
        If it is no http or https URL of a server.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise ConfigurationError(f"{url!r} is no server", "give http://HOST:PORT or https://HOST")
    return url.rstrip("/")


def _json(said: Answer) -> str:
    return said.model_dump_json(include={"answer"}, by_alias=True)[len('{"answer":') : -1]


def _unreachable(url: str, why: str) -> TradeRefused:
    return TradeRefused(f"{url} gives no answer ({why})", "ask it again later")
