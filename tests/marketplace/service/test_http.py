"""Questions over a socket, and what monitoring reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.errors import ConfigurationError, ProtocolError, TradeRefused
from marketplace.protocol.typed_data import Domain
from marketplace.service.app import asking_app, monitoring_app
from marketplace.service.bodies import Nothing, Opened
from marketplace.service.desk import Desk, Service
from marketplace.service.messages import MAX_BYTES, Message
from marketplace.service.metrics import Metrics
from marketplace.service.serving import served
from marketplace.service.transport import Line, require_url

SEAT, PEER = well_known_accounts()[:2]
MARKET = Domain(31_337, SEAT.address)
HEALTHY, STALE = Metrics(3_600), Metrics(-1)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    opened = Opened(score=7, salt="0x" + "01" * 32)
    service = Service(lambda trade: (PEER.address,), lambda message, sender: opened)
    desk = Desk(MARKET, SEAT.address, {"opening": service}, lambda nonce, seconds: True)
    with served(asking_app(desk), "127.0.0.1", 0) as where:
        yield where
    desk.close()


def line(url: str) -> Line:
    return Line(url, 5.0, threading.Event())


def question() -> Message:
    return Message.signed(MARKET, PEER, "opening", bytes(32), SEAT.address, {})


def test_a_question_is_answered(url: str) -> None:
    assert line(url).ask(question, Opened).score == 7


def test_another_answer_than_expected_is_named(url: str) -> None:
    with pytest.raises(ProtocolError, match="something else than Nothing"):
        line(url).ask(question, Nothing)


def test_a_refusal_comes_through(url: str) -> None:
    forged = question().model_copy(update={"time": 1})
    with pytest.raises(TradeRefused, match="clock"):
        line(url).ask(lambda: forged, Opened)


def test_what_is_too_long_or_packed_is_not_read(url: str) -> None:
    ask = f"{url}/ask"
    assert requests.post(ask, b"a" * (MAX_BYTES + 1), timeout=30).status_code == 413
    packed = {"Content-Encoding": "gzip"}
    assert requests.post(ask, b"a", headers=packed, timeout=30).status_code == 415
    elsewhere = {"Host": "elsewhere.example"}
    assert requests.post(ask, b"a", headers=elsewhere, timeout=30).status_code == 400


def test_nobody_there_is_a_refusal() -> None:
    with pytest.raises(TradeRefused, match="gives no answer"):
        line("http://127.0.0.1:1").ask(question, Opened)


def test_figures_are_readable_by_prometheus() -> None:
    HEALTHY.saw(7, 1_700_000_000)
    with HEALTHY.timing("settle"):
        pass
    with pytest.raises(TradeRefused), HEALTHY.timing("settle"):
        raise TradeRefused("no", "no")
    HEALTHY.count_question("opening", "answered")
    with served(monitoring_app(HEALTHY), "127.0.0.1", 0) as where:
        assert requests.get(f"{where}/healthz", timeout=30).json()["ok"]
        text = requests.get(f"{where}/metrics", timeout=30).text
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["moemarket_block",] == 7
    assert samples["moemarket_steps_total", "done", "settle"] == 1
    assert samples["moemarket_steps_total", "failed", "settle"] == 1
    assert samples["moemarket_step_seconds_count", "settle"] == 2
    assert samples["moemarket_questions_total", "answered", "opening"] == 1
    assert samples["process_resident_memory_bytes",] > 0


def test_a_process_without_a_chain_is_not_healthy() -> None:
    with served(monitoring_app(STALE), "127.0.0.1", 0) as where:
        assert requests.get(f"{where}/healthz", timeout=30).status_code == 503


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:1", "http://", "http://user@x"])
def test_no_server(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no server"):
        require_url(url)
