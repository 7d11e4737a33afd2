"""Methods that send transactions; each is sealed into a block of its own at once."""

from __future__ import annotations

from eth.exceptions import VMError
from eth_account.signers.local import LocalAccount
from eth_account.types import TransactionDictType
from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from eth_utils.exceptions import ValidationError

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.chain.devnet.admission import check_admission, decode_transaction
from marketplace.chain.devnet.backend import DevnetBackend, base_fee_of
from marketplace.chain.devnet.encoding import data, word
from marketplace.chain.devnet.execution import estimate_gas
from marketplace.chain.devnet.fee_methods import SUGGESTED_TIP_WEI
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.methods import Method
from marketplace.chain.devnet.params import address_of, bytes_of
from marketplace.chain.devnet.rpc_errors import invalid_params, rejected
from marketplace.chain.devnet.transaction_request import (
    TransactionRequest,
    transaction_request_of,
)


class SendingMethods:
    """Takes signed transactions, and signs for the well-known accounts."""

    def __init__(self, backend: DevnetBackend, accounts: tuple[LocalAccount, ...]) -> None:
        self._backend = backend
        self._accounts = {address_of(account.address): account for account in accounts}

    def table(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "eth_accounts": self.accounts,
            "eth_requestAccounts": self.accounts,
            "eth_sendRawTransaction": self.send_raw_transaction,
            "eth_sendTransaction": self.send_transaction,
        }

    def accounts(self) -> Json:
        """Return the addresses that this node signs for."""
        return [data(address) for address in self._accounts]

    def send_raw_transaction(self, raw: object) -> Json:
        """Seal a signed transaction; return its hash."""
        transaction = decode_transaction(bytes_of(raw, "raw transaction"))
        check_admission(self._backend, transaction)
        try:
            self._backend.seal([transaction])
        except (ValidationError, VMError) as error:
            raise rejected(str(error)) from error
        return data(transaction.hash)

    def send_transaction(self, transaction: object) -> Json:
        """Fill, sign and seal a transaction of a well-known account; return its hash."""
        request = transaction_request_of(transaction)
        if request.sender is None:
            raise invalid_params("from: name the account that sends")
        account = self._accounts.get(request.sender)
        if account is None:
            raise invalid_params(
                f"from: no key for {to_checksum_address(request.sender)}; "
                "eth_accounts lists the accounts that this devnet signs for"
            )
        signed = account.sign_transaction(self._filled(request, account))
        return self.send_raw_transaction(data(signed.raw_transaction))

    def _filled(self, request: TransactionRequest, account: LocalAccount) -> TransactionDictType:
        """Choose what the caller left open, and name the fields as eth-account does."""
        header = self._backend.pending_header()
        nonce, gas = request.nonce, request.gas
        if nonce is None:
            nonce = self._backend.state_at(header).get_nonce(address_of(account.address))
        if gas is None:
            gas = estimate_gas(self._backend, request, header)
        fields: TransactionDictType = {
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "to": request.to,
            "value": request.value,
            "data": request.data,
            "gas": gas,
        }
        if request.access_list is not None:
            fields["accessList"] = [
                {
                    "address": HexStr(data(address)),
                    "storageKeys": [HexStr(word(slot)) for slot in slots],
                }
                for address, slots in request.access_list
            ]
        return fields | _fees(request, base_fee_of(header))


def _fees(request: TransactionRequest, base_fee: int) -> TransactionDictType:
    if request.gas_price is not None:
        return {"gasPrice": request.gas_price}
    tip = request.max_priority_fee
    if tip is None:
        tip = SUGGESTED_TIP_WEI
        if request.max_fee is not None:
            tip = min(tip, request.max_fee)
    max_fee = 2 * base_fee + tip if request.max_fee is None else request.max_fee
    return {"maxFeePerGas": max_fee, "maxPriorityFeePerGas": tip}
