"""One node, many local accounts: sends transactions, waits, and names every failure.

Keys sign here and never travel: a node only ever sees raw transactions. Whatever a
node or contract refuses comes out as one class of `marketplace.protocol.errors`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import requests
from eth_account.datastructures import SignedTransaction
from eth_account.signers.local import LocalAccount
from eth_typing import BlockNumber, ChecksumAddress
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3
from web3.contract.contract import Contract, ContractFunction
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TimeExhausted,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.providers import BaseProvider
from web3.providers.rpc.utils import REQUEST_RETRY_ALLOWLIST, ExceptionRetryConfiguration
from web3.types import BlockData, BlockIdentifier, FilterParams, TxParams, TxReceipt, Wei

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.revert import explain_revert
from marketplace.protocol.errors import (
    ChainError,
    ConfigurationError,
    InsufficientFunds,
    NoContract,
    NodeUnreachable,
    TransactionReverted,
    WrongChain,
)
from marketplace.protocol.units import in_coins

DEVNET_CHAIN_ID = 31337
RECEIPT_SECONDS = 120.0
REQUEST_SECONDS = 30.0
POLL_SECONDS = 0.05
TRIES = 3
SEND = "eth_sendRawTransaction"
GAS_MARGIN_PERCENT = 110


@dataclass(frozen=True)
class GasRecord:
    """What one transaction cost."""

    step: str
    transaction: str
    gas: int


class Node:
    """A connection to one EVM node.

    Parameters
    ----------
    provider
        A web3 provider; `connect` makes one from a URL.
    chain_id
        The chain id to insist on, or None to take the node's word.

    Raises
    ------
    NodeUnreachable
        If nothing answers.
    WrongChain
        If the node is on another chain.
    """

    def __init__(self, provider: BaseProvider, chain_id: int | None = None) -> None:
        self.web3 = Web3(provider)
        self.gas_records: list[GasRecord] = []
        self.chain_id = self._ask_chain_id()
        if chain_id is not None and self.chain_id != chain_id:
            raise WrongChain(
                f"the node is on chain {self.chain_id}, not {chain_id}",
                "give the endpoint of the right chain, or the right chain id",
            )

    # ------------------------------------------------------------------ writing

    def send(
        self,
        account: LocalAccount,
        call: ContractFunction,
        *,
        step: str | None = None,
        value: int = 0,
    ) -> TxReceipt:
        """Send a contract call from a local account and wait until it is mined.

        Parameters
        ----------
        account
            Signs locally.
        call
            A bound contract function.
        step
            Name under which the gas is recorded; the function's name by default.
        value
            Native coin to send along, in wei.

        Raises
        ------
        TransactionReverted
            If the contract refuses, with its reason decoded; nothing was sent when
            the refusal shows in the gas estimate.
        InsufficientFunds
            If the account can't pay for value and gas.
        """
        draft: TxParams = {"from": account.address, "value": Wei(value)}
        transaction = self._ask(lambda: call.build_transaction(draft))
        return self._transact(account, transaction, step or call.fn_name)

    def deploy(self, account: LocalAccount, artifact: str, *arguments: Any) -> Contract:
        """Deploy a compiled contract and return it bound to its address."""
        compiled = load_artifact(artifact)
        factory = self.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        draft: TxParams = {"from": account.address}
        transaction = self._ask(lambda: factory.constructor(*arguments).build_transaction(draft))
        receipt = self._transact(account, transaction, f"deploy {artifact}")
        return self.contract(artifact, str(receipt["contractAddress"]))

    def transfer(self, account: LocalAccount, to: str, wei: int) -> TxReceipt:
        """Send native coin."""
        draft: TxParams = {
            "from": account.address,
            "to": to_checksum_address(to),
            "value": Wei(wei),
            "chainId": self.chain_id,
        }
        fees = self._ask(self._fees)
        draft["gas"] = self._ask(lambda: self.web3.eth.estimate_gas(draft))
        return self._transact(account, {**draft, **fees}, "transfer")

    def _transact(self, account: LocalAccount, transaction: TxParams, step: str) -> TxReceipt:
        needed = int(transaction["gas"]) * GAS_MARGIN_PERCENT // 100
        transaction["gas"] = needed
        transaction["nonce"] = self._ask(
            lambda: self.web3.eth.get_transaction_count(account.address)
        )
        signed = account.sign_transaction(cast(dict[str, Any], transaction))
        name = "0x" + signed.hash.hex()
        receipt = self._broadcast(step, signed, int(transaction["nonce"]))
        if receipt["status"] != 1:
            raise TransactionReverted(
                f"transaction {name} ({step}) was mined but reverted",
                "the chain changed between the estimate and the block; look and try again",
                transaction=name,
            )
        self.gas_records.append(GasRecord(step, name, int(receipt["gasUsed"])))
        return receipt

    def _broadcast(self, step: str, signed: SignedTransaction, nonce: int) -> TxReceipt:
        """Send what is signed and wait until it is mined; who keeps a journal overrides it."""
        return self._receipt(self._sent(signed.raw_transaction))

    def _sent(self, raw: bytes) -> Any:
        return self._ask(lambda: self.web3.eth.send_raw_transaction(raw))

    def _receipt(self, sent: Any) -> TxReceipt:
        try:
            return self.web3.eth.wait_for_transaction_receipt(sent, RECEIPT_SECONDS, POLL_SECONDS)
        except TimeExhausted as error:
            raise ChainError(
                f"transaction 0x{sent.hex()} was not mined in {RECEIPT_SECONDS:.0f} s",
                "look it up by its hash before sending anything again",
            ) from error

    def _fees(self) -> TxParams:
        tip = self.web3.eth.max_priority_fee
        base = self.web3.eth.get_block("latest")["baseFeePerGas"]
        return {"maxPriorityFeePerGas": tip, "maxFeePerGas": Wei(2 * base + tip), "type": 2}

    # ------------------------------------------------------------------ reading

    def contract(self, artifact: str, address: str) -> Contract:
        """Bind a compiled contract to an address that must have code.

        Raises
        ------
        NoContract
            If nothing is deployed there.
        """
        at: ChecksumAddress = to_checksum_address(address)
        if not self._ask(lambda: self.web3.eth.get_code(at)):
            raise NoContract(
                f"there is no contract at {at} on chain {self.chain_id}",
                "check the address, the endpoint, and whether the chain was restarted",
            )
        return self.web3.eth.contract(address=at, abi=load_artifact(artifact).abi)

    def has_code(self, address: str, block: int) -> bool:
        """Tell whether a contract was at an address after a block."""
        at: ChecksumAddress = to_checksum_address(address)
        return bool(self._ask(lambda: self.web3.eth.get_code(at, BlockNumber(block))))

    def call(self, call: ContractFunction) -> Any:
        """Evaluate a view function."""
        return self._ask(call.call)

    def logs(self, question: dict[str, Any]) -> list[Any]:
        """Return the logs that match an `eth_getLogs` filter."""
        return list(self._ask(lambda: self.web3.eth.get_logs(cast(FilterParams, question))))

    def block(self, wanted: BlockIdentifier) -> BlockData | None:
        """Return a block by its height or tag; None if there is none, or no longer."""

        def question() -> BlockData | None:
            try:
                return self.web3.eth.get_block(wanted)
            except BlockNotFound:
                return None

        found: BlockData | None = self._ask(question)
        return found

    def balance(self, address: str) -> int:
        """Native coin of an account, in wei."""
        return int(self._ask(lambda: self.web3.eth.get_balance(to_checksum_address(address))))

    def now(self) -> int:
        """Timestamp of the latest block, in seconds since 1970."""
        return int(self._ask(lambda: self.web3.eth.get_block("latest"))["timestamp"])

    def require_funds(self, address: str, wei: int) -> None:
        """Check that an account can pay.

        Raises
        ------
        InsufficientFunds
            If its balance is below `wei`.
        """
        have = self.balance(address)
        if have < wei:
            raise InsufficientFunds(
                f"{address} has {in_coins(have)} and needs {in_coins(wei)}",
                "fund the account; nothing was sent",
            )

    # -------------------------------------------------------------- development

    def advance_time(self, seconds: int) -> None:
        """Move a development chain's clock and mine a block.

        Raises
        ------
        ConfigurationError
            If the node is no development chain.
        """
        for method, parameters in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
            answer = self.web3.provider.make_request(method, parameters)  # type: ignore[arg-type]  # web3 types only standard methods
            if "error" in answer:
                raise ConfigurationError(
                    f"the node does not know {method}",
                    "time travel works on the devnet and on Anvil; elsewhere, wait",
                )

    def let_pass(self, seconds: int) -> None:
        """Move the chain's clock, or wait where it can't be moved."""
        until = self.now() + seconds
        try:
            self.advance_time(seconds)
        except ConfigurationError:
            while self.now() < until:
                time.sleep(1)

    # ------------------------------------------------------------------- errors

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (ContractLogicError, Web3RPCError) as error:
            _raise_refusal(error)
        except (requests.RequestException, ConnectionError) as error:
            raise NodeUnreachable(
                f"no node answers at {self._endpoint()}",
                "start one (`moemarket devnet`) or check the endpoint",
            ) from error
        except TransactionNotFound as error:
            raise ChainError(str(error), "check the transaction hash and the chain") from error
        except Web3Exception as error:
            raise self._unusable(error) from error

    def _ask_chain_id(self) -> int:
        """Ask the first question; whoever can't answer it is no node."""
        try:
            answer = self._ask(lambda: self.web3.eth.chain_id)
        except ValueError as error:  # web3 parses whatever comes back
            raise self._unusable(error) from error
        if not isinstance(answer, int):
            raise self._unusable(f"its chain id is {answer!r}")
        return answer

    def _unusable(self, reason: object) -> ChainError:
        return ChainError(
            f"the node at {self._endpoint()} gave an unusable answer: {reason}",
            "check that the endpoint is an Ethereum JSON-RPC node",
        )

    def _endpoint(self) -> str:
        return str(getattr(self.web3.provider, "endpoint_uri", "the in-process chain"))


def connect(url: str, chain_id: int | None = None) -> Node:
    """Connect to a node over HTTP.

    Parameters
    ----------
    url
        ``http://`` or ``https://`` endpoint.
    chain_id
        The chain id to insist on.

    Raises
    ------
    ConfigurationError
        If the URL has another scheme.
    NodeUnreachable, WrongChain
        As `Node`.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"{url!r} is no RPC endpoint", "give an http:// or https:// URL")
    return Node(http_provider(url), chain_id)


def http_provider(url: str) -> HTTPProvider:
    """Return a provider that asks again where a connection breaks, as a kept one may any time.

    A transaction is sent once: whoever sends it looks first what became of it.
    """
    questions = [method for method in REQUEST_RETRY_ALLOWLIST if method != SEND]
    again = ExceptionRetryConfiguration(
        errors=(requests.ConnectionError, requests.Timeout),
        retries=TRIES,
        method_allowlist=questions,
    )
    return HTTPProvider(
        url, request_kwargs={"timeout": REQUEST_SECONDS}, exception_retry_configuration=again
    )


def wait_until_up(url: str, seconds: float) -> Node:
    """Connect to a node that is still starting."""
    end = time.monotonic() + seconds
    while True:
        try:
            return connect(url)
        except NodeUnreachable:
            if time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)


def _raise_refusal(error: ContractLogicError | Web3RPCError) -> NoReturn:
    reason, explanation = explain_revert(error)
    if explanation is not None:
        raise TransactionReverted(
            f"{explanation.cause} ({reason})", explanation.remedy, reason=reason
        ) from error
    message = str(error)
    if "insufficient funds" in message.lower():
        raise InsufficientFunds(
            "the account can't pay for the value and gas of this transaction",
            "fund the account; nothing was sent",
        ) from error
    if reason or "revert" in message:
        raise TransactionReverted(
            f"the contract refused: {reason or message}", "check the arguments", reason=reason
        ) from error
    raise ChainError(f"the node refused: {message}", "check the request and the node") from error
