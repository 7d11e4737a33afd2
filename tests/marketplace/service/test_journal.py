"""The journal: what is written is there after a kill, one process holds it, one seat owns it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from marketplace.protocol.errors import ConfigurationError
from marketplace.service.journal import Journal, read_journal

OWNER = "31337/0xmarket/0xseat"
TRADE = "0x" + "07" * 32


def test_what_was_written_is_there_after_a_kill(tmp_path: Path) -> None:
    def write_and_die() -> None:
        journal = Journal(tmp_path, OWNER)
        journal.add_trade(TRADE, ours=True)
        journal.due_since(TRADE, "settle")
        journal.begin(TRADE, "settle")
        journal.signed(TRADE, "settle", 3, "0xabc", b"raw")
        os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=write_and_die)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    journal = Journal(tmp_path, OWNER)
    (sent,) = journal.in_doubt()
    assert (sent.trade, sent.step, sent.nonce, sent.raw) == (TRADE, "settle", 3, b"raw")
    assert journal.running() == [TRADE]
    assert not journal.done(TRADE, "settle")
    (step,) = read_journal(tmp_path).steps
    assert (step.begun, step.outcome) == (1, "")
    journal.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path, OWNER)
    with pytest.raises(ConfigurationError, match="another process"):
        Journal(tmp_path, OWNER)
    journal.close()
    Journal(tmp_path, OWNER).close()


def test_another_seats_journal_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path, OWNER).close()
    with pytest.raises(ConfigurationError, match=r"has the owner .*, not 31337/0xmarket/0xother"):
        Journal(tmp_path, "31337/0xmarket/0xother")
    Journal(tmp_path, OWNER).close()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"something else, of some length" * 100)
    with pytest.raises(ConfigurationError, match="can't be opened"):
        Journal(tmp_path, OWNER)
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_journal(tmp_path)


def test_the_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    Journal(tmp_path / "state", OWNER).close()
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_due_since_stays_what_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path, OWNER)
    first = journal.due_since(TRADE, "settle")
    journal.begin(TRADE, "settle")
    journal.end(TRADE, "settle", "failed", "no seat answers")
    assert journal.due_since(TRADE, "settle") == first
    assert not journal.done(TRADE, "settle")
    journal.end(TRADE, "settle", "done")
    assert journal.done(TRADE, "settle")
    journal.close()


def test_a_nonce_is_heard_once_and_forgotten_in_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path, OWNER)
    assert journal.hear("a", 60)
    assert not journal.hear("a", 60)
    assert journal.hear("b", 60)
    assert journal.hear("a", -1)
    journal.close()


def test_trades_of_others_are_not_running(tmp_path: Path) -> None:
    journal = Journal(tmp_path, OWNER)
    journal.add_trade("0x01", ours=False)
    journal.add_trade("0x02", ours=True)
    journal.add_trade("0x03", ours=True)
    journal.note_state("0x02", "SETTLED", finished=True)
    journal.add_trade("0x02", ours=True)
    assert journal.running() == ["0x03"]
    assert read_journal(tmp_path).trades == {"0x02": "SETTLED", "0x03": ""}
    journal.close()
