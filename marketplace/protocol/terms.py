"""What the parties of a trade agree on and report, field for field as in the contracts.

Amounts are in the currency's smallest unit (wei), windows in seconds, expiries in
seconds since 1970, scores and weights in parts per million, digests are the 32
bytes of a sha2-256 CID.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.protocol.structs import (
    Address,
    Addresses,
    Bool,
    Bytes32,
    Struct,
    Uint8,
    Uint32,
    Uint32s,
    Uint40,
    Uint128,
    Uint128s,
    Uint256,
)

NATIVE = "0x0000000000000000000000000000000000000000"
"""The currency address that stands for the chain's native coin."""


@dataclass(frozen=True)
class Windows(Struct):
    """How long each stage of a trade may take, in seconds."""

    quote: Uint32
    delivery: Uint32
    gating: Uint32
    attempt: Uint32
    verification: Uint32
    settlement: Uint32


@dataclass(frozen=True)
class Request(Struct):
    """What a buyer asks for; its hash, with chain and contract, is the trade's id."""

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
    data_quotes: tuple[DataQuote, ...]
    expert_pool: Uint128
    broker_fee: Uint128
    auditor_fee: Uint128
    oracle_fee: Uint128
    expiry: Uint40


@dataclass(frozen=True)
class DataReport(Struct):
    """Which providers delivered what they quoted, as a bitmap over the data quotes."""

    trade_id: Bytes32
    committee_version: Uint32
    accepted: Uint256
    evidence: Bytes32


@dataclass(frozen=True)
class GateReport(Struct):
    """The gate's weights over the chosen experts, in parts per million."""

    trade_id: Bytes32
    committee_version: Uint32
    experts: Addresses
    weights: Uint32s
    evidence: Bytes32


@dataclass(frozen=True)
class Attempt(Struct):
    """The part of an attempt report that every signer shares."""

    model: Bytes32
    training: Bytes32
    passed: Bool
    delivery: Bytes32
    evidence: Bytes32


@dataclass(frozen=True)
class AttemptReport(Struct):
    """One signer's verdict on one attempt, with its sealed score."""

    trade_id: Bytes32
    committee_version: Uint32
    attempt: Uint8
    model: Bytes32
    training: Bytes32
    passed: Bool
    delivery: Bytes32
    evidence: Bytes32
    seal: Bytes32


@dataclass(frozen=True)
class SettlementReport(Struct):
    """The division of the expert pool, in wei."""

    trade_id: Bytes32
    committee_version: Uint32
    experts: Addresses
    amounts: Uint128s
    evidence: Bytes32


@dataclass(frozen=True)
class TrainingCommitment(Struct):
    """An expert's signature under the model it trained; kept in the evidence, not on chain."""

    trade_id: Bytes32
    expert: Address
    attempt: Uint8
    subset: Bytes32
    model: Bytes32


@dataclass(frozen=True)
class Opening(Struct):
    """One signer's sealed score, revealed. A zero salt means that it stays closed."""

    signer: Address
    seal: Bytes32
    score: Uint32
    salt: Bytes32
