"""Alerts come to a real web server: once, signed, and again where it was not well."""

from __future__ import annotations

import hashlib
import hmac
import socket

import pytest
from receiver import Receiver

from marketplace.audit import Check
from marketplace.protocol.errors import ConfigurationError
from marketplace.watch.webhook import TRIES, Alert, Webhook, check_id

ALERT = Alert(
    chain_id=31337,
    market="0x" + "ab" * 20,
    block=7,
    block_hash="0x" + "cd" * 32,
    check=Check(trade=None, name="log", verdict="failed", detail="it is torn"),
)


def test_one_post(receiver: Receiver) -> None:
    assert Webhook(receiver.url).send(ALERT) is None
    [(headers, body)] = receiver.posts
    assert Alert.from_bytes(body) == ALERT
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Moemarket-Alert"] == ALERT.id
    assert "X-Moemarket-Signature" not in headers


def test_signed(receiver: Receiver) -> None:
    Webhook(receiver.url, b"a secret").send(ALERT)
    [(headers, body)] = receiver.posts
    due = hmac.new(b"a secret", body, hashlib.sha256).hexdigest()
    assert headers["X-Moemarket-Signature"] == f"sha256={due}"


def test_tried_again_with_longer_pauses(receiver: Receiver) -> None:
    receiver.answers += [500, 429, 503]
    pauses: list[float] = []
    assert Webhook(receiver.url, pause=0.5, sleep=pauses.append).send(ALERT) is None
    assert len(receiver.posts) == 4
    assert len({(headers["X-Moemarket-Alert"], body) for headers, body in receiver.posts}) == 1
    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("status", [302, 400, 404, 410])
def test_a_refusal_is_taken(receiver: Receiver, status: int) -> None:
    receiver.answers += [status]
    assert Webhook(receiver.url, sleep=pytest.fail).send(ALERT) == (
        f"{receiver.url} answered {status}"
    )
    assert len(receiver.posts) == 1


def test_given_up_at_last(receiver: Receiver) -> None:
    receiver.answers += [500] * (TRIES + 1)
    pauses: list[float] = []
    why = Webhook(receiver.url, sleep=pauses.append).send(ALERT)
    assert why == f"{receiver.url} answered 500"
    assert len(receiver.posts) == TRIES == len(pauses) + 1


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    pauses: list[float] = []
    why = Webhook(f"http://127.0.0.1:{port}", sleep=pauses.append).send(ALERT)
    assert why == f"ConnectionError at http://127.0.0.1:{port}"
    assert len(pauses) == TRIES - 1


def test_an_alert_is_named_by_its_fault() -> None:
    def like(**changes: str) -> Alert:
        return ALERT.model_copy(update={"check": ALERT.check.model_copy(update=changes)})

    later = ALERT.model_copy(update={"block": 8, "block_hash": "0x" + "ef" * 32})
    assert ALERT.id == later.id
    others = [like(name="sums"), like(trade="0x12"), like(verdict="missing"), like(detail="burnt")]
    assert len({ALERT.id, *(other.id for other in others)}) == 5
    check = check_id(31337, ALERT.market, ALERT.check)
    assert [other.id.split("-")[0] == check for other in others] == [False, False, True, True]
    assert check_id(1, ALERT.market, ALERT.check) != check


def test_no_url() -> None:
    with pytest.raises(ConfigurationError, match="is no webhook"):
        Webhook("ftp://example.org")
