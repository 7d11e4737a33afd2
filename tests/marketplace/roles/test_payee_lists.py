"""A table of amounts is read whole or refused by its line; a list is read back as it was put."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.documents import PayeeList
from marketplace.protocol.errors import ConfigurationError, ProtocolError, StorageError
from marketplace.protocol.terms import NATIVE
from marketplace.roles import payee_lists
from marketplace.roles.payee_lists import amounts_of, earnings_in, publish_list, read_list
from offchain.storage.disk import DiskStore

ONE, TWO = (account.address for account in well_known_accounts()[:2])
HEAD = "account,amount\n"

NO_TABLES = {
    "empty": ("", "t.csv doesn't begin with the line account,amount"),
    "no heading": (f"{ONE},5\n", "t.csv doesn't begin with the line account,amount"),
    "nobody": (HEAD, "t.csv names nobody"),
    "three cells": (f"{HEAD}{ONE},1,000\n", "line 2 of t.csv has 3 cells"),
    "a wrong checksum": (f"{HEAD}0x{ONE[2:].swapcase()},1\n", "line 2 of t.csv: '0x"),
    "too short": (f"{HEAD}{ONE.lower()[:-1]},1\n", "line 2 of t.csv: '0x"),
    "no prefix": (f"{HEAD}{ONE[2:].lower()},1\n", "is no address"),
    "the zero address": (f"{HEAD}{ONE},1\n{NATIVE},1\n", "line 3 of t.csv: '0x0000"),
    "an exponent": (f"{HEAD}{ONE},1e18\n", "line 2 of t.csv: '1e18' is no amount"),
    "below zero": (f"{HEAD}{ONE},-1\n", "'-1' is no amount"),
    "other digits": (f"{HEAD}{ONE},\u0663\n", "is no amount"),
    "nothing": (f"{HEAD}{ONE},0\n", f"line 2 of t.csv: {ONE} has earned 0"),
    "too much": (f"{HEAD}{ONE},{2**128}\n", "give 1 to 2**128 - 1"),
    "thousands of digits": (f"{HEAD}{ONE},{'9' * 5_000}\n", "is no amount"),
    "an account again": (f"{HEAD}{ONE},1\n\n{ONE.lower()},2\n", f"line 4 of t.csv names {ONE}"),
    "an open quote": (f'{HEAD}"{ONE},1\n', "of t.csv is no CSV"),
}


@pytest.mark.parametrize("what", NO_TABLES)
def test_what_is_no_table_is_refused_by_its_line(what: str) -> None:
    content, said = NO_TABLES[what]
    with pytest.raises(ConfigurationError) as refusal:
        earnings_in(content, "t.csv")
    assert said in str(refusal.value)


def test_no_table_is_longer_than_a_list_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payee_lists, "MAX_PAYEES", 1)
    assert len(earnings_in(f"{HEAD}{ONE},1\n", "t.csv")) == 1
    with pytest.raises(ConfigurationError, match="more than 1 accounts"):
        earnings_in(f"{HEAD}{ONE},1\n{TWO},1\n", "t.csv")


def test_each_row_of_each_list_has_a_salt_of_its_own() -> None:
    table = f"{HEAD}{ONE},{2**128 - 1}\n{TWO.lower()},2\n"
    first, second = earnings_in(table, "t.csv"), earnings_in(table, "t.csv")
    assert amounts_of(first) == amounts_of(second) == {ONE: 2**128 - 1, TWO: 2}
    assert len({earning.salt for earning in (*first, *second)}) == 4


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "store")


def test_a_list_is_read_back(store: DiskStore) -> None:
    earnings = earnings_in(f"{HEAD}{ONE},1\n{TWO},2\n", "t.csv")
    cid = publish_list(store, NATIVE, 7, earnings)
    listing, rows = read_list(store, cid)
    assert (listing.currency, listing.epoch) == (NATIVE, 7)
    assert set(rows) == set(earnings)
    assert store.pins() == sorted([cid, listing.earnings])


def test_rows_beyond_the_bound_are_not_read(
    store: DiskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = publish_list(store, NATIVE, 1, earnings_in(f"{HEAD}{ONE},1\n{TWO},2\n", "t.csv"))
    monkeypatch.setattr(payee_lists, "MAX_LIST_BYTES", 52)
    with pytest.raises(StorageError, match="has 104 bytes where 52 are allowed"):
        read_list(store, cid)


def test_a_list_of_no_currency_is_none(store: DiskStore) -> None:
    other = PayeeList(currency=ONE.lower(), epoch=1, earnings="").to_bytes()
    with pytest.raises(ProtocolError, match="which is no address"):
        read_list(store, store.put(other))
