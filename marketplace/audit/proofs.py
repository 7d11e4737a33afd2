"""Holds what the node said of storage and balances against proofs under the state root.

A view is a node's word. Where the node offers `eth_getProof` (EIP-1186), the words of storage
behind the view are proven by the nodes of a trie, down from the root in the hashed header.
Where each word lies follows from the compiler's layout of the contract, and from the rules
for mappings: https://docs.soliditylang.org/en/latest/internals/layout_in_storage.html.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from eth_hash.backends.pysha3 import keccak256 as keccak
from eth_utils.address import to_canonical_address, to_checksum_address

from marketplace.audit.blocks import Block
from marketplace.audit.chain import Chain
from marketplace.audit.encoding import Item, decode
from marketplace.audit.log import note
from marketplace.audit.report import Finding, counted, judged, shown, unchecked
from marketplace.audit.rpc import Proof
from marketplace.audit.trie import EMPTY_ROOT, proven
from marketplace.chain.artifacts import load_artifact

SLOTS_AT_ONCE = 50

Answer = tuple[str, tuple[Any, ...], Any]
"""A view's function, its arguments, and what it answered."""


class Words(NamedTuple):
    """Where a view's answer lies, and what follows from there.

    Attributes
    ----------
    mapping
        Its name in the contract; without arguments, that of a variable.
    reading
        What the view makes of the words that lie there.
    places
        How many slots each of them is behind the first one of its entry.
    told
        The part of the view's answer that these words hold.
    """

    mapping: str
    reading: Callable[..., Any]
    places: tuple[int, ...] = (0,)
    told: Callable[[Any], Any] = lambda answer: answer


def _word_bytes(word: int) -> bytes:
    return word.to_bytes(32, "big")


def _one_less(word: int) -> int:
    return max(word - 1, 0)  # the market's ledger keeps slots warm: `contracts/src/Ledger.sol`


_HALF = 2**128


def _halves(word: int) -> tuple[int, int]:
    return word % _HALF, word >> 128


def _plain(word: int) -> int:
    return word


def _participant(stake: int, leaving: int) -> tuple[int, int]:
    """Read the words behind `metadata`: domains 16 | changeable 40 | stake 128, and leaving 128."""
    return (stake >> 56) % _HALF, leaving % _HALF


def _bid(word: int) -> tuple[bytes, int]:
    return (word % 2**224).to_bytes(28, "big"), word >> 224


def _funds(active: int, sums: int) -> tuple[int, int, int]:
    return sums % _HALF, sums >> 128, active % _HALF


def _fields(word: int, *widths: int) -> tuple[int, ...]:
    """Read numbers of so many bits out of a word, lowest first."""
    found = []
    for width in widths:
        found.append(word % 2**width)
        word >>= width
    return tuple(found)


def _address(number: int) -> str:
    return to_checksum_address(number.to_bytes(20, "big"))


def _challenge(first: int, second: int) -> tuple[str, int, int, int, int]:
    challenger, deadline = _fields(first, 160, 40)
    bond, uphold, overturn = _fields(second, 128, 16, 16)
    return _address(challenger), deadline, bond, uphold, overturn


def _in_force(word: int) -> tuple[bool, int, str, int, int]:
    treasury, paused, fee, base, shift = _fields(word, 160, 8, 16, 24, 8)
    return paused == 1, fee, _address(treasury), base, shift


def _membership(word: int) -> tuple[bytes, bool, int]:
    group, leaving, effective_at = _fields(word, 208, 8, 40)
    return (group << 48).to_bytes(32, "big"), leaving == 1, effective_at


def _terms(*words: int) -> dict[str, int]:
    return _members_of("Challenges", "_terms", words)


def _members(*names: str) -> Callable[[Any], Any]:
    return lambda answer: tuple(answer[name] for name in names)


# By contract and view.
_WORDS: dict[tuple[str, str], Words] = {
    ("ModelMarket", "statusOf"): Words("_status", _plain),
    ("ModelMarket", "digestOf"): Words("_digest", _word_bytes),
    ("ModelMarket", "deliveryOf"): Words("_deliveries", _plain),
    ("ModelMarket", "faultySeals"): Words("faultySeals", _plain),
    ("ModelMarket", "creditOf"): Words("_slots", _one_less),
    ("OracleCommittee", "digestOf"): Words("digestOf", _word_bytes),
    ("OracleCommittee", "currentDigest"): Words("digestOf", _word_bytes),
    ("OracleCommittee", "backedDigest"): Words("digestOf", _word_bytes),
    ("OracleCommittee", "stakeOf"): Words("_stakes", _halves, told=_members("bonded", "unbonding")),
    ("OracleCommittee", "creditOf"): Words("creditOf", _plain),
    ("Challenges", "settledSeals"): Words("settledSeals", _plain),
    ("Challenges", "creditOf"): Words("creditOf", _plain),
    ("Challenges", "terms"): Words("_terms", _terms, (0, 1, 2)),
    ("Challenges", "announcedAt"): Words("announcedAt", _plain),
    ("Challenges", "challengeOf"): Words(
        "_challenges",
        _challenge,
        (0, 1),
        _members("challenger", "deadline", "bond", "mayNotUphold", "mayNotOverturn"),
    ),
    ("MarketRules", "inForce"): Words(
        "_treasury",
        _in_force,
        told=_members("paused", "feeBps", "treasury", "baseReview", "reviewShift"),
    ),
    ("ParticipantRegistry", "membershipOf"): Words(
        "_memberships", _membership, told=_members("0", "1", "2")
    ),
    ("ParticipantRegistry", "participantOf"): Words(
        "_participants", _participant, (1, 2), _members("stake", "leavingStake")
    ),
    ("SealedBids", "standingOf"): Words(
        "_standings", lambda word: (word >> 224,), told=_members("unrevealed")
    ),
    ("SealedBids", "bidOf"): Words("_bids", _bid, told=_members("seal", "order")),
    ("SealedBids", "creditOf"): Words("creditOf", _plain),
    ("Payouts", "fundsOf"): Words("_books", _funds, (0, 1), _members("0", "1", "2")),
    ("Payouts", "claimedOf"): Words("_accounts", lambda word: word % _HALF),
    ("Payouts", "creditOf"): Words("_accounts", lambda word: word >> 128),
}

_BACKED = "backedDigest"
_CURRENT = ("currentDigest", _BACKED)  # views of `digestOf` the version in office by the clock
_ROOTS = ("rootsOf", "pendingOf")  # whose words lie where others say: in force, and waiting
_REVIEW = "reviewOf"  # follows from words of two kinds
_BOOK_OF_ROOTS = 3  # slots from the beginning of a book to its first row of roots
_ROW = 256  # roots


class StateProofs:
    """Holds what a chain's node said against proofs, a part at a time, and then forgets it.

    Parameters
    ----------
    chain
        Whose `answers` are looked at, and emptied.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._faults: list[str] = []
        self._words = 0
        self._asked = self._answered = 0
        self._unproven: dict[tuple[str, str], None] = {}  # in order: contract, and what of it

    def prove(self) -> None:
        """Look at all that was answered since the last time."""
        by_contract: defaultdict[str, list[Answer]] = defaultdict(list)
        for (contract, function, arguments), answer in self._chain.answers.items():
            kind = self._chain.interfaces[contract].name
            if (kind, function) in _WORDS or function in (*_ROOTS, _REVIEW):
                by_contract[contract].append((function, arguments, answer))
        self._chain.answers.clear()
        for contract in sorted(by_contract):
            apart = *_CURRENT, *_ROOTS, _REVIEW
            straight = [a for a in by_contract[contract] if a[0] not in apart]
            for start in range(0, len(straight), SLOTS_AT_ONCE):
                self._prove(contract, straight[start : start + SLOTS_AT_ONCE])
            for function, arguments, answer in by_contract[contract]:
                if function in _CURRENT:
                    self._prove_current(contract, function, answer)
                elif function in _ROOTS:
                    self._prove_roots(contract, function, str(arguments[0]), answer)
                elif function == _REVIEW:
                    self._prove_review(contract, arguments, answer)

    def finding(self) -> Finding:
        """Check that what the node said of storage and balances is under the header's state root.

        Looks at what `prove` has not seen yet, and at the balances.
        """
        self.prove()
        for contract in sorted(self._chain.balances):
            self._prove(contract, [])
        words, balances = self._words, len(self._chain.balances)
        if self._faults:  # whatever the node refused after that
            return judged(self._faults, "")
        if self._asked and not self._answered:
            return unchecked("not offered: the node gives no proofs of its state")
        if self._unproven:
            lacking = ", ".join(f"{subject} of {it}" for it, subject in self._unproven)
            return unchecked(f"the node gave no proof of all it said; not proven: {lacking}")
        return judged(
            [],
            f"{counted(words, 'word')} of storage and {counted(balances, 'balance')} are"
            f" proven under the state root of block {self._chain.block.number}",
        )

    def _prove(self, contract: str, answers: list[Answer]) -> None:
        kind = self._chain.interfaces[contract].name
        slots = [slot for f, arguments, _ in answers for slot in slots_of(kind, f, arguments)]
        state = self._state(contract, slots)
        if state is not None:
            for fault in _unlike(self._chain, contract, answers, *state):
                note(self._faults, fault)

    def _prove_current(self, contract: str, function: str, answer: Any) -> None:
        office = self._in_office(contract)
        if office is None:
            return
        version, spare = office
        if function != _BACKED or spare >= 0:
            self._prove(contract, [(function, (version,), answer)])
        elif answer != _word_bytes(0):
            said = f"{contract} says {shown(answer)} for {function}"
            lacking = counted(-spare, "backed seat")
            note(self._faults, f"{said} where its storage lacks {lacking} to a quorum")

    def _prove_roots(self, contract: str, function: str, currency: str, answer: Any) -> None:
        """Find in the proven book how many roots there are and in which row, and prove those."""
        book = int.from_bytes(slots_of("Payouts", "fundsOf", (currency,))[0], "big")
        active, _, pending = self._words_at(contract, book, 3) or (None, None, None)
        if active is None or pending is None:
            return
        _, epoch, shift, row = _fields(active, 128, 64, 16, 8)
        total, active_at, trees = _fields(pending, 128, 40, 16)
        head: tuple[int, ...] = (epoch,)
        if function == "rootsOf":
            trees = 2 ** (256 - shift) if shift else 0
        else:
            head, row = (total, active_at), 1 - row
        roots = self._words_at(contract, book + _BOOK_OF_ROOTS + _ROW * row, trees)
        if roots is None:
            return
        stored = (*head, tuple(map(_word_bytes, roots)))
        told = tuple((answer or {}).values())
        if told != stored:
            note(
                self._faults,
                f"{function}({currency}) of {contract} is proven to be {_roots_shown(stored)}, and"
                f" the node said {_roots_shown(told) if told else 'nothing'}",
            )

    def _prove_review(self, contract: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """Compute the least review from the rules in force and the currency's own shift."""
        currency, budget = arguments
        shifts = _word_bytes(_layout("MarketRules")["_shifts"])
        slots = [*slots_of("MarketRules", "inForce", ()), keccak(_key(currency) + shifts)]
        state = self._state(contract, slots)
        if state is None:
            return
        rules, own = state[1]
        *_, base, shift = _in_force(rules)
        review = base + (budget >> (own or shift))
        if answer != review:
            note(
                self._faults,
                f"{_REVIEW}({currency}, {budget}) of {contract} is proven to be {review}, and the"
                f" node said {'nothing' if answer is None else answer}",
            )

    def _words_at(self, contract: str, first: int, count: int) -> list[int] | None:
        """Return so many words of storage from a slot on; None if they aren't proven."""
        slots = [_word_bytes((first + place) % 2**256) for place in range(count)]
        words: list[int] = []
        for start in range(0, count, SLOTS_AT_ONCE):
            state = self._state(contract, slots[start : start + SLOTS_AT_ONCE])
            if state is None:
                return None
            words += state[1]
        return words

    def _in_office(self, contract: str) -> tuple[int, int] | None:
        """Return the version in office by proven storage, and its backed seats beyond a quorum.

        None if that isn't proven.
        """
        kind, variable = self._chain.interfaces[contract].name, "_rotation"
        state = self._state(contract, [_word_bytes(_layout(kind)[variable])])
        if state is None:
            return None
        rotation = _members_of(kind, variable, state[1])
        begun = self._chain.block.timestamp >= rotation["effectiveAt"]
        seated = "next" if begun else "incumbent"
        return rotation[seated], rotation[f"{seated}Spare"]

    def _state(self, contract: str, slots: list[bytes]) -> tuple[int, list[int]] | None:
        """Return the balance in wei and the words in slots; None if they aren't proven."""
        chain = self._chain
        if self._asked and not self._answered:  # a node that offers none is asked once
            return None
        self._asked += 1
        proof = chain.rpc.proof(contract, slots, chain.block.number)
        if proof is None:
            self._unproven[contract, "storage" if slots else "the balance"] = None
            return None
        self._answered += 1
        self._words += len(slots)
        try:
            balance, root = account_of(chain.block, contract, proof)
            proofs = zip(slots, proof.slots, strict=True)
            return balance, [_value(proven(root, keccak(slot), nodes)) for slot, nodes in proofs]
        except ValueError as error:
            note(self._faults, f"the proof of {contract} does not hold: {error}")
            return None


def slots_of(kind: str, function: str, arguments: tuple[Any, ...]) -> list[bytes]:
    """Return where in a contract's storage the answer of a view lies, 32 bytes each."""
    words = _WORDS[kind, function]
    first = _layout(kind)[words.mapping].to_bytes(32, "big")
    for argument in arguments:
        first = keccak(_key(argument) + first)
    number = int.from_bytes(first, "big")
    return [((number + place) % 2**256).to_bytes(32, "big") for place in words.places]


def account_of(block: Block, address: str, proof: Proof) -> tuple[int, bytes]:
    """Return the balance in wei and the storage root that a block commits to.

    Raises
    ------
    ValueError
        If the proof doesn't hold.
    """
    account = _leaf(block, address, proof)
    if account is None:
        return 0, EMPTY_ROOT
    balance, root = account[1], account[2]
    if not isinstance(balance, bytes) or not isinstance(root, bytes):
        raise ValueError("an account has no lists inside")
    return int.from_bytes(balance, "big"), root


def code_hash_of(block: Block, address: str, proof: Proof) -> bytes:
    """Return the hash of an account's code that a block commits to; raises as `account_of`."""
    account = _leaf(block, address, proof)
    if account is None:
        return keccak(b"")
    if not isinstance(account[3], bytes):
        raise ValueError("an account has no lists inside")
    return account[3]


def _leaf(block: Block, address: str, proof: Proof) -> Sequence[Item] | None:
    """Return the four parts of a proven account; None if it is proven that there is none."""
    leaf = proven(block.state_root, keccak(to_canonical_address(address)), proof.account)
    if not leaf:
        return None
    account = decode(leaf)
    if isinstance(account, bytes) or len(account) != 4:
        raise ValueError("an account has four parts")
    return account


def _unlike(
    chain: Chain, contract: str, answers: list[Answer], balance: int, values: list[int]
) -> Iterator[str]:
    """Name the answers that differ from what is proven."""
    said = chain.balances.get(contract, balance)
    if not answers and said != balance:
        yield f"the balance of {contract} is proven to be {balance}, and the node said {said}"
    kind, stored_words = chain.interfaces[contract].name, iter(values)
    for function, arguments, answer in answers:
        words = _WORDS[kind, function]
        # None of these views refuses, so a node that says so of a contract lies.
        stored = words.reading(*islice(stored_words, len(words.places)))
        told = None if answer is None else words.told(answer)
        if stored != told:
            named = ", ".join(shown(argument) for argument in arguments)
            yield (
                f"{function}({named}) of {contract} is proven to be {_apart(stored, told)}, and the"
                f" node said {'nothing' if told is None else _apart(told, stored)}"
            )


def _roots_shown(told: tuple[Any, ...]) -> str:
    *head, roots = told
    return ", ".join([*map(str, head), *map(shown, roots)])


def _apart(one: Any, other: Any) -> str:
    """Return a value for people; of a struct, the members in which another one differs."""
    if isinstance(one, dict) and isinstance(other, dict):
        return ", ".join(f"{name} {value}" for name, value in one.items() if other[name] != value)
    return shown(one)


def _value(leaf: bytes) -> int:
    value = decode(leaf) if leaf else b""
    if not isinstance(value, bytes):
        raise ValueError("a slot holds no list")
    return int.from_bytes(value, "big")


def _key(argument: Any) -> bytes:
    if isinstance(argument, bytes):
        return argument.rjust(32, b"\0")
    if isinstance(argument, str):
        return to_canonical_address(argument).rjust(32, b"\0")
    return int(argument).to_bytes(32, "big")


@cache
def _layout(kind: str) -> dict[str, int]:
    entries = load_artifact(kind).storage_layout["storage"]
    return {entry["label"]: int(entry["slot"]) for entry in entries}


def _members_of(kind: str, variable: str, words: Sequence[int]) -> dict[str, int]:
    """Read the members of a struct of numbers out of its words."""
    layout = load_artifact(kind).storage_layout
    types = layout["types"]
    struct = next(entry["type"] for entry in layout["storage"] if entry["label"] == variable)
    found = {}
    for member in types[struct]["members"]:
        range_ = 256 ** int(types[member["type"]]["numberOfBytes"])
        value = (words[int(member["slot"])] >> 8 * member["offset"]) % range_
        signed = member["type"].startswith("t_int")
        found[member["label"]] = value - range_ if signed and 2 * value >= range_ else value
    return found
