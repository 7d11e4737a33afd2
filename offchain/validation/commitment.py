"""A buyer's commitment to a validation set that opens row by row, labels apart from features.

Each row becomes one leaf, ``keccak256(keccak256(index | label | salt | digest))`` with four
32-byte words. ``digest`` is the keccak256 of a second salt and the row's features, so the
labels can be opened to everybody (index, label, salt, digest) while the features stay
sealed. Leaves are hashed twice and pairs are sorted, as OpenZeppelin's StandardMerkleTree
with types ``uint256, uint256, bytes32, bytes32`` does, so a contract can check a row with
``MerkleProof.verify``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from marketplace.protocol.errors import UnreadableDataset
from marketplace.protocol.foreign_json import parse_json
from offchain.data.dataset import Dataset

SECRET_BYTES = 32
MAX_OPENINGS_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Opening:
    """What opens one row's label: everything its leaf is made of."""

    index: int
    label: int
    salt: bytes
    digest: bytes

    @property
    def leaf(self) -> bytes:
        """The row's leaf in the tree, 32 bytes."""
        words = self.index.to_bytes(32, "big") + self.label.to_bytes(32, "big")
        return keccak(keccak(words + self.salt + self.digest))


@dataclass(frozen=True)
class Commitment:
    """Root to publish at the request, openings to keep until the trade has ended."""

    root: bytes
    openings: tuple[Opening, ...]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """Return the sibling hashes that lead from one row's leaf to the root."""
        tree, place = self._nodes
        position, path = place[index], []
        while position:
            path.append(tree[position + 1 if position % 2 else position - 1])
            position = (position - 1) // 2
        return tuple(path)

    @cached_property
    def _nodes(self) -> tuple[list[bytes], list[int]]:
        return _tree([opening.leaf for opening in self.openings])


def commit(dataset: Dataset, secret: bytes) -> Commitment:
    """Commit to every row of a dataset, in its order.

    Parameters
    ----------
    dataset
        At least one row.
    secret
        32 random bytes that only the buyer has until the oracles get the rows. All salts
        come from it, so the same rows and secret give the same root: an oracle that
        received both checks ``commit(dataset, secret).root``.

    Raises
    ------
    ValueError
        If the secret is not 32 bytes or there are no rows.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"the secret has {len(secret)} bytes, not {SECRET_BYTES}")
    features = np.ascontiguousarray(dataset.features, dtype="<f4")
    openings = tuple(
        Opening(
            index,
            int(label),
            keccak(b"label salt" + secret + index.to_bytes(32, "big")),
            keccak(
                keccak(b"feature salt" + secret + index.to_bytes(32, "big"))
                + features[index].tobytes()
            ),
        )
        for index, label in enumerate(dataset.labels)
    )
    return Commitment(root_of(openings), openings)


def root_of(openings: Sequence[Opening]) -> bytes:
    """Return the root over rows 0 to n - 1.

    Raises
    ------
    ValueError
        If there are no rows, or they are not numbered 0, 1, 2 and so on.
    """
    if not openings or any(opening.index != at for at, opening in enumerate(openings)):
        raise ValueError("openings must be all rows, numbered from 0 in order")
    return _tree([opening.leaf for opening in openings])[0][0]


def opened_labels(root: bytes, openings: Sequence[Opening]) -> NDArray[np.int64] | None:
    """Return the labels (n,) if the openings are exactly what ``root`` commits to, else None."""
    try:
        true = root_of(openings) == root
    except (ValueError, OverflowError):
        return None
    return np.array([opening.label for opening in openings], np.int64) if true else None


def opens(root: bytes, opening: Opening, proof: Sequence[bytes]) -> bool:
    """Whether one row is in the tree, by the rule of OpenZeppelin's ``MerkleProof.verify``."""
    node = opening.leaf
    for sibling in proof:
        node = _pair(node, sibling)
    return node == root


def encode_openings(openings: Sequence[Opening]) -> bytes:
    """Write openings as canonical JSON, for publication after the trade."""
    rows = [[o.label, o.salt.hex(), o.digest.hex()] for o in openings]
    return json.dumps(rows, separators=(",", ":")).encode()


def decode_openings(data: bytes) -> tuple[Opening, ...]:
    """Read openings that a stranger published; whether they are true only the root can say.

    Raises
    ------
    UnreadableDataset
        If the bytes are not what :func:`encode_openings` writes.
    """
    try:
        if len(data) > MAX_OPENINGS_BYTES:
            raise ValueError(f"{len(data)} bytes are too many")
        return tuple(_opening(at, row) for at, row in enumerate(parse_json(data)))
    except (ValueError, TypeError) as error:
        raise UnreadableDataset(
            f"the opened labels are not readable ({error})",
            "publish them with offchain.validation.encode_openings",
        ) from error


def _opening(index: int, row: Any) -> Opening:
    label, salt, digest = row
    words = bytes.fromhex(salt), bytes.fromhex(digest)
    if type(label) is not int or not 0 <= label < 2**63 or any(len(word) != 32 for word in words):
        raise ValueError(f"row {index} is not a label and two 32-byte words")
    return Opening(index, label, *words)


def _pair(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))


def _tree(leaves: Sequence[bytes]) -> tuple[list[bytes], list[int]]:
    """Return the tree as an array, root first, and where each leaf stands in it."""
    size = len(leaves)
    tree = [b""] * (2 * size - 1)
    place = [0] * size
    for rank, at in enumerate(sorted(range(size), key=lambda index: leaves[index])):
        place[at] = 2 * size - 2 - rank
        tree[place[at]] = leaves[at]
    for node in range(size - 2, -1, -1):
        tree[node] = _pair(tree[2 * node + 1], tree[2 * node + 2])
    return tree, place
