"""One market on one devnet for the tests of the chain client."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from eth_account.signers.local import LocalAccount

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, Terms, deploy
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts

FEE_BPS = 250


@pytest.fixture(scope="session")
def accounts() -> tuple[LocalAccount, ...]:
    """Accounts that have coins on the devnet."""
    return well_known_accounts()


@pytest.fixture(scope="session")
def node() -> Node:
    """A devnet that the tests of the client share; none of them needs it fresh."""
    return Node(DevnetProvider(open_devnet()))


@pytest.fixture(scope="session")
def deployment(node: Node, accounts: tuple[LocalAccount, ...]) -> Deployment:
    admin, treasury, *others = accounts
    return deploy(
        node,
        admin,
        signers=[signer.address for signer in others[:3]],
        threshold=2,
        panel=[juror.address for juror in others[3:6]],
        panel_threshold=2,
        treasury=treasury.address,
        terms=Terms(fee_bps=FEE_BPS),
        with_token=True,
    )


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that nobody listens on while the test runs."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
