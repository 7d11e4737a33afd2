"""The well-known accounts of the devnet: public keys and private keys alike.

They derive from the mnemonic that Anvil and Hardhat use too, so anyone can spend
from them. They hold money on a devnet only; never fund them anywhere else.
"""

from __future__ import annotations

from functools import cache

from eth_account import Account
from eth_account.hdaccount import seed_from_mnemonic
from eth_account.hdaccount.deterministic import HDPath
from eth_account.signers.local import LocalAccount

CHAIN_ID = 31337
MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNT_COUNT = 20
BALANCE_WEI = 10_000 * 10**18

_DERIVATION_PATH = "m/44'/60'/0'/0"


@cache
def well_known_accounts(count: int = ACCOUNT_COUNT) -> tuple[LocalAccount, ...]:
    """Derive accounts at BIP-44 paths ``m/44'/60'/0'/0/0`` and up.

    Parameters
    ----------
    count
        How many; the first `ACCOUNT_COUNT` are funded in the genesis block.
    """
    seed = seed_from_mnemonic(MNEMONIC, "")
    return tuple(
        Account.from_key(HDPath(f"{_DERIVATION_PATH}/{index}").derive(seed))
        for index in range(count)
    )
