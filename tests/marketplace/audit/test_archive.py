"""What the audit reads from a store that it doesn't trust, and what it says of a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.audit.archive import MAX_FILE_BYTES, Archive, Unavailable
from marketplace.protocol.documents import MAX_DOCUMENT_BYTES, Attestation, Sealed
from marketplace.protocol.errors import (
    CorruptContent,
    MarketError,
    MissingContent,
    StorageError,
    StoreUnreachable,
    UnusableData,
)
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.disk import DiskStore

SEALED = Sealed(ciphertext=cid_of(b"a ciphertext"), envelope=cid_of(b"an envelope"))


class Told(DiskStore):
    """A store that hands over what a test says, or fails as it says, and counts its answers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.says: dict[str, bytes | Exception] = {}
        self.asked: list[tuple[str, int]] = []

    def get(self, cid: str, *, limit: int = 0) -> bytes:
        self.asked.append((cid, limit))
        said = self.says.get(cid)
        if isinstance(said, Exception):
            raise said
        return super().get(cid, limit=limit) if said is None else said


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "store")


def gap(archive: Archive, digest: bytes) -> tuple[str, str]:
    """Say why a sealed payload's document can't be had."""
    with pytest.raises(Unavailable) as raised:
        archive.document(Sealed, digest)
    return raised.value.verdict, raised.value.why


def test_a_document_is_read_once(told: Told) -> None:
    digest, archive = digest_of(told.put(SEALED.to_bytes())), Archive(told)
    assert [archive.document(Sealed, digest) for _ in range(2)] == [SEALED, SEALED]
    assert told.asked == [(cid_of(SEALED.to_bytes()), MAX_DOCUMENT_BYTES)]


def test_a_gap_is_found_once_and_said_each_time(told: Told) -> None:
    digest, archive = digest_of(SEALED.ciphertext), Archive(told)
    first = gap(archive, digest)
    told.put(b"a ciphertext")
    assert gap(archive, digest) == first
    assert len(told.asked) == 1
    assert gap(Archive(told), digest)[0] == "failed"  # it is there now, and is no document


def test_a_digest_of_nothing_names_nothing(told: Told) -> None:
    assert gap(Archive(told), bytes(32)) == ("missing", "the log names none")
    assert told.asked == []


def test_another_kind_of_document(told: Told) -> None:
    other = Attestation(trade="0x12", approved=True, finding="it is as it should be")
    digest = digest_of(told.put(other.to_bytes()))
    verdict, why = gap(Archive(told), digest)
    assert (verdict, why[:29]) == ("failed", "these bytes are not a sealed:")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [(MissingContent, "missing"), (CorruptContent, "failed"), (StorageError, "failed")],
)
def test_what_a_store_refuses(told: Told, error: type[MarketError], verdict: str) -> None:
    told.says[cid_of(b"it")] = error("said so", "ask again")
    assert gap(Archive(told), digest_of(cid_of(b"it"))) == (verdict, "said so")


def test_a_store_that_does_not_answer_says_nothing_of_what_it_holds(told: Told) -> None:
    cid = told.put(SEALED.to_bytes())
    told.says[cid] = StoreUnreachable("no answer", "ask again")
    archive = Archive(told)
    with pytest.raises(StoreUnreachable):
        archive.document(Sealed, digest_of(cid))
    del told.says[cid]
    assert archive.document(Sealed, digest_of(cid)) == SEALED


def test_other_bytes_than_those_that_were_named(told: Told) -> None:
    cid = cid_of(b"it")
    told.says[cid] = SEALED.to_bytes()
    assert gap(Archive(told), digest_of(cid)) == ("failed", f"its bytes don't hash to {cid}")


def test_a_file_is_read_as_its_reader_says(told: Told) -> None:
    cid, archive = told.put(b"words"), Archive(told)
    assert archive.file(cid, len) == 5
    assert archive.file(cid, bytes.upper) == b"WORDS"
    assert archive.file(cid, len) == 5
    assert told.asked == [(cid, MAX_FILE_BYTES)] * 2


def test_of_what_was_asked_for_the_bytes_of_what_may_be_a_document_are_kept(told: Told) -> None:
    opening = b"{" + b" " * (MAX_DOCUMENT_BYTES - 1)
    contents = (b"{}", opening, opening + b" ", b"words", b" {}")
    archive, cids = Archive(told), [told.put(content) for content in contents]
    for cid in cids:
        archive.file(cid, len)
    with pytest.raises(Unavailable):
        archive.file(gone := cid_of(b"it"), len)
    kept = [b"{}", opening, b"", b"", b"", b""]
    assert archive.asked == dict(zip([*cids, gone], kept, strict=True))


def test_a_file_that_its_reader_refuses(told: Told) -> None:
    def refuse(data: bytes) -> None:
        raise UnusableData(f"{data!r} is nothing", "give something")

    with pytest.raises(Unavailable, match="b'words' is nothing") as raised:
        Archive(told).file(told.put(b"words"), refuse)
    assert raised.value.verdict == "failed"


def test_what_a_check_says_that_needs_what_is_missing() -> None:
    sealed, missing, failed = (
        Unavailable(verdict, "so it is").finding for verdict in ("sealed", "missing", "failed")
    )
    assert (sealed.verdict, sealed.detail) == ("sealed", "so it is")
    assert missing == failed
    assert missing.verdict == "missing"
    assert missing.detail == "nothing could be recomputed: so it is"
