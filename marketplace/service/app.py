"""Two web applications: one that others ask, and one on this machine that says how it goes."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from marketplace.service.desk import Desk
from marketplace.service.messages import MAX_BYTES, canonical
from marketplace.service.metrics import Metrics

JSON = "application/json"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]


def asking_app(desk: Desk) -> FastAPI:
    """Build what seats, providers and owners ask; a proxy may make it reachable from outside."""
    app = _app("moemarket oracle")

    @app.post("/ask")
    async def ask(request: Request) -> Response:
        if request.headers.get("content-encoding", "identity") != "identity":
            return Response(status_code=415)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                return Response(status_code=413)
        answer = await run_in_threadpool(desk.answer, bytes(body))
        return Response(canonical(answer.content()), media_type=JSON)

    return app


def monitoring_app(metrics: Metrics) -> FastAPI:
    """Build what an operator's tools read: ``/healthz`` and ``/metrics``."""
    app = _app("moemarket oracle's health")

    @app.get("/healthz")
    async def health() -> Response:
        said = {"ok": metrics.healthy, "silentSeconds": round(metrics.silent_seconds, 1)}
        return Response(canonical(said), 200 if metrics.healthy else 503, media_type=JSON)

    @app.get("/metrics")
    async def figures() -> Response:
        return Response(metrics.text(), media_type=PROMETHEUS)

    return app


def _app(title: str) -> FastAPI:
    app = FastAPI(title=title, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK, www_redirect=False)
    return app
