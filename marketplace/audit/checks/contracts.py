"""Check of the contracts around a market: the node named those that are written in their code.

Whose log is read follows from views that the node evaluates. What they answer stands in the code
since the contracts were deployed, and the hash of the code lies under the state root. So the code
is compared with what the compiler made of our sources, but for the words that a constructor
writes into it: https://docs.soliditylang.org/en/latest/contracts.html#immutable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from eth_hash.backends.pysha3 import keccak256 as keccak
from eth_utils.address import to_checksum_address

from marketplace.audit.chain import Chain
from marketplace.audit.history import History
from marketplace.audit.proofs import code_hash_of
from marketplace.audit.report import Finding, counted, judged, listed, unchecked
from marketplace.chain.artifacts import load_artifact
from marketplace.protocol.errors import ChainError

_WORD = 32
_IMMUTABLE = re.compile(rb"\x7f(?=\0{32})")  # PUSH32 of what a constructor is yet to write
_SMALLEST_ADDRESS = 2**64  # a smaller number is a time, a share or a count
_NEVER_REFUSED = {
    "OracleCommittee": ("rotationDelay", "minStake", "stakeCurrency"),
    "ParticipantRegistry": ("stakeCurrency",),
    "Challenges": ("terms",),
    "Payouts": ("activationDelay",),
}
"""Views by which the log is read, and which no proof of storage covers."""
_AROUND = ("MarketRules", "OracleCommittee", "Challenges", "ParticipantRegistry")


def check_contracts(_: History, chain: Chain) -> Finding:
    """Check that the contracts around the market are the ones that its code names.

    None that the code names may be hidden: no registry, no contract of challenges, no committee.
    """
    codes = _Codes(chain)
    given = {}
    for address, interface in chain.interfaces.items():
        code = codes.of(address)
        words = None if code is None else _written(interface.name, code)
        if words is not None:
            given[address] = {*_addresses(words)}
        elif code is not None:
            codes.gaps.append(f"{address} has other code than this release's {interface.name}")
    faults = [*_unnamed(chain, given), *_hidden(chain, given, codes), *_refused(chain, given)]
    if codes.gaps and not codes.faults and not faults:
        return unchecked(listed(codes.gaps))
    return judged(
        [*codes.faults, *faults],
        f"the code of {counted(len(given), 'contract')} is this release's and names the others,"
        f" as is proven under the state root of block {chain.block.number}",
    )


def _unnamed(chain: Chain, given: dict[str, set[str]]) -> Iterator[str]:
    """Object to contracts that the node named, and that the code of others doesn't name."""
    told = chain.contracts
    for holder, parts in (
        (told.market, (told.rules, told.registry, told.challenges)),
        (told.rules, (told.committee, told.panel)),
        (told.challenges, (told.market, told.committee)),
        (told.payouts, (told.committee,)),
    ):
        named = given.get(holder or "")
        for part in parts:
            if part is not None and named is not None and part not in named:
                kind = chain.interfaces[part].name
                yield f"the node named {part} as {kind}, and the code of {holder} names another"


def _hidden(chain: Chain, given: dict[str, set[str]], codes: _Codes) -> Iterator[str]:
    """Object to contracts that the code names, and the node did not."""
    for holder in (chain.contracts.market, chain.contracts.rules):
        for address in sorted(given.get(holder, set()) - {*chain.interfaces}):
            code = codes.of(address) or b""
            kind = next((kind for kind in _AROUND if _written(kind, code) is not None), None)
            if kind is not None:
                yield f"the code of {holder} names the {kind} {address}, and the node did not"


def _refused(chain: Chain, given: dict[str, set[str]]) -> Iterator[str]:
    """Object to answers that a view was refused, or is something else, where the code is known."""
    for address in given:
        for view in _NEVER_REFUSED.get(chain.interfaces[address].name, ()):
            if chain.view(address, view) is None:
                yield f"the node does not answer {view}() of {address}, whose code always does"


class _Codes:
    """The code at addresses: proven where the node offers proofs, else its word.

    Attributes
    ----------
    gaps, faults
        Sentences about what is not proven, and about what is proven to be another.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._offered = True
        self.gaps: list[str] = []
        self.faults: list[str] = []

    def of(self, address: str) -> bytes | None:
        """Return the code; None if the node doesn't tell it."""
        rpc, height = self._chain.rpc, self._chain.block.number
        try:
            code = rpc.code(address, height)
            proof = rpc.proof(address, [], height) if self._offered else None
        except ChainError as error:  # also an archived log from before this was asked
            self.gaps.append(f"the code of {address} is not known: {error.cause}")
            return None
        if proof is None:
            if self._offered:
                self.gaps.append(f"the node gives no proof of the code of {address}")
            self._offered = False
            return code
        try:
            if keccak(code) != code_hash_of(self._chain.block, address, proof):
                self.faults.append(f"the node gives other code of {address} than is proven")
        except ValueError as error:
            self.faults.append(f"the proof of the code of {address} does not hold: {error}")
        return code


def _written(kind: str, code: bytes) -> list[bytes] | None:
    """Return the words that the constructor wrote into a contract's code; None if it is another."""
    compiled, places = _compiled(kind)
    if len(code) != len(compiled):
        return None
    blank = bytearray(code)
    for place in places:
        blank[place : place + _WORD] = bytes(_WORD)
    if blank != compiled:
        return None
    return [code[place : place + _WORD] for place in places]


@cache
def _compiled(kind: str) -> tuple[bytes, tuple[int, ...]]:
    """Return a contract's code before its constructor ran, and where that writes words."""
    code = load_artifact(kind).deployed_bytecode
    return code, tuple(found.end() for found in _IMMUTABLE.finditer(code))


def _addresses(words: list[bytes]) -> Iterator[str]:
    for word in words:
        if not any(word[:12]) and int.from_bytes(word, "big") >= _SMALLEST_ADDRESS:
            yield to_checksum_address(word[12:])
