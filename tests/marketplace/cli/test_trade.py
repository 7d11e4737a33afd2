"""What a party does with a trade from its terminal: look, end it, take money and model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Run, Serve
from small_trade import stages_of

from marketplace.chain.client import connect
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.errors import (
    ConfigurationError,
    EnvelopeError,
    MissingContent,
    NoContract,
    TradeRefused,
    TransactionReverted,
)
from marketplace.protocol.states import State
from marketplace.roles.challenger import Challenger
from offchain.data.scenarios import Scenario
from offchain.training import Composite

BUYER, BROKER, STRANGER = 1, 2, 4  # places among the well-known accounts


def test_lists_trades_and_their_exits(run: Run, serve: Serve) -> None:
    running, ended = serve(State.GATED), serve(State.SETTLED)
    (line,) = run("trades", *running.place, "--json").data
    assert line["trade"] == running.trade
    assert line["state"] == "GATED"
    assert 14_000 < line["secondsToExit"] <= 14_401
    assert running.trade in run("trades", *running.place).out
    (line,) = run("trades", *ended.place, "--json").data
    assert (line["state"], line["secondsToExit"]) == ("SETTLED", None)


def test_anyone_ends_a_trade_that_stands_still(run: Run, serve: Serve) -> None:
    served = serve(State.GATED)
    ending = ("timeout", *served.place, "--trade", served.trade, "--account", STRANGER)
    early = run(*ending)
    assert early.status == TransactionReverted.exit_code
    assert "it is too early for this step (DeadlineNotReached" in early.err
    assert run(*ending, "--skip-time").out == "the trade is REFUNDED\n"
    again = run(*ending, "--json")
    assert again.error["kind"] == "TradeRefused"
    assert "has ended as REFUNDED" in again.error["cause"]

    node = connect(served.url)
    buyer = well_known_accounts()[BUYER].address
    held, to = node.balance(served.market), well_known_accounts()[19].address
    before = node.balance(to)
    taken = run("withdraw", *served.place, "--account", BUYER, "--to", to, "--json").data
    assert taken["account"] == buyer
    assert node.balance(to) - before == int(taken["amount"])
    assert held - node.balance(served.market) == int(taken["amount"]) > 0
    nothing = run("withdraw", *served.place, "--account", BUYER)
    assert nothing.status == TransactionReverted.exit_code
    assert "the account has no credit" in nothing.err


def test_accounts_are_opened_for_anyone(run: Run, serve: Serve) -> None:
    served = serve(State.GATED)
    accounts = [account.address for account in well_known_accounts()[17:19]]
    opening = ("open-accounts", *served.place, "--account", STRANGER)
    first, again = (run(*opening, *accounts, "--json").data for _ in range(2))
    assert first["accounts"] == accounts
    assert first["gas"] > again["gas"]
    assert run(*opening, "0x12").status == ConfigurationError.exit_code
    assert run(*opening).status == 2


def test_after_a_pass_a_stranger_settles(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    ending = ("timeout", *served.place, "--trade", served.trade, "--skip-time", "--json")
    assert run(*ending).data == {"state": "SETTLED"}


def test_a_challenge_is_announced_and_made(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    place = (*served.place, "--trade", served.trade, "--store", served.store)
    challenging = ("challenge", *place, "--account", STRANGER, "--claim", "too good to be true")
    made = run(*challenging)
    stranger = well_known_accounts()[STRANGER].address
    market = Market(connect(served.url), served.market)
    (event,) = market.disputes(bytes.fromhex(served.trade[2:]))
    assert made.out == f"{stranger} put up {event['args']['bond']} of the smallest unit\n"
    assert "announced, sealed so that nobody can copy it; 60 s must pass" in made.err
    assert event["args"]["challenger"] == stranger
    again = run(*challenging, "--json")
    assert again.error["kind"] == "TransactionReverted"


def test_what_a_challenge_paid_is_withdrawn_apart(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    trade = stages_of().at(State.PASSED, served.store.parent)
    stranger = well_known_accounts()[STRANGER]
    market = Market(connect(served.url), served.market)
    exchange = trade.world.challenger.exchange
    bond = Challenger(market, exchange).challenge(trade.trade_id, "too good to be true")
    ending = ("timeout", *served.place, "--trade", served.trade, "--skip-time", "--json")
    assert run(*ending).data == {"state": "PASSED"}
    taking = ("withdraw", *served.place, "--account", STRANGER, "--awards", "--json")
    assert run(*taking).data == {"account": stranger.address, "amount": str(bond)}
    assert run(*taking).error["kind"] == "TransactionReverted"
    assert run(*ending).data == {"state": "SETTLED"}


def test_who_has_no_coins_lets_another_withdraw(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    broker, heir = well_known_accounts()[BROKER].address, well_known_accounts()[19].address
    market = Market(connect(served.url), served.market)
    credit, before = market.credit_of(broker), market.node.balance(heir)
    signing = ("authorise", *served.place, "--account", BROKER, "--to", heir, "--out", "word")
    signed = run(*signing, "--json").data
    assert json.loads(Path("word").read_text()) == signed
    sending = ("withdraw", *served.place, "--account", STRANGER, "--authority", "word")
    assert run(*sending, "--json").data == {"account": broker, "amount": str(credit)}
    assert market.node.balance(heir) - before == credit > 0
    again = run(*sending)
    assert again.status == TransactionReverted.exit_code
    assert "NotAuthorized" in again.err
    Path("word").write_text(json.dumps(signed | {"to": "nobody"}))
    for words in ((), ("--to", heir), ("--awards",)):
        assert run(*sending, *words).status == ConfigurationError.exit_code
    Path("word").write_text("{}")
    assert "word holds no authority" in run(*sending).err


def test_the_licence_is_minted_once_and_shown(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    deployment = stages_of().deployment
    asking = ("licence", *served.place, "--trade", served.trade, "--licences", deployment.licence)
    buyer = well_known_accounts()[BUYER].address
    for account in (STRANGER, BROKER):  # the second finds it there
        shown = run(*asking, "--account", account, "--json").data
        assert shown == {"token": served.trade, "holder": buyer}
    assert run(*asking).out == f"{buyer} holds the licence {served.trade}\n"
    early = serve(State.PASSED)
    ran = run("licence", *early.place, "--trade", early.trade, "--licences", deployment.licence)
    assert ran.status == TransactionReverted.exit_code
    assert "NotSettled" in ran.err


def test_the_buyer_receives_the_model(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    receiving = ("receive", *served.place, "--trade", served.trade, "--store", served.store)
    ran = run(*receiving, "--account", BUYER, "--out", "model", "--json").data
    content = Path("model").read_bytes()
    assert ran["bytes"] == len(content)
    composite = Composite.from_bytes(content)
    assert [fitted.kind for fitted in composite.experts.values()] == ran["experts"]
    scenario: Scenario = stages_of().at(State.PASSED, Path()).scenario
    answers = composite.predict(scenario.validation.features)
    assert (answers == scenario.validation.labels).mean() > 0.85


@pytest.mark.parametrize(
    ("state", "account", "store", "error"),
    [
        (State.PASSED, BROKER, None, EnvelopeError),
        (State.PASSED, BUYER, "elsewhere", MissingContent),
        (State.GATED, BUYER, None, TradeRefused),
    ],
    ids=["another key", "another store", "nothing delivered"],
)
def test_nothing_is_saved_that_is_not_the_model(
    run: Run, serve: Serve, state: State, account: int, store: str | None, error: type[Exception]
) -> None:
    served = serve(state)
    ran = run(
        "receive", *served.place, "--trade", served.trade, "--store", store or served.store,
        "--account", account, "--out", "model",
    )  # fmt: skip
    assert ran.status == vars(error)["exit_code"]
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_what_leads_to_no_trade(run: Run, serve: Serve) -> None:
    served = serve(State.FUNDED)
    here = ("--rpc", served.url)
    nobody = well_known_accounts()[9].address
    for words, error in (
        ((*here, "--market", nobody, "--trade", served.trade), NoContract),
        ((*here, "--market", "0x12", "--trade", served.trade), ConfigurationError),
        ((*served.place, "--trade", "0x12"), ConfigurationError),
        ((*served.place, "--trade", "not hex"), ConfigurationError),
        ((*served.place, "--trade", "0x" + "00" * 32), TradeRefused),
    ):
        ran = run("timeout", *words)
        assert ran.status == error.exit_code, ran.err
        assert ran.err.count("\n") == 1
    ran = run("withdraw", *served.place, "--currency", "0x12")
    assert ran.status == ConfigurationError.exit_code
    ran = run("withdraw", *served.place, "--to", nobody.replace("a", "A"))
    assert ran.status == ConfigurationError.exit_code
