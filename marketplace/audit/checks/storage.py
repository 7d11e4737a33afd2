"""Checks of the contract's own storage: it says what the log says."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from marketplace.audit.case import Case, Chain
from marketplace.audit.history import History
from marketplace.audit.report import Finding, counted, judged
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.protocol.structs import abi_type, solidity_fields
from marketplace.protocol.terms import NATIVE, DataQuote
from marketplace.protocol.units import BASIS_POINTS

_BALANCE_OF = bytes.fromhex("70a08231")  # selector of ERC-20's balanceOf(address)
_EMPTY = bytes(32)


def check_storage_state(case: Case) -> Finding:
    """Check that the contract's record of the trade is the one that the log gives."""
    chain = case.chain
    stored = _view(chain, "tradeOf", case.trade.id)
    expected = _record(case)
    if not isinstance(stored, dict):
        return judged([f"the market does not answer tradeOf({case.trade.name})"], "")
    faults = [
        f"{name} is {_shown(stored.get(name))} in storage and {_shown(value)} by the log"
        for name, value in expected.items()
        if stored.get(name) != value
    ]
    unknown = stored.keys() - expected.keys()
    faults += [f"{name} is in storage and unknown to this audit" for name in sorted(unknown)]
    return judged(faults, f"all {len(expected)} stored fields follow from the log")


def check_credits(history: History, chain: Chain) -> Finding:
    """Check that the contract owes every account what the log says."""
    faults = []
    for (account, currency), owed in history.credit.items():
        stored = _view(chain, "creditOf", account, currency)
        if stored != owed:
            faults.append(f"{account} has {stored} of {currency} in storage and {owed} by the log")
    return judged(
        faults, f"{counted(len(history.credit), 'credit')} in storage follow from the log"
    )


def check_ledger(history: History, chain: Chain) -> Finding:
    """Check that withdrawals were covered, and that the contract holds all that it owes."""
    faults = list(history.overdrafts)
    owed = history.escrows()
    for (_, currency), amount in history.credit.items():
        owed[currency] = owed.get(currency, 0) + amount
    for currency, amount in owed.items():
        held = _balance(chain, currency)
        if held < amount:
            faults.append(f"the market holds {held} of {currency} and owes {amount}")
    return judged(faults, "withdrawals were covered, and the market holds all that it owes")


def _record(case: Case) -> dict[str, Any]:
    """Return the trade as `contracts/src/types/Trade.sol` stores it."""
    trade = case.trade
    request, terms, acceptance = trade.request, trade.terms, trade.acceptance
    quote = acceptance.quote if acceptance else None
    seats = case.committee.members
    return {
        "buyer": request.buyer,
        "deadline": trade.deadline,
        "state": trade.state,
        "attempts": len(trade.attempts),
        "maxAttempts": request.max_attempts,
        "signers": sum(1 << seats.index(signer) for signer in case.signers),
        "audited": trade.attested,
        "broker": request.broker,
        "threshold": request.threshold,
        "committeeVersion": terms.committee_version,
        "minRows": request.min_rows,
        "auditor": request.auditor,
        "feeBps": terms.fee_bps,
        "currency": request.currency,
        "treasury": terms.treasury,
        "windows": request.windows,
        "validationRoot": request.validation_root,
        "budget": request.budget,
        "escrow": trade.escrow,
        "expertPool": quote.expert_pool if quote else 0,
        "brokerFee": quote.broker_fee if quote else 0,
        "auditorFee": quote.auditor_fee if quote else 0,
        "oracleFee": quote.oracle_fee if quote else 0,
        "protocolFee": acceptance.components * terms.fee_bps // BASIS_POINTS if acceptance else 0,
        "validationRows": request.validation_rows,
        "dataQuotes": _quotes_hash(quote.data_quotes) if quote else _EMPTY,
        "gate": _gate_hash(trade),
    }


def _quotes_hash(quotes: tuple[DataQuote, ...]) -> bytes:
    """Hash a list of data quotes as EIP-712 encodes an array of structs."""
    members = ",".join(
        f"{field.solidity_type} {field.name}" for field in solidity_fields(DataQuote)
    )
    type_hash = keccak(f"DataQuote({members})".encode())
    kinds = ["bytes32", abi_type(DataQuote)]
    return keccak(b"".join(keccak(encode(kinds, [type_hash, q.as_tuple()])) for q in quotes))


def _gate_hash(trade: Trade) -> bytes:
    if trade.gate is None:
        return _EMPTY
    return keccak(encode(["address[]", "uint32[]"], [trade.gate.experts, trade.gate.weights]))


def _view(chain: Chain, function: str, *arguments: Any) -> Any:
    """Evaluate a view of the market; None if it refuses or answers something else."""
    question = chain.interface.call_data(function, *arguments)
    answer = chain.rpc.call(chain.contract, question, chain.block.number)
    try:
        return None if answer is None else chain.interface.returned(function, answer)
    except ValueError:
        return None


def _balance(chain: Chain, currency: str) -> int:
    """Return what the market holds; nothing, if the token doesn't say."""
    rpc: Rpc = chain.rpc
    if currency == NATIVE:
        return rpc.balance(chain.contract, chain.block.number)
    question = _BALANCE_OF + encode(["address"], [chain.contract])
    answer = rpc.call(currency, question, chain.block.number) or b""
    return int.from_bytes(answer[:32], "big")


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
