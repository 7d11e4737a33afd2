"""An expert's service over HTTP, for clients on this machine or behind a proxy with TLS.

A request is answered only if its Host names this machine, which defeats DNS rebinding.
Nothing is unpacked on arrival: a body with an encoding is refused.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from marketplace.protocol.errors import ConfigurationError, ExpertUnreachable, MarketError
from offchain.serving.messages import (
    BINARY,
    KEY_HEADER,
    MAX_JSON,
    MAX_REQUEST,
    Described,
    Health,
    Message,
    Quoted,
    Refusal,
    Work,
    name_of,
)
from offchain.serving.workshop import REFUSALS, Workshop


class _Unread(Exception):
    """A body that is not read, with the HTTP status that says why."""

    def __init__(self, status: int, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.status, self.refusal = status, Refusal(cause=cause, remedy=remedy)


def create_app(workshop: Workshop, *, max_request: int = MAX_REQUEST) -> FastAPI:
    """Build the web application that serves an expert.

    Parameters
    ----------
    max_request
        Most bytes of one request.
    """
    app = FastAPI(title="moemarket expert", openapi_url=None)
    _add_words(app, workshop)
    _add_work(app, workshop, max_request)
    for refusal in (*REFUSALS, ConfigurationError):
        app.add_exception_handler(refusal, _refused)
    app.add_exception_handler(_Unread, _refused)
    app.add_middleware(
        TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"], www_redirect=False
    )
    return app


def _add_words(app: FastAPI, workshop: Workshop) -> None:
    """Add what is asked and answered in JSON."""
    offered = workshop.offered

    @app.get("/health")
    async def health() -> Response:
        return _said(Health(kind=offered.describe().kind, waiting=workshop.waiting))

    @app.get("/describe")
    async def describe() -> Response:
        return _said(Described.by(offered.describe()))

    @app.post("/quote")
    async def quote(request: Request) -> Response:
        try:
            work = Work.read(await _read(request, MAX_JSON))
        except ValueError as error:
            raise _Unread(422, "this asks for no price", "ask as Work says") from error
        return _said(Quoted(price=str(offered.quote(work.rows, work.effort))))


def _add_work(app: FastAPI, workshop: Workshop, max_request: int) -> None:
    """Add what takes rows."""

    @app.post("/fit")
    async def fit(request: Request) -> Response:
        body = await _read(request, max_request)
        if request.headers.get(KEY_HEADER) != name_of(body):
            raise _Unread(400, f"{KEY_HEADER} is not the body's SHA-256", "send the body whole")
        # Shielded: who asks and hangs up finds the work done when it asks again.
        model = await asyncio.shield(asyncio.wrap_future(workshop.fit(body)))
        return Response(model, media_type=BINARY)

    @app.post("/predict/{model}")
    async def predict(model: str, request: Request) -> Response:
        body = await _read(request, max_request)
        return Response(await run_in_threadpool(workshop.predict, model, body), media_type=BINARY)


async def _refused(request: Request, error: Exception) -> Response:
    """Say why something is not done."""
    if isinstance(error, _Unread):
        return _said(error.refusal, error.status)
    if not isinstance(error, MarketError):
        raise error
    busy = isinstance(error, ExpertUnreachable)
    return _said(Refusal(cause=error.cause, remedy=error.remedy), 503 if busy else 422)


async def _read(request: Request, most: int) -> bytes:
    """Read a body, and stop as soon as it is too long."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise _Unread(415, "the body is encoded", "send it as it is")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _Unread(413, f"a request is at most {most} bytes long", "send fewer rows")
    return bytes(body)


def _said(message: Message, status: int = 200) -> Response:
    return Response(message.to_bytes(), status, media_type="application/json")
