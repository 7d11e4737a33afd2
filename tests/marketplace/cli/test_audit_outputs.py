"""What `moemarket audit` leaves behind: files, a signature, an attestation on chain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Run, Serve, Served
from eth_account import Account
from jsonschema import Draft202012Validator

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.documents import Attestation
from marketplace.protocol.errors import BadSignature, ConfigurationError, TradeRefused
from marketplace.protocol.states import State
from offchain.storage.cid import cid_of
from offchain.storage.disk import DiskStore

AUDITOR, STRANGER = 3, 4
SCHEMA = Path(__file__).parents[3] / "docs" / "audit-report.schema.json"


def audited(served: Served) -> tuple[object, ...]:
    return ("audit", *served.place, "--store", served.store, "--trade", served.trade)


def test_files_signed_by_a_keystore(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    account = Account.from_key(b"\x07" * 32)
    Path("key.json").write_text(json.dumps(Account.encrypt(account.key, "sesame", iterations=2)))
    Path("password").write_text("sesame\n")
    key = ("--keystore", "key.json", "--password-file", "password")
    files = ("--report", "out/report.json", "--html", "out/report.html", "--csv", "out/l.csv")
    said = run(*audited(served), *files, *key, "--json").data
    content = Path("out/report.json").read_bytes()
    assert json.loads(content) == said
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(said)
    html = Path("out/report.html").read_text()
    assert html.startswith("<!doctype html>")
    assert served.trade in html
    moved = said["trades"][0]["movements"]
    assert len(Path("out/l.csv").read_text().splitlines()) == 1 + len(moved)
    into = sum(int(m["amount"]) for m in moved if m["reason"] == "escrow")
    assert into == sum(int(m["amount"]) for m in moved if m["payerRole"] == "escrow") > 0

    verify = ("verify-report", "out/report.json", "out/report.sig.json")
    found = run(*verify, "--by", account.address, "--json").data
    assert found["signer"] == account.address
    assert found["report"] == cid_of(content)
    assert found["blockHash"] == said["blockHash"]
    assert account.address in run(*verify).out
    other = well_known_accounts()[0].address
    assert run(*verify, "--by", other).status == BadSignature.exit_code
    beside = {"--html": Path("out/report.html"), "--csv": Path("out/l.csv")}
    made = [str(word) for pair in beside.items() for word in pair]
    assert run(*verify, *made).status == 0
    for path in beside.values():
        sound = path.read_bytes()
        path.write_bytes(sound.replace(b"1", b"2", 1))
        spoilt = run(*verify, *made)
        assert spoilt.status == BadSignature.exit_code
        assert f"{path} is not what follows" in spoilt.err
        path.write_bytes(sound)
    Path("out/report.json").write_bytes(content.replace(b'"passed"', b'"failed"', 1))
    changed = run(*verify)
    assert changed.status == BadSignature.exit_code
    assert "was signed" in changed.err
    assert run("verify-report", "nowhere", "out/report.sig.json").status == 3


def test_the_auditor_attests_on_chain(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    store = DiskStore(served.store)
    words = (*audited(served), "--attest", "--report", "report.json")
    stranger = run(*words, "--account", STRANGER)
    assert stranger.status == TradeRefused.exit_code
    assert "nothing to attest" in stranger.err
    first = Path("report.json").read_bytes()
    assert not store.has(cid_of(first))

    ran = run(*words, "--account", AUDITOR, "--json")
    assert ran.data["ok"] is True
    attested = [line for line in ran.err.splitlines() if "on chain" in line]
    assert len(attested) == 1
    assert "approves on chain" in attested[0]
    content = Path("report.json").read_bytes()
    assert store.get(cid_of(content)) == content

    after = run(*audited(served), "--json").data
    assert after["ok"] is True
    event = next(e for e in after["trades"][0]["timeline"] if e["name"] == "AuditAttested")
    document = Attestation.from_bytes(store.get(event["evidence"][0]))
    assert document.report == cid_of(content)
    assert document.approved
    verdicts = {check["name"]: check["verdict"] for check in after["checks"]}
    assert verdicts["audit-signature"] == "passed"
    again = run(*words, "--account", AUDITOR)
    assert again.status == TradeRefused.exit_code


def test_what_can_not_be_made_is_said_before_the_audit(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    Path("file").write_text("")
    whole = ("audit", *served.place, "--store", served.store)
    cases: list[tuple[object, ...]] = [
        (*whole, "--attest", "--account", AUDITOR),
        (*audited(served), "--attest"),
        (*audited(served), "--account", AUDITOR),
        (*audited(served), "--html", "file/report.html"),
        (*audited(served), "--report", "report.json", "--keystore", "nowhere"),
    ]
    for words in cases:
        ran = run(*words)
        assert ran.status == ConfigurationError.exit_code, ran.err
        assert ran.err.count("\n") == 1
        assert ran.out == ""
    assert not Path("report.json").exists()


def test_a_trade_that_was_not_decided_can_not_be_attested(run: Run, serve: Serve) -> None:
    served = serve(State.GATED)
    ran = run(*audited(served), "--attest", "--account", AUDITOR)
    assert ran.status == TradeRefused.exit_code
    assert "GATED" in ran.err


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_a_signature_that_is_none(run: Run, content: bytes) -> None:
    Path("report.json").write_bytes(b"{}")
    Path("report.sig.json").write_bytes(content)
    assert run("verify-report", "report.json", "report.sig.json").status == 40
