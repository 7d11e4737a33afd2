"""Rebuilds trades and credits from the log alone: what a stranger does who never saw the storage.

It reads the market's events, the committees that were in office, and the times of blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from web3.types import TxReceipt

from marketplace.chain.market import Market, Trade
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    AttemptReport,
    DataReport,
    GateReport,
    SettlementReport,
    Windows,
)
from marketplace.protocol.typed_data import Domain, signer_of

Said = Mapping[str, Any]

DATA_QUOTE = keccak(
    text="DataQuote(bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,"
    "uint128 price,uint40 expiry)"
)
DATA_QUOTE_WORDS = ["bytes32", "bytes32", "address", "bytes32", "uint32", "uint128", "uint40"]


class Replay:
    """What the log of a market says.

    Attributes
    ----------
    trades
        The record of each trade by its id.
    credit
        What each (account, currency) may withdraw.
    """

    def __init__(self, domain: Domain, committees: Mapping[int, list[str]]) -> None:
        self._domain = domain
        self._committees = committees
        self._next_block = 0
        self.trades: dict[bytes, Trade] = {}
        self.credit: defaultdict[tuple[str, str], int] = defaultdict(int)

    def catch_up(self, market: Market) -> None:
        """Take in what the market said since the last time."""
        eth = market.node.web3.eth
        newest = eth.block_number
        logs = eth.get_logs(
            {
                "address": market.contract.address,
                "fromBlock": self._next_block,
                "toBlock": newest,
            }
        )
        for event in market.decoded(cast(TxReceipt, {"logs": logs})):
            step = _STEPS.get(event["event"])
            if step is not None:
                step(self, event["args"], eth.get_block(event["blockNumber"])["timestamp"])
        self._next_block = newest + 1

    def change(self, said: Said, **fields: Any) -> None:
        """Change the record of the trade that an event is about."""
        self.trades[said["tradeId"]] = replace(self.trades[said["tradeId"]], **fields)

    def of_event(self, said: Said) -> Trade:
        """Return the record of the trade that an event is about."""
        return self.trades[said["tradeId"]]

    def signed(self, said: Said, reports: Iterable[Struct]) -> int:
        """Return the bitmap of members that signed so far, with those of these reports."""
        trade = self.of_event(said)
        members, bitmap = self._committees[trade.committee_version], trade.signers
        for report, signature in zip(reports, said["signatures"], strict=True):
            bitmap |= 1 << members.index(signer_of(self._domain, report, signature))
        return bitmap


def _requested(replay: Replay, said: Said, time: int) -> None:
    asked = said["request"]
    windows = Windows.from_values(dict(asked["windows"]))
    replay.trades[said["tradeId"]] = Trade(
        buyer=asked["buyer"],
        deadline=time + windows.quote,
        state=State.REQUESTED,
        attempts=0,
        max_attempts=asked["maxAttempts"],
        signers=0,
        audited=False,
        broker=asked["broker"],
        threshold=asked["threshold"],
        committee_version=said["committeeVersion"],
        min_rows=asked["minRows"],
        auditor=asked["auditor"],
        fee_bps=said["feeBps"],
        currency=asked["currency"],
        treasury=said["treasury"],
        windows=windows,
        validation_root=asked["validationRoot"],
        budget=asked["budget"],
        escrow=0,
        expert_pool=0,
        broker_fee=0,
        auditor_fee=0,
        oracle_fee=0,
        protocol_fee=0,
        validation_rows=asked["validationRows"],
        data_quotes=bytes(32),
        gate=bytes(32),
    )


def _data_requested(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, state=State.DATA_REQUESTED)


def _accepted(replay: Replay, said: Said, time: int) -> None:
    quote = said["quote"]
    parts = [quote["expertPool"], quote["brokerFee"], quote["auditorFee"], quote["oracleFee"]]
    parts += [data["price"] for data in quote["dataQuotes"]]
    replay.change(
        said,
        state=State.FUNDED,
        deadline=time + replay.of_event(said).windows.delivery,
        expert_pool=quote["expertPool"],
        broker_fee=quote["brokerFee"],
        auditor_fee=quote["auditorFee"],
        oracle_fee=quote["oracleFee"],
        protocol_fee=said["price"] - sum(parts),
        data_quotes=keccak(
            b"".join(
                keccak(encode(DATA_QUOTE_WORDS, [DATA_QUOTE, *data.values()]))
                for data in quote["dataQuotes"]
            )
        ),
    )


def _delivered(replay: Replay, said: Said, time: int) -> None:
    trade = replay.of_event(said)
    report = DataReport(
        said["tradeId"], trade.committee_version, said["accepted"], said["evidence"]
    )
    replay.change(
        said,
        state=State.DATA_DELIVERED,
        deadline=time + trade.windows.gating,
        signers=replay.signed(said, [report] * len(said["signatures"])),
    )


def _gated(replay: Replay, said: Said, time: int) -> None:
    trade = replay.of_event(said)
    experts, weights = tuple(said["experts"]), tuple(said["weights"])
    report = GateReport(
        said["tradeId"], trade.committee_version, experts, weights, said["evidence"]
    )
    replay.change(
        said,
        state=State.GATED,
        deadline=time + trade.windows.attempt,
        gate=keccak(encode(["address[]", "uint32[]"], [experts, weights])),
        signers=replay.signed(said, [report] * len(said["signatures"])),
    )


def _attempted(replay: Replay, said: Said, time: int) -> None:
    trade, finding = replay.of_event(said), said["report"]
    prefix = (said["tradeId"], trade.committee_version, said["attempt"], *finding.values())
    reports = [AttemptReport.from_values((*prefix, seal)) for seal in said["seals"]]
    deadline = trade.deadline
    if finding["passed"]:
        deadline = time + trade.windows.verification
    elif said["attempt"] < trade.max_attempts:
        deadline = time + trade.windows.attempt
    replay.change(
        said,
        state=State.PASSED if finding["passed"] else State.GATED,
        attempts=said["attempt"],
        deadline=deadline,
        signers=replay.signed(said, reports),
    )


def _confirmed(replay: Replay, said: Said, time: int) -> None:
    replay.change(said, deadline=time - 1)


def _attested(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, audited=True)


def _settled(replay: Replay, said: Said, _: int) -> None:
    experts, amounts = tuple(said["experts"]), tuple(said["amounts"])
    version = replay.of_event(said).committee_version
    report = SettlementReport(said["tradeId"], version, experts, amounts, said["evidence"])
    replay.change(said, signers=replay.signed(said, [report] * len(said["signatures"])))


def _ended(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, state=State(said["state"]))


def _locked(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, escrow=said["amount"])


def _credited(replay: Replay, said: Said, _: int) -> None:
    replay.change(said, escrow=replay.of_event(said).escrow - said["amount"])
    account = said["account"] if "account" in said else said["buyer"]
    replay.credit[account, said["currency"]] += said["amount"]


def _withdrawn(replay: Replay, said: Said, _: int) -> None:
    replay.credit[said["account"], said["currency"]] -= said["amount"]


_STEPS: dict[str, Callable[[Replay, Said, int], None]] = {
    "ModelRequested": _requested,
    "DataRequested": _data_requested,
    "QuoteAccepted": _accepted,
    "DataDelivered": _delivered,
    "GateCommitted": _gated,
    "AttemptReported": _attempted,
    "DeliveryConfirmed": _confirmed,
    "AuditAttested": _attested,
    "TradeSettled": _settled,
    "TradeEnded": _ended,
    "Locked": _locked,
    "Credited": _credited,
    "Refunded": _credited,
    "Withdrawn": _withdrawn,
}
