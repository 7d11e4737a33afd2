"""An expert behind HTTP does what the same expert does here."""

from __future__ import annotations

import http.client
import threading
from urllib.parse import urlsplit

import numpy as np
import pytest
from services import QUICK, Serve

from marketplace.protocol.errors import ConfigurationError, ExpertError, ExpertUnreachable
from offchain.data import Dataset
from offchain.experts import AtPrice, Price, expert
from offchain.packing import pack
from offchain.serving.client import RemoteExpert
from offchain.serving.messages import Job, name_of
from offchain.serving.transport import Address

KIND = "nearest-neighbours"


class Held(AtPrice):
    """An expert that waits before it fits, so that a test sees it at work."""

    def __init__(self) -> None:
        super().__init__(expert(KIND), Price())
        self.go = threading.Event()
        self.fit = self._held

    def _held(self, *arguments, **options):
        self.go.wait(20)
        return self.inner.fit(*arguments, **options)


def ones(rows: Dataset) -> np.ndarray:
    return np.ones(len(rows), np.float32)


def post(url: str, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    connection.request("POST", path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    content = answer.status, answer.read()
    connection.close()
    return content


def test_it_describes_itself_and_quotes(serve: Serve) -> None:
    remote, _ = serve(AtPrice(expert(KIND), Price(7, 10**20)))
    assert remote.describe() == AtPrice(expert(KIND), Price(7, 10**20)).describe()
    assert remote.quote(30, effort=2) == 7 + 60 * 10**20
    assert remote.health().kind == KIND
    assert remote.health().waiting == 0


def test_it_fits_and_answers_as_the_same_expert_here(serve: Serve, rows: Dataset) -> None:
    remote, _ = serve()
    there = remote.fit(rows.features, rows.labels, ones(rows), 2, seed=3)
    here = expert(KIND).fit(rows.features, rows.labels, ones(rows), 2, seed=3)
    assert there.to_bytes() == here.to_bytes()
    assert there.kind == KIND
    expected = here.predict_proba(rows.features)
    np.testing.assert_array_equal(there.predict_proba(rows.features), expected)
    loaded = remote.load(there.to_bytes())
    np.testing.assert_array_equal(loaded.predict_proba(rows.features), expected)
    assert there.predict_proba(rows.features[:0]).shape == (0, 2)


def test_a_fit_that_is_asked_for_twice_is_done_once(serve: Serve, rows: Dataset) -> None:
    remote, workshop = serve()
    first, second = (
        remote.fit(rows.features, rows.labels, ones(rows), 2, seed=3) for _ in range(2)
    )
    assert first.to_bytes() == second.to_bytes()
    assert workshop.fits == 1
    remote.fit(rows.features, rows.labels, ones(rows), 2, seed=4)
    assert workshop.fits == 2


def test_a_client_that_gave_up_finds_its_fit_done(serve: Serve, rows: Dataset) -> None:
    held = Held()
    remote, workshop = serve(held)
    impatient = RemoteExpert(
        remote.url, type(QUICK)(answer_seconds=0.3, tries=1, pause_seconds=0.0)
    )
    with pytest.raises(ExpertUnreachable, match=r"longer than 0\.3 s"):
        impatient.fit(rows.features, rows.labels, ones(rows), 2, seed=3)
    held.go.set()
    assert remote.fit(rows.features, rows.labels, ones(rows), 2, seed=3).kind == KIND
    assert workshop.fits == 1


def test_too_many_jobs_are_put_off(serve: Serve, rows: Dataset) -> None:
    held = Held()
    remote, workshop = serve(held, waiting=1)
    job = Job(feature_shape=(3,), classes=2, seed=1, effort=1)
    arrays = {"features": rows.features, "labels": rows.labels, "weights": ones(rows)}
    running = workshop.fit(pack(job.model_dump(mode="json", by_alias=True), arrays))
    with pytest.raises(ExpertUnreachable, match="answers 503"):
        remote.fit(rows.features, rows.labels, ones(rows), 2, seed=2)
    held.go.set()
    assert running.result(10)
    assert remote.fit(rows.features, rows.labels, ones(rows), 2, seed=2).kind == KIND


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": np.full(60, 2)}, "has label 2, outside 0 to 1"),
        ({"features": np.full((60, 3), np.nan, np.float32)}, "is nan"),
        ({"features": np.zeros((60, 3))}, "features are float64"),
        ({"weights": np.zeros(60, np.float32)}, "weights are not one"),
    ],
)
def test_rows_that_are_none_are_refused(serve: Serve, rows: Dataset, change, reason) -> None:
    remote, workshop = serve()
    asked = {"features": rows.features, "labels": rows.labels, "weights": ones(rows)} | change
    with pytest.raises(ExpertError, match=f"refuses .422.: .*{reason}"):
        remote.fit(**asked, classes=2, seed=0)
    assert workshop.fits == 0


def test_odd_requests_are_refused(serve: Serve, rows: Dataset) -> None:
    remote, workshop = serve(max_request=4_000)
    fit = {"Idempotency_Key": name_of(b"rows")}
    good = pack({}, {"features": rows.features})
    for path, body, headers, status in (
        ("/fit", b"rows", {}, 400),
        ("/fit", b"other rows", fit, 400),
        ("/fit", b"rows", fit, 422),
        ("/fit", b"x" * 5_000, {"Idempotency_Key": name_of(b"x" * 5_000)}, 413),
        ("/fit", b"rows", {**fit, "Content_Encoding": "gzip"}, 415),
        ("/fit", good, {"Idempotency_Key": name_of(good)}, 422),
        ("/quote", b'{"rows": "60", "effort": 1}', {}, 422),
        ("/quote", b'{"rows": 0, "effort": 1}', {}, 422),
        ("/quote", b"[" * 20_000, {}, 413),
        ("/quote", b"[" * 3_000, {}, 422),
        ("/predict/none", good, {}, 422),
        ("/health", b"", {"Host": "evil.example"}, 400),
        ("/elsewhere", b"", {}, 404),
    ):
        assert post(remote.url, path, body, **headers)[0] == status, (path, body[:20])
    assert workshop.fits == 0
    assert remote.health().waiting == 0


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://host/", "127.0.0.1:80", "http://", "http://a:b@host",
        "http://host/?q", "http://host/#f", "http://host:99999", "http://ho st", "http://h\nX: y",
    ],
)  # fmt: skip
def test_an_address_is_http_and_nothing_else(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        Address.of(url)
    with pytest.raises(ConfigurationError):
        RemoteExpert(url, QUICK).health()
