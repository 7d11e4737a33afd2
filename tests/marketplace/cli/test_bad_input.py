"""The list of bad input, one by one: a clear line, a status, nothing written, no money moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import Ran, Run, Serve, Served
from eth_account import Account
from safetensors.numpy import save_file
from small_trade import small_scenario

from marketplace.chain.client import connect
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.documents import Sealed, Specification
from marketplace.protocol.states import State
from offchain.storage.disk import DiskStore

Act = Callable[[Run, Served], Ran]


def wrong_cid(run: Run, served: Served) -> Ran:
    missing = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    return run("store", "get", "--store", served.store, missing, "--out", "content")


def dataset(change: Callable[[dict[str, np.ndarray]], object] | None) -> Act:
    """Check a file against the running trade's own specification."""

    def act(run: Run, served: Served) -> Ran:
        rows = small_scenario().providers["north"]
        arrays = {"features": rows.features.copy(), "labels": rows.labels.copy()}
        file = served.store.parent / "own.safetensors"
        file.write_bytes(b"PK\x03\x04 a spreadsheet")
        if change is not None:
            change(arrays)
            save_file(arrays, str(file))
        spec = DiskStore(served.store).put(
            Specification(
                task=small_scenario().task.to_json(),
                description="",
                validation=Sealed(ciphertext="", envelope=""),
                auditor_reads=False,
            ).to_bytes()
        )
        return run("dataset", "check", file, "--spec", spec, "--store", served.store)

    return act


def set_in(name: str, value: object) -> Callable[[dict[str, np.ndarray]], object]:
    return lambda arrays: arrays[name].__setitem__(3, value)


def narrow(arrays: dict[str, np.ndarray]) -> None:
    arrays["features"] = np.ascontiguousarray(arrays["features"][:, :7])


def key_that_does_not_open(run: Run, served: Served) -> Ran:
    return run(
        "receive", *served.place, "--trade", served.trade, "--store", served.store,
        "--account", 2, "--out", "model",
    )  # fmt: skip


def rpc_down(run: Run, served: Served) -> Ran:
    return run("demo", "credit", "--rpc", "http://127.0.0.1:9")


def without_funds(run: Run, served: Served) -> Ran:
    key = served.store.parent / "key.json"
    key.write_text(json.dumps(Account.encrypt(b"\x05" * 32, "secret", iterations=2)))
    accounts = [account.address for account in well_known_accounts()]
    seats = [word for signer in accounts[:3] for word in ("--signer", signer)]
    panel = [word for juror in accounts[3:6] for word in ("--panel", juror)]
    return run(
        "deploy", "--rpc", served.url, "--keystore", key, *seats, "--quorum", 2, *panel,
        "--panel-quorum", 2, "--out", "d.json", answer="secret\n",
    )  # fmt: skip


def unexpected_chain(run: Run, served: Served) -> Ran:
    return run("audit", *served.place, "--store", served.store, "--chain-id", 1)


@pytest.mark.parametrize(
    ("act", "status", "cause", "remedy"),
    [
        (wrong_cid, 22, "is not in the store", "check the CID and the store"),
        (dataset(None), 31, "are not a safetensors file", "write the dataset with"),
        (dataset(narrow), 32, "features have shape (100, 7)", "send rows as task 'tumours'"),
        (dataset(set_in("labels", 2)), 33, "row 3 has label 2", "use only the 2 classes"),
        (dataset(set_in("features", np.nan)), 34, "row 3, column 0 is nan", "replace or drop"),
        (key_that_does_not_open, 25, "is none of the 1 recipients", "ask one of them to wrap"),
        (rpc_down, 11, "no node answers at http://127.0.0.1:9", "check the endpoint"),
        (without_funds, 13, "can't pay", "fund the account; nothing was sent"),
        (unexpected_chain, 12, "the node is on chain 31337, not 1", "the right chain id"),
    ],
    ids=[
        "a wrong CID", "an unreadable dataset", "a wrong shape", "labels outside the request",
        "NaN", "a key that does not open", "an RPC that is down", "an account without funds",
        "a chain id that is not the expected one",
    ],
)  # fmt: skip
def test_bad_input(run: Run, serve: Serve, act: Act, status: int, cause: str, remedy: str) -> None:
    served = serve(State.PASSED)
    market = Market(connect(served.url), served.market)
    trade_id = bytes.fromhex(served.trade[2:])
    before = market.status(trade_id), market.node.web3.eth.block_number
    ran = act(run, served)
    assert ran.status == status
    assert ran.out == ""
    line = ran.err.splitlines()[-1]
    assert line.startswith("error: ")
    assert cause in line
    assert remedy in line
    assert "Traceback" not in ran.err
    assert not list(Path().iterdir())
    assert (market.status(trade_id), market.node.web3.eth.block_number) == before
