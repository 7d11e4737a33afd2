"""A stranger's server that answers too slowly, too much, or something else."""

from __future__ import annotations

import gzip
import json
import socket
import time
from itertools import count

import numpy as np
import pytest
from services import QUICK, Misbehave

from marketplace.protocol.errors import BadAnswer, ExpertError, ExpertUnreachable
from offchain.data import Dataset
from offchain.experts import expert
from offchain.packing import pack
from offchain.serving.client import RemoteExpert, RemoteModel
from offchain.serving.transport import Patience

SAID = {
    "kind": "nearest-neighbours", "summary": "Votes.", "inputs": "any", "keepsRows": True,
    "fixed": "0", "perRow": "0",
}  # fmt: skip
BRIEF = Patience(connect_seconds=1.0, answer_seconds=0.4, tries=1)


def reply(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {length or len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def saying(body: bytes, *headers: str, status: str = "200 OK"):
    return lambda connection, request: connection.sendall(reply(body, status, *headers))


def describing(**changes: object) -> bytes:
    return json.dumps(SAID | changes).encode()


def predicting(answers: bytes):
    """Describe properly, and answer a prediction with these bytes."""

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(reply(answers if b"/predict/" in request else describing()))

    return answer


def ask(url: str, rows: Dataset) -> np.ndarray:
    return RemoteModel(RemoteExpert(url, QUICK), b"model", 2).predict_proba(rows.features)


GOOD = np.full((60, 2), 0.5, np.float32)


def probabilities(array: np.ndarray, **more: np.ndarray) -> bytes:
    return pack({}, {"probabilities": array, **more})


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (probabilities(GOOD.astype(np.float64)), "bytes|no float32"),
        (probabilities(GOOD.astype(np.float16)), "no float32"),
        (probabilities((GOOD * 2).astype(np.int32)), "no float32"),
        (probabilities(np.full((60, 2), np.nan, np.float32)), "not probabilities"),
        (probabilities(np.full((60, 2), np.inf, np.float32)), "not probabilities"),
        (probabilities(GOOD * np.float32(1.1)), "not probabilities"),
        (probabilities(np.tile(np.array([1.5, -0.5], np.float32), (60, 1))), "not probabilities"),
        (probabilities(GOOD[:59]), r"60 rows with shape \(59, 2\)"),
        (probabilities(GOOD[:, :1]), r"with shape \(60, 1\)"),
        (probabilities(GOOD.reshape(60, 1, 2)), r"with shape \(60, 1, 2\)"),
        (probabilities(GOOD, more=GOOD[:1]), "no float32"),
        (pack({}, {"answers": GOOD}), "no float32"),
        (b"", "not a model"),
        (b"\x80\x04cos\nsystem\n", "not a model"),
        (b"\xff" * 64, "not a model"),
        (probabilities(np.full((600, 2), 0.5, np.float32)), "more than 4576 bytes"),
    ],
    ids=[
        "double", "half", "whole numbers", "NaN", "infinite", "sum", "negative", "a row short",
        "a class short", "another rank", "more arrays", "other name", "nothing", "pickle",
        "lying header", "more rows",
    ],
)  # fmt: skip
def test_answers_that_are_no_probabilities(
    misbehave: Misbehave, rows: Dataset, answers: bytes, reason: str
) -> None:
    with pytest.raises(BadAnswer, match=reason):
        ask(misbehave(predicting(answers)), rows)


def test_good_answers_pass(misbehave: Misbehave, rows: Dataset) -> None:
    np.testing.assert_array_equal(ask(misbehave(predicting(probabilities(GOOD))), rows), GOOD)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{", b"[" * 10_000, describing(extra=1), describing(fixed=0),
        describing(fixed="-1"), describing(fixed="9" * 200), describing(inputs="video"),
        describing(keepsRows="yes"), describing(kind="x" * 500), describing(kind="Not A Kind"),
        describing(kind="a\x1b[31mb"), describing(summary="\u202egnihtyna"),
        describing(summary="<script>alert(1)</script>"), describing(summary=""),
    ],
)  # fmt: skip
def test_descriptions_that_are_none(misbehave: Misbehave, body: bytes) -> None:
    with pytest.raises(BadAnswer) as caught:
        RemoteExpert(misbehave(saying(body)), QUICK).describe()
    assert str(caught.value).isprintable()


def test_a_model_that_is_none(misbehave: Misbehave, rows: Dataset) -> None:
    url = misbehave(
        lambda connection, request: connection.sendall(
            reply(b"\x80\x04model" if b"POST /fit" in request else describing())
        )
    )
    with pytest.raises(BadAnswer, match="not a model"):
        RemoteExpert(url, QUICK).fit(rows.features, rows.labels, np.ones(60, np.float32), 2, seed=0)


def drip(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.02)


def drip_headers(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.02)


def silence(connection: socket.socket, request: bytes) -> None:
    time.sleep(3)


@pytest.mark.parametrize("answer", [silence, drip, drip_headers])
def test_a_slow_server_is_given_up(misbehave: Misbehave, answer) -> None:
    with pytest.raises(ExpertUnreachable, match=r"longer than 0\.4 s"):
        RemoteExpert(misbehave(answer), BRIEF).describe()


def endless(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def test_an_endless_answer_is_cut(misbehave: Misbehave) -> None:
    with pytest.raises(BadAnswer, match="more than 16384 bytes"):
        RemoteExpert(misbehave(endless), QUICK).describe()


def test_a_gzip_bomb_stays_packed(misbehave: Misbehave) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    assert len(bomb) < 16_384
    for name in ("gzip", "br", "deflate", "gzip, identity"):
        with pytest.raises(BadAnswer, match="packed"):
            RemoteExpert(misbehave(saying(bomb, f"Content-Encoding: {name}")), QUICK).describe()
    with pytest.raises(BadAnswer, match="/describe is not"):  # it says nothing of being packed
        RemoteExpert(misbehave(saying(bomb)), QUICK).describe()


def test_a_redirect_is_not_followed(misbehave: Misbehave) -> None:
    visits = []

    def inside(connection: socket.socket, request: bytes) -> None:
        visits.append(request)
        connection.sendall(reply(describing()))

    target = misbehave(inside)
    url = misbehave(saying(b"", f"Location: {target}/describe", status="302 Found"))
    with pytest.raises(BadAnswer, match="sends elsewhere"):
        RemoteExpert(url, QUICK).describe()
    assert visits == []


def test_a_connection_that_closes_is_tried_again(misbehave: Misbehave) -> None:
    calls = count(1)

    def answer(connection: socket.socket, request: bytes) -> None:
        number = next(calls)
        if number == 2:
            connection.sendall(reply(describing()[:20], length=len(describing())))
        elif number == 3:
            connection.sendall(reply(b"", "503 Service Unavailable"))
        elif number > 3:
            connection.sendall(reply(describing()))

    url = misbehave(answer)
    steady = Patience(answer_seconds=5.0, tries=4, pause_seconds=0.01)
    assert RemoteExpert(url, steady).describe().kind == "nearest-neighbours"
    assert next(calls) == 5


def test_a_retried_fit_has_the_same_key(misbehave: Misbehave, rows: Dataset) -> None:
    heads: list[bytes] = []
    ones = np.ones(60, np.float32)
    model = expert("nearest-neighbours").fit(rows.features, rows.labels, ones, 2, 0).to_bytes()

    def answer(connection: socket.socket, request: bytes) -> None:
        if b"POST /fit" not in request:
            connection.sendall(reply(describing()))
            return
        heads.append(request.partition(b"\r\n\r\n")[0])
        if len(heads) == 2:
            connection.sendall(reply(model))

    fitted = RemoteExpert(misbehave(answer), QUICK).fit(rows.features, rows.labels, ones, 2, seed=0)
    assert fitted.to_bytes() == model
    assert heads[0] == heads[1]
    assert b"Idempotency-Key: " in heads[0]


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ExpertUnreachable, match="gives no answer"):
        RemoteExpert(f"http://127.0.0.1:{port}", QUICK).describe()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"cause": "no \\u001b[31mrows", "remedy": ""}', r"refuses .422.: no \\x1b\[31mrows"),
        (b"<html>", "without a reason"),
        (json.dumps({"cause": "x" * 5_000, "remedy": ""}).encode(), "x…"),
    ],
)
def test_a_refusal_is_passed_on_in_plain_words(
    misbehave: Misbehave, body: bytes, said: str
) -> None:
    url = misbehave(saying(body, status="422 Unprocessable Content"))
    with pytest.raises(ExpertError, match=said) as caught:
        RemoteExpert(url, QUICK).describe()
    assert len(str(caught.value)) < 400
