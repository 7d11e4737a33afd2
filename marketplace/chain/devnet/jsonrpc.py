"""JSON-RPC 2.0: from the bytes of a request to the bytes of its response.

See https://www.jsonrpc.org/specification. Both ways into a devnet pass through
here, so they can't differ.
"""

from __future__ import annotations

import json
import logging

from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.rpc import DevnetRpc
from marketplace.chain.devnet.rpc_errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    RpcError,
)
from marketplace.protocol.foreign_json import NestedTooDeep, parse_json

MAX_BATCH = 1_000

_log = logging.getLogger(__name__)


def respond(rpc: DevnetRpc, body: bytes) -> bytes | None:
    """Answer a request, or a batch of requests.

    Parameters
    ----------
    rpc
        The chain that answers.
    body
        JSON text, UTF-8.

    Returns
    -------
    bytes or None
        JSON text; None if nothing but notifications was sent.
    """
    try:
        request = parse_json(body)
    except NestedTooDeep as error:
        return _encode(_failure(None, RpcError(INVALID_REQUEST, str(error))))
    except ValueError:
        return _encode(_failure(None, RpcError(PARSE_ERROR, "the body is not JSON")))
    if not isinstance(request, list):
        return _encode(_answer(rpc, request))
    if not 0 < len(request) <= MAX_BATCH:
        problem = f"a batch holds 1 to {MAX_BATCH} requests, got {len(request)}"
        return _encode(_failure(None, RpcError(INVALID_REQUEST, problem)))
    answers = [_answer(rpc, item) for item in request]
    return _encode([answer for answer in answers if answer is not None] or None)


def _answer(rpc: DevnetRpc, request: object) -> Json:
    """Answer one request; None for a notification."""
    if not isinstance(request, dict):
        return _failure(None, RpcError(INVALID_REQUEST, "a request is a JSON object"))
    request_id, method = request.get("id"), request.get("method")
    if not isinstance(method, str):
        return _failure(request_id, RpcError(INVALID_REQUEST, "a request names its method"))
    try:
        result = rpc.handle(method, request.get("params", []))
    except RpcError as error:
        answer = _failure(request_id, error)
    except Exception:  # noqa: BLE001  # a defect must end in an answer, and in the log
        _log.exception("%s failed", method)
        answer = _failure(request_id, RpcError(INTERNAL_ERROR, f"internal error in {method}"))
    else:
        answer = {"jsonrpc": "2.0", "id": request_id, "result": result}
    return answer if "id" in request else None


def _failure(request_id: Json, error: RpcError) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "error": error.as_json()}


def _encode(answer: Json) -> bytes | None:
    return None if answer is None else json.dumps(answer, separators=(",", ":")).encode()
