"""A node that lies: it alters what an honest one answers, and can forge the chain to match.

The contracts refuse all of this, so there is no other way to see the audit find it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
)
from eth_utils.abi import function_signature_to_4byte_selector as selector
from forging import ForgedChain
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import Report
from marketplace.chain.artifacts import load_artifact

Logs = list[dict[str, Any]]
Alter = Callable[[Logs], Logs]

_CONTRACTS = (
    *("Payouts", "SealedBids", "ParticipantRegistry"),
    *("MarketRules", "Challenges", "OracleCommittee", "ModelMarket"),
)
_EVENTS: dict[str, Any] = {
    name: item
    for contract in _CONTRACTS
    for item in load_artifact(contract).abi
    if item["type"] == "event"
    for name in (item["name"], f"{contract}.{item['name']}")
}
"""By name, and by contract and name where several contracts have events of one name."""


class LyingNode(BaseProvider):
    """Answers as `honest` does, with altered logs.

    Parameters
    ----------
    alter
        Alters the list of logs that eth_getLogs answers, or those of one receipt.
    receipts_too
        Whether the whole chain is forged to match; without, the two contradict each other.
    header
        Alters each header of the forged chain before its hash is computed.
    answers
        Results by method, given instead of the honest ones.
    """

    def __init__(
        self,
        honest: BaseProvider,
        alter: Alter | None = None,
        *,
        receipts_too: bool = True,
        header: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        answers: dict[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        super().__init__()
        self._honest = honest
        self._alter = alter
        self._answers = answers or {}
        self.forged = None
        if header is not None or (alter is not None and receipts_too):
            forge = {"logs": alter, "header": header}
            self.forged = ForgedChain(honest, **{k: v for k, v in forge.items() if v is not None})

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = self._told(method, params)
        if method in self._answers:
            answer["result"] = self._answers[method](answer["result"])
        return answer

    def _told(self, method: str, params: Any) -> RPCResponse:
        forged = self.forged
        if forged is not None and method in ("eth_getBlockByNumber", "eth_getBlockByHash"):
            return _result(forged.block(*params))
        if forged is not None and method == "eth_getBlockReceipts":
            return _result(forged.receipts[int(params[0], 16)])
        if forged is not None and method == "eth_getLogs":
            first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
            return _result(forged.logs(params[0]["address"], first, last))
        answer = copy.deepcopy(self._honest.make_request(RPCEndpoint(method), params))
        if method == "eth_getLogs" and self._alter is not None:
            answer["result"] = self._alter(answer["result"])
        return answer


class LyingContract(BaseProvider):
    """Passes questions on, but answers calls of one function itself.

    Parameters
    ----------
    function
        Its signature, as `decimals()`.
    says
        The result or error that is answered.

    Attributes
    ----------
    called
        Who was called.
    lying
        Whether it still answers itself.
    """

    def __init__(self, honest: BaseProvider, function: str, says: dict[str, Any]) -> None:
        super().__init__()
        self._honest = honest
        self._selector = selector(function).hex()
        self._answer: Any = {"jsonrpc": "2.0", "id": 1, **says}
        self.called: set[str | None] = set()
        self.lying = True

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_call":
            self.called.add(params[0]["to"])
            if self.lying and params[0]["data"][2:10] == self._selector:
                return self._answer  # type: ignore[no-any-return]
        return self._honest.make_request(method, params)


def _result(value: Any) -> RPCResponse:
    return {"jsonrpc": "2.0", "id": 1, "result": copy.deepcopy(value)}


def each_sent(change: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    """Change the transactions of blocks that are asked for in full; None leaves one out."""

    def altered(block: Any) -> Any:
        if not block or not all(isinstance(sent, dict) for sent in block["transactions"]):
            return block
        told = (change(sent) for sent in block["transactions"])
        return {**block, "transactions": [sent for sent in told if sent is not None]}

    return altered


def is_event(log: dict[str, Any], name: str) -> bool:
    """Tell whether a log is an event of one name."""
    return bool(log["topics"][0] == "0x" + event_abi_to_log_topic(_EVENTS[name]).hex())


def objections(report: Report) -> set[str]:
    """Name the checks that speak against a report, shortly.

    Those of the whole market are in capitals; a question mark follows one that can't
    recompute anything any more.
    """
    return {
        (check.name if check.trade else check.name.upper())
        + ("?" if check.verdict == "missing" else "")
        for check in report.objections
    }


def changing(name: str, place: tuple[int, ...], value: Any, which: int | None = 0) -> Alter:
    """Change one value in the data of an event.

    Parameters
    ----------
    place
        Position among the arguments that are not indexed, then inside them.
    value
        The new value, or a function of the old one.
    which
        Which of the events of this name, in the order of the log; None for all.
    """
    item = _EVENTS[name]
    kinds = [collapse_if_tuple(part) for part in item["inputs"] if not part["indexed"]]

    def change(log: dict[str, Any]) -> dict[str, Any]:
        values = _lists(decode(kinds, bytes.fromhex(log["data"][2:])))
        inner = values
        for step in place[:-1]:
            inner = inner[step]
        old = inner[place[-1]]
        inner[place[-1]] = value(old) if callable(value) else value
        return {**log, "data": "0x" + encode(kinds, values).hex()}

    return on_event(name, lambda log: [change(log)], which)


def renaming(name: str, topic: int, account: str, which: int | None = 0) -> Alter:
    """Change an account among the indexed arguments of an event."""

    def change(log: dict[str, Any]) -> Logs:
        topics = list(log["topics"])
        topics[topic] = "0x" + account[2:].lower().rjust(64, "0")
        return [{**log, "topics": topics}]

    return on_event(name, change, which)


def dropping(name: str, which: int | None = 0) -> Alter:
    """Leave one event out."""
    return on_event(name, lambda log: [], which)


def repeating(name: str, which: int | None = 0) -> Alter:
    """Give one event twice, the second time as the last log of its block."""

    def twice(log: dict[str, Any]) -> Logs:
        return [log, {**log, "logIndex": hex(int(log["logIndex"], 16) + 1000)}]

    return on_event(name, twice, which)


def retold(name: str, other: str, topics: int, before: bytes = b"") -> Alter:
    """Tell an event as another one, with so many of its topics, and words before its data."""
    signature = "0x" + event_abi_to_log_topic(_EVENTS[other]).hex()

    def change(log: dict[str, Any]) -> Logs:
        data = "0x" + before.hex() + log["data"][2:]
        return [{**log, "topics": [signature, *log["topics"][1:topics]], "data": data}]

    return on_event(name, change)


def on_event(name: str, change: Callable[[dict[str, Any]], Logs], which: int | None = 0) -> Alter:
    """Replace one event by others, wherever it is answered."""
    seen: list[tuple[str, str]] = []

    def alter(logs: Logs) -> Logs:
        altered: Logs = []
        for log in logs:
            place = (log["transactionHash"], log["logIndex"])
            if is_event(log, name) and place not in seen:
                seen.append(place)
            chosen = is_event(log, name) and which in (None, seen.index(place))
            altered += change(log) if chosen else [log]
        return sorted(altered, key=_place)

    return alter


def _place(log: dict[str, Any]) -> tuple[int, int]:
    return int(log["blockNumber"], 16), int(log["logIndex"], 16)


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple | list) else value
