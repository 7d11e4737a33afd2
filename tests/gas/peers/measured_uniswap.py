"""Uniswap's MerkleDistributor: one tree of payees, posted once, each claims once.

Its token is the one that its own tests use. A claim pays the token out; whatever a payee
earns later needs another contract and another claim. Whether a payee claimed is one bit;
256 neighbours share a slot, so one claim in 256 pays for a fresh one.
"""

from __future__ import annotations

from bisect import bisect_left

from eth_utils.crypto import keccak
from payouts_builder import payee
from peer_package import Gas, Stage, artifact
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.units import WEI

PACKAGE = "@uniswap/merkle-distributor"
PAYEES = 10_000
EACH = WEI // 1_000
SHARE_A_SLOT = 256


def measure(node: Node) -> dict[str, Gas]:
    """Pay 10,000 payees twice, by two distributors.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step.
    """
    stage = Stage(node, PACKAGE)
    entries = [(number, payee(number + 1), EACH + number) for number in range(PAYEES)]
    leaves = [leaf(*entry) for entry in entries]
    levels = levels_over(leaves)
    total = sum(amount for _, _, amount in entries)
    token = stage.deploy(artifact(PACKAGE, "build/TestERC20"), "Token", "TKN", 2 * total)
    compiled = artifact(PACKAGE, "build/MerkleDistributor")
    stranger = stage.actor("stranger who claims for payees")

    def post() -> tuple[Contract, Gas]:
        created = stage.create(compiled, token.address, levels[-1][0])
        distributor = stage.at(compiled, str(created["contractAddress"]))
        funded = stage.send(stage.deployer, token, "transfer", distributor.address, total)
        return distributor, {"deploy": int(created["gasUsed"]), "fund": funded}

    def claim(distributor: Contract, number: int) -> int:
        index, payee_of, amount = entries[number]
        proof = proof_of(levels, leaves[number])
        used = stage.send(stranger, distributor, "claim", index, payee_of, amount, proof)
        assert distributor.functions.isClaimed(index).call()
        return used

    first, gas = post()
    deepest = [n for n in range(PAYEES) if len(proof_of(levels, leaves[n])) == len(levels) - 1]
    one = deepest[0]
    other = next(n for n in deepest if n > one and n // SHARE_A_SLOT == one // SHARE_A_SLOT)
    gas["hashes in the proof"] = len(levels) - 1
    gas["claim, first; first of 256 neighbours"] = claim(first, one)
    gas["claim, first"] = claim(first, other)
    second, _ = post()
    claim(second, one)
    gas["claim, paid before"] = claim(second, other)
    assert token.functions.balanceOf(entries[other][1]).call() == 2 * entries[other][2]
    return {f"one tree of {PAYEES:,} payees": gas}


def leaf(index: int, account: str, amount: int) -> bytes:
    """Hash an entry, its three members packed."""
    return keccak(index.to_bytes(32) + bytes.fromhex(account[2:]) + amount.to_bytes(32))


def levels_over(leaves: list[bytes]) -> list[list[bytes]]:
    """Pair sorted leaves level by level up to the root; an odd one moves up as it is."""
    levels = [sorted(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        above = [keccak(min(pair) + max(pair)) for pair in pairs]
        levels.append(above + below[len(below) - len(below) % 2 :])
    return levels


def proof_of(levels: list[list[bytes]], leaf: bytes) -> list[bytes]:
    """Return the hashes beside a leaf's path to the root."""
    place, proof = bisect_left(levels[0], leaf), []
    for level in levels[:-1]:
        if place ^ 1 < len(level):
            proof.append(level[place ^ 1])
        place //= 2
    return proof
