"""While a trade is open nobody reads a score, a salt or a key in what is public."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from small_trade import SMALL, StageAt

from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import AttemptEvidence
from marketplace.protocol.errors import MissingContent
from marketplace.protocol.states import State
from marketplace.scripted.trade import TradeRun
from offchain.exchange import party_key
from offchain.oracle.attempt import open_reported, score_of
from offchain.storage.disk import DiskStore
from offchain.validation import decode_evidence

HOPELESS = replace(SMALL, name="hopeless", threshold=1_000_000, ends=State.FAILED)


def secrets(run: TradeRun) -> Iterator[tuple[str, bytes]]:
    """Every secret of every party, by a name to show when it is found."""
    trade, buyer = run.trade_id, run.world.buyer.account
    for account in run.world.accounts:
        yield f"key of {account.address}", bytes(account.key)
        yield f"salt of {account.address}", derived_secret(account, "score salt", trade, b"\x01")
        yield f"data salt of {account.address}", derived_secret(account, "dataset salt", trade)
        seed = derived_secret(account, "encryption key")
        yield f"encryption seed of {account.address}", seed
        assert seed not in repr(party_key(account)).encode()
    salt = run.commission().salt
    yield "validation secret", derived_secret(buyer, "validation salts", salt)


def stored(run: TradeRun) -> list[bytes]:
    assert isinstance(run.world.store, DiskStore)
    return [path.read_bytes() for path in run.world.store.path.rglob("*") if path.is_file()]


def on_chain(run: TradeRun) -> bytes:
    """Everything that the market's log says, as bytes."""
    logs = run.world.market.node.logs(
        {"address": run.world.market.address, "fromBlock": "earliest", "toBlock": "latest"}
    )
    return b"".join(bytes(log["data"]) for log in logs)


def numbers(content: bytes) -> set[str]:
    """Whole numbers in a public JSON document; none in anything else."""
    try:
        json.loads(content)
    except ValueError:
        return set()
    return set(re.findall(r"(?<![\w.])\d+(?![\w.])", content.decode()))


def score(run: TradeRun) -> int:
    seat = run.world.signers[0]
    attempt = run.world.market.agreement(run.trade_id).last_attempt
    case = seat.book.case(run.trade_id)
    return score_of(case, decode_evidence(open_reported(seat.exchange, case, attempt).votes)).ppm


def test_nothing_secret_is_stored_or_logged_on_chain(stage: StageAt) -> None:
    run = stage(State.PASSED)
    contents, log = stored(run), on_chain(run)
    assert len(contents) > 20
    for name, secret in secrets(run):
        for form in (secret, secret.hex().encode()):
            assert form not in log, name
            assert not [content for content in contents if form in content], name


def test_no_score_is_public_while_an_attempt_may_follow(stage: StageAt) -> None:
    run = stage(State.GATED, HOPELESS)
    run.attempt()
    assert run.state() == State.GATED
    found = score(run)
    assert 0 < found < 1_000_000
    assert not [content for content in stored(run) if str(found) in numbers(content)]
    words = {on_chain(run)[at : at + 32] for at in range(0, len(on_chain(run)), 32)}
    assert found.to_bytes(32, "big") not in words
    attempt = run.world.market.agreement(run.trade_id).last_attempt
    with pytest.raises(MissingContent):
        run.world.buyer.exchange.read(AttemptEvidence, attempt.finding.evidence)


def test_progress_tells_verdicts_only(stage: StageAt) -> None:
    run = stage(State.GATED)
    run.attempt()
    run.conclude()
    assert isinstance(run.progress, list)
    said = "\n".join(run.progress)
    assert "attempt 1 passed" in said
    found = score(run)
    for form in (str(found), f"{found / 10_000:.4g}", f"{found / 1_000_000:.3g}"):
        assert form not in said
    for name, secret in secrets(run):
        assert secret.hex() not in said, name


def test_scores_are_public_after_the_end(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    opened = run.world.market.event(run.trade_id, "ScoresOpened")
    assert set(opened["scores"]) == {score(run)}
    for name, secret in secrets(run):
        assert not [content for content in stored(run) if secret in content], name
        if not name.startswith("salt of"):  # it opened the score
            assert secret not in on_chain(run), name
