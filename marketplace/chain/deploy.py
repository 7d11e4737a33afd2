"""Puts the contracts on a chain and remembers where they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from marketplace.chain.client import Node
from marketplace.chain.files import write_whole
from marketplace.protocol.errors import ConfigurationError


@dataclass(frozen=True)
class Deployment:
    """Addresses of one deployment.

    Attributes
    ----------
    chain_id
        The chain they are on.
    market, committee, registry
        Checksummed addresses.
    token
        The development token, or None where there is none.
    """

    chain_id: int
    market: str
    committee: str
    registry: str
    token: str | None = None

    def save(self, path: Path) -> None:
        """Write the addresses as JSON.

        Raises
        ------
        ConfigurationError
            If the file can't be written.
        """
        write_whole(path, (json.dumps(asdict(self), indent=2) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Deployment:
        """Read the addresses back.

        Raises
        ------
        ConfigurationError
            If the file is missing or is not a deployment.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{path} holds no deployment: {error}", "give the file that a deployment wrote"
            ) from error


def deploy(
    node: Node,
    admin: LocalAccount,
    *,
    signers: Sequence[str],
    threshold: int,
    fee_bps: int,
    treasury: str,
    with_token: bool = False,
) -> Deployment:
    """Deploy committee, registry and market, and put the first committee into office.

    Parameters
    ----------
    node
        Where to.
    admin
        Pays, and owns what may be changed: committee, fee, the pause of new requests.
    signers
        Addresses of the oracle signers, in any order.
    threshold
        Signatures that make a quorum.
    fee_bps
        Protocol fee in basis points.
    treasury
        Receives the protocol fee.
    with_token
        Also deploy the development token, on the devnet only.
    """
    committee = node.deploy(admin, "OracleCommittee", admin.address)
    members = sorted(signers, key=lambda signer: int(signer, 16))
    node.send(admin, committee.functions.rotate(members, threshold))
    registry = node.deploy(admin, "ParticipantRegistry")
    market = node.deploy(admin, "ModelMarket", admin.address, committee.address, fee_bps, treasury)
    token = node.deploy(admin, "DevToken").address if with_token else None
    return Deployment(node.chain_id, market.address, committee.address, registry.address, token)
