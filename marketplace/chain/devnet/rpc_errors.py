"""What a node says instead of a result: the error object of JSON-RPC.

Codes and words are those of geth and Anvil (EIP-1474, EIP-838), since wallets and
libraries look for them. These travel over the wire; a user of moemarket meets the
classes of `marketplace.protocol.errors`, into which a client turns them.
"""

from __future__ import annotations

from eth_abi import abi
from eth_abi.exceptions import DecodingError

from marketplace.chain.devnet.json_types import Json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
TRANSACTION_REJECTED = -32003
EXECUTION_REVERTED = 3

_ERROR_STRING_SELECTOR = bytes.fromhex("08c379a0")


class RpcError(Exception):
    """A request that the node refuses or can't fulfil.

    Attributes
    ----------
    code
        Error code of JSON-RPC 2.0 or EIP-1474.
    message
        One line for a human.
    data
        What a program needs beyond the code, e.g. the revert data as 0x-hex.
    """

    def __init__(self, code: int, message: str, data: Json = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(message)

    def as_json(self) -> dict[str, Json]:
        """Return the error object of a JSON-RPC response."""
        error: dict[str, Json] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


def invalid_params(message: str) -> RpcError:
    """Refuse parameters that have another form than the method takes."""
    return RpcError(INVALID_PARAMS, message)


def not_found(message: str) -> RpcError:
    """Refuse a request about something that is not on this chain."""
    return RpcError(SERVER_ERROR, message)


def rejected(message: str) -> RpcError:
    """Refuse a transaction that can't enter a block."""
    return RpcError(TRANSACTION_REJECTED, message)


def reverted(revert_data: bytes) -> RpcError:
    """Report a contract's refusal, with the ABI-encoded error it gave."""
    reason = _reason_string(revert_data)
    message = f"execution reverted: {reason}" if reason else "execution reverted"
    return RpcError(EXECUTION_REVERTED, message, "0x" + revert_data.hex())


def _reason_string(revert_data: bytes) -> str:
    """Decode Solidity's ``Error(string)``; empty for any other revert data."""
    if revert_data[:4] != _ERROR_STRING_SELECTOR:
        return ""
    try:
        return str(abi.decode(["string"], revert_data[4:])[0])
    except (DecodingError, UnicodeDecodeError):
        return ""
