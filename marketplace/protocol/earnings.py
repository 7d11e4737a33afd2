"""Merkle trees over what payees have earned, as `Payouts.sol` checks them.

A leaf is ``keccak(keccak(account, cumulative, salt))``; an inner node is the hash of its
two children, the smaller first. The leaves are dealt by their first bits to 1, 2, 4 … 256
trees, whose roots go on chain: one tree's upper levels would lengthen every payee's proof.
The same earnings, in any order, give the same roots and proofs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from marketplace.protocol.errors import ProtocolError

MAX_TREES = 256
SALT_BYTES = 16
ROW_BYTES = 20 + 16 + SALT_BYTES
MAX_PAYEES = 1_000_000
"""In one list: whoever reads a stranger's holds some 400 bytes of memory for each."""

MAX_LIST_BYTES = MAX_PAYEES * ROW_BYTES
_COUNTS = tuple(1 << bits for bits in range(9))
_LEAVES = 40  # in one tree; to halve 80 saves gas as soon as one payee in eight claims


@dataclass(frozen=True)
class Earning:
    """What an account has earned since the beginning.

    Attributes
    ----------
    account
        Address; kept with its checksum.
    cumulative
        In the currency's smallest unit, at most 128 bits.
    salt
        16 random bytes, which keep the neighbours in the tree from guessing the rest.

    Raises
    ------
    ProtocolError
        If one of them is not what it should be, or is zero.
    """

    account: str
    cumulative: int
    salt: bytes

    def __post_init__(self) -> None:
        if not is_address(self.account) or not int(self.account, 16):
            raise ProtocolError(f"{self.account!r} is no payee", "give a 20-byte 0x address")
        if not 0 < self.cumulative < 1 << 128:
            raise ProtocolError(
                f"{self.account} has earned {self.cumulative}",
                "give 1 to 2**128 - 1, or leave it out",
            )
        if len(self.salt) != SALT_BYTES or not any(self.salt):
            raise ProtocolError(
                f"the salt of {self.account} is 0x{self.salt.hex()}", "give 16 random bytes"
            )
        object.__setattr__(self, "account", to_checksum_address(self.account))

    @property
    def leaf(self) -> bytes:
        """Its leaf, 32 bytes: hashed twice, so that no inner node passes for a leaf."""
        return keccak(keccak(encode(["address", "uint128", "bytes16"], self.as_tuple())))

    def as_tuple(self) -> tuple[str, int, bytes]:
        """Return the members as the contract takes them."""
        return self.account, self.cumulative, self.salt


@dataclass(frozen=True)
class Place:
    """An earning with its proof: the hashes beside its path, from the leaf up."""

    earning: Earning
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class Earnings:
    """All that one distribution holds.

    Attributes
    ----------
    roots
        One per tree, 32 bytes each; zero for a tree without leaves.
    total
        Sum of the cumulative amounts.
    places
        Each account's earning and its proof, by checksummed address.
    """

    roots: tuple[bytes, ...]
    total: int
    places: Mapping[str, Place]


def build(earnings: Iterable[Earning], total: int, trees: int | None = None) -> Earnings:
    """Build the trees over the earnings of one currency.

    Parameters
    ----------
    earnings
        At least one, in any order, one for each account.
    total
        What they must sum to: the funds that they divide.
    trees
        How many, a power of two; by default so many that 40 payees share one, at most 256.

    Raises
    ------
    ProtocolError
        If there are no earnings or more than `MAX_PAYEES`, an account occurs twice, the sum
        is not `total`, or there can't be so many trees.
    """
    ordered = sorted(
        ((earning.leaf, earning) for earning in _checked(earnings, total)), key=lambda pair: pair[0]
    )
    count = default_trees(len(ordered)) if trees is None else trees
    if count not in _COUNTS:
        raise ProtocolError(f"there can't be {count} trees", "use a power of two, at most 256")
    dealt: list[list[tuple[bytes, Earning]]] = [[] for _ in range(count)]
    for leaf, earning in ordered:
        dealt[int.from_bytes(leaf) * count >> 256].append((leaf, earning))
    roots: list[bytes] = []
    places: dict[str, Place] = {}
    for tree in dealt:
        nodes = _nodes([leaf for leaf, _ in tree])
        roots.append(nodes[1] if tree else bytes(32))
        for position, (_, earning) in enumerate(tree, start=len(tree)):
            places[earning.account] = Place(earning, _proof(nodes, position))
    return Earnings(tuple(roots), total, places)


def default_trees(payees: int) -> int:
    """Return the number of trees that `build` chooses."""
    return next((count for count in _COUNTS if payees <= count * _LEAVES), MAX_TREES)


def root_of(leaf: bytes, proof: Iterable[bytes]) -> bytes:
    """Return the root that a proof leads to from a leaf."""
    node = leaf
    for sibling in proof:
        node = _parent(node, sibling)
    return node


def encode_earnings(earnings: Iterable[Earning]) -> bytes:
    """Pack earnings for a `PayeeList`: 20 bytes of account, 16 of amount, 16 of salt each.

    Rows ascend by account, so equal earnings have equal bytes.
    """
    rows = [
        bytes.fromhex(each.account[2:]) + each.cumulative.to_bytes(16, "big") + each.salt
        for each in earnings
    ]
    return b"".join(sorted(rows))


def decode_earnings(data: bytes) -> tuple[Earning, ...]:
    """Read earnings that may come from a stranger.

    Raises
    ------
    ProtocolError
        If the bytes are not what `encode_earnings` gives, or more than `MAX_PAYEES` rows.
    """
    if len(data) > MAX_LIST_BYTES:
        raise ProtocolError(
            f"the list has {len(data) // ROW_BYTES:,} payees", f"give at most {MAX_PAYEES:,}"
        )
    rows = [data[start : start + ROW_BYTES] for start in range(0, len(data), ROW_BYTES)]
    accounts = [row[:20] for row in rows]
    if not rows or len(rows[-1]) != ROW_BYTES or accounts != sorted(set(accounts)):
        raise ProtocolError(
            f"{len(data)} bytes are no list of payees",
            f"give rows of {ROW_BYTES} bytes, one for each account, ascending",
        )
    return tuple(
        Earning("0x" + row[:20].hex(), int.from_bytes(row[20:36], "big"), row[36:]) for row in rows
    )


def check_succession(previous: Earnings, following: Earnings) -> None:
    """Check that nobody's cumulative amount fell from one distribution to the next.

    Raises
    ------
    ProtocolError
        If an account is missing or has less than before.
    """
    for account, place in previous.places.items():
        later = following.places.get(account)
        had, has = place.earning.cumulative, later.earning.cumulative if later else 0
        if has < had:
            raise ProtocolError(
                f"{account} had earned {had} and would have earned {has}",
                "carry every account on; cumulative amounts never fall",
            )


def _checked(earnings: Iterable[Earning], total: int) -> list[Earning]:
    by_account: dict[str, Earning] = {}
    for earning in earnings:
        if earning.account in by_account:
            raise ProtocolError(f"{earning.account} occurs twice", "sum its earnings up")
        by_account[earning.account] = earning
        if len(by_account) > MAX_PAYEES:
            raise ProtocolError(
                f"there are more than {MAX_PAYEES:,} earnings", "use a second contract of payouts"
            )
    if not by_account:
        raise ProtocolError("there are no earnings", "give at least one")
    found = sum(earning.cumulative for earning in by_account.values())
    if found != total:
        raise ProtocolError(
            f"the earnings sum to {found}, not to {total}", "divide the funds to the last unit"
        )
    return list(by_account.values())


def _nodes(leaves: list[bytes]) -> list[bytes]:
    """Lay a tree out as a heap: root at 1, children of i at 2i and 2i + 1, leaves last."""
    nodes = [b""] * len(leaves) + leaves
    for position in range(len(leaves) - 1, 0, -1):
        nodes[position] = _parent(nodes[2 * position], nodes[2 * position + 1])
    return nodes


def _proof(nodes: list[bytes], position: int) -> tuple[bytes, ...]:
    proof = []
    while position > 1:
        proof.append(nodes[position ^ 1])
        position //= 2
    return tuple(proof)


def _parent(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))
