"""Arguments and options that several commands share, and how their text is read."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from eth_utils.address import (
    is_checksum_address,
    is_checksum_formatted_address,
    is_hex_address,
    to_checksum_address,
)

from marketplace.protocol.errors import ConfigurationError, WrongChain
from marketplace.protocol.terms import NATIVE

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.chain.client import Node
    from marketplace.chain.market import Market

    Signer = Callable[[Node], LocalAccount]

PASSWORD_VARIABLE = "MOEMARKET_PASSWORD"  # noqa: S105  # the variable's name, not a password

rpc_option = click.option("--rpc", required=True, metavar="URL", help="Endpoint of an EVM node.")
source_rpc_option = click.option("--rpc", metavar="URL", help="Endpoint of an EVM node.")
saved_chain_option = click.option(
    "--chain",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A saved devnet or an archived log, instead.",
)
chain_id_option = click.option("--chain-id", type=int, help="Refuse any other chain.")
market_option = click.option(
    "--market", required=True, metavar="ADDRESS", help="The marketplace contract."
)
currency_option = click.option(
    "--currency",
    default=NATIVE,
    metavar="ADDRESS",
    help="Token.  [default: the native coin]",
)
receiver_option = click.option(
    "--to", metavar="ADDRESS", help="Receiver.  [default: the account itself]"
)
seconds_option = click.option(
    "--seconds",
    default=3_600,
    show_default=True,
    type=click.IntRange(1),
    help="How long, by the chain's clock, the authority counts.",
)
from_block_option = click.option(
    "--from-block",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="HEIGHT",
    help="Read the log from here on; no contract of the market may be older.",
)
trade_option = click.option("--trade", required=True, metavar="ID", help="The trade (0x-hex).")
store_option = click.option(
    "--store",
    "store_location",
    required=True,
    metavar="PLACE",
    help="Folder of an on-disk store, or ipfs:/ip4/127.0.0.1/tcp/5001 for a daemon.",
)
keystore_option = click.option(
    "--keystore",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"Encrypted key of the account that signs; its password is in {PASSWORD_VARIABLE},"
    " or asked for.",
)
password_file_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the keystore's password.",
)
account_option = click.option(
    "--account",
    default=0,
    show_default=True,
    type=click.IntRange(0, 19),
    help="Without a keystore, on a devnet: which of its well-known accounts signs.",
)


def signer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say whose key signs, of which the command gets what unlocks it."""

    @functools.wraps(function)
    def signing(
        keystore: Path | None, password_file: Path | None, account: int, **others: Any
    ) -> Any:
        def signer(node: Node) -> LocalAccount:
            return open_account(node, keystore, account, password_file)

        return function(signer=signer, **others)

    return keystore_option(password_file_option(account_option(signing)))


def address_of(text: str, what: str) -> str:
    """Read an address.

    Raises
    ------
    ConfigurationError
        If it is none, or its checksum is wrong.
    """
    mistyped = is_checksum_formatted_address(text) and not is_checksum_address(text)
    if mistyped or not is_hex_address(text):
        raise ConfigurationError(
            f"{what} {text!r} is no address", "give 0x and 40 hex digits with a right checksum"
        )
    return to_checksum_address(text)


def trade_id_of(text: str) -> bytes:
    """Read a trade id, 32 bytes.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    return _word_of(text, "trade id")


def block_hash_of(text: str) -> bytes:
    """Read the hash of a block, 32 bytes.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    return _word_of(text, "block hash")


def _word_of(text: str, what: str) -> bytes:
    try:
        word = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        word = b""
    if len(word) != 32:
        raise ConfigurationError(f"{text!r} is no {what}", "give 0x and 64 hex digits")
    return word


def open_market(rpc: str, chain_id: int | None, market: str) -> Market:
    """Connect to a node and bind the market on it.

    Raises
    ------
    ConfigurationError, NodeUnreachable, WrongChain, NoContract
        If one of the arguments doesn't lead there.
    """
    from marketplace.chain.client import connect
    from marketplace.chain.market import Market

    address = address_of(market, "the market")
    return Market(connect(rpc, chain_id), address)


def open_source(rpc: str | None, chain: Path | None, chain_id: int | None) -> Node:
    """Connect to a node, or open a saved devnet or an archived log.

    Raises
    ------
    ConfigurationError
        If not exactly one of them is given, or there is no such file.
    NodeUnreachable, WrongChain
        If the node doesn't answer, or is on another chain.
    """
    from marketplace.chain.client import Node, connect

    if (rpc is None) == (chain is None):
        raise ConfigurationError("one source is needed", "give either --rpc or --chain")
    if rpc is not None:
        return connect(rpc, chain_id)
    if chain is None or not chain.is_file():
        raise ConfigurationError(f"there is no saved chain at {chain}", "name the saved file")
    from marketplace.audit.recording import Recording, is_recording

    if is_recording(chain):
        return Node(Recording(chain), chain_id)
    from marketplace.chain.devnet import DevnetProvider, open_devnet

    return Node(DevnetProvider(open_devnet(chain)), chain_id)


def open_account(
    node: Node, keystore: Path | None, number: int, password_file: Path | None = None
) -> LocalAccount:
    """Open the account that signs.

    Parameters
    ----------
    keystore, password_file
        The encrypted key, and where its password stands; without a file it is in the
        environment, or asked for.
    number
        Without a keystore, on a devnet: which of the well-known accounts.

    Raises
    ------
    ConfigurationError
        If the keystore does not open.
    WrongChain
        If there is no keystore, and the chain is no devnet: everybody knows those keys.
    """
    from marketplace.chain.client import DEVNET_CHAIN_ID
    from marketplace.chain.devnet.accounts import well_known_accounts

    if keystore is not None:
        return _decrypted(keystore, password_file)
    if node.chain_id != DEVNET_CHAIN_ID:
        raise WrongChain(
            f"chain {node.chain_id} is no devnet, so the well-known accounts are not used there",
            "name the key that signs with --keystore",
        )
    return well_known_accounts()[number]


def _decrypted(keystore: Path, password_file: Path | None) -> LocalAccount:
    from eth_account import Account

    try:
        content = keystore.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the keystore {keystore} can't be read", "name a readable keystore file"
        ) from error
    password = _password(keystore, password_file)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(content, password))
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise ConfigurationError(
            f"the keystore {keystore} does not open", "check the file and the password"
        ) from error
    return account


def _password(keystore: Path, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text().partition("\n")[0].removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"the password file {file} can't be read", "name a readable file"
            ) from error
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        password = str(click.prompt(f"Password of {keystore}", hide_input=True, err=True))
    return password
