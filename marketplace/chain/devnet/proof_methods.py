"""Merkle proofs of accounts and storage slots (EIP-1186), from the trie nodes that py-evm keeps."""

from __future__ import annotations

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from eth.rlp.accounts import Account
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.block_lookup import require_header
from marketplace.chain.devnet.encoding import data, quantity
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.methods import Method
from marketplace.chain.devnet.params import address_of, block_id_of, list_of, quantity_of

_HASH_BYTES = 32


class ProofMethods:
    """Answers what the state root of a block commits to."""

    def __init__(self, backend: DevnetBackend) -> None:
        self._backend = backend

    def table(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {"eth_getProof": self.get_proof}

    def get_proof(self, address: object, slots: object, block: object = "latest") -> Json:
        """Return an account, some of its slots, and the nodes that lead to each from the root."""
        owner = address_of(address)
        places = [quantity_of(slot, "slot") for slot in list_of(slots, "slots")]
        header = require_header(self._backend, block_id_of(block))
        state = self._trie(header.state_root)
        leaf = state.get(keccak(owner))
        account = rlp.decode(leaf, sedes=Account) if leaf else Account()
        storage = self._trie(account.storage_root)
        return {
            "address": data(owner),
            "accountProof": _nodes(state, owner),
            "balance": quantity(account.balance),
            "nonce": quantity(account.nonce),
            "codeHash": data(account.code_hash),
            "storageHash": data(account.storage_root),
            "storageProof": [_slot(storage, place) for place in places],
        }

    def _trie(self, root: bytes) -> HexaryTrie:
        return HexaryTrie(self._backend.chain.chaindb.db, root)


def _slot(storage: HexaryTrie, place: int) -> Json:
    key = place.to_bytes(32, "big")
    leaf = storage.get(keccak(key))
    value = int.from_bytes(rlp.decode(leaf), "big") if leaf else 0
    return {"key": data(key), "value": quantity(value), "proof": _nodes(storage, key)}


def _nodes(trie: HexaryTrie, key: bytes) -> list[Json]:
    """Return the nodes on the way to a key; one shorter than a hash lies within its parent."""
    found = trie.get_proof(keccak(key))  # type: ignore[no-untyped-call]  # trie types half of itself
    nodes = [rlp.encode(node) for node in found]
    return [data(node) for i, node in enumerate(nodes) if i == 0 or len(node) >= _HASH_BYTES]
