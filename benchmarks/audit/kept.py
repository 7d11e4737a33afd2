"""A node whose answers lie in a file, so that an audit's own time and memory can be told apart."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain.devnet import DevnetProvider, open_devnet


class KeptNode(BaseProvider):
    """Answers out of an SQLite file; what isn't there it asks a saved chain, and keeps.

    Parameters
    ----------
    folder
        With ``chain.bin``, and ``answers.sqlite`` once something was asked.

    Attributes
    ----------
    asked
        Questions that the saved chain had to answer.
    seconds
        Processor time that all answers took.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._answers = sqlite3.connect(folder / "answers.sqlite")
        self._answers.execute("CREATE TABLE IF NOT EXISTS answers (question PRIMARY KEY, answer)")
        self._chain: DevnetProvider | None = None
        self.asked = 0
        self.seconds = 0.0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request."""
        start = time.process_time()
        question = json.dumps([method, params])
        row = self._answers.execute(
            "SELECT answer FROM answers WHERE question = ?", (question,)
        ).fetchone()
        answer: Any = json.loads(row[0]) if row else self._from_chain(question, method, params)
        self.seconds += time.process_time() - start
        return {"jsonrpc": "2.0", "id": 1, **answer}  # type: ignore[typeddict-item]  # kept word for word

    def _from_chain(self, question: str, method: RPCEndpoint, params: Any) -> Any:
        if self._chain is None:
            self._chain = DevnetProvider(open_devnet(self._folder / "chain.bin", create=False))
        given = self._chain.make_request(method, params)
        answer = {part: given[part] for part in ("result", "error") if part in given}
        self._answers.execute("INSERT INTO answers VALUES (?, ?)", (question, json.dumps(answer)))
        self.asked += 1
        return answer

    def close(self) -> None:
        """Keep what was asked."""
        self._answers.commit()
        self._answers.close()
