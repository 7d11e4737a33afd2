"""What a committee and a payee sign for `Payouts.sol` (EIP-712), and how signatures are packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

from marketplace.protocol.documents import Amount, Document, Hex
from marketplace.protocol.earnings import Earning, Place
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.structs import (
    Address,
    Bytes32,
    Bytes32s,
    Struct,
    Uint128,
    Uint256,
)
from marketplace.protocol.typed_data import Domain, quorum_signatures

_Uint64 = Annotated[int, "uint64"]


@dataclass(frozen=True)
class PayoutsDomain(Domain):
    """Where a signature counts: one `Payouts` contract, in the field `market`, on one chain."""

    name: str = "Payouts"


@dataclass(frozen=True)
class Distribution(Struct):
    """Who has earned how much of a currency since the beginning, as Merkle roots.

    `epoch` is one more than that of the last proposal, `total` the sum of all cumulative
    amounts in the currency's smallest unit, `document` the digest of the list of payees,
    `committee` the digest of the committee in office.
    """

    currency: Address
    epoch: _Uint64
    total: Uint128
    roots: Bytes32s
    document: Bytes32
    committee: Bytes32


@dataclass(frozen=True)
class ClaimTo(Struct):
    """A payee's word that its credit may be sent to another address; deadline since 1970."""

    account: Address
    currency: Address
    receiver: Address
    nonce: Uint256
    deadline: Uint256


class SignedDistribution(Document):
    """One seat's signature on a distribution, handed to whoever proposes it.

    `payee_list` is the digest of the list, the distribution's `document`.
    """

    kind = "signed-distribution"
    chain_id: int
    payouts: str
    currency: str
    epoch: int
    total: Amount
    roots: tuple[Hex, ...]
    payee_list: Hex
    committee: Hex
    signer: str
    signature: Hex

    @property
    def distribution(self) -> Distribution:
        """What was signed; raises `ProtocolError` if it can be no distribution."""
        return Distribution(
            self.currency, self.epoch, self.total, self.roots, self.payee_list, self.committee
        )


class ClaimAuthority(Document):
    """A payee's `ClaimTo` with its signature, handed to whoever sends it."""

    kind = "claim-authority"
    chain_id: int
    payouts: str
    account: str
    currency: str
    receiver: str
    deadline: int
    signature: Hex


class PayeeProof(Document):
    """One payee's leaf and the hashes beside its path, for who shall not see the whole list."""

    kind = "payee-proof"
    currency: str
    account: str
    cumulative: Amount
    salt: Hex
    proof: tuple[Hex, ...]

    @classmethod
    def of(cls, currency: str, place: Place) -> Self:
        """Write down a place in the trees of a currency."""
        account, cumulative, salt = place.earning.as_tuple()
        proof = place.proof
        return cls(
            currency=currency, account=account, cumulative=cumulative, salt=salt, proof=proof
        )

    @property
    def place(self) -> Place:
        """The place in the trees; raises `ProtocolError` if it can be none."""
        if any(len(node) != 32 for node in self.proof):
            raise ProtocolError(
                f"the proof of {self.account} is none", "ask who has the list for another"
            )
        return Place(Earning(self.account, self.cumulative, self.salt), self.proof)


def packed(members: Sequence[str], signatures: Mapping[str, bytes]) -> tuple[int, bytes]:
    """Return a quorum's bitmap and its signatures as the contract takes them.

    Parameters
    ----------
    members
        The committee's members, ascending.
    signatures
        65 bytes by the address of the member that signed.

    Raises
    ------
    ProtocolError
        If somebody signed who is no member.
    BadSignature
        As `compact`.
    """
    strangers = set(signatures) - set(members)
    if strangers:
        raise ProtocolError(
            f"{min(strangers)} is not in the committee", "leave out signatures of strangers"
        )
    return quorum_signatures({members.index(member): signatures[member] for member in signatures})
