"""The devnet over HTTP, for wallets and tools on this machine.

The accounts of a devnet are open to all who reach it. So a request is answered only
if its Host names this machine, which defeats DNS rebinding, and if its Origin, where a
browser sends one, is a page of this machine or a browser extension such as a wallet.
"""

from __future__ import annotations

import re

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse

from marketplace.chain.devnet.jsonrpc import respond
from marketplace.chain.devnet.rpc import DevnetRpc
from marketplace.chain.devnet.rpc_errors import INVALID_REQUEST, RpcError

MAX_BODY_BYTES = 5 * 2**20

_ORIGIN = re.compile(
    r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
    r"|(chrome|moz|safari-web)-extension://[0-9a-zA-Z-]+"
)
_GREETING = "This is a JSON-RPC endpoint: send requests by POST.\n"


def create_app(rpc: DevnetRpc, *, max_body_bytes: int = MAX_BODY_BYTES) -> FastAPI:
    """Build the web application that answers for a devnet.

    Parameters
    ----------
    rpc
        The chain.
    max_body_bytes
        Longest request that is read.
    """
    app = FastAPI(title="moemarket devnet", openapi_url=None)

    @app.get("/")
    async def greet() -> Response:
        return PlainTextResponse(_GREETING)

    @app.post("/")
    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and not _ORIGIN.fullmatch(origin):
            return _refusal(403, f"origin {origin} is not on this machine")
        body = await _read(request, max_body_bytes)
        if body is None:
            return _refusal(413, f"a request is at most {max_body_bytes} bytes long")
        content = await run_in_threadpool(respond, rpc, body)
        if content is None:
            return Response(status_code=204)
        return Response(content, media_type="application/json")

    app.add_middleware(
        CORSMiddleware,
        allow_origin_regex=_ORIGIN.pattern,
        allow_methods=["POST"],
        allow_headers=["content-type"],
    )
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"], www_redirect=False
    )
    return app


async def _read(request: Request, max_bytes: int) -> bytes | None:
    """Read the body, or return None as soon as it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            return None
    return bytes(body)


def _refusal(status: int, message: str) -> Response:
    error = RpcError(INVALID_REQUEST, message).as_json()
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=status)
