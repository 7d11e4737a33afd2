"""Evidence from a store, held against the digest or CID that names it.

What can't be had is an `Unavailable`, with the verdict that it leads to: a check that needs
the evidence can then say nothing, and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from marketplace.audit.report import Finding, Verdict, listed
from marketplace.protocol.documents import MAX_DOCUMENT_BYTES, Document
from marketplace.protocol.errors import (
    DataError,
    MissingContent,
    ProtocolError,
    StorageError,
    StoreUnreachable,
)
from offchain.storage.cid import cid_of, cid_of_digest
from offchain.storage.store import Store

D = TypeVar("D", bound=Document)
T = TypeVar("T")

MAX_FILE_BYTES = 512 * 1024 * 1024


class Unavailable(Exception):
    """Evidence is missing, sealed, or not what its name says.

    Attributes
    ----------
    verdict
        ``missing``, ``sealed`` or ``failed``.
    why
        One clause.
    """

    def __init__(self, verdict: Verdict, why: str) -> None:
        super().__init__(why)
        self.verdict = verdict
        self.why = why

    @property
    def finding(self) -> Finding:
        """What a check finds that needs this evidence; `documents` names what failed."""
        if self.verdict == "sealed":
            return Finding("sealed", listed([self.why]))
        return Finding("missing", listed([f"nothing could be recomputed: {self.why}"]))


class Archive:
    """Reads each piece of evidence once.

    Parameters
    ----------
    store
        Where it lies. The store is not trusted: its bytes are hashed here again.

    Attributes
    ----------
    asked
        By CID what was asked for: the bytes of what may be a document, nothing of what is none
        or can't be had.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: dict[str, bytes] = {}
        self._read: dict[tuple[str, object], Any] = {}

    def document(self, kind: type[D], digest: bytes) -> D:
        """Return the document that a digest on chain names.

        Raises
        ------
        Unavailable
            If it is not there, or is no such document.
        """
        if not any(digest):
            raise Unavailable("missing", "the log names none")
        return self._once((cid_of_digest(digest), kind), lambda: self._document(kind, digest))

    def file(self, cid: str, read: Callable[[bytes], T], limit: int = MAX_FILE_BYTES) -> T:
        """Return a file that a document names, as `read` reads its bytes: at most `limit`.

        Raises
        ------
        Unavailable
            If it is not there or larger, or `read` raises a `DataError`.
        """
        return self._once((cid, read), lambda: _readable(read, self._bytes(cid, limit)))

    def _document(self, kind: type[D], digest: bytes) -> D:
        data = self._bytes(cid_of_digest(digest), MAX_DOCUMENT_BYTES)
        if hashlib.sha256(data).digest() != digest:
            raise Unavailable("failed", f"its bytes don't hash to 0x{digest.hex()}")
        return _readable(kind.from_bytes, data)

    def _bytes(self, cid: str, limit: int) -> bytes:
        self.asked.setdefault(cid, b"")
        try:
            data = self._store.get(cid, limit=limit)
        except StoreUnreachable:
            raise
        except MissingContent as error:
            raise Unavailable("missing", error.cause) from error
        except StorageError as error:
            raise Unavailable("failed", error.cause) from error
        if cid_of(data) != cid:
            raise Unavailable("failed", f"its bytes don't hash to {cid}")
        if data.startswith(b"{") and len(data) <= MAX_DOCUMENT_BYTES:
            self.asked[cid] = data
        return data

    def _once(self, key: tuple[str, object], read: Callable[[], T]) -> T:
        if key not in self._read:
            try:
                self._read[key] = read()
            except Unavailable as gap:
                self._read[key] = gap
        found = self._read[key]
        if isinstance(found, Unavailable):
            raise Unavailable(found.verdict, found.why)
        value: T = found
        return value


def _readable(read: Callable[[bytes], T], data: bytes) -> T:
    try:
        return read(data)
    except (DataError, ProtocolError) as error:
        raise Unavailable("failed", error.cause) from error
