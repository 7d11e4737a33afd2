"""Rebuilds statuses and credits from the log alone: what a stranger does who never saw the storage.

It reads the market's events and the times of blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from web3.types import TxReceipt

from marketplace.chain.market import Market, Status, attempt_in
from marketplace.protocol.states import State
from marketplace.protocol.terms import Windows

Said = Mapping[str, Any]


class Replay:
    """What the log of a market says.

    Attributes
    ----------
    statuses
        The status of each trade by its id; `unjudged` is left out.
    credit
        What each (account, currency) may withdraw.
    escrow
        What each open trade holds.
    """

    def __init__(self) -> None:
        self._verdicts: dict[bytes, State] = {}
        self.statuses: dict[bytes, Status] = {}
        self.credit: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.escrow: defaultdict[bytes, int] = defaultdict(int)

    @classmethod
    def of(cls, market: Market) -> Replay:
        """Read the whole log."""
        replay, eth = cls(), market.node.web3.eth
        logs = eth.get_logs({"address": market.contract.address, "fromBlock": 0})
        for event in market.decoded(cast(TxReceipt, {"logs": logs})):
            step = _STEPS.get(event["event"])
            if step is not None:
                step(replay, event["args"], eth.get_block(event["blockNumber"])["timestamp"])
        return replay

    def change(self, said: Said, **fields: Any) -> None:
        """Change the status of the trade that an event is about."""
        self.statuses[said["tradeId"]] = replace(self.of_event(said), **fields)

    def of_event(self, said: Said) -> Status:
        """Return the status of the trade that an event is about."""
        return self.statuses[said["tradeId"]]

    def decided(self, said: Said, state: State) -> None:
        """Remember the verdict, to which a dispute may lead back."""
        self._verdicts[said["tradeId"]] = state

    def verdict(self, said: Said) -> State:
        """Return the verdict of a trade."""
        return self._verdicts[said["tradeId"]]


def _requested(replay: Replay, said: Said, time: int) -> None:
    asked = said["request"]
    windows = Windows.from_values(dict(asked["windows"]))
    replay.statuses[said["tradeId"]] = Status(
        state=State.REQUESTED,
        attempts=0,
        max_attempts=asked["maxAttempts"],
        signers=0,
        deadline=time + windows.quote,
        audited=False,
        approved=False,
        challenged=False,
        overturned=False,
        unjudged=False,
        windows=windows,
    )


def _accepted(replay: Replay, said: Said, time: int) -> None:
    windows = replay.of_event(said).windows
    deadline = time + windows.delivery + windows.judging
    replay.change(said, state=State.FUNDED, deadline=deadline)


def _data_reported(replay: Replay, said: Said, time: int) -> None:
    status = replay.of_event(said)
    deadline = time + status.windows.training + status.windows.validation
    signers = status.signers | said["signers"]
    replay.change(said, state=State.GATED, deadline=deadline, signers=signers)


def _attempt_reported(replay: Replay, said: Said, time: int) -> None:
    status, attempt = replay.of_event(said), attempt_in(said)
    windows, state = status.windows, State.GATED
    deadline = time + windows.training + windows.validation
    if attempt.passed or attempt.number == status.max_attempts:
        state = State.PASSED if attempt.passed else State.REJECTED
        deadline = time + windows.review
        replay.decided(said, state)
    signers = status.signers | said["signers"]
    replay.change(said, state=state, attempts=attempt.number, deadline=deadline, signers=signers)


def _attested(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, audited=True, approved=said["approved"])


def _disputed(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, state=State.DISPUTED, challenged=True, deadline=said["until"])


def _dispute_ended(replay: Replay, said: Said, _: int) -> None:
    state, overturned = replay.verdict(said), said["overturned"]
    replay.change(said, state=state, overturned=overturned, deadline=said["until"])


def _ended(replay: Replay, said: Said, time: int) -> None:
    deadline = time + replay.of_event(said).windows.settlement
    replay.change(said, state=State(said["state"]), deadline=deadline)


def _locked(replay: Replay, said: Said, _: int) -> None:
    replay.escrow[said["tradeId"]] = said["amount"]


def _credited(replay: Replay, said: Said, _: int) -> None:
    for paid in said["payments"]:
        replay.credit[paid["account"], said["currency"]] += paid["amount"]
        replay.escrow[said["tradeId"]] -= paid["amount"]


def _refunded(replay: Replay, said: Said, _: int) -> None:
    replay.credit[said["buyer"], said["currency"]] += said["amount"]
    replay.escrow[said["tradeId"]] -= said["amount"]


def _withdrawn(replay: Replay, said: Said, _: int) -> None:
    replay.credit[said["account"], said["currency"]] -= said["amount"]


_STEPS: dict[str, Callable[[Replay, Said, int], None]] = {
    "ModelRequested": _requested,
    "QuoteAccepted": _accepted,
    "DataReported": _data_reported,
    "AttemptReported": _attempt_reported,
    "AuditAttested": _attested,
    "TradeDisputed": _disputed,
    "DisputeEnded": _dispute_ended,
    "TradeEnded": _ended,
    "Locked": _locked,
    "Credited": _credited,
    "Refunded": _refunded,
    "Withdrawn": _withdrawn,
}
