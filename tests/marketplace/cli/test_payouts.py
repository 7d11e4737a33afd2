"""What arrived for many is divided and claimed from terminals, as `docs/payouts.md` walks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from audited_trade import AuditedTrade
from cast_of_trade import cast
from command_line import Ran, Run, served

from marketplace.chain.client import Node, connect
from marketplace.chain.deploy import Deployment, deploy
from marketplace.chain.devnet import DevnetProvider, DevnetRpc, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.documents import PayeeList
from marketplace.protocol.errors import (
    BadSignature,
    ConfigurationError,
    InsufficientFunds,
    MarketError,
    MissingContent,
    NoContract,
    ProtocolError,
    QuorumNotReached,
    TransactionReverted,
)
from marketplace.protocol.payouts import PayoutsDomain, SignedDistribution
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.typed_data import sign
from offchain.storage.cid import digest_of
from offchain.storage.disk import DiskStore

ACCOUNTS = [account.address for account in well_known_accounts()]
ADMIN, STRANGER, SEATS, ONE, TWO = 0, 4, (5, 6, 7), 11, 12
"""Places among the well-known accounts; the last two are payees."""


@dataclass(frozen=True)
class Place:
    """A fresh contract of payouts over HTTP, and a store."""

    run: Run
    url: str
    deployment: Deployment

    def __call__(self, *words: object, **options: str) -> Ran:
        where = ("--rpc", self.url, "--payouts", self.deployment.payouts)
        return self.run("payouts", words[0], *where, *words[1:], **options)

    def listed(self, amounts: dict[str, int], *more: object) -> Ran:
        table(Path("amounts.csv"), amounts)
        return self("list", "amounts.csv", "--store", "store", *more)

    def signed(self, cid: str, *seats: int) -> list[str]:
        """Have seats sign a list, and return the files with their signatures."""
        for seat in seats:
            out = ("--store", "store", "--out", f"{seat}.json", "--account", seat)
            assert self("sign", cid, *out).status == 0
        return [f"{seat}.json" for seat in seats]

    def given_out(self, amounts: dict[str, int]) -> str:
        """Put a list into force, deposits included; returns its CID."""
        funded = int(self("status", "--json").data["funded"])
        if sum(amounts.values()) > funded:
            assert self("deposit", sum(amounts.values()) - funded).status == 0
        cid = self.listed(amounts).out.strip()
        assert self("propose", *self.signed(cid, *SEATS[:2])).status == 0
        assert self("activate", "--skip-time").status == 0
        return cid


def table(file: Path, amounts: dict[str, int]) -> None:
    lines = ["account,amount", *(f"{account},{amount}" for account, amount in amounts.items())]
    file.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def _deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Deployment]:
    path, devnet = tmp_path_factory.mktemp("payouts") / "chain", open_devnet()
    judges = [ACCOUNTS[seat] for seat in SEATS]
    deployment = deploy(
        Node(DevnetProvider(devnet)),
        well_known_accounts()[ADMIN],
        signers=judges,
        threshold=2,
        panel=ACCOUNTS[8:11],
        panel_threshold=2,
        treasury=ACCOUNTS[ADMIN],
        with_token=True,
    )
    devnet.save(path)
    return path, deployment


@pytest.fixture
def place(run: Run, _deployed: tuple[Path, Deployment]) -> Iterator[Place]:
    path, deployment = _deployed
    devnet: DevnetRpc = open_devnet(path)
    with served(devnet) as url:
        yield Place(run, url, deployment)


def refused(ran: Ran, error: type[MarketError], *words: str) -> None:
    assert ran.status == error.exit_code, ran.err
    last = ran.err.splitlines()[-1]
    assert last.startswith("error: ")
    for word in words:
        assert word in last


# ------------------------------------------------------------------------ the whole walk


def test_from_a_deposit_to_what_a_payee_takes_out(place: Place) -> None:
    one, two = ACCOUNTS[ONE], ACCOUNTS[TWO]
    assert place("deposit", 1_000, "--account", STRANGER, "--json").data["funded"] == "1000"
    data = place.listed({one.lower(): 600, two: 400}, "--json").data
    assert (data["epoch"], data["payees"], data["total"], data["trees"]) == (1, 2, "1000", 1)
    store = DiskStore("store")
    listing = PayeeList.from_bytes(store.get(data["list"]))
    assert (listing.currency, listing.epoch) == (NATIVE, 1)
    assert set(store.pins()) == {data["list"], listing.earnings}

    files = place.signed(data["list"], SEATS[2], SEATS[0])
    assert place("propose", *files, "--account", STRANGER).out.startswith("distribution 1 may be")
    waiting = place("status", "--json").data
    assert (waiting["total"], waiting["inForce"]) == ("0", None)
    assert waiting["waiting"].items() >= {"epoch": 1, "list": data["list"], "total": "1000"}.items()
    refused(
        place("activate"), TransactionReverted, "too early", str(waiting["waiting"]["activeAt"])
    )
    active = place("activate", "--skip-time", "--account", STRANGER, "--json").data
    assert active == {"epoch": 1, "total": "1000"}

    took = place("claim", "--store", "store", "--payee", two, "--account", STRANGER, "--json").data
    assert took == {"payee": two, "claimed": "400", "sentTo": None}
    again = place("claim", "--store", "store", "--payee", two, "--account", STRANGER)
    refused(again, TransactionReverted, "everything this payee has earned is claimed")
    known = place("status", "--payee", two, "--json").data
    assert known["payee"] == {"account": two, "claimed": "400", "credit": "400"}
    assert (known["unclaimed"], known["waiting"]) == ("600", None)
    assert known["inForce"] == {"epoch": 1, "list": data["list"]}
    shown = place("status", "--payee", two).out
    assert f"in force   distribution 1, list {data['list']}" in shown
    assert f"{two} claimed 400, credit 400" in shown

    node, receiver = connect(place.url), ACCOUNTS[19]
    before = node.balance(receiver)
    gone = place("withdraw", "--to", receiver, "--account", TWO, "--json").data
    assert gone == {"account": two, "amount": "400"}
    sent = place("claim", "--store", "store", "--to", receiver, "--account", ONE, "--json").data
    assert sent == {"payee": one, "claimed": "600", "sentTo": receiver}
    assert node.balance(receiver) - before == 1_000
    refused(place("withdraw", "--account", TWO), TransactionReverted, "the account has no credit")


def test_a_claim_collects_all_that_was_given_out_since_the_last(place: Place) -> None:
    one, two = ACCOUNTS[ONE], ACCOUNTS[TWO]
    old = place.given_out({one: 10})
    place.given_out({one: 15, two: 5})
    claiming = ("claim", "--store", "store", "--account", ONE, "--json")
    stale = place(*claiming[:-1], "--list", old)
    refused(stale, ProtocolError, f"the list {old} has other trees than are in force")
    assert place(*claiming).data["claimed"] == "15"


def test_a_token_is_given_out_as_coins_are(place: Place) -> None:
    node, token = connect(place.url), place.deployment.token
    contract = node.contract("DevToken", str(token))
    stranger = well_known_accounts()[STRANGER]
    node.send(stranger, contract.functions.mint(stranger.address, 70))
    coin = ("--currency", token)
    allowance = contract.functions.allowance(stranger.address, place.deployment.payouts)
    refused(place("deposit", 71, *coin, "--account", STRANGER), InsufficientFunds, "needs 71")
    assert node.call(allowance) == 0
    node.send(stranger, contract.functions.approve(place.deployment.payouts, 10**6))
    assert place("deposit", 70, *coin, "--account", STRANGER).status == 0
    assert node.call(allowance) == 0
    cid = place.listed({ACCOUNTS[ONE]: 70}, *coin).out.strip()
    assert place("propose", *place.signed(cid, *SEATS[:2])).status == 0
    assert place("activate", *coin, "--skip-time").status == 0
    place("claim", *coin, "--store", "store", "--to", ACCOUNTS[19], "--account", ONE)
    assert node.call(contract.functions.balanceOf(ACCOUNTS[19])) == 70
    assert place("status", "--json").data["funded"] == "0"


def test_who_has_no_coins_lets_another_claim(place: Place) -> None:
    one, receiver = ACCOUNTS[ONE], ACCOUNTS[19]
    place.given_out({one: 25})
    out = ("--to", receiver, "--out", "word.json", "--account", ONE)
    assert place("authorise", *out, "--json").data["to"] == receiver
    node = connect(place.url)
    before = node.balance(receiver)
    by = ("--store", "store", "--authority", "word.json", "--account", STRANGER)
    taken = place("claim", *by, "--json").data
    assert taken == {"payee": one, "claimed": "25", "sentTo": receiver}
    assert node.balance(receiver) - before == 25
    refused(place("claim", *by), TransactionReverted, "not by the account it should be")
    said = json.loads(Path("word.json").read_text())
    Path("word.json").write_text(json.dumps(said | {"payouts": ACCOUNTS[ADMIN]}))
    refused(place("claim", *by), ProtocolError, f"{one} signed for {ACCOUNTS[ADMIN]}")
    for wrong in ({"currency": "coin"}, {"account": "0x12"}, {"deadline": -1}, {"receiver": ""}):
        Path("word.json").write_text(json.dumps(said | wrong))
        refused(place("claim", *by), ProtocolError)
    both = place("claim", *by, "--to", receiver)
    refused(both, ConfigurationError, "--payee, --to and --authority exclude each other")


def test_a_payee_claims_without_the_list(place: Place) -> None:
    one, two = ACCOUNTS[ONE], ACCOUNTS[TWO]
    place.given_out({one: 6, two: 4})
    writing = ("proof", "--store", "store", "--out", "proof.json")
    refused(place(*writing, ACCOUNTS[STRANGER]), ProtocolError, "is not on the list in force")
    assert not Path("proof.json").exists()
    assert place(*writing, two.lower(), "--json").data["cumulative"] == "4"
    assert str(6) not in json.loads(Path("proof.json").read_text()).values()
    claiming = ("claim", "--proof", "proof.json", "--account")
    theft = place(*claiming, ONE, "--to", one)
    refused(theft, TransactionReverted, "belongs to another account")
    assert place(*claiming, TWO, "--to", ACCOUNTS[19], "--json").data["claimed"] == "4"
    both = place(*claiming, TWO, "--store", "store")
    refused(both, ConfigurationError, "give --store or --proof")
    refused(place("claim"), ConfigurationError, "give --store or --proof")
    said = json.loads(Path("proof.json").read_text())
    for wrong, error, word in (
        ({"cumulative": "6"}, TransactionReverted, "leads to no root in force"),
        ({"cumulative": "0"}, ProtocolError, "has earned 0"),
        ({"proof": ["0x12"]}, ProtocolError, "is none"),
        ({"currency": "coin"}, ConfigurationError, "is no address"),
    ):
        Path("proof.json").write_text(json.dumps(said | wrong))
        refused(place(*claiming, TWO), error, word)


def test_the_guardian_strikes_out_what_waits(place: Place) -> None:
    one = ACCOUNTS[ONE]
    place("deposit", 9)
    files = place.signed(place.listed({one: 9}).out.strip(), *SEATS[:2])
    place("propose", *files)
    refused(place.listed({one: 9}), ProtocolError, "distribution 1 of 0x", "waits")
    refused(place("veto", "--account", STRANGER), TransactionReverted, "has no role")
    assert place("veto", "--account", ADMIN, "--json").data == {"epoch": 1}
    refused(place("propose", *files), TransactionReverted, "epochs ascend by one")
    assert place.listed({one: 9}, "--json").data["epoch"] == 2


def test_what_several_trades_owe_is_collected_and_claimed_at_once(place: Place) -> None:
    one, receiver, payouts = ACCOUNTS[ONE], ACCOUNTS[19], place.deployment.payouts
    node = connect(place.url)
    market = Market(node, place.deployment.market)
    node.send(well_known_accounts()[ADMIN], market.rules.functions.setFee(250, payouts))
    collecting = ("collect", "--market", market.address, "--account", STRANGER, "--json")
    arrived = 0
    for salts in (("first", "second"), ("third",)):
        for salt in salts:
            trade = AuditedTrade(market, DiskStore("evidence"), cast(), salt=salt)
            trade.to_passed()
            trade.finish()
        owed = market.credit_of(payouts)
        assert owed > 0
        arrived += owed
        assert place(*collecting).data == {"currency": NATIVE, "funded": str(arrived)}
        assert (market.credit_of(payouts), node.balance(payouts)) == (0, arrived)
        place.given_out({one: arrived})
    before = node.balance(receiver)
    claiming = ("claim", "--store", "store", "--to", receiver, "--account", ONE, "--json")
    assert place(*claiming).data == {"payee": one, "claimed": str(arrived), "sentTo": receiver}
    assert (node.balance(receiver) - before, node.balance(payouts)) == (arrived, 0)
    assert place("status", "--json").data["unclaimed"] == "0"


def test_a_market_owes_nothing_that_it_did_not_credit(place: Place) -> None:
    ran = place("collect", "--market", place.deployment.market)
    refused(ran, TransactionReverted, "the account has no credit")


# --------------------------------------------------------------------- what is no list


def test_a_table_from_a_spreadsheet_is_read(place: Place) -> None:
    place("deposit", 7)
    content = f"\ufeffaccount, amount\r\n{ACCOUNTS[ONE]}, 7\r\n"
    Path("amounts.csv").write_bytes(content.encode())
    listed = place("list", "amounts.csv", "--store", "store", "--json").data
    again = place("list", "amounts.csv", "--store", "store", "--json").data
    assert listed["total"] == "7"
    assert listed["list"] != again["list"]  # its salts are new
    for wrong, said in (
        (b"\xff\xfe", "amounts.csv is no text"),
        (f"account,amount\n{ACCOUNTS[ONE]},1e3\n".encode(), "line 2 of amounts.csv: '1e3'"),
    ):
        Path("amounts.csv").write_bytes(wrong)
        refused(place("list", "amounts.csv", "--store", "new"), ConfigurationError, said)
    assert not Path("new").exists()


def test_a_list_must_divide_what_arrived_and_take_nothing_back(place: Place) -> None:
    one, two = ACCOUNTS[ONE], ACCOUNTS[TWO]
    place("deposit", 10)
    refused(place.listed({one: 9}), ProtocolError, "gives out 9", "they stand at 10")
    place.given_out({one: 6, two: 4})
    refused(place.listed({one: 10}), ProtocolError, "10 were given out before")
    place("deposit", 5)
    less = place.listed({one: 12, two: 3})
    refused(less, ProtocolError, f"{two} had earned 4 and would have earned 3")
    refused(place.listed({one: 15}), ProtocolError, f"{two} had earned 4 and would have earned 0")
    elsewhere = place("list", "amounts.csv", "--store", "elsewhere")
    refused(elsewhere, MissingContent, "is not in the store")
    assert not Path("elsewhere").exists()


# ---------------------------------------------------------------- what a quorum signs


def test_a_seat_signs_what_it_finds_right_itself(place: Place) -> None:
    one, two = ACCOUNTS[ONE], ACCOUNTS[TWO]
    place("deposit", 10)
    cid = place.listed({one: 6, two: 4}).out.strip()
    words = ("sign", cid, "--store", "store", "--out", "s.json", "--account", SEATS[0])
    table(Path("own.csv"), {one: 5, two: 5})
    said = f"{min(one, two)} has earned"
    refused(place(*words, "--amounts", "own.csv"), ProtocolError, said)
    stranger = place(*words[:-1], STRANGER)
    refused(stranger, ProtocolError, "is not of the committee in office")
    store = DiskStore("store")
    document = json.loads(store.get(cid))
    for change, said in (
        ({"epoch": 2}, "the list is of epoch 2, and the next one is 1"),
        ({"currency": "coin"}, "is in the currency 'coin'"),
    ):
        other = store.put(json.dumps(document | change).encode())
        refused(place("sign", other, *words[2:]), ProtocolError, said)
    assert not Path("s.json").exists()
    table(Path("own.csv"), {one: 6, two: 4})
    assert place(*words, "--amounts", "own.csv", "--json").data["signer"] == ACCOUNTS[SEATS[0]]


def changed(file: str, **changes: Any) -> str:
    said = json.loads(Path(file).read_text())
    Path("changed.json").write_text(json.dumps(said | changes))
    return "changed.json"


def test_signatures_that_make_no_quorum_are_refused(place: Place) -> None:
    place("deposit", 10)
    first, second = (place.listed({ACCOUNTS[ONE]: 10}).out.strip() for _ in range(2))
    a, b = place.signed(first, *SEATS[:2])
    (c,) = place.signed(second, SEATS[2])
    refused(place("propose", a, a), QuorumNotReached, "1 of the committee signed")
    refused(place("propose", a, c), ProtocolError, "signed another distribution")
    assert place("status", "--json").data["waiting"] is None
    assert place("propose", a, b, "--json").data["epoch"] == 1
    waiting = place("status", "--json").data["waiting"]
    assert digest_of(waiting["list"]) == digest_of(first)


def test_what_is_no_signature_of_a_seat_is_refused(place: Place) -> None:
    place("deposit", 10)
    a, b = place.signed(place.listed({ACCOUNTS[ONE]: 10}).out.strip(), *SEATS[:2])
    third = ACCOUNTS[SEATS[2]]
    refused(place("propose", b, changed(a, signer=third)), BadSignature, f"the name of {third}")
    refused(place("propose", b, changed(a, chainId=1)), ProtocolError, "on chain 1")
    refused(place("propose", b, changed(a, roots=["0x12"])), ProtocolError, "give 32 bytes")
    refused(place("propose", b, changed(a, roots=["0xzz"])), ProtocolError, "roots")
    refused(place("propose", b, "amounts.csv"), ProtocolError, "not a signed-distribution")


def test_who_is_not_of_the_committee_makes_no_quorum(place: Place) -> None:
    place("deposit", 10)
    a, b = place.signed(place.listed({ACCOUNTS[ONE]: 10}).out.strip(), *SEATS[:2])
    stranger = well_known_accounts()[STRANGER]
    said = SignedDistribution.from_bytes(Path(a).read_bytes())
    domain = PayoutsDomain(said.chain_id, said.payouts)
    signature = "0x" + sign(domain, said.distribution, stranger).hex()
    own = changed(a, signer=stranger.address, signature=signature)
    refused(place("propose", b, own), ProtocolError, f"{stranger.address} is not in the committee")


def test_another_contract_pays_nobody(place: Place) -> None:
    words = ("payouts", "status", "--rpc", place.url, "--payouts")
    refused(place.run(*words, place.deployment.market), NoContract, "is none of payouts")
    refused(place.run(*words, ACCOUNTS[ONE]), NoContract, "there is no contract at")
    refused(place.run(*words, "0x12"), ConfigurationError, "is no address")
