"""JSON from strangers: what is ordinary parses, what could end the process is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.documents import Attestation
from marketplace.protocol.errors import ProtocolError, UnreadableDataset
from marketplace.protocol.foreign_json import MAX_DEPTH, NestedTooDeep, parse_json
from offchain.validation import decode_openings

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_parses_what_json_writes(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


def test_brackets_inside_strings_do_not_count() -> None:
    text = "[" * 1_000 + '\\"' + "{" * 1_000
    assert parse_json(json.dumps([text]).encode()) == [text]


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_refuses_deep_nesting(opening: bytes) -> None:
    with pytest.raises(NestedTooDeep):
        parse_json(opening * (MAX_DEPTH + 1))


def test_deep_nesting_does_not_end_a_process_that_runs_an_evm() -> None:
    import eth  # noqa: F401  # raises the recursion limit, which is the danger

    bomb = b"[" * 200_000
    with pytest.raises(ProtocolError):
        Attestation.from_bytes(bomb)
    with pytest.raises(UnreadableDataset):
        decode_openings(bomb)
