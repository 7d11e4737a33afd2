"""Lists of payees: read from a table of amounts, put into storage, and read back from there."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterable, Iterator

from eth_utils.address import is_checksum_address, is_hex_address

from marketplace.protocol.documents import MAX_DOCUMENT_BYTES, PayeeList
from marketplace.protocol.earnings import (
    MAX_LIST_BYTES,
    MAX_PAYEES,
    SALT_BYTES,
    Earning,
    decode_earnings,
    encode_earnings,
)
from marketplace.protocol.errors import ConfigurationError, ProtocolError
from offchain.storage.store import Store

COLUMNS = ["account", "amount"]
_DIGITS = len(str(2**128))


def earnings_in(table: str, name: str) -> tuple[Earning, ...]:
    """Read what each account has earned since the beginning, each with a new random salt.

    Salts are new in each list: who sees two proofs of a neighbour can't tell whether its leaf
    stayed the same.

    Parameters
    ----------
    table
        CSV: a line ``account,amount``, then one for each account, with amounts in the
        currency's smallest unit.
    name
        What to call the table where it is refused.

    Raises
    ------
    ConfigurationError
        At the first line that is no such thing, names an account again, or is beyond
        `MAX_PAYEES`; and if there are no accounts.
    """
    found: dict[str, Earning] = {}
    for line, cells in _lines(table, name):
        where = f"line {line} of {name}"
        earning = _earning(cells, where)
        if earning.account in found:
            raise ConfigurationError(
                f"{where} names {earning.account} again", "give each account once, with its sum"
            )
        if len(found) == MAX_PAYEES:
            raise ConfigurationError(
                f"{name} names more than {MAX_PAYEES:,} accounts",
                "use a second contract of payouts for some of them",
            )
        found[earning.account] = earning
    if not found:
        raise ConfigurationError(f"{name} names nobody", "give a line for each account")
    return tuple(found.values())


def publish_list(store: Store, currency: str, epoch: int, earnings: Iterable[Earning]) -> str:
    """Put a list into storage, pinned, and return its CID; the rows are there before it."""
    rows = store.put(encode_earnings(earnings))
    listing = store.put(PayeeList(currency=currency, epoch=epoch, earnings=rows).to_bytes())
    for cid in (rows, listing):
        store.pin(cid)
    return listing


def read_list(store: Store, cid: str) -> tuple[PayeeList, tuple[Earning, ...]]:
    """Return a list of payees that may come from a stranger, and its rows.

    Raises
    ------
    InvalidCid, MissingContent, CorruptContent, StorageError
        If it can't be had whole, or is larger than a list may be.
    ProtocolError
        If it is no list of payees.
    """
    listing = PayeeList.from_bytes(store.get(cid, limit=MAX_DOCUMENT_BYTES))
    if not is_checksum_address(listing.currency):
        raise ProtocolError(
            f"the list {cid} is in the currency {listing.currency!r}, which is no address",
            "ask who made it for another",
        )
    return listing, decode_earnings(store.get(listing.earnings, limit=MAX_LIST_BYTES))


def amounts_of(earnings: Iterable[Earning]) -> dict[str, int]:
    """Return what each account has earned, in the smallest unit, without the salts."""
    return {earning.account: earning.cumulative for earning in earnings}


def _lines(table: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line below the heading, and its cells; skip empty ones."""
    reader = csv.reader(io.StringIO(table), strict=True)
    try:
        if [cell.strip() for cell in next(reader, [])] != COLUMNS:
            raise ConfigurationError(
                f"{name} doesn't begin with the line {','.join(COLUMNS)}",
                "give a CSV with these two columns",
            )
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ConfigurationError(
            f"line {reader.line_num} of {name} is no CSV: {error}", "give two cells a line"
        ) from error


def _earning(cells: list[str], where: str) -> Earning:
    if len(cells) != len(COLUMNS):
        raise ConfigurationError(
            f"{where} has {len(cells)} cells", "give account,amount; digits without separators"
        )
    account, amount = cells
    plain = account.startswith("0x") and account == account.lower() and is_hex_address(account)
    if not plain and not is_checksum_address(account):
        raise ConfigurationError(
            f"{where}: {account[:60]!r} is no address",
            "give 0x and 40 hex digits, in lower case or with a right checksum",
        )
    if not (amount.isascii() and amount.isdigit() and len(amount) <= _DIGITS):
        raise ConfigurationError(
            f"{where}: {amount[:60]!r} is no amount",
            f"give a whole number of the smallest unit (wei), at most {_DIGITS} digits",
        )
    try:
        return Earning(account, int(amount), secrets.token_bytes(SALT_BYTES))
    except ProtocolError as error:
        raise ConfigurationError(f"{where}: {error.cause}", error.remedy) from error
