"""Stakes of committee and panel, paid, taken and made good from a terminal."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from command_line import Ran, Run

from marketplace.chain.client import Node, connect
from marketplace.chain.deploy import deploy_offices
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.errors import ConfigurationError, TransactionReverted
from marketplace.protocol.terms import NATIVE

ACCOUNTS = well_known_accounts()
ADMIN, ARBITER = ACCOUNTS[0], ACCOUNTS[1]
SEATS = [ACCOUNTS[n].address for n in (5, 6, 7)]
LEAST, ROTATION, UNBONDING = 100, 60, 3_600


@dataclass(frozen=True)
class Place:
    """A market over HTTP whose stakes an account may slash, with nobody in office."""

    run: Run
    node: Node
    url: str
    market: str
    committee: str

    def __call__(self, *words: object) -> Ran:
        where = ("--rpc", self.url, "--market", self.market)
        return self.run("committee", words[0], *where, *words[1:])

    @property
    def status(self) -> dict[str, object]:
        return dict(self("status", "--json").data)

    def appoint(self, *members: str) -> None:
        functions = self.node.contract("OracleCommittee", self.committee).functions
        ordered = sorted(members, key=lambda member: int(member, 16))
        self.node.send(ADMIN, functions.scheduleRotation(ordered, 2))

    def slash(self, member: str, amount: int) -> None:
        functions = self.node.contract("OracleCommittee", self.committee).functions
        self.node.send(ARBITER, functions.slash(member, amount, ARBITER.address))


@pytest.fixture
def place(run: Run, devnet_url: str) -> Place:
    node = connect(devnet_url)
    authority = node.deploy(ADMIN, "Governance", ADMIN.address, 0).address
    terms = (NATIVE, LEAST, ROTATION, UNBONDING, ARBITER.address)
    committee, panel = deploy_offices(node, ADMIN, authority, terms)
    registry = node.deploy(ADMIN, "ParticipantRegistry", NATIVE, (1, 1, 1, 1))
    offices, treasury = (committee.address, panel.address), ADMIN.address
    rules = node.deploy(ADMIN, "MarketRules", authority, *offices, 0, treasury, 0, 255, 0)
    market = node.deploy(ADMIN, "ModelMarket", rules.address, registry.address, ARBITER.address)
    return Place(run, node, devnet_url, market.address, committee.address)


def test_from_the_first_stake_to_the_last(place: Place) -> None:
    assert place.status["current"] is None
    assert place.status["backed"] is False
    for seat in SEATS:
        staked = place("stake", LEAST, "--member", seat, "--json").data
        assert staked == {"member": seat, "bonded": "100", "unbonding": "0"}
    place.appoint(*SEATS)
    assert place.status["backed"] is True

    place.slash(SEATS[1], 30)
    assert place.status["backed"] is True  # two of three are left, and make a quorum
    place.slash(SEATS[2], 1)
    standing = place.status
    assert standing["backed"] is False
    held = {seat["member"]: seat["bonded"] for seat in standing["seats"]}  # type: ignore[attr-defined]
    assert held == {SEATS[0]: "100", SEATS[1]: "70", SEATS[2]: "99"}
    assert "new requests are refused" in place("status").out
    assert place("stake", 30, "--member", SEATS[1]).out == f"{SEATS[1]} has 30 more at stake\n"
    assert place.status["backed"] is True
    assert "new requests are refused" not in place("status").out

    noticed = place("unstake", 100, "--account", "6", "--json").data
    assert noticed == {"member": SEATS[1], "bonded": "0", "unbonding": "100"}
    assert place.status["backed"] is True
    refused(place("withdraw", "--account", "6"), "InOffice")
    place("stake", 1, "--account", "7")
    others = [SEATS[0], SEATS[2], ACCOUNTS[8].address]
    place("stake", LEAST, "--account", "8")
    place.appoint(*others)
    shown = place("status").out
    assert "in office: version 1, 2 of 3\n" in shown
    assert "scheduled: version 2, 2 of 3, from " in shown
    place.node.advance_time(ROTATION)
    refused(place("withdraw", "--account", "6"), "StillBonded")
    place.node.advance_time(UNBONDING)
    receiver = ACCOUNTS[12].address
    before = place.node.balance(receiver)
    out = place("withdraw", "--account", "6", "--to", receiver, "--json").data
    assert out == {"member": SEATS[1], "amount": "100"}
    assert place.node.balance(receiver) == before + 100


def test_the_panel_has_stakes_of_its_own(place: Place) -> None:
    place("stake", LEAST, "--member", SEATS[0], "--panel")
    functions = place.node.contract("OracleCommittee", place.committee).functions
    assert place.node.call(functions.stakeOf(SEATS[0]))[0] == 0
    more = place("stake", 1, "--member", SEATS[0], "--panel", "--json").data
    assert more == {"member": SEATS[0], "bonded": "101", "unbonding": "0"}


def test_who_is_no_address_gets_no_stake(place: Place) -> None:
    ran = place("stake", 1, "--member", "somebody")
    assert ran.status == ConfigurationError.exit_code
    assert "the member" in ran.err


def refused(ran: Ran, error: str) -> None:
    assert ran.status == TransactionReverted.exit_code, ran.err
    assert error in ran.err
