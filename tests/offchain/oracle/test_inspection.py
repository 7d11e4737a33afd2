"""What the oracle says about a delivery, good or bad, and when it says nothing."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from small_trade import StageAt

from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import StoreUnreachable, TradeRefused
from marketplace.protocol.ids import dataset_commitment
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataQuote
from marketplace.scripted.trade import TradeRun
from offchain.data import Dataset, encode
from offchain.exchange import Exchange
from offchain.oracle.case import Case, accepted_quotes
from offchain.oracle.inspection import inspect
from offchain.storage.ipfs import IpfsStore

SALT = bytes(range(32))


def opened(run: TradeRun) -> tuple[Case, DataQuote, Dataset]:
    """The case, the first accepted quote, and the dataset that it is for."""
    quote = accepted_quotes(run.world.market, run.trade_id)[0]
    provider = next(p for p in run.world.providers if p.account.address == quote.provider)
    return run.world.signers[0].book.case(run.trade_id), quote, provider.dataset


def finding(
    run: TradeRun,
    change: Callable[[Dataset], Dataset] = lambda dataset: dataset,
    *,
    quoted: Callable[[DataQuote], DataQuote] = lambda quote: quote,
    payload: bytes | None = None,
) -> str:
    """The reason for leaving a delivery out that is quoted and delivered as given; "" if none."""
    case, quote, dataset = opened(run)
    plaintext = encode(change(dataset)) if payload is None else payload
    quote = quoted(
        replace(
            quote,
            dataset=dataset_commitment(plaintext, SALT),
            rows=len(change(dataset)) if payload is None else quote.rows,
        )
    )
    seat = run.world.signers[0]
    sealed = seat.exchange.seal(
        SALT + plaintext, run.trade_id, f"data/{quote.provider}", case.members
    )
    (delivery,) = inspect(case, seat.exchange, [quote], [sealed]).manifest.deliveries
    assert delivery.accepted == (not delivery.reason)
    return delivery.reason


@pytest.fixture
def run(stage: StageAt) -> TradeRun:
    return stage(State.FUNDED)


def with_feature(value: float) -> Callable[[Dataset], Dataset]:
    def change(dataset: Dataset) -> Dataset:
        features = dataset.features.copy()
        features[7, 3] = value
        return Dataset(features, dataset.labels)

    return change


def with_label(value: int) -> Callable[[Dataset], Dataset]:
    def change(dataset: Dataset) -> Dataset:
        labels = dataset.labels.copy()
        labels[4] = value
        return Dataset(dataset.features, labels)

    return change


def shuffled(dataset: Dataset) -> Dataset:
    return Dataset(dataset.features, np.random.default_rng(1).permutation(dataset.labels))


def test_accepts_what_was_quoted(run: TradeRun) -> None:
    assert finding(run) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_feature(np.nan), "row 7, column 3 is nan"),
        (with_feature(np.inf), "row 7, column 3 is inf"),
        (with_label(2), "row 4 has label 2, outside 0 to 1"),
        (with_label(-1), "row 4 has label -1, outside 0 to 1"),
        (lambda d: Dataset(d.features[:, :29], d.labels), r"features have shape \(100, 29\)"),
        (lambda d: Dataset(d.features.reshape(100, 5, 6), d.labels), r"shape \(100, 5, 6\)"),
        (lambda d: d.take(np.arange(0)), "0 rows"),
        (lambda d: d.take(np.arange(3)), "do not follow"),
        (lambda d: Dataset(d.features, np.zeros_like(d.labels)), "do not follow"),
        (shuffled, "do not follow from its features"),
        (lambda d: Dataset(np.zeros_like(d.features), d.labels), "do not follow"),
        (lambda d: Dataset(d.features * np.float32(1e30), d.labels), "a feature is as large as 2"),
    ],
    ids=[
        "NaN", "infinite", "label above", "label below", "a column less", "another shape",
        "no rows", "few rows", "one class", "shuffled labels", "constant features", "huge numbers",
    ],
)  # fmt: skip
def test_leaves_out_rows_that_do_not_fit(
    run: TradeRun, change: Callable[[Dataset], Dataset], reason: str
) -> None:
    assert re.search(reason, finding(run, change))


def test_leaves_out_what_is_not_as_quoted(run: TradeRun) -> None:
    assert "rows were delivered" in finding(run, quoted=lambda q: replace(q, rows=99))
    other = replace(opened(run)[1], dataset=bytes(32))
    assert "not those that the quote" in finding(run, quoted=lambda q: replace(other, rows=q.rows))


def crafted(dtype: str, size: int, name: str = "features", rows: int = 100) -> bytes:
    """A safetensors file whose header says what it likes."""
    header = json.dumps(
        {
            name: {"dtype": dtype, "shape": [rows, 30], "data_offsets": [0, size]},
            "labels": {"dtype": "I64", "shape": [rows], "data_offsets": [size, size + 8 * rows]},
        }
    ).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size + 8 * rows)


def zipped(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, features=array)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"\x00" * 7, b"features,labels\n1,0\n", b"\xff" * 400,
        gzip.compress(bytes(10_000_000)), zipped(np.zeros((1_000, 1_000))),
        b"\x80\x04cposix\nsystem\n(S'true'\ntR.", crafted("BF16", 6_000), crafted("Q9", 6_000),
        crafted("F32", 12_000)[:-1], crafted("F32", 12_000) + b"more",
    ],
    ids=[
        "nothing", "zeros", "CSV", "ones", "gzip bomb", "zip", "pickle", "BF16", "unknown dtype",
        "a byte short", "a byte too many",
    ],
)  # fmt: skip
def test_leaves_out_what_can_not_be_read(run: TradeRun, payload: bytes) -> None:
    assert "not a safetensors file" in finding(run, payload=payload)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (crafted("F16", 6_000), "features are float16, not float32"),
        (crafted("C64", 24_000), "features are complex64"),
        (crafted("F32", 12_000_000, rows=100_000), "do not follow|rows were delivered"),
        (crafted("F32", 12_000, name="x" * 300_000), "holds the arrays"),
        (crafted("F32", 12_000, name="a\x1b[2Jb"), "holds the arrays"),
    ],
    ids=["half", "complex", "more rows", "huge name", "name with escapes"],
)
def test_the_reason_is_short_and_plain(run: TradeRun, payload: bytes, reason: str) -> None:
    found = finding(run, payload=payload)
    assert re.search(reason, found)
    assert len(found) <= 300
    assert found.isprintable()


def test_leaves_out_labels_turned_round(run: TradeRun) -> None:
    assert "contradict the buyer's" in finding(run, lambda d: Dataset(d.features, 1 - d.labels))


def test_leaves_out_all_but_one_of_the_same_rows(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    case, _, dataset = opened(run)
    seat, quotes = run.world.signers[0], accepted_quotes(run.world.market, run.trade_id)
    sealed, offered = [], []
    for quote, rows in zip(quotes, (dataset.take(np.arange(60)), dataset, dataset), strict=True):
        plaintext = encode(rows)
        offered.append(
            replace(quote, dataset=dataset_commitment(plaintext, SALT), rows=len(rows), price=100)
        )
        purpose = f"data/{quote.provider}"
        sealed.append(seat.exchange.seal(SALT + plaintext, run.trade_id, purpose, case.members))
    found = inspect(case, seat.exchange, offered, sealed)
    assert found.accepted == 0b010
    part, whole, twin = found.manifest.deliveries
    kept = whole.provider.lower()
    assert part.reason == f"of 60 rows 60 are equal to rows of {kept}, 0 nearly"
    assert twin.reason == f"of 100 rows 100 are equal to rows of {kept}, 0 nearly"
    assert whole.reason == ""


def test_leaves_out_what_is_missing_or_sealed_otherwise(run: TradeRun) -> None:
    case, quote, dataset = opened(run)
    seat, provider = run.world.signers[0], run.world.providers[0]
    payload = SALT + encode(dataset)
    good = f"data/{quote.provider}"
    nowhere = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"  # no such block
    bad: dict[str, Sealed | None] = {
        "nothing was delivered": None,
        "not in the store": Sealed(ciphertext=nowhere, envelope=nowhere),
        "not a base32 CIDv1": Sealed(ciphertext="../../etc/passwd", envelope="x"),
        "none of the 1 recipients": provider.exchange.seal(
            payload, run.trade_id, good, [provider.account.address]
        ),
        "another context": provider.exchange.seal(payload, bytes(32), good, case.members),
        "for another context": provider.exchange.seal(
            payload, run.trade_id, "data/other", case.members
        ),
    }
    for reason, sealed in bad.items():
        (delivery,) = inspect(case, seat.exchange, [quote], [sealed]).manifest.deliveries
        assert not delivery.accepted
        assert reason in delivery.reason


def test_the_bitmap_is_in_the_order_of_the_quotes(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    quotes = accepted_quotes(run.world.market, run.trade_id)
    by_address = {p.account.address: p for p in run.world.providers}
    deliveries: list[Sealed | None] = [
        None,
        None,
        by_address[quotes[2].provider].deliver(run.trade_id),
    ]
    found = run.world.signers[0].book.inspection(run.trade_id, deliveries)
    assert found.accepted == 0b100
    assert list(found.datasets) == [quotes[2].provider.lower()]


def test_one_delivery_is_due_for_each_quote(run: TradeRun) -> None:
    with pytest.raises(TradeRefused, match="1 deliveries for 3 data quotes"):
        run.world.signers[0].book.inspection(run.trade_id, [None])


def test_a_store_out_of_reach_is_nobodys_fault(run: TradeRun) -> None:
    case, quote, _ = opened(run)
    seat = run.world.signers[0]
    cut_off = Exchange(IpfsStore("http://127.0.0.1:9"), seat.account, lambda account: bytes(32))
    sealed = run.world.providers[0].deliver(run.trade_id)
    with pytest.raises(StoreUnreachable):
        inspect(case, cut_off, [quote], [sealed])
