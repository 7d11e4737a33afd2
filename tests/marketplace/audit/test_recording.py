"""A node's answers kept in a file: what they say again, and what is no such file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from audited_trade import Settled
from hexbytes import HexBytes
from web3.datastructures import AttributeDict
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import audit, recording
from marketplace.audit.chain import open_chain
from marketplace.audit.recording import Recorder, Recording, is_recording
from marketplace.audit.rpc import Rpc
from marketplace.protocol.errors import ChainError, ConfigurationError

METHOD = RPCEndpoint("eth_getBalance")
FIRST_LINE = b"moemarket-log/1\n"


class Counting(BaseProvider):
    """Answers with what it was told, and counts how often it was asked."""

    def __init__(self, **answer: Any) -> None:
        super().__init__()
        self._answer: Any = {"jsonrpc": "2.0", "id": 7, **answer}
        self.asked = 0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.asked += 1
        return self._answer  # type: ignore[no-any-return]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_an_audit_finds_the_same_in_what_was_kept(settled: Settled, file: Path) -> None:
    recorder = Recorder(settled.chain)
    found = audit(recorder, settled.market, settled.store)
    file.write_bytes(recorder.to_bytes())
    assert is_recording(file)
    assert audit(Recording(file), settled.market, settled.store) == found


def test_an_older_log_names_no_decimals(settled: Settled, file: Path) -> None:
    token = "0x" + "11" * 20
    recorder = Recorder(settled.chain)
    open_chain(Rpc(recorder), settled.market)
    file.write_bytes(recorder.to_bytes())
    chain = open_chain(Rpc(Recording(file)), settled.market)
    assert chain.decimals(token) is None
    with pytest.raises(ChainError, match="has no answer to eth_call"):
        chain.balance(settled.market, token)


@pytest.mark.parametrize(
    "answer", [{"result": "0x1"}, {"result": None}, {"error": {"code": 3, "message": "no"}}]
)
def test_each_question_is_asked_once_and_answered_word_for_word(
    file: Path, answer: dict[str, Any]
) -> None:
    node = Counting(**answer)
    recorder = Recorder(node)
    said = [recorder.make_request(METHOD, ["0x12", "latest"]) for _ in range(2)]
    assert node.asked == 1
    file.write_bytes(recorder.to_bytes())
    again = Recording(file).make_request(METHOD, ("0x12", "latest"))
    assert said[0] == said[1] == again == {"jsonrpc": "2.0", "id": 1, **answer}
    recorder.make_request(METHOD, ["0x13", "latest"])
    assert node.asked == 2


def test_what_web3_reads_is_written_as_json(file: Path) -> None:
    block = AttributeDict({"hash": HexBytes("0x12ff"), "parts": [HexBytes("0x")]})
    recorder = Recorder(Counting(result=block))
    recorder.make_request(METHOD, [HexBytes("0x34")])
    file.write_bytes(recorder.to_bytes())
    said = Recording(file).make_request(METHOD, ["0x34"])
    assert said["result"] == {"hash": "0x12ff", "parts": ["0x"]}


def test_what_was_not_asked_is_not_answered(file: Path) -> None:
    file.write_bytes(FIRST_LINE + json.dumps({'["eth_getBalance", ["0x12"]]': 7}).encode())
    node = Recording(file)
    assert str(node) == f"archived log {file}"
    for params in (["0x13"], ["0x12"]):  # nothing is said of the one, and no answer of the other
        with pytest.raises(ChainError, match="has no answer to eth_getBalance"):
            node.make_request(METHOD, params)


@pytest.mark.parametrize("content", [b"", b"no JSON", b"7", b"[7]", b"\xff", b"[" * 100_000])
def test_what_is_no_archived_log(file: Path, content: bytes) -> None:
    file.write_bytes(FIRST_LINE + content)
    with pytest.raises(ConfigurationError, match="is no archived log"):
        Recording(file)


def test_a_file_that_is_too_long_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_bytes(FIRST_LINE + b"{}")
    length = file.stat().st_size
    monkeypatch.setattr(recording, "MAX_LOG_BYTES", length)
    Recording(file)
    monkeypatch.setattr(recording, "MAX_LOG_BYTES", length - 1)
    with pytest.raises(ConfigurationError, match=f"more than the {length - 1} bytes") as refusal:
        Recording(file)
    assert "--from-block" in refusal.value.remedy


def test_what_would_not_be_read_back_is_not_archived(settled: Settled) -> None:
    """What is counted while the node answers is what the file has in the end, to the last byte."""
    whole = Recorder(settled.chain)
    audit(whole, settled.market, settled.store)
    length = len(whole.to_bytes())
    recorder = Recorder(settled.chain, length)
    audit(recorder, settled.market, settled.store)
    assert recorder.to_bytes() == whole.to_bytes()
    with pytest.raises(ConfigurationError, match=f"more than the {length - 1} bytes") as refusal:
        audit(Recorder(settled.chain, length - 1), settled.market, settled.store)
    assert "--from-block" in refusal.value.remedy


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        Recording(tmp_path / "nowhere")


def test_a_first_line_tells_an_archived_log(file: Path, tmp_path: Path) -> None:
    assert not is_recording(tmp_path / "nowhere")
    for content, told in ((FIRST_LINE, True), (FIRST_LINE[:-1], False), (b"{}", False)):
        file.write_bytes(content)
        assert is_recording(file) == told
