"""One lie about the chain under the log at a time, and the check that names it.

What the lie does to the trades beside is in `test_tampered_log`; here it is said which of the
checks of the chain trip, and no other of them. A clumsy liar alters an answer and no hash; a
skilful one computes all hashes anew, and is found by what the auditor brought.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from audited_trade import Settled
from forging import ForgedChain, Json, header_hash, receipts_root, seal_receipts
from tampering import (
    Alter,
    LyingContract,
    LyingNode,
    changing,
    dropping,
    is_event,
    objections,
)
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import Report, audit
from marketplace.audit.chain import open_chain
from marketplace.audit.checks.blocks import check_transactions
from marketplace.audit.log import Reading
from marketplace.audit.rpc import Rpc

OF_THE_CHAIN = {
    *("START", "ANCHOR", "HEADERS", "RECEIPTS", "TRANSACTIONS", "SERVED-LOG", "LOG"),
    *("INVARIANTS", "SOLVENCY", "STATE-PROOFS"),
}

Lie = Callable[[str, Any, Any], Any]
"""From method, parameters and the honest result to what is answered."""


class AlteringNode(BaseProvider):
    """Answers as `honest` does, but for what `lie` makes of it."""

    def __init__(self, honest: BaseProvider, lie: Lie) -> None:
        super().__init__()
        self._honest = honest
        self._lie = lie

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = copy.deepcopy(self._honest.make_request(method, params))
        if "result" in answer:
            answer["result"] = self._lie(method, params, answer["result"])
        return answer


def told(chain: BaseProvider, method: str, *params: Any) -> Any:
    return chain.make_request(RPCEndpoint(method), list(params))["result"]


def head_of(settled: Settled) -> bytes:
    return bytes.fromhex(told(settled.chain, "eth_getBlockByNumber", "latest", False)["hash"][2:])


def block_of(settled: Settled, name: str) -> str:
    """Return the height of the first block that holds an event, as the node writes it."""
    logs = told(settled.chain, "eth_getLogs", {"fromBlock": "0x0", "address": settled.market})
    return str(next(log for log in logs if is_event(log, name))["blockNumber"])


def report_of(settled: Settled, node: BaseProvider, anchor: bytes | None = None) -> Report:
    return audit(node, settled.market, settled.store, anchor=anchor)


def chain_objections(report: Report) -> set[str]:
    return objections(report) & OF_THE_CHAIN


def said(report: Report, name: str) -> str:
    return next(check.detail for check in report.checks if check.name == name)


def test_the_chain_as_it_is_passes(settled: Settled) -> None:
    report = report_of(settled, settled.chain, head_of(settled))
    assert {check.verdict for check in report.checks} == {"passed"}
    assert report.block_hash == "0x" + head_of(settled).hex()


# -------------------------------------------------------------------- single receipts


def _log_dropped(receipts: list[Json]) -> list[Json]:
    receipts[0]["logs"].pop()
    return receipts


def _log_added(receipts: list[Json]) -> list[Json]:
    logs = receipts[0]["logs"]
    logs.append({**logs[0], "logIndex": hex(len(logs))})
    return receipts


def _logs_reordered(receipts: list[Json]) -> list[Json]:
    logs = receipts[0]["logs"]
    logs.reverse()
    for index, log in enumerate(logs):
        log["logIndex"] = hex(index)
    return receipts


def _data_altered(receipts: list[Json]) -> list[Json]:
    log = receipts[0]["logs"][0]
    log["data"] = log["data"][:-1] + ("1" if log["data"][-1] == "0" else "0")
    return receipts


def _topic_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["logs"][0]["topics"][1] = "0x" + "ab" * 32
    return receipts


def _address_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["logs"][0]["address"] = "0x" + "ab" * 20
    return receipts


def _status_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["status"] = "0x0"
    return receipts


def _gas_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["cumulativeGasUsed"] = hex(int(receipts[0]["cumulativeGasUsed"], 16) + 1)
    return receipts


def _type_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["type"] = "0x0"
    return receipts


def _bloom_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["logsBloom"] = "0x" + "ff" * 256
    return receipts


def _of_another_transaction(receipts: list[Json]) -> list[Json]:
    for told_of in (receipts[0], *receipts[0]["logs"]):
        told_of["transactionHash"] = "0x" + "ab" * 32
    return receipts


def _index_altered(receipts: list[Json]) -> list[Json]:
    receipts[0]["logs"][0]["logIndex"] = "0x7"
    return receipts


def _none_left(receipts: list[Json]) -> list[Json]:
    return []


def _lost(receipts: list[Json]) -> None:
    return None


LOGS = {"RECEIPTS", "SERVED-LOG"}
"""Found twice: against the header, and against what eth_getLogs says."""


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (_log_dropped, LOGS),
        (_log_added, LOGS),
        (_logs_reordered, LOGS),
        (_data_altered, LOGS),
        (_topic_altered, LOGS),
        (_address_altered, LOGS),
        (_of_another_transaction, LOGS),
        (_index_altered, LOGS),
        (_none_left, LOGS),
        (_lost, LOGS),
        (_status_altered, {"RECEIPTS"}),
        (_gas_altered, {"RECEIPTS"}),
        (_type_altered, {"RECEIPTS"}),
        (_bloom_altered, {"RECEIPTS"}),
    ],
)
def test_a_receipt_that_is_altered_is_named(
    settled: Settled, alter: Callable[[list[Json]], Any], expected: set[str]
) -> None:
    number = block_of(settled, "QuoteAccepted")

    def lie(method: str, params: Any, result: Any) -> Any:
        ours = method == "eth_getBlockReceipts" and params[0] == number
        return alter(result) if ours else result

    report = report_of(settled, AlteringNode(settled.chain, lie), head_of(settled))
    found = chain_objections(report) - {"INVARIANTS", "LOG"}  # the trade's own sums fall as well
    assert found == expected
    assert f"block {int(number, 16)}" in said(report, "receipts")


# ---------------------------------------------------------------- single transactions


def _setting(name: str, value: str | None) -> Callable[[Json], Any]:
    return lambda sent: sent.update({name: value})


SENT: dict[str, Callable[[Json], Any]] = {
    "its input": lambda sent: sent.update(input=_last_bit(sent["input"])),
    "its value": _setting("value", "0x1"),
    "its receiver": _setting("to", "0x" + "ab" * 20),
    "that it creates a contract": _setting("to", None),
    "its nonce": _setting("nonce", "0x7fff"),
    "its gas": _setting("gas", "0x7fff"),
    "its fee": _setting("maxFeePerGas", "0x1"),
    "its type": _setting("type", "0x1"),
    "its signature": lambda sent: sent.update(s=_last_bit(sent["s"])),
    "the parity of its signature": lambda sent: sent.update(
        yParity=_last_bit(sent["yParity"]), v=_last_bit(sent["v"])
    ),
    "its chain": _setting("chainId", "0x1"),
    "its access list": lambda sent: sent["accessList"].append(
        {"address": "0x" + "ab" * 20, "storageKeys": []}
    ),
}


@pytest.mark.parametrize("what", SENT)
def test_a_transaction_that_is_altered_is_named(settled: Settled, what: str) -> None:
    number = block_of(settled, "QuoteAccepted")

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params == (number, True):
            SENT[what](result["transactions"][0])
        return result

    report = report_of(settled, AlteringNode(settled.chain, lie), head_of(settled))
    assert objections(report) == {"TRANSACTIONS"}
    assert f"block {int(number, 16)}" in said(report, "transactions")


def test_who_sent_a_transaction_is_who_signed_it(settled: Settled) -> None:
    """Nobody's word on senders is used; whoever follows funds is told of a wrong one."""
    number = block_of(settled, "QuoteAccepted")  # in which the price was sent

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params == (number, True):
            SENDER(result["transactions"][0])
        return result

    node = AlteringNode(settled.chain, lie)
    assert report_of(settled, node) == report_of(settled, settled.chain)
    report = audit(node, settled.market, settled.store, follow_funds=True)
    (check,) = (check for check in report.checks if check.name == "funders")
    assert check.verdict == "unchecked"
    assert f"block {int(number, 16)} is signed by {settled.trade.parties.buyer.address}" in (
        check.detail
    )


SENDER = _setting("from", "0x" + "ab" * 20)


@pytest.mark.parametrize("what", [what for what in SENT if what != "that it creates a contract"])
def test_whoever_follows_funds_finds_an_altered_transaction_too(
    settled: Settled, what: str
) -> None:
    """In a block of which nothing else is read; its transaction creates a contract."""
    number = hex(1)

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params == (number, True):
            SENT[what](result["transactions"][0])
        return result

    node = AlteringNode(settled.chain, lie)
    report = audit(node, settled.market, settled.store, trade=(), follow_funds=True)
    (check,) = (check for check in report.checks if check.name == "funders")
    assert (check.verdict, "block 1 " in check.detail) == ("unchecked", True)


def _sent_twice(block: Json) -> None:
    block["transactions"].append(block["transactions"][0])


def _never_sent(block: Json) -> None:
    block["transactions"].clear()


@pytest.mark.parametrize("alter", [_sent_twice, _never_sent])
def test_a_transaction_too_many_or_too_few_is_named(
    settled: Settled, alter: Callable[[Json], None]
) -> None:
    number = block_of(settled, "QuoteAccepted")

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params == (number, True):
            alter(result)
        return result

    report = report_of(settled, AlteringNode(settled.chain, lie), head_of(settled))
    assert objections(report) == {"TRANSACTIONS"}


def test_hashes_that_a_block_and_its_receipts_agree_on_are_those_of_its_transactions(
    settled: Settled,
) -> None:
    """Neither header nor receipt holds a transaction's hash; the trie of transactions does."""
    number, other = block_of(settled, "QuoteAccepted"), "0x" + "ab" * 32
    true = told(settled.chain, "eth_getBlockByNumber", number, False)["transactions"][0]

    def lie(method: str, params: Any, result: Any) -> Any:
        return json.loads(json.dumps(result).replace(true, other))

    report = report_of(settled, AlteringNode(settled.chain, lie), head_of(settled))
    assert objections(report) == {"TRANSACTIONS"}
    assert "don't have the hashes that the node says" in said(report, "transactions")


def test_transactions_that_the_node_lacks_are_named(settled: Settled) -> None:
    def lie(method: str, params: Any, result: Any) -> Any:
        return None if method == "eth_getBlockByNumber" and params[1] else result

    report = report_of(settled, AlteringNode(settled.chain, lie))
    assert objections(report) == {"TRANSACTIONS", "audit-signature?"}  # one of them is missing
    assert "the node lacks block" in said(report, "transactions")


@pytest.mark.parametrize("receipts_too", [False, True])
def test_a_type_of_transaction_that_nobody_knows_is_not_passed(
    settled: Settled, receipts_too: bool
) -> None:
    """The receipt's type is under the header, so the transaction's must be the same."""
    number = block_of(settled, "QuoteAccepted")

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params == (number, True):
            result["transactions"][0]["type"] = "0x7e"
        if receipts_too and method == "eth_getBlockReceipts" and params[0] == number:
            result[0]["type"] = "0x7e"
        return result

    report = report_of(settled, AlteringNode(settled.chain, lie))
    (check,) = (check for check in report.checks if check.name == "transactions")
    if receipts_too:
        assert objections(report) == {"RECEIPTS"}
        assert (check.verdict, check.detail[-3:]) == ("unchecked", "126")
    else:
        assert objections(report) == {"TRANSACTIONS"}
        assert check.detail.endswith("of type 126, and its receipt is of type 2")


def test_a_strange_transaction_hides_no_other_of_its_block(settled: Settled) -> None:
    number = block_of(settled, "QuoteAccepted")

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params == (number, True):
            result["transactions"].append({**result["transactions"][0], "type": "0x7e"})
        return result

    assert objections(report_of(settled, AlteringNode(settled.chain, lie))) == {"TRANSACTIONS"}


# --------------------------------------------------------------------- single headers


def _field_altered(block: Json) -> Json:
    return {**block, "gasUsed": hex(int(block["gasUsed"], 16) + 1)}


def _time_altered(block: Json) -> Json:
    return {**block, "timestamp": hex(int(block["timestamp"], 16) + 1)}


def _parent_broken(block: Json) -> Json:
    return {**block, "parentHash": "0x" + "ab" * 32}


def _bloom_cleared(block: Json) -> Json:
    return {**block, "logsBloom": "0x" + "00" * 256}


def _root_altered(block: Json) -> Json:
    return {**block, "receiptsRoot": "0x" + "ab" * 32}


def _fork_forgotten(block: Json) -> Json:
    return {**block, "requestsHash": None}


def _hash_altered(block: Json) -> Json:
    return {**block, "hash": "0x" + "ab" * 32}


def _hashed_anew(block: Json) -> Json:
    altered = _field_altered(block)
    return {**altered, "hash": header_hash(altered)}


def _other_height(block: Json) -> Json:
    return {**block, "number": "0x7"}  # when nothing was locked yet


def _missing(block: Json) -> None:
    return None


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (_field_altered, {"HEADERS"}),
        (_time_altered, {"HEADERS"}),
        (_parent_broken, {"HEADERS"}),
        (_bloom_cleared, {"HEADERS", "SERVED-LOG"}),
        (_root_altered, {"HEADERS", "RECEIPTS"}),
        (_fork_forgotten, {"HEADERS"}),
        (_hash_altered, {"HEADERS", "RECEIPTS"}),
        (_hashed_anew, {"HEADERS", "RECEIPTS"}),
        (_other_height, {"HEADERS", "RECEIPTS", "TRANSACTIONS", "SERVED-LOG", "SOLVENCY"}),
        (_missing, {"HEADERS", "SERVED-LOG"}),
    ],
)
def test_a_header_that_is_altered_is_named(
    settled: Settled, alter: Callable[[Json], Any], expected: set[str]
) -> None:
    number = block_of(settled, "AuditAttested")

    def lie(method: str, params: Any, result: Any) -> Any:
        ours = method == "eth_getBlockByNumber" and params[0] == number
        return alter(result) if ours else result

    report = report_of(settled, AlteringNode(settled.chain, lie), head_of(settled))
    assert chain_objections(report) - {"INVARIANTS", "LOG"} == expected
    assert f"block {int(number, 16)}" in said(report, "headers")


def test_receipts_and_their_root_that_are_altered_together_break_the_header(
    settled: Settled,
) -> None:
    number = block_of(settled, "AuditAttested")
    receipts = _data_altered(told(settled.chain, "eth_getBlockReceipts", number))

    def lie(method: str, params: Any, result: Any) -> Any:
        if method == "eth_getBlockReceipts" and params[0] == number:
            return receipts
        if method == "eth_getBlockByNumber" and params[0] == number:
            return {**result, "receiptsRoot": receipts_root(receipts)}
        return result

    report = report_of(settled, AlteringNode(settled.chain, lie))
    assert chain_objections(report) - {"INVARIANTS", "LOG"} == {"HEADERS", "SERVED-LOG"}


# ------------------------------------------------------------------- the forged chain


def test_a_chain_that_is_forged_whole_is_found_by_the_anchor(settled: Settled) -> None:
    """Nothing hangs on the licence but the trade's id, so little else would tell."""
    node = LyingNode(settled.chain, changing("ModelRequested", (0, 11), lambda x: bytes(32)))
    assert objections(report_of(settled, node)) == {"trade-id"}
    report = report_of(settled, node, head_of(settled))
    assert objections(report) == {"trade-id", "ANCHOR"}
    assert "has no block 0x" in said(report, "anchor")


def test_a_forged_chain_beside_the_anchored_block_is_found(settled: Settled) -> None:
    """The node shows the true block by its hash, and another chain by height."""
    forged = ForgedChain(settled.chain, header=_field_altered)

    def lie(method: str, params: Any, result: Any) -> Any:
        return forged.block(*params) if method == "eth_getBlockByNumber" else result

    report = report_of(settled, AlteringNode(settled.chain, lie), head_of(settled))
    assert "ANCHOR" in objections(report)
    assert "HEADERS" not in objections(report)


@pytest.mark.parametrize("altered", [{"extraData": "0x1234"}, {"timestamp": "0x7fffffff"}])
@pytest.mark.parametrize("anchored", [False, True])
def test_a_newest_block_that_the_chain_does_not_end_in_is_named(
    settled: Settled, altered: Json, anchored: bool
) -> None:
    """Its hash is right, and nothing but the block of its height tells that it is another."""

    def lie(method: str, params: Any, result: Any) -> Any:
        if method != "eth_getBlockByHash" and params != ("latest", False):
            return result
        other = {**result, **altered}
        return {**other, "hash": header_hash(other)}

    anchor = head_of(settled) if anchored else None
    report = report_of(settled, AlteringNode(settled.chain, lie), anchor)
    assert "ANCHOR" in objections(report)
    assert "HEADERS" not in objections(report)


def test_a_wrong_anchor_is_named(settled: Settled) -> None:
    report = report_of(settled, settled.chain, b"\xab" * 32)
    assert objections(report) == {"ANCHOR"}


def test_an_earlier_anchor_is_where_the_chain_is_looked_at(settled: Settled) -> None:
    number = block_of(settled, "DataReported")
    block = told(settled.chain, "eth_getBlockByNumber", number, False)
    report = report_of(settled, settled.chain, bytes.fromhex(block["hash"][2:]))
    assert not [check for check in report.checks if check.verdict in ("failed", "missing")]
    assert report.block == int(number, 16)
    assert report.trades[0].state == "GATED"


def test_without_an_anchor_the_report_says_so(settled: Settled) -> None:
    report = report_of(settled, settled.chain)
    assert said(report, "anchor").startswith("unanchored: ")
    assert [check.name for check in report.checks if check.verdict != "passed"] == ["anchor"]


# ------------------------------------------------------------------------- the start


def test_a_log_may_be_read_from_the_first_contract_on(settled: Settled) -> None:
    contracts = open_chain(Rpc(settled.chain), settled.market).interfaces
    first = next(
        n
        for n in range(100)
        if any(told(settled.chain, "eth_getCode", one, hex(n)) != "0x" for one in contracts)
    )
    assert first > 0
    node = settled.chain
    report = audit(node, settled.market, settled.store, first=first, anchor=head_of(settled))
    assert {check.verdict for check in report.checks} == {"passed"}
    late = audit(node, settled.market, settled.store, first=first + 1)
    assert "START" in objections(late)

    def denied(method: str, params: Any, result: Any) -> Any:
        return "0x" if method == "eth_getCode" and params[1] == hex(first) else result

    late = audit(AlteringNode(node, denied), settled.market, settled.store, first=first + 1)
    assert "START" in objections(late)
    assert "than is proven" in said(late, "start")


FIRST = 1  # before any contract


@pytest.mark.parametrize("code", ["0x", "0x00"])
@pytest.mark.parametrize("proofs", [True, False])
def test_that_nothing_stood_before_the_start_is_proven_or_not_passed(
    settled: Settled, proofs: bool, code: str
) -> None:
    def lie(method: str, params: Any, result: Any) -> Any:
        return code if method == "eth_getCode" and params[1] == hex(FIRST - 1) else result

    node: BaseProvider = AlteringNode(settled.chain, lie)
    node = node if proofs else WithoutMethod(node, "eth_getProof")
    report = audit(node, settled.market, settled.store, first=FIRST)
    (check,) = (check for check in report.checks if check.name == "start")
    honest = "passed" if proofs else "unchecked"
    assert check.verdict == ("failed" if code != "0x" else honest)
    assert ("by the node's word none of" in check.detail) == (check.verdict == "unchecked")


def test_the_block_before_the_start_is_the_first_one_s_parent(settled: Settled) -> None:
    def lie(method: str, params: Any, result: Any) -> Any:
        before = method == "eth_getBlockByNumber" and params[0] == hex(FIRST - 1)
        return _field_altered(result) if before else result

    report = audit(AlteringNode(settled.chain, lie), settled.market, settled.store, first=FIRST)
    assert "START" in objections(report)
    assert f"and block {FIRST} follows 0x" in said(report, "start")


# ------------------------------------------------------------- eth_getLogs and storage


def test_a_log_that_only_eth_getlogs_lacks_moves_nothing(settled: Settled) -> None:
    node = LyingNode(settled.chain, dropping("Credited"), receipts_too=False)
    assert objections(report_of(settled, node)) == {"SERVED-LOG"}


def _answer_altered(method: str, honest: str) -> Lie:
    """Answer every equal result of a method with another one."""
    other = hex(int(honest, 16) + 1) if method == "eth_getBalance" else _last_bit(honest)

    def lie(asked: str, params: Any, result: Any) -> Any:
        return other if asked == method and result == honest else result

    return lie


def _last_bit(text: str) -> str:
    return text[:-1] + f"{int(text[-1], 16) ^ 1:x}"


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("alter", [dropping("Credited"), dropping("Withdrawn", 1)])
def test_served_logs_are_compared_window_by_window(
    settled: Settled, monkeypatch: pytest.MonkeyPatch, alter: Alter, size: int
) -> None:
    usual = report_of(settled, settled.chain)
    monkeypatch.setattr("marketplace.audit.log._WINDOW", size)
    assert report_of(settled, settled.chain) == usual
    node = LyingNode(settled.chain, alter, receipts_too=False)
    assert objections(report_of(settled, node)) == {"SERVED-LOG"}


def test_a_node_that_serves_no_logs_is_asked_for_one_window(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketplace.audit.log._WINDOW", 4)
    asked: list[Any] = []

    class Refusing(LyingNode):
        def make_request(self, method: Any, params: Any) -> Any:
            if method != "eth_getLogs":
                return super().make_request(method, params)
            asked.append(params)
            return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no logs"}}

    report = report_of(settled, Refusing(settled.chain), head_of(settled))
    assert [check.name for check in report.checks if check.verdict == "unchecked"] == ["served-log"]
    # The first window is halved until nothing is left of it, and no other is asked for.
    ranges = [(asked_for[0]["fromBlock"], asked_for[0]["toBlock"]) for asked_for in asked]
    assert ranges == [("0x0", "0x3"), ("0x0", "0x1"), ("0x0", "0x0")]


def test_a_head_that_is_not_told_again_anchors_nothing(settled: Settled) -> None:
    height = int(told(settled.chain, "eth_blockNumber"), 16)

    def forgets(method: str, params: Any, result: Any) -> Any:
        last = method == "eth_getBlockByNumber" and params[0] == hex(height)
        return None if last else result

    report = report_of(settled, AlteringNode(settled.chain, forgets), head_of(settled))
    assert {"HEADERS", "ANCHOR"} <= objections(report)
    assert "of the chain is no block" in said(report, "anchor")


def test_a_stored_answer_that_differs_from_the_fold_is_named(settled: Settled) -> None:
    contract, trade = settled.trade.market.contract, settled.trade.id
    status = told(
        settled.chain,
        "eth_call",
        {"to": settled.market, "data": contract.encode_abi("digestOf", [trade])},
        "latest",
    )
    report = report_of(settled, AlteringNode(settled.chain, _answer_altered("eth_call", status)))
    assert objections(report) == {"stored-agreement", "STATE-PROOFS"}
    assert f"digestOf({settled.trade.name})" in said(report, "state-proofs")


def test_answers_are_proven_a_part_at_a_time_and_none_is_lost(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = report_of(settled, settled.chain)
    monkeypatch.setattr("marketplace.audit.auditor.ANSWERS_AT_ONCE", 1)
    assert report_of(settled, settled.chain) == usual

    def lie(method: str, params: Any, result: Any) -> Any:
        early = method == "eth_getProof" and len(params[1]) > 1  # those of balances come last
        return _node_of_account(result) if early else result

    assert objections(report_of(settled, AlteringNode(settled.chain, lie))) == {"STATE-PROOFS"}


def test_a_balance_that_is_told_too_high_is_found_by_its_proof(settled: Settled) -> None:
    balance = told(settled.chain, "eth_getBalance", settled.market, "latest")
    node = AlteringNode(settled.chain, _answer_altered("eth_getBalance", balance))
    assert objections(report_of(settled, node)) == {"STATE-PROOFS"}


def _node_of_account(proof: Json) -> Json:
    proof["accountProof"][-1] = _last_bit(proof["accountProof"][-1])
    return proof


def _node_of_storage(proof: Json) -> Json:
    for entry in proof["storageProof"][:1]:
        entry["proof"] = entry["proof"][:-1]
    return proof


def _slot_too_few(proof: Json) -> Json:
    proof["storageProof"] = proof["storageProof"][1:]
    return proof


@pytest.mark.parametrize("alter", [_node_of_account, _node_of_storage, _slot_too_few])
def test_a_proof_that_is_none_is_named(settled: Settled, alter: Callable[[Json], Json]) -> None:
    def lie(method: str, params: Any, result: Any) -> Any:
        ours = method == "eth_getProof" and params[0] == settled.market
        return alter(result) if ours else result

    report = report_of(settled, AlteringNode(settled.chain, lie))
    of_code = {"CONTRACTS"} if alter is _node_of_account else set()
    assert objections(report) == {"STATE-PROOFS", *of_code}
    assert f"the proof of {settled.market} does not hold" in said(report, "state-proofs")


class WithoutMethod(BaseProvider):
    """A node that lacks one method."""

    def __init__(self, honest: BaseProvider, lacking: str) -> None:
        super().__init__()
        self._honest = honest
        self._lacking = lacking

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method != self._lacking:
            return self._honest.make_request(method, params)
        error: Any = {"code": -32601, "message": f"method not found: {method}"}
        return {"jsonrpc": "2.0", "id": 1, "error": error}


def test_proofs_that_a_node_does_not_offer_are_not_passed(settled: Settled) -> None:
    report = report_of(settled, WithoutMethod(settled.chain, "eth_getProof"), head_of(settled))
    check = next(check for check in report.checks if check.name == "state-proofs")
    assert (check.verdict, check.detail[:11]) == ("unchecked", "not offered")
    assert report.ok


class Weary(AlteringNode):
    """Gives proofs of accounts, so many of storage, and from then on none."""

    def __init__(self, honest: BaseProvider, lie: Lie, proofs: int) -> None:
        super().__init__(honest, lie)
        self.asked, self._proofs = 0, proofs

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_getProof":
            self.asked += 1
            self._proofs -= len(params[1]) > 0
            if self._proofs < 0:
                error: Any = {"code": 429, "message": "too many requests"}
                return {"jsonrpc": "2.0", "id": 1, "error": error}
        return super().make_request(method, params)


def _as_it_is(method: str, params: Any, result: Any) -> Any:
    return result


def test_what_a_weary_node_does_not_prove_is_named_and_not_passed(settled: Settled) -> None:
    all_of_them = Weary(settled.chain, _as_it_is, 10**6)
    assert "proven under the state root" in said(report_of(settled, all_of_them), "state-proofs")
    # The first is a committee's contract: its stakes and versions; its rotation, and who is in
    # office; the same again, for whether stakes back them.
    node = Weary(settled.chain, _as_it_is, 5)
    report = report_of(settled, node)
    check = next(check for check in report.checks if check.name == "state-proofs")
    assert check.verdict == "unchecked"
    contracts = open_chain(Rpc(settled.chain), settled.market).contracts
    assert f"the balance of {contracts.market}" in check.detail
    holders = {*contracts.interfaces()} - {contracts.rules, contracts.registry}  # with answers
    unproven = {each for each in holders if f"storage of {each}" in check.detail}
    assert len(holders - unproven) == 1
    # Each is asked for, whatever was refused before, but for the digests that a rotation leads to.
    assert node.asked == all_of_them.asked - 2


def test_a_fault_that_a_proof_showed_stays_though_no_other_proof_is_given(
    settled: Settled,
) -> None:
    def lie(method: str, params: Any, result: Any) -> Any:
        of_storage = method == "eth_getProof" and params[1]
        return _node_of_account(result) if of_storage else result

    report = report_of(settled, Weary(settled.chain, lie, 1))
    assert objections(report) == {"STATE-PROOFS"}
    assert "does not hold" in said(report, "state-proofs")


def test_a_view_that_the_node_says_is_refused_is_found_by_its_proof(settled: Settled) -> None:
    refused = {"error": {"code": 3, "message": "execution reverted"}}
    node = LyingContract(settled.chain, "creditOf(address,address)", refused)
    report = report_of(settled, node)
    assert "STATE-PROOFS" in objections(report)
    assert "and the node said nothing" in said(report, "state-proofs")


def test_receipts_may_come_one_by_one(settled: Settled) -> None:
    node = WithoutMethod(settled.chain, "eth_getBlockReceipts")
    assert report_of(settled, node) == report_of(settled, settled.chain)


# --------------------------------------------------------------------- sums over time


def _moved(settled: Settled, name: str, to: str) -> Callable[[list[Json]], list[Json]]:
    """Move the first event of a name into the receipt of the first of another one."""
    logs = told(settled.chain, "eth_getLogs", {"fromBlock": "0x0", "address": settled.market})
    log = next(log for log in logs if is_event(log, name))
    target = next(other for other in logs if is_event(other, to))["transactionHash"]

    def alter(logs: list[Json]) -> list[Json]:
        kept = [each for each in logs if each != log]
        if logs and logs[0]["transactionHash"] == target:
            place = {"blockNumber": logs[0]["blockNumber"], "transactionHash": target}
            kept.append({**log, **place})
        return kept

    return alter


@pytest.mark.parametrize(
    ("name", "to", "words"),
    [
        ("Withdrawn", "QuoteAccepted", "the credit of"),
        ("Locked", "DataReported", "0 are locked where the price is"),
        ("Credited", "QuoteAccepted", "are held where"),
        ("AttemptReported", "AuditAttested", "comes as number"),
    ],
)
def test_what_is_wrong_for_some_blocks_and_right_again_is_named_with_its_place(
    settled: Settled, name: str, to: str, words: str
) -> None:
    node = LyingNode(settled.chain, _moved(settled, name, to))
    report = report_of(settled, node)
    # The earlier of the two places is the first at which the sums are off.
    ends = (int(block_of(settled, each), 16) for each in (name, to))
    first = min(ends) if name != "AttemptReported" else int(block_of(settled, name), 16) + 1
    detail = said(report, "invariants")
    assert detail.startswith(f"after block {first}, log ")
    assert words in detail
    assert "LEDGER" not in objections(report) or name == "Withdrawn"


def test_a_market_that_was_short_for_one_block_is_named(settled: Settled) -> None:
    number = block_of(settled, "DataReported")

    def lie(method: str, params: Any, result: Any) -> Any:
        ours = method == "eth_getBalance" and params == (settled.market, number)
        return hex(int(result, 16) - 1) if ours else result

    report = report_of(settled, AlteringNode(settled.chain, lie))
    assert objections(report) == {"SOLVENCY"}
    assert f"after block {int(number, 16)} the market holds" in said(report, "solvency")


def test_a_balance_that_the_node_has_forgotten_is_not_passed(settled: Settled) -> None:
    class Pruned(BaseProvider):
        def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
            latest = told(settled.chain, "eth_blockNumber")
            if method == "eth_getBalance" and params[1] != latest:
                error: Any = {"code": -32000, "message": "missing trie node"}
                return {"jsonrpc": "2.0", "id": 1, "error": error}
            return settled.chain.make_request(method, params)

    report = report_of(settled, Pruned())
    check = next(check for check in report.checks if check.name == "solvency")
    assert check.verdict == "unchecked"
    assert report.ok


def test_the_forger_s_own_hashes_are_right(settled: Settled) -> None:
    """Else the tests above would find the forger's mistakes."""
    true = ForgedChain(settled.chain)
    assert true.head == head_of(settled)
    for block, receipts in zip(true.blocks, true.receipts, strict=True):
        sealed = copy.deepcopy(block)
        seal_receipts(sealed, copy.deepcopy(receipts))
        assert sealed == block


def test_a_strange_transaction_excuses_no_other() -> None:
    reading = Reading()
    reading.strange.add(126)
    assert check_transactions(reading).verdict == "unchecked"
    reading.transaction_faults.append("another root")
    assert check_transactions(reading).verdict == "failed"
