"""Deploying: wholly, from the right account, on the right chain, or not at all."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest
from command_line import Ran, Run
from eth_account import Account
from small_trade import MOEMARKET

from marketplace.chain.client import connect
from marketplace.chain.deploy import Deployment
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.errors import (
    ConfigurationError,
    InsufficientFunds,
    NodeUnreachable,
    WrongChain,
)

SEATS = [account.address for account in well_known_accounts()[5:8]]
SIGNERS = [word for seat in SEATS for word in ("--signer", seat)]
JURORS = [account.address for account in well_known_accounts()[8:11]]
PANEL = [*(word for juror in JURORS for word in ("--panel", juror)), "--panel-quorum", "2"]
COMMITTEE = [*SIGNERS, "--quorum", "2", *PANEL]


def height(url: str) -> int:
    return int(connect(url).web3.eth.block_number)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    """A key of a new account, encrypted with the password "open sesame"."""
    account = Account.from_key(b"\x07" * 32)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Account.encrypt(account.key, "open sesame", iterations=2)))
    return path


def test_deploys_a_market_that_works(run: Run, devnet_url: str) -> None:
    data = run("deploy", "--rpc", devnet_url, *COMMITTEE, "--out", "d/market.json", "--json").data
    deployment = Deployment.load(Path("d/market.json"))
    assert deployment.to_json() == data
    assert json.loads(Path("d/market.json").read_text()) == data
    assert data["chainId"] == 31337
    market = Market(connect(devnet_url), deployment.market)
    committee = market.current_committee()
    assert (sorted(committee.members), committee.threshold) == (sorted(SEATS), 2)
    panel = market.panel_of(market.in_force().panel)
    assert (sorted(panel.members), panel.threshold) == (sorted(JURORS), 2)
    shown = run("deploy", "--rpc", devnet_url, *COMMITTEE, "--account", "3")
    assert shown.err == "note: a wrong verdict costs its signers nothing; see --penalty\n"
    assert shown.out.split()[::2] == [name for name in data if name not in ("chainId", "token")]


def test_stakes_penalties_and_fee_are_as_asked_for(run: Run, devnet_url: str) -> None:
    data = run(
        "deploy", "--rpc", devnet_url, *COMMITTEE, "--fee-bps", "30", "--stake", 10**18,
        "--penalty", 10**17, "--json",
    ).data  # fmt: skip
    node = connect(devnet_url)
    market = Market(node, data["market"])
    assert market.in_force().fee_bps == 30
    for office, members in ((market.committee, SEATS), (market.panel, JURORS)):
        stakes = [node.call(office.functions.stakeOf(member))[0] for member in members]
        assert stakes == [10**18] * 3
    terms = node.call(market.challenges.functions.terms())
    assert list(terms)[5:8] == [10**17] * 3


def test_a_keystore_signs(run: Run, devnet_url: str, keystore: Path) -> None:
    node = connect(devnet_url)
    owner = Account.from_key(b"\x07" * 32)
    node.transfer(well_known_accounts()[0], owner.address, 10**19)
    words = ("deploy", "--rpc", devnet_url, *COMMITTEE, "--keystore", keystore)
    ran = run(*words, "--json", answer="open sesame\n")
    deployed = json.loads(ran.out[ran.out.index("{") :])["data"]
    governance = node.contract("Governance", deployed["governance"])
    is_admin, _ = node.call(governance.functions.hasRole(0, owner.address))
    assert is_admin
    assert "open sesame" not in ran.out + ran.err
    assert bytes(owner.key).hex() not in ran.out + ran.err


def test_the_password_may_come_from_the_environment(
    run: Run, devnet_url: str, keystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOEMARKET_PASSWORD", "open sesame")
    ran = run("deploy", "--rpc", devnet_url, *COMMITTEE, "--keystore", keystore, "--json")
    assert ran.error["kind"] == "InsufficientFunds"


def refused(ran: Ran, error: type[Exception], *words: str) -> None:
    assert ran.status == vars(error)["exit_code"], ran.err
    last = ran.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "; " in last
    for word in words:
        assert word in last
    assert "Traceback" not in ran.err


def test_an_account_without_funds(run: Run, devnet_url: str, keystore: Path) -> None:
    ran = run(
        "deploy", "--rpc", devnet_url, *COMMITTEE, "--keystore", keystore, "--out", "d.json",
        answer="open sesame\n",
    )  # fmt: skip
    refused(ran, InsufficientFunds, "fund the account; nothing was sent")
    assert height(devnet_url) == 0
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (None, "wrong password\n"),
        ("", "x\n"),
        ("[]", "x\n"),
        ("{}", "x\n"),
        ('{"crypto": 7, "version": 3}', "x\n"),
        ('{"version": 99}', "x\n"),
        ("\udcff", "x\n"),
    ],
    ids=["password", "empty", "list", "object", "shape", "version", "bytes"],
)
def test_a_key_that_does_not_open(
    run: Run, devnet_url: str, keystore: Path, content: str | None, password: str
) -> None:
    if content is not None:
        keystore.write_bytes(content.encode(errors="surrogateescape"))
    ran = run("deploy", "--rpc", devnet_url, *COMMITTEE, "--keystore", keystore, answer=password)
    refused(ran, ConfigurationError, str(keystore))
    assert height(devnet_url) == 0


def test_a_keystore_that_is_not_there(run: Run, devnet_url: str) -> None:
    ran = run("deploy", "--rpc", devnet_url, *COMMITTEE, "--keystore", "nowhere")
    refused(ran, ConfigurationError, "nowhere can't be read")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ([*SIGNERS, "--quorum", "1", *PANEL], "1 of 3 members make no committee"),
        ([*SIGNERS, "--quorum", "4", *PANEL], "4 of 3 members make no committee"),
        ([*SIGNERS, *SIGNERS, "--quorum", "4", *PANEL], "4 of 6 members"),
        (["--signer", "0x1234", "--quorum", "1", *PANEL], "signer '0x1234' is no address"),
        (["--signer", SEATS[0].replace("B", "b"), "--quorum", "1", *PANEL], "is no address"),
        ([*COMMITTEE, "--treasury", "me"], "treasury 'me' is no address"),
        ([*COMMITTEE[:-1], "1"], "1 of 3 members make no committee"),
        ([*COMMITTEE[:-1], "3", "--panel", SEATS[0]], "committee and panel share a member"),
        ([*COMMITTEE, "--governor", JURORS[0]], "governor and guardian go together"),
        ([*COMMITTEE, "--stake", "9", "--penalty", "10"], "10 wei is more than the stake of 9"),
    ],
    ids=[
        "minority",
        "too many",
        "doubles",
        "signer",
        "checksum",
        "treasury",
        "panel's minority",
        "shared",
        "governor alone",
        "unbacked penalty",
    ],
)
def test_unusable_settings_cost_nothing(
    run: Run, devnet_url: str, words: list[str], cause: str
) -> None:
    refused(run("deploy", "--rpc", devnet_url, *words), ConfigurationError, cause)
    assert height(devnet_url) == 0


def test_a_file_that_can_not_be_written_is_noticed_before(run: Run, devnet_url: str) -> None:
    Path("file").write_text("in the way")
    ran = run("deploy", "--rpc", devnet_url, *COMMITTEE, "--out", "file/deployment.json")
    refused(ran, ConfigurationError, "file/deployment.json can't be written")
    assert height(devnet_url) == 0


def test_a_node_that_is_down_or_none(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for command in (["deploy", *COMMITTEE], ["trades", "--market", SEATS[0]]):
        ran = run(*command, "--rpc", f"http://127.0.0.1:{port}")
        refused(ran, NodeUnreachable, f"no node answers at http://127.0.0.1:{port}")
        refused(run(*command, "--rpc", "localhost:8545"), ConfigurationError, "no RPC endpoint")


def test_another_chain_than_expected(run: Run, devnet_url: str) -> None:
    for command in (["deploy", *COMMITTEE], ["trades", "--market", SEATS[0]]):
        ran = run(*command, "--rpc", devnet_url, "--chain-id", "1")
        refused(ran, WrongChain, "the node is on chain 31337, not 1")
    assert height(devnet_url) == 0


def test_the_devnet_command_refuses_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        result = subprocess.run(
            [*MOEMARKET, "devnet", "--port", port], capture_output=True, text=True, check=False
        )
    assert result.returncode == ConfigurationError.exit_code
    assert result.stderr.startswith(f"error: port {port} on 127.0.0.1 can't be used")
    assert result.stderr.count("\n") == 1


def test_compiles_once(run: Run) -> None:
    names = run("compile", "--json").data
    assert {"ModelMarket", "OracleCommittee", "ParticipantRegistry"} <= set(names)
    assert "contracts are compiled" in run("compile").out
