"""A local chain on eth-tester and py-evm that speaks JSON-RPC.

The same dispatcher answers inside this process and over HTTP, so what works against
one works against the other:

>>> from web3 import Web3
>>> from marketplace.chain.devnet import DevnetProvider, open_devnet
>>> devnet = open_devnet()
>>> Web3(DevnetProvider(devnet)).eth.chain_id
31337

`marketplace.chain.devnet.server` serves it on loopback.
"""

from marketplace.chain.devnet.accounts import CHAIN_ID, MNEMONIC
from marketplace.chain.devnet.provider import DevnetProvider
from marketplace.chain.devnet.rpc import DevnetRpc, open_devnet

__all__ = ["CHAIN_ID", "MNEMONIC", "DevnetProvider", "DevnetRpc", "open_devnet"]
