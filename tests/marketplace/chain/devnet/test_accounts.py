from __future__ import annotations

import pytest
from web3 import Web3

from marketplace.chain.devnet import CHAIN_ID, MNEMONIC, DevnetRpc
from marketplace.chain.devnet.accounts import ACCOUNT_COUNT, BALANCE_WEI
from marketplace.chain.devnet.rpc_errors import RpcError


def test_accounts_derive_from_the_mnemonic_as_wallets_derive_them(devnet: DevnetRpc) -> None:
    w3 = Web3()
    w3.eth.account.enable_unaudited_hdwallet_features()
    for index in (0, 1, ACCOUNT_COUNT - 1):
        path = f"m/44'/60'/0'/0/{index}"
        expected = w3.eth.account.from_mnemonic(MNEMONIC, account_path=path)
        assert devnet.accounts[index].key == expected.key


def test_at_least_twenty_accounts_are_funded(w3: Web3) -> None:
    assert len(w3.eth.accounts) == ACCOUNT_COUNT >= 20
    assert {w3.eth.get_balance(account) for account in w3.eth.accounts} == {BALANCE_WEI}


def test_both_chain_ids_agree(w3: Web3) -> None:
    assert w3.eth.chain_id == int(w3.net.version) == CHAIN_ID == 31337


@pytest.mark.parametrize("chain_id", [1, 1337, None])
def test_a_transaction_for_another_chain_is_refused(
    devnet: DevnetRpc, chain_id: int | None
) -> None:
    fields = {"nonce": 0, "to": b"\x01" * 20, "value": 1, "gas": 21_000, "gasPrice": 10**10}
    if chain_id is not None:
        fields["chainId"] = chain_id
    raw = devnet.accounts[0].sign_transaction(fields).raw_transaction.to_0x_hex()
    with pytest.raises(RpcError, match=r"chain id: have|replay-protected"):
        devnet.handle("eth_sendRawTransaction", [raw])
    assert devnet.handle("eth_blockNumber") == "0x0"
