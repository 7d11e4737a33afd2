"""Tells a web server of a fault: one JSON POST, signed if there is a secret, sent until it takes.

The signature is HMAC-SHA256 over the body (RFC 2104), as GitHub's and others' webhooks have it:
``X-Moemarket-Signature: sha256=<hex>``. ``X-Moemarket-Alert`` names the alert, so that a server
that was told twice, because its answer got lost, can tell. What comes before the dash in it names
the check, so that a server can tell another fault of the same check.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from marketplace.audit import Check, Report
from marketplace.protocol.documents import Document
from marketplace.protocol.errors import ConfigurationError

TIMEOUT_SECONDS = (5.0, 10.0)
"""To connect, and to be answered."""

TRIES = 5
_WORTH_ANOTHER_TRY = {408, 425, 429}


class Alert(Document):
    """A check that speaks against the market, and the block at which that was seen."""

    kind = "audit-alert"
    chain_id: int
    market: str
    block: int
    block_hash: str
    check: Check

    @classmethod
    def of(cls, report: Report, check: Check) -> Alert:
        """Return the alert for one check of a report."""
        return cls(
            chain_id=report.chain_id,
            market=report.market,
            block=report.block,
            block_hash=report.block_hash,
            check=check,
        )

    @property
    def id(self) -> str:
        """Names the fault, at whatever block it is seen: its check, a dash, and what was found."""
        found = _digest(self.check.verdict, self.check.detail)
        return f"{check_id(self.chain_id, self.market, self.check)}-{found}"


def check_id(chain_id: int, market: str, check: Check) -> str:
    """Name a check of a market or trade, whatever it finds: so begin the ids of its alerts."""
    return _digest(str(chain_id), market, str(check.trade), check.name)


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Webhook:
    """Where alerts are sent.

    Attributes
    ----------
    url
        ``http://`` or ``https://``; redirections are not followed.
    secret
        Key of the signature; None for none.
    pause
        Before the second try, in seconds; twice as long before each further one.
    sleep
        Waits.
    """

    url: str
    secret: bytes | None = None
    pause: float = 1.0
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{self.url!r} is no webhook", "give an http:// or https:// URL"
            )

    def send(self, alert: Alert) -> str | None:
        """Send an alert; return why it could not be delivered, or None if it was."""
        body = alert.to_bytes()
        headers = {"Content-Type": "application/json", "X-Moemarket-Alert": alert.id}
        if self.secret is not None:
            signature = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
            headers["X-Moemarket-Signature"] = f"sha256={signature}"
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self.sleep(self.pause * 2 ** (attempt - 1))
            try:
                answer = requests.post(
                    self.url,
                    data=body,
                    headers=headers,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                why = f"{type(error).__name__} at {self.url}"
                continue
            if answer.ok and not answer.is_redirect:
                return None
            why = f"{self.url} answered {answer.status_code}"
            if answer.status_code < 500 and answer.status_code not in _WORTH_ANOTHER_TRY:
                break
        return why
