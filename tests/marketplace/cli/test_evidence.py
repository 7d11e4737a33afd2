"""A trade's evidence as one file: out, in, and audited where chain and store are gone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from command_line import Run, Serve, Served
from small_trade import stages_of

from marketplace.audit import recording
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.errors import (
    AuditFailed,
    ChainError,
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
)
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE
from offchain.storage.car_store import CarStore
from offchain.storage.disk import DiskStore


def exported(run: Run, served: Served, *more: object) -> Any:
    words = ("evidence", "export", served.trade, *served.place, "--store", served.store)
    return run(*words, "--out", "trade.car", *more, "--json")


def test_car_and_archived_log_suffice_for_the_audit(run: Run, serve: Serve, tmp_path: Path) -> None:
    served = serve(State.SETTLED)
    data = exported(run, served, "--log", "chain.json").data
    assert data["auditOk"] is True
    standings = {file["standing"] for file in data["files"]}
    assert standings <= {"there", "sealed"}
    named = {file["what"] for file in data["files"] if file["standing"] == "there"}
    assert {"specification", "licence", "gate manifest/routing", "data need"} <= named
    assert any(what.endswith("/votes") for what in named)

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ("trade.car", "chain.json"):
        shutil.move(file, elsewhere / file)
    shutil.rmtree(served.store)
    words = ("audit", "--chain", elsewhere / "chain.json", "--market", served.market)
    words += ("--trade", served.trade, "--anchor", data["anchor"])
    report = run(*words, "--store", elsewhere / "trade.car", "--json").data
    assert report["ok"] is True
    assert {check["verdict"] for check in report["checks"]} == {"passed"}

    assert run("evidence", "import", elsewhere / "trade.car", "--store", "new").status == 0
    assert run(*words, "--store", "new", "--json").data["ok"] is True
    assert run(*words[:-1], "0x" + 32 * "11", "--store", "new").status != 0
    assert run("store", "verify", "--store", "new").status == 0
    other = run("audit", "--chain", elsewhere / "chain.json", "--market", served.market,
                "--store", "new", "--chain-id", 1)  # fmt: skip
    assert other.status != 0


def test_a_log_from_a_later_block(run: Run, serve: Serve) -> None:
    """Blocks before the market are left out, and the audit starts there, too."""
    served, start = serve(State.SETTLED), 1
    whole = exported(run, served, "--log", "whole.json").data
    data = exported(run, served, "--log", "chain.json", "--from-block", start).data
    assert (whole["fromBlock"], data["fromBlock"]) == (0, start)
    assert data["auditOk"] is True
    words = ("audit", "--chain", "chain.json", "--market", served.market, "--trade", served.trade)
    words += ("--anchor", data["anchor"], "--store", "trade.car")
    report = run(*words, "--from-block", start, "--json").data
    assert report["ok"] is True
    assert run(*words).status == ChainError.exit_code  # block 0 is not in it


def test_a_log_that_would_not_be_read_back_is_not_written(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(State.SETTLED)
    exported(run, served, "--log", "chain.json")
    before = {name: Path(name).read_bytes() for name in ("trade.car", "chain.json")}
    folder = set(Path().iterdir())
    for most in (1_000, len(before["chain.json"]) - 1):
        monkeypatch.setattr(recording, "MAX_LOG_BYTES", most)
        ran = exported(run, served, "--log", "chain.json")
        assert ran.status == ConfigurationError.exit_code
        assert "--from-block" in ran.out
        assert set(Path().iterdir()) == folder
        assert {name: Path(name).read_bytes() for name in before} == before
    assert exported(run, served).status == 0
    audited = run("audit", "--chain", "chain.json", "--market", served.market,
                  "--store", "trade.car")  # fmt: skip
    assert audited.status == ConfigurationError.exit_code
    assert f"more than the {most} bytes of an archived log" in audited.err


SEATS = (5, 6)
"""Places of two of the committee among the well-known accounts."""


def give_out(run: Run, served: Served, amount: int, veto: bool = False) -> str:
    """Give an amount more to one payee, or have the guardian veto it; returns the list's CID."""
    where = ("--rpc", served.url, "--payouts", stages_of().deployment.payouts)
    kept = ("--store", served.store)
    assert run("payouts", "deposit", amount, *where).status == 0
    total = run("payouts", "status", *where, "--json").data["funded"]
    payee = well_known_accounts()[19].address
    Path("amounts.csv").write_text(f"account,amount\n{payee},{total}\n")
    cid = str(run("payouts", "list", "amounts.csv", *where, *kept).out.strip())
    for seat in SEATS:
        signing = ("--account", seat, "--out", f"{seat}.json")
        assert run("payouts", "sign", cid, *where, *kept, *signing).status == 0
    files = [f"{seat}.json" for seat in SEATS]
    assert run("payouts", "propose", *files, *where).status == 0
    ending = ("veto",) if veto else ("activate", "--skip-time")
    assert run("payouts", *ending, *where).status == 0
    return cid


def test_lists_of_payees_come_along(run: Run, serve: Serve, tmp_path: Path) -> None:
    served, payouts = serve(State.SETTLED), stages_of().deployment.payouts
    vetoed = give_out(run, served, 5, veto=True)
    lists = [give_out(run, served, amount) for amount in (10, 20)]
    (served.store / "blocks" / vetoed).unlink()
    data = exported(run, served, "--payouts", payouts, "--log", "chain.json").data
    assert data["auditOk"] is True
    standing = {file["cid"]: file["standing"] for file in data["files"]}
    assert [standing[cid] for cid in (vetoed, *lists)] == ["refused", "there", "there"]
    assert sum(file["what"].endswith("/earnings") for file in data["files"]) == 2

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ("trade.car", "chain.json"):
        shutil.move(file, elsewhere / file)
    kept = shutil.move(served.store, tmp_path / "kept")
    words = ("audit", "--chain", elsewhere / "chain.json", "--market", served.market)
    words += ("--trade", served.trade, "--anchor", data["anchor"], "--payouts", payouts)
    report = run(*words, "--store", elsewhere / "trade.car", "--json").data
    assert {check["verdict"] for check in report["checks"]} == {"passed"}
    said = {check["name"]: check["detail"] for check in report["checks"]}
    assert said["distributions"].startswith("3 distributions to at most 1 account ")

    shutil.move(kept, served.store)
    rows = next(file for file in data["files"] if file["what"].endswith("/earnings"))
    (served.store / "blocks" / rows["cid"]).unlink()
    assert exported(run, served).status == 0
    ran = exported(run, served, "--payouts", payouts)
    assert ran.status == MissingContent.exit_code
    assert f"payee list of distribution 2 of {NATIVE}/earnings" in ran.out


def test_what_was_not_archived_is_not_answered(run: Run, serve: Serve) -> None:
    served = serve(State.REQUESTED)
    assert exported(run, served, "--log", "chain.json").data["auditOk"] is True
    words = ("audit", "--chain", "chain.json", "--store", "trade.car")
    other = run(*words, "--market", "0x" + "11" * 20)
    assert other.status == ChainError.exit_code
    assert "has no answer to eth_call" in other.err
    Path("chain.json").write_bytes(b"moemarket-log/1\n[")
    assert run(*words, "--market", served.market).status == ConfigurationError.exit_code


def test_missing_evidence_is_named_and_never_passed(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    files = exported(run, served).data["files"]
    routing = next(file for file in files if file["what"] == "gate manifest/routing")
    block = served.store / "blocks" / routing["cid"]
    kept = block.read_bytes()
    block.unlink()
    ran = exported(run, served, "--log", "chain.json")
    assert ran.status == MissingContent.exit_code
    assert "gate manifest/routing" in ran.out
    assert routing["cid"] in {str(cid) for cid in CarStore("trade.car").absent()}
    audited = run("audit", "--chain", "chain.json", "--market", served.market,
                  "--trade", served.trade, "--store", "trade.car", "--json")  # fmt: skip
    assert audited.status == AuditFailed.exit_code
    assert '"missing"' in audited.out
    taken = run("evidence", "import", "trade.car", "--store", "new")
    assert taken.status == MissingContent.exit_code
    assert routing["cid"] in taken.err

    block.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    damaged = exported(run, served)
    assert damaged.status == MissingContent.exit_code
    assert '"damaged"' in damaged.out
    verified = run("store", "verify", "--store", served.store)
    assert verified.status == CorruptContent.exit_code
    assert routing["cid"] in verified.out


def test_an_open_trade_keeps_what_it_needs(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    (served.store / "partial").mkdir(exist_ok=True)
    (served.store / "partial" / "left").write_bytes(b"half")
    store = DiskStore(served.store)
    before = {file.name for file in store.block_files()}
    rubbish, pinned = store.put(b"rubbish"), store.put(bytes(300_000))
    assert run("store", "pin", "add", pinned, "--store", served.store).status == 0
    files = exported(run, served).data["files"]
    assert "awaited" in {file["standing"] for file in files}  # the evidence, since the trade runs
    needed = {file["cid"] for file in files if file["standing"] == "there"}
    words = ("store", "gc", *served.place, "--store", served.store, "--json")
    assert run(*words).data["swept"] == []  # all of it is young
    dry = run(*words, "--min-age", 0, "--dry-run").data
    assert rubbish in dry["swept"]
    assert store.has(rubbish)
    swept = run(*words, "--min-age", 0).data
    assert swept["swept"] == dry["swept"]
    assert swept["partial"] == 1
    assert not store.has(rubbish)
    assert store.has(pinned)
    assert all(map(store.has, needed))
    assert not set(swept["swept"]) & needed
    assert {file.name for file in store.block_files()} >= before & needed
    report = run("audit", *served.place, "--store", served.store, "--json").data
    assert report["ok"] is True


def test_a_gap_in_an_open_trade_stops_the_sweep(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    files = exported(run, served).data["files"]
    manifest = next(file["cid"] for file in files if file["what"] == "gate manifest")
    (served.store / "blocks" / manifest).unlink()
    words = ("store", "gc", *served.place, "--store", served.store, "--min-age", 0)
    refused = run(*words)
    assert refused.status == StorageError.exit_code
    assert "gate manifest" in refused.err
    assert len(DiskStore(served.store).block_files()) > 10
    assert run(*words, "--despite-gaps", "--dry-run").status == 0


def test_an_ended_trade_keeps_nothing_but_its_pins(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    exported(run, served)
    words = ("store", "gc", *served.place, "--store", served.store, "--min-age", 0, "--json")
    assert run("evidence", "import", "trade.car", "--store", served.store).status == 0
    assert run(*words).data["kept"] > 10
    assert run("audit", *served.place, "--store", served.store).status == 0
    pins = run("store", "pin", "ls", "--store", served.store, "--json").data["cids"]
    for cid in pins:
        assert run("store", "pin", "rm", cid, "--store", served.store).status == 0
    assert run(*words).data["kept"] == 0


@pytest.mark.parametrize("name", ["trade.zip", "trade"])
def test_a_car_is_named_so(run: Run, serve: Serve, name: str) -> None:
    served = serve(State.REQUESTED)
    ran = run("evidence", "export", served.trade, *served.place, "--store", served.store,
              "--out", name)  # fmt: skip
    assert ran.status == ConfigurationError.exit_code


def test_what_is_no_car_is_not_imported(run: Run) -> None:
    Path("bad.car").write_bytes(b"text")
    assert run("evidence", "import", "bad.car", "--store", "new").status == StorageError.exit_code
    none = run("evidence", "import", "none.car", "--store", "new")
    assert none.status == ConfigurationError.exit_code
    assert not Path("new").exists()
    assert run("store", "pin", "rm", "nonsense", "--store", "new").status != 0
    gone = run("store", "pin", "add", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
               "--store", "new")  # fmt: skip
    assert gone.status == MissingContent.exit_code
