"""Check of the contracts around a market: the node named those that are written in their code.

Whose log is read follows from views that the node evaluates. What they answer stands in the code
since the contracts were deployed, and the hash of the code lies under the state root. So the code
is compared with what the compiler made of our sources, but for the words that a constructor
writes into it; and these words are what the audit takes for true, whatever the views answer.
"""

from __future__ import annotations

from collections.abc import Iterator

from marketplace.audit.abi import Interface
from marketplace.audit.chain import Chain
from marketplace.audit.codes import Codes
from marketplace.audit.history import History
from marketplace.audit.report import Finding, counted, judged, listed, unchecked


def check_contracts(_: History, chain: Chain) -> Finding:
    """Check that the contracts around the market are the ones that its code names.

    None that the code names may be hidden: no registry, no contract of challenges, no committee.
    """
    codes, known = Codes(chain.rpc, chain.block, chain.code), set()
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


def _misnamed(chain: Chain, known: set[str], codes: Codes) -> Iterator[str]:
    """Object to contracts that the code names, and for which the node named another, or none."""
    told = chain.contracts
    # Whoever judges the market may take its judges' stakes, and nobody else.
    arbiter = told.challenges or chain.view(told.market, "arbiter")
    for holder, name, part, kind in (
        (told.market, "rules", told.rules, "MarketRules"),
        (told.market, "registry", told.registry, "ParticipantRegistry"),
        (told.market, "arbiter", told.challenges, "Challenges"),
        (told.rules, "committee", told.committee, "OracleCommittee"),
        (told.rules, "panel", told.panel, "OracleCommittee"),
        (told.committee, "arbiter", arbiter, "Challenges"),
        (told.panel, "arbiter", arbiter, "Challenges"),
        (told.committee, "counterpart", told.panel, "OracleCommittee"),
        (told.panel, "counterpart", told.committee, "OracleCommittee"),
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
