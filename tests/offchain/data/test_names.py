"""Names from strangers are what they look like, or are refused."""

from __future__ import annotations

import numpy as np
import pytest

from marketplace.protocol.errors import ConfigurationError, WrongShape
from offchain.data import Dataset, Task, decode, encode
from offchain.data.names import shown
from offchain.data.text import decode_texts, encode_texts

PLAIN = ["<50K", ">50K", "it's", "größer", "猫", "0", "a & b", "[red]", "x" * 100]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_kept(name: str) -> None:
    assert Task(name, (3,), (name, "other"), "accuracy").classes[0] == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("\x1b[31mred", "U.001B"),
        ("bell\x07", "U.0007"),
        ("a\nb", "U.000A"),
        ("zero\x00", "U.0000"),
        ("\u202egnp.exe", "U.202E"),
        ("\u2066left", "U.2066"),
        ("zero\u200bwidth", "U.200B"),
        ("\ufeffmark", "U.FEFF"),
        ("line\u2028", "U.2028"),
        ("\ud800", "U.D800"),
        ("\U000f0000", "U.F0000"),
        ("<script>alert(1)</script>", "start of a tag"),
        ("a</td>", "start of a tag"),
        ("<!--", "start of a tag"),
        ("x" * 101, "101 characters"),
        ("", "is empty"),
        (" \u3000", "is empty"),
    ],
)
def test_names_that_do_more_than_be_read_are_refused(name: str, reason: str) -> None:
    for build in (
        lambda: Task("t", (3,), (name, "other"), "accuracy"),
        lambda: Task(name, (3,), ("one", "other"), "accuracy"),
    ):
        with pytest.raises(ConfigurationError, match=reason) as caught:
            build()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "names", [("ﬁne", "fine"), ("é", "e\u0301"), ("a  b", "a b"), (" a", "a"), ("①", "1")]
)
def test_names_that_read_alike_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="read alike"):
        Task("t", (3,), names, "accuracy")
    assert Task("t", (3,), ("a", "A"), "accuracy").classes == ("a", "A")


def test_what_is_shown_is_printable_and_short() -> None:
    assert shown("plain words") == "plain words"
    assert shown("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"
    assert len(shown("\x07" * 10_000)) == 300
    assert len(shown("x" * 301)) == 300


def test_texts_travel_as_bytes() -> None:
    texts = ["Zoë", "", "a much longer text than fits"]
    rows = encode_texts(texts, 8)
    assert rows.dtype == np.float32
    assert decode_texts(rows) == ["Zoë", "", "a much l"]
    assert decode_texts(encode_texts(["xxxxxxxë"], 8)) == ["xxxxxxx"]
    assert encode_texts([], 8).shape == (0, 8)
    with pytest.raises(WrongShape, match="text 1"):
        encode_texts(["a", "b\0c"], 8)


@pytest.mark.parametrize("row", [[300, 0], [-1, 0], [0.5, 0], [0, 65]])
def test_rows_that_are_no_texts_are_refused(row: list[float]) -> None:
    task = Task("t", (2,), ("a", "b"), "accuracy", text=True)
    good = Dataset(encode_texts(["hi", "yo"], 2), np.array([0, 1]))
    assert len(decode(encode(good), task)) == 2
    bad = good.features.copy()
    bad[1] = row
    with pytest.raises(WrongShape, match="row 1 is not a text"):
        decode(encode(Dataset(bad, good.labels)), task)


def test_a_task_of_texts_survives_json() -> None:
    task = Task("t", (64,), ("a", "b"), "accuracy", text=True)
    assert Task.from_json(task.to_json()) == task
    assert "text" not in Task("t", (64,), ("a", "b"), "accuracy").to_json()
    with pytest.raises(ConfigurationError, match="texts of task"):
        Task("t", (8, 8), ("a", "b"), "accuracy", text=True)
