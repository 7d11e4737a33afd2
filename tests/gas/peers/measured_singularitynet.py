"""SingularityNET's MultiPartyEscrow: a buyer pays a service through a one-way channel.

The service shows the amount that the buyer signed last; what it claims stays in the
escrow, as a balance. Nothing checks the work.
"""

from __future__ import annotations

import json

from eth_abi.packed import encode_packed
from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak
from peer_package import PACKAGES, Compiled, Gas, Stage

from marketplace.chain.client import Node
from marketplace.protocol.units import WEI

PACKAGE = "singularitynet-platform-contracts"
TOKEN_PACKAGE = "singularitynet-token-contracts"  # noqa: S105 - no password
MANY = 50
EXPIRES = 1_000_000_000  # block number
GROUP = keccak(text="replicas of the service")


def measure(node: Node) -> dict[str, Gas]:
    """Open channels and claim from them, one by one and 50 in one call.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step.
    """
    stage = Stage(node, PACKAGE)
    buyer, service = stage.actor("buyer with a channel"), stage.actor("service with a channel")
    token = stage.deploy(compiled(TOKEN_PACKAGE, "SingularityNetToken"), "AGI", "AGI")
    escrow = stage.deploy(compiled(PACKAGE, "MultiPartyEscrow"), token.address)
    stage.send(stage.deployer, token, "mint", buyer.address, 1_000 * WEI)
    stage.send(buyer, token, "approve", escrow.address, 1_000 * WEI)
    opening = (buyer.address, service.address, GROUP, WEI, EXPIRES)

    def agreed(channel: int, nonce: int, amount: int) -> tuple[int, bytes, bytes]:
        types = ["string", "address", "uint256", "uint256", "uint256"]
        values = ["__MPE_claim_message", escrow.address, channel, nonce, amount]
        signed = buyer.sign_message(encode_defunct(keccak(encode_packed(types, values))))
        return signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)

    def claim(channel: int, nonce: int, amount: int) -> int:
        by = agreed(channel, nonce, amount)
        return stage.send(service, escrow, "channelClaim", channel, amount, amount, *by, False)

    stage.send(buyer, escrow, "depositAndOpenChannel", *opening)
    gas = {"deposit and open": stage.send(buyer, escrow, "depositAndOpenChannel", *opening)}
    gas["claim, first"] = claim(1, 0, WEI // 10)
    gas["claim, paid before"] = claim(1, 1, WEI // 10)
    channels = list(range(2, 2 + MANY))
    stage.send(buyer, escrow, "deposit", MANY * WEI)
    for _ in channels:
        stage.send(buyer, escrow, "openChannel", *opening)
    amounts, kept = [WEI // 10] * MANY, [False] * MANY
    v, r, s = zip(*(agreed(channel, 0, WEI // 10) for channel in channels), strict=True)
    lists = (channels, amounts, amounts, kept, list(v), list(r), list(s))
    gas[f"{MANY} claims in one call"] = stage.send(service, escrow, "multiChannelClaim", *lists)
    gas["the same per claim"] = gas[f"{MANY} claims in one call"] // MANY
    assert escrow.functions.balances(service.address).call() == (2 + MANY) * (WEI // 10)
    return {"a channel with one service": gas}


def compiled(package: str, name: str) -> Compiled:
    """Load a contract from the two files that the package has for it."""
    abi, bytecode = (
        json.loads((PACKAGES / package / kind / f"{name}.json").read_text())
        for kind in ("abi", "bytecode")
    )
    return Compiled(abi, bytecode)
