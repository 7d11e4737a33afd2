"""Answers signed questions: who may ask is looked up on chain before any work is done."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from dataclasses import dataclass
from hashlib import sha256

from marketplace.protocol.errors import BadSignature, MarketError, TradeRefused
from marketplace.protocol.typed_data import Domain
from marketplace.service.failpoint import reach
from marketplace.service.messages import (
    CLOCK_SECONDS,
    Answer,
    Kind,
    Message,
    Part,
    Refusal,
    canonical,
)
from offchain.compute import work_on_one_core

MOST_WAITING = 16
MOST_KEPT = 64
WAIT_SECONDS = 10.0
"""How long a question waits for its answer before it is told to ask again."""

Hear = Callable[[str, float], bool]


def heard_once() -> Hear:
    """Return what notes nonces in memory, for one to whom a replay after a restart does nothing."""
    heard: dict[str, float] = {}
    lock = threading.Lock()

    def hear(nonce: str, forget_seconds: float) -> bool:
        now = time.monotonic()
        with lock:
            while heard and next(iter(heard.values())) < now - forget_seconds:
                del heard[next(iter(heard))]
            new = nonce not in heard
            heard.setdefault(nonce, now)
        return new

    return hear


@dataclass(frozen=True)
class Service:
    """What is done for one kind of question.

    Attributes
    ----------
    members
        Who may ask about a trade, checksummed.
    work
        Does it; raises a `MarketError` to refuse.
    quick
        Whether it is done at once, and not after what was asked before.
    """

    members: Callable[[bytes], tuple[str, ...]]
    work: Callable[[Message, str], Part]
    quick: bool = False


class Desk:
    """Answers for one account, one piece of work after the other.

    The same question, asked again, finds the work under way or done.

    Parameters
    ----------
    domain
        Of the market: signatures are made for it.
    address
        Whom questions have to be for.
    services
        By kind of question.
    hear
        Notes a nonce; False if it was heard before.
    count
        Told the kind and the outcome of each question.
    """

    def __init__(
        self,
        domain: Domain,
        address: str,
        services: Mapping[Kind, Service],
        hear: Hear,
        count: Callable[[str, str], None] = lambda kind, outcome: None,
    ) -> None:
        self._domain = domain
        self._address = address
        self._services = services
        self._hear = hear
        self._count = count
        self._bench = ThreadPoolExecutor(1, "review", initializer=work_on_one_core)
        self._jobs: OrderedDict[str, Future[Part]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many pieces of work are under way or wait."""
        return sum(not job.done() for job in list(self._jobs.values()))

    def answer(self, data: bytes) -> Answer:
        """Answer what somebody posted; whatever is wrong with it is said in the answer."""
        kind, outcome = "unreadable", "refused"
        try:
            message = Message.read(data)
            kind = message.kind
            said = self._answered(message)
            outcome = "answered" if said.answer is not None else "working"
            return said
        except MarketError as error:
            return Answer(refusal=Refusal(cause=error.cause[:1_000], remedy=error.remedy[:1_000]))
        finally:
            self._count(kind, outcome)

    def close(self) -> None:
        """Give up what waits; what is under way is not waited for."""
        self._bench.shutdown(wait=False, cancel_futures=True)

    def _answered(self, message: Message) -> Answer:
        service, sender = self._admitted(message)
        if service.quick:
            return Answer(answer=service.work(message, sender).content())
        job = self._job(message, sender, service)
        try:
            part = job.result(WAIT_SECONDS)
        except StillWorking:
            return Answer(working=True)
        reach(f"{message.kind}:answered")
        return Answer(answer=part.content())

    def _admitted(self, message: Message) -> tuple[Service, str]:
        message.require_fresh(self._address, time.time())
        sender = message.sender(self._domain)
        service = self._services.get(message.kind)
        if service is None:
            raise TradeRefused(f"{message.kind} is not asked here", "ask whom it concerns")
        if sender not in service.members(message.trade_id):
            raise BadSignature(
                f"{sender} has no part in this trade that could ask for {message.kind}",
                "sign with the account that has",
            )
        if not self._hear(message.nonce, 2 * CLOCK_SECONDS):
            raise BadSignature("the message was heard before", "sign a new one")
        return service, sender

    def _job(self, message: Message, sender: str, service: Service) -> Future[Part]:
        asked = [message.kind, message.trade, message.body]
        name = sha256(canonical(asked)).hexdigest()
        with self._lock:
            job = self._jobs.get(name)
            failed = job is not None and job.done() and (job.cancelled() or job.exception())
            if job is None or failed:
                if self.waiting >= MOST_WAITING:
                    raise TradeRefused(f"{MOST_WAITING} questions wait already", "ask again later")
                job = self._jobs[name] = self._bench.submit(service.work, message, sender)
            self._jobs.move_to_end(name)
            done = [each for each, kept in self._jobs.items() if kept.done() and each != name]
            for each in done[: max(0, len(self._jobs) - MOST_KEPT)]:
                del self._jobs[each]
        return job
