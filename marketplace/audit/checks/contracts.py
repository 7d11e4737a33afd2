"""Check of the contracts around a market: the node named those that are written in their code.

Whose log is read follows from views that the node evaluates. What they answer stands in the code
since the contracts were deployed, and the hash of the code lies under the state root. So the code
is compared with what the compiler made of our sources, but for the words that a constructor
writes into it; and these words are what the audit takes for true, whatever the views answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from eth_hash.backends.pysha3 import keccak256 as keccak

from marketplace.audit.abi import Interface
from marketplace.audit.chain import Chain
from marketplace.audit.history import History
from marketplace.audit.proofs import code_hash_of
from marketplace.audit.report import Finding, counted, judged, listed, unchecked
from marketplace.protocol.errors import ChainError


def check_contracts(_: History, chain: Chain) -> Finding:
    """Check that the contracts around the market are the ones that its code names.

    None that the code names may be hidden: no registry, no contract of challenges, no committee.
    """
    codes, known = _Codes(chain), set()
    for address, interface in chain.interfaces.items():
        code = codes.of(address)
        if code is not None and interface.written(code) is not None:
            known.add(address)
        elif code is not None:
            codes.gaps.append(f"{address} has other code than this release's {interface.name}")
    faults = [*_misnamed(chain, known, codes), *_refused(chain, known)]
    if codes.gaps and not codes.faults and not faults:
        return unchecked(listed(codes.gaps))
    return judged(
        [*codes.faults, *faults],
        f"the code of {counted(len(known), 'contract')} is this release's and names the others,"
        f" as is proven under the state root of block {chain.block.number}",
    )


def _misnamed(chain: Chain, known: set[str], codes: _Codes) -> Iterator[str]:
    """Object to contracts that the code names, and for which the node named another, or none."""
    told = chain.contracts
    for holder, name, part, kind in (
        (told.market, "rules", told.rules, "MarketRules"),
        (told.market, "registry", told.registry, "ParticipantRegistry"),
        (told.market, "arbiter", told.challenges, "Challenges"),
        (told.rules, "committee", told.committee, "OracleCommittee"),
        (told.rules, "panel", told.panel, "OracleCommittee"),
        (told.challenges, "market", told.market, "ModelMarket"),
        (told.challenges, "committee", told.committee, "OracleCommittee"),
        (told.payouts, "committees", told.committee, "OracleCommittee"),
    ):
        if holder not in known or not chain.interfaces[holder].is_written(name):
            continue  # its code isn't known, or it was told for two
        if (named := chain.view(holder, name)) == part:
            continue
        # An arbiter that is no contract of challenges isn't told, nor a registry of another kind.
        if part is not None or Interface(kind).written(codes.of(named) or b"") is not None:
            yield f"the code of {holder} names {named} as its {name}, and the node {part or 'none'}"


def _refused(chain: Chain, known: set[str]) -> Iterator[str]:
    """Object where terms are refused: no contract of challenges does that."""
    for address in known:
        is_challenges = chain.interfaces[address].name == "Challenges"
        if is_challenges and chain.view(address, "terms") is None:
            yield f"the node does not answer terms() of {address}, whose code always does"


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
            code = self._chain.code(address)
            proof = rpc.proof(address, [], height) if self._offered else None
        except ChainError as error:
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
