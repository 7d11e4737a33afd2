"""A web3.py provider for a devnet in the same process."""

from __future__ import annotations

from typing import cast

from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain.devnet.jsonrpc import respond
from marketplace.chain.devnet.rpc import DevnetRpc


class DevnetProvider(JSONBaseProvider):
    """Hands requests to a devnet as the text that they would be over HTTP.

    Parameters
    ----------
    devnet
        The chain.
    """

    def __init__(self, devnet: DevnetRpc) -> None:
        super().__init__()
        self.devnet = devnet

    def __str__(self) -> str:
        return "devnet in this process"

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """Answer one request."""
        return self._exchange(self.encode_rpc_request(method, params))

    def make_batch_request(
        self, requests: list[tuple[RPCEndpoint, object]]
    ) -> list[RPCResponse] | RPCResponse:
        """Answer a batch of requests, in order."""
        answer = self._exchange(self.encode_batch_rpc_request(requests))
        return cast("list[RPCResponse] | RPCResponse", answer)

    def _exchange(self, body: bytes) -> RPCResponse:
        # web3 gives every request an id, so there is always an answer.
        return self.decode_rpc_response(respond(self.devnet, body) or b"null")
