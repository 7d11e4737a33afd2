"""Execution that leaves no trace: eth_call and gas estimation.

Gas is free here, as it is in every node's eth_call, so a caller without funds can
read a contract. The value of a call still has to be in the caller's account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from eth.abc import BlockHeaderAPI, ComputationAPI, SignedTransactionAPI
from eth.exceptions import Revert, VMError
from eth.vm.forks.prague.constants import STANDARD_TOKEN_COST, TOTAL_COST_FLOOR_PER_TOKEN
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.rpc_errors import SERVER_ERROR, RpcError, rejected, reverted
from marketplace.chain.devnet.transaction_request import TransactionRequest

_BASE_GAS = 21_000
_NOBODY = Address(bytes(20))


def call(backend: DevnetBackend, request: TransactionRequest, header: BlockHeaderAPI) -> bytes:
    """Run a call on the state after `header`, in that block's environment.

    Returns
    -------
    bytes
        What the contract returned.

    Raises
    ------
    RpcError
        If the contract reverted, ran out of gas, or the caller lacks the value.
    """
    computation = _run(backend, request, header)(_gas_cap(request, header))
    _raise_failure(computation)
    return computation.output


def estimate_gas(
    backend: DevnetBackend, request: TransactionRequest, header: BlockHeaderAPI
) -> int:
    """Find the least gas limit with which a transaction succeeds as it should.

    A run with all the gas there is shows what the transaction consumes before
    refunds. That much suffices unless a call inside a call needs the 64th part that
    EIP-150 holds back; then the limit is found by bisection.

    Raises
    ------
    RpcError
        If the transaction fails even with all the gas there is.
    """
    cap = _gas_cap(request, header)
    run = _run(backend, request, header)
    generous = run(cap)
    _raise_failure(generous)
    enough = max(cap - generous.get_gas_remaining(), floor_gas(request.data))
    if enough > cap:
        raise rejected(f"gas required exceeds allowance ({cap})")
    too_little = enough - 1
    while enough < cap and run(enough).is_error:
        too_little, enough = enough, min(cap, enough * 64 // 63 + 1)
    while enough - too_little > 1:
        middle = (enough + too_little) // 2
        if run(middle).is_error:
            too_little = middle
        else:
            enough = middle
    return enough


def floor_gas(data: bytes) -> int:
    """Return the gas that a transaction with this data pays at least (EIP-7623)."""
    zeros = data.count(0)
    tokens = zeros + (len(data) - zeros) * STANDARD_TOKEN_COST
    return _BASE_GAS + TOTAL_COST_FLOOR_PER_TOKEN * tokens


def _gas_cap(request: TransactionRequest, header: BlockHeaderAPI) -> int:
    return min(request.gas or header.gas_limit, header.gas_limit)


def _run(
    backend: DevnetBackend, request: TransactionRequest, header: BlockHeaderAPI
) -> Callable[[int], ComputationAPI]:
    """Return a function that runs the request with a gas limit, each time afresh."""
    sender = request.sender or _NOBODY
    state = backend.state_at(header.copy(base_fee_per_gas=0))
    balance = state.get_balance(sender)
    if balance < request.value:
        raise rejected(f"insufficient funds for transfer: have {balance}, want {request.value}")
    unsigned = PragueTransactionBuilder.new_unsigned_dynamic_fee_transaction(
        chain_id=CHAIN_ID,
        nonce=state.get_nonce(sender),
        max_priority_fee_per_gas=0,
        max_fee_per_gas=0,
        gas=0,
        to=request.to,
        value=request.value,
        data=request.data,
        access_list=request.access_list or (),
    )

    def run(gas: int) -> ComputationAPI:
        if gas < unsigned.intrinsic_gas:
            raise rejected(f"intrinsic gas too low: have {gas}, want {unsigned.intrinsic_gas}")
        before = state.snapshot()
        try:
            spoofed = SpoofTransaction(unsigned, gas=gas, from_=sender)
            return state.apply_transaction(cast("SignedTransactionAPI", spoofed))
        except (ValidationError, VMError) as error:
            raise rejected(str(error)) from error
        finally:
            state.revert(before)

    return run


def _raise_failure(computation: ComputationAPI) -> None:
    if not computation.is_error:
        return
    error: VMError = computation.error
    if isinstance(error, Revert):
        raise reverted(computation.output)
    raise RpcError(SERVER_ERROR, f"execution failed: {type(error).__name__}: {error}")
