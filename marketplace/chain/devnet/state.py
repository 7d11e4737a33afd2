"""The whole chain as one value, and as one file.

A state file is a line that names the format, a line of JSON, the entries of the
key-value store, and a SHA-256 over all of that. It is written beside its final
place and then moved there, so a reader sees the old chain or the new one.

The private keys of the accounts are not in it: they derive from the mnemonic.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.protocol.errors import ConfigurationError

_FORMAT_NAME = b"moemarket-devnet/"
_FORMAT = _FORMAT_NAME + b"1\n"
_LENGTHS = struct.Struct(">II")
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class ChainSnapshot:
    """A chain at one block, with its clock.

    Attributes
    ----------
    entries
        Key-value store of py-evm: headers, bodies, receipts, and every trie node.
    head
        Hash of the newest block, 32 bytes.
    clock_offset
        Seconds that chain time is ahead of the wall clock.
    pinned_timestamp
        Timestamp that the next block must carry, or None.
    """

    entries: Mapping[bytes, bytes]
    head: bytes
    clock_offset: int
    pinned_timestamp: int | None


def write_state(path: Path, snapshot: ChainSnapshot) -> None:
    """Write a chain to a file, wholly or not at all.

    Raises
    ------
    ConfigurationError
        If the file can't be written.
    """
    try:
        _replace_file(path, _encode(snapshot))
    except OSError as error:
        raise ConfigurationError(
            f"state file {path} can't be written: {error.strerror}",
            "name a file in a directory that exists and is writable, on a disk with room",
        ) from error


def read_state(path: Path) -> ChainSnapshot:
    """Read a chain from a file that `write_state` wrote.

    Raises
    ------
    ConfigurationError
        If the file can't be read, or is not an intact state file of this format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"state file {path} can't be read: {error.strerror}",
            "give the path of a file that a devnet saved",
        ) from error
    return _decode(path, content)


def _replace_file(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _encode(snapshot: ChainSnapshot) -> bytes:
    about = {
        "chainId": CHAIN_ID,
        "head": snapshot.head.hex(),
        "clockOffset": snapshot.clock_offset,
        "pinnedTimestamp": snapshot.pinned_timestamp,
    }
    parts = [_FORMAT, json.dumps(about).encode(), b"\n"]
    for key, value in snapshot.entries.items():
        parts += (_LENGTHS.pack(len(key), len(value)), key, value)
    content = b"".join(parts)
    return content + hashlib.sha256(content).digest()


def _decode(path: Path, content: bytes) -> ChainSnapshot:
    if not content.startswith(_FORMAT):
        raise _foreign_file(path, content)
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        raise ConfigurationError(
            f"state file {path} is damaged: its checksum doesn't match",
            "get an undamaged copy; for a chain of your own, remove the file to start anew",
        )
    end_of_line = body.index(b"\n", len(_FORMAT))
    about = json.loads(body[len(_FORMAT) : end_of_line])
    if about["chainId"] != CHAIN_ID:
        raise ConfigurationError(
            f"state file {path} holds chain {about['chainId']}, not {CHAIN_ID}",
            "give a file that this devnet saved",
        )
    return ChainSnapshot(
        entries=dict(_entries(body, end_of_line + 1)),
        head=bytes.fromhex(about["head"]),
        clock_offset=about["clockOffset"],
        pinned_timestamp=about["pinnedTimestamp"],
    )


def _entries(body: bytes, position: int) -> Iterator[tuple[bytes, bytes]]:
    while position < len(body):
        key_length, value_length = _LENGTHS.unpack_from(body, position)
        key_end = position + _LENGTHS.size + key_length
        position = key_end + value_length
        yield body[key_end - key_length : key_end], body[key_end:position]


def _foreign_file(path: Path, content: bytes) -> ConfigurationError:
    if content.startswith(_FORMAT_NAME):
        version = content[len(_FORMAT_NAME) :].split(b"\n", 1)[0][:20].decode("ascii", "replace")
        return ConfigurationError(
            f"state file {path} has format {version}, and this program reads format 1",
            "open it with the version of moemarket that wrote it",
        )
    return ConfigurationError(
        f"{path} is not a state file of a devnet",
        "give the path of a file that a devnet saved, or of one that doesn't exist yet",
    )
