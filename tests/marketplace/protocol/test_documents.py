"""Documents: equal content has equal bytes, and a stranger's bytes are checked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.documents import (
    MAX_DOCUMENT_BYTES,
    Amount,
    DataManifest,
    DataNeed,
    Delivery,
    Document,
    Sealed,
    Specification,
)
from marketplace.protocol.errors import ProtocolError

SEALED = Sealed(ciphertext="cipher", envelope="wrap")
SPECIFICATION = Specification(
    task={"metric": "accuracy", "classes": 3},
    description="Größe ≥ 3",
    validation=SEALED,
    auditor_reads=True,
)
MANIFEST = DataManifest(
    trade="0x01",
    deliveries=(
        Delivery(provider="0xA", sealed=SEALED, accepted=True, reason=""),
        Delivery(provider="0xB", sealed=None, accepted=False, reason="never arrived"),
    ),
)


class Division(Document):
    """A document with an amount."""

    kind = "division"
    expert_pool: Amount
    task: str


EVIDENCE = Division(expert_pool=2**128 - 1, task="0x01")


@pytest.mark.parametrize("document", [SEALED, SPECIFICATION, MANIFEST, EVIDENCE])
def test_round_trip(document: Document) -> None:
    assert type(document).from_bytes(document.to_bytes()) == document


def test_the_rule_is_shapley_unless_another_is_named() -> None:
    data = SPECIFICATION.to_bytes()
    assert Specification.from_bytes(data.replace(b'"division":"shapley",', b"")) == SPECIFICATION
    named = Specification.from_bytes(data.replace(b"shapley", b"skill"))
    assert named.division == "skill"
    with pytest.raises(ProtocolError, match="division"):
        Specification.from_bytes(data.replace(b"shapley", b"lottery"))


def test_bytes_are_canonical() -> None:
    assert SPECIFICATION.to_bytes() == (
        b'{"auditorReads":true,"description":"Gr\\u00f6\\u00dfe \\u2265 3",'
        b'"division":"shapley","document":"specification","task":{"classes":3,"metric":"accuracy"},'
        b'"validation":{"ciphertext":"cipher","envelope":"wrap"}}'
    )


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), min_size=2))
def test_the_order_of_keys_does_not_show(task: dict[str, Any]) -> None:
    need = DataNeed(trade="0x01", task=task, min_rows=1)
    turned = DataNeed(trade="0x01", task=dict(reversed(task.items())), min_rows=1)
    assert need.to_bytes() == turned.to_bytes()
    assert DataNeed.from_bytes(need.to_bytes()).task == task


def test_amounts_are_decimal_strings() -> None:
    content = json.loads(EVIDENCE.to_bytes())
    assert content["expertPool"] == str(2**128 - 1)
    assert Division.from_bytes(EVIDENCE.to_bytes()).expert_pool == 2**128 - 1


@given(st.integers(0, 2**256))
def test_no_amount_is_rounded(amount: int) -> None:
    division = Division(expert_pool=amount, task="0x01")
    assert Division.from_bytes(division.to_bytes()).expert_pool == amount


def altered(document: Document, **changes: Any) -> bytes:
    return json.dumps(json.loads(document.to_bytes()) | changes).encode()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "Expecting value"),
        (b"\xff", "decode"),
        (b"[" * 100_000, "nested"),
        (b"null", "another kind"),
        (b"[1, 2]", "another kind"),
        (b'{"document": "sealed"}', "ciphertext"),
        (SPECIFICATION.to_bytes(), "another kind"),
        (altered(SEALED, surprise=1), "surprise"),
        (altered(SEALED, envelope=7), "envelope"),
        (altered(SEALED, envelope=None), "envelope"),
        (b" " * (MAX_DOCUMENT_BYTES + 1), "too large"),
    ],
)
def test_bytes_that_are_no_such_document_are_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match="not a sealed") as refusal:
        Sealed.from_bytes(data)
    assert complaint in refusal.value.cause
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("amount", ["-1", "1.0", "1e3", "", " 1", "\uff10", "0x1", None, 1.5])
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(ProtocolError, match="division: expertPool"):
        Division.from_bytes(altered(EVIDENCE, expertPool=amount))


def test_a_negative_number_is_no_amount() -> None:
    with pytest.raises(ProtocolError, match="division: expertPool"):
        Division.from_bytes(altered(EVIDENCE, expertPool=-1))


def test_a_document_is_utf_8() -> None:
    with pytest.raises(ProtocolError, match="not a sealed"):
        Sealed.from_bytes(SEALED.to_bytes().decode().encode("utf-16"))


def test_no_document_ends_the_process() -> None:
    # An EVM in the process raises the recursion limit beyond what the stack bears.
    attack = """
import codecs, eth
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import ProtocolError
text = '["\u2200",' + "[" * 100_000
try:
    Sealed.from_bytes(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))
except ProtocolError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", attack], capture_output=True, check=False)
    assert done.stdout == b"refused\n"


def test_a_document_larger_than_a_block_is_not_written() -> None:
    with pytest.raises(ProtocolError, match="specification has"):
        SPECIFICATION.model_copy(update={"description": "x" * MAX_DOCUMENT_BYTES}).to_bytes()


def test_kinds_are_unique() -> None:
    kinds = [document.kind for document in Document.__subclasses__()]
    assert len(set(kinds)) == len(kinds)
