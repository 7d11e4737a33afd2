"""What the parties of a trade agree on and report, field for field as in the contracts.

Amounts are in the currency's smallest unit (wei), windows in seconds, expiries in
seconds since 1970, scores and weights in parts per million, digests are the 32
bytes of a sha2-256 CID. A bitmap of signers has bit i set for the committee's
member i. What is called a finding here is signed as a report: the finding with its
trade, and with the committee's version.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.protocol.structs import (
    Address,
    Addresses,
    Bool,
    Bytes,
    Bytes32,
    Bytes32s,
    Struct,
    Uint8,
    Uint16,
    Uint24,
    Uint32,
    Uint32s,
    Uint40,
    Uint128,
    Uint128s,
    Uint256,
)

NATIVE = "0x0000000000000000000000000000000000000000"
"""The currency address that stands for the chain's native coin."""

NOBODY = NATIVE
"""The address of an auditor where there is none."""


# ------------------------------------------------------------------- what is agreed


@dataclass(frozen=True)
class Windows(Struct):
    """How long each stage of a trade may take, in seconds (24 bits, 194 days at most)."""

    quote: Uint24
    delivery: Uint24
    judging: Uint24
    training: Uint24
    validation: Uint24
    review: Uint24
    settlement: Uint24


LEAST_SETTLEMENT = 600
"""The shortest settlement window that the market takes, in seconds: all can open their scores."""


@dataclass(frozen=True)
class Request(Struct):
    """What a buyer asks for and the rules that hold for it.

    Its hash, with chain and contract, is the trade's id.
    """

    buyer: Address
    broker: Address
    auditor: Address
    currency: Address
    budget: Uint128
    threshold: Uint32
    max_attempts: Uint8
    min_rows: Uint32
    validation_rows: Uint32
    validation_root: Bytes32
    spec: Bytes32
    licence: Bytes32
    transfer_rule: Uint8
    approval_required: Bool
    committee: Bytes32
    panel: Bytes32
    fee_bps: Uint16
    treasury: Address
    windows: Windows
    salt: Bytes32


@dataclass(frozen=True)
class DataQuote(Struct):
    """A provider's offer of one dataset."""

    trade_id: Bytes32
    provider: Address
    dataset: Bytes32
    rows: Uint32
    price: Uint128
    expiry: Uint40


@dataclass(frozen=True)
class ModelQuote(Struct):
    """The broker's price for the whole trade, the providers' offers included."""

    trade_id: Bytes32
    data_request: Bytes32
    data_quotes: tuple[DataQuote, ...]
    expert_pool: Uint128
    broker_fee: Uint128
    auditor_fee: Uint128
    oracle_fee: Uint128
    expiry: Uint40


@dataclass(frozen=True)
class Permit(Struct):
    """An ERC-2612 permit for the market to take the price."""

    value: Uint256
    deadline: Uint256
    v: Uint8
    r: Bytes32
    s: Bytes32


NO_PERMIT = Permit(0, 0, 0, bytes(32), bytes(32))
"""For an allowance that is there already, and for native coin."""


@dataclass(frozen=True)
class Deal(Struct):
    """What request and quote leave for the later steps to know."""

    buyer: Address
    broker: Address
    auditor: Address
    treasury: Address
    currency: Address
    threshold: Uint32
    min_rows: Uint32
    approval_required: Bool
    expert_pool: Uint128
    broker_fee: Uint128
    auditor_fee: Uint128
    oracle_fee: Uint128
    protocol_fee: Uint128
    quote: Bytes32


@dataclass(frozen=True)
class Supply(Struct):
    """One provider's part of a deal."""

    provider: Address
    rows: Uint32
    price: Uint128


@dataclass(frozen=True)
class Committee(Struct):
    """An M-of-N committee; a member's position is its seat."""

    version: Uint32
    threshold: Uint8
    members: Addresses


# ------------------------------------------------------------------ what is reported


@dataclass(frozen=True)
class DataFinding(Struct):
    """Which data was delivered, as a bitmap over the supplies, and who trains on it.

    Experts ascend; weights are parts per million, one million in all. Both are empty
    when too few rows are left.
    """

    accepted: Uint256
    experts: Addresses
    weights: Uint32s
    data_evidence: Bytes32
    gate_evidence: Bytes32


@dataclass(frozen=True)
class DataReport(Struct):
    """A data finding as it is signed."""

    trade_id: Bytes32
    committee_version: Uint32
    accepted: Uint256
    experts: Addresses
    weights: Uint32s
    data_evidence: Bytes32
    gate_evidence: Bytes32


@dataclass(frozen=True)
class History(Struct):
    """What the attempts before the deciding one left (`marketplace/protocol/attempts.py`)."""

    records: Bytes32
    models: Uint256


NO_HISTORY = History(bytes(32), 0)
"""Of a trade without an attempt."""


@dataclass(frozen=True)
class Gate(Struct):
    """What data report and earlier attempts leave for the later steps; `dropped` is in wei."""

    dropped: Uint128
    history: History
    experts: Addresses
    weights: Uint32s


@dataclass(frozen=True)
class AttemptFinding(Struct):
    """The part of an attempt report that every signer shares.

    Delivery is zero, and amounts are empty, unless the attempt passed.
    """

    model: Bytes32
    training: Bytes32
    delivery: Bytes32
    evidence: Bytes32
    amounts: Uint128s

    @property
    def without_model(self) -> bool:
        """Whether there was nothing to score: one `NoModel` is both model and evidence."""
        return self.model == self.evidence


@dataclass(frozen=True)
class AttemptReport(Struct):
    """One signer's verdict on one attempt, with its sealed score."""

    trade_id: Bytes32
    committee_version: Uint32
    attempt: Uint8
    model: Bytes32
    training: Bytes32
    delivery: Bytes32
    evidence: Bytes32
    amounts: Uint128s
    passed: Bool
    seal: Bytes32


@dataclass(frozen=True)
class AttemptRecord(Struct):
    """What an attempt leaves behind: who signed, who said pass, and the sealed scores."""

    attempt: Uint8
    model: Bytes32
    delivery: Bytes32
    signers: Uint16
    verdicts: Uint16
    seals: Bytes32s


@dataclass(frozen=True)
class Opening(Struct):
    """One signer's sealed score, revealed. A zero salt means that it stays closed."""

    score: Uint32
    salt: Bytes32


@dataclass(frozen=True)
class AuditFinding(Struct):
    """The auditor's finding as the market takes it; an empty signature means none."""

    report: Bytes32
    approved: Bool
    signature: Bytes


NO_AUDIT = AuditFinding(bytes(32), False, b"")
"""For a settlement without an audit, or with one that was attested before."""


@dataclass(frozen=True)
class AuditReport(Struct):
    """The auditor's finding as it is signed: of the attempt that decided, by its record's hash."""

    trade_id: Bytes32
    record: Bytes32
    report: Bytes32
    approved: Bool


@dataclass(frozen=True)
class Withdrawal(Struct):
    """A payee's word that its credit may be sent elsewhere, as it is signed."""

    account: Address
    currency: Address
    to: Address
    nonce: Uint256
    expiry: Uint40


@dataclass(frozen=True)
class TrainingCommitment(Struct):
    """An expert's signature under the model it trained; kept in the evidence, not on chain."""

    trade_id: Bytes32
    expert: Address
    attempt: Uint8
    subset: Bytes32
    model: Bytes32
