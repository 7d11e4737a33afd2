"""The licence token of a settled trade goes to its buyer, whoever has it minted."""

from __future__ import annotations

import pytest
from small_trade import StageAt

from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.states import State
from marketplace.roles.licence import licence_holder, mint_licence


def test_a_stranger_mints_it_to_the_buyer_once(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    market, licences = run.world.market, run.world.deployment.licence
    assert licence_holder(market, licences, run.trade_id) is None
    token = mint_licence(market, licences, run.world.stranger, run.trade_id)
    assert token == int(run.trade_id.hex(), 16)
    assert licence_holder(market, licences, run.trade_id) == run.world.buyer.account.address
    with pytest.raises(TransactionReverted):
        mint_licence(market, licences, run.world.stranger, run.trade_id)


def test_there_is_none_before_the_settlement(stage: StageAt) -> None:
    run = stage(State.PASSED)
    with pytest.raises(TransactionReverted, match="NotSettled"):
        mint_licence(
            run.world.market, run.world.deployment.licence, run.world.stranger, run.trade_id
        )
