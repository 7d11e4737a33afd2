"""The chain itself: blocks sealed by py-evm over a key-value store in memory.

eth-tester sets the chain up. Reading it is done here, by the indexes of the chain
database: eth-tester finds a receipt by scanning every block before it.
Nothing here is safe to call from two threads; `DevnetRpc` holds the lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eth.abc import BlockAPI, BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI, StateAPI
from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.exceptions import HeaderNotFound, TransactionNotFound
from eth.vm.forks.prague.receipts import PragueReceiptBuilder
from eth_tester.backends.pyevm.main import PyEVMBackend, get_default_genesis_params
from eth_typing import BlockNumber, Hash32
from eth_utils.crypto import keccak

from marketplace.chain.devnet.accounts import BALANCE_WEI, CHAIN_ID, well_known_accounts
from marketplace.chain.devnet.clock import Clock
from marketplace.chain.devnet.state import ChainSnapshot

GAS_LIMIT = 30_000_000


class DevnetBackend:
    """One chain under Prague rules, with every block final as soon as it is sealed.

    Parameters
    ----------
    clock
        Source of block timestamps.

    Attributes
    ----------
    chain
        py-evm's chain; its ``header`` is the block to be sealed next.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._chain_class, entries = _genesis(clock.next_timestamp(0))
        self._open(entries)

    # ------------------------------------------------------------------ blocks

    @property
    def head(self) -> BlockHeaderAPI:
        """Header of the newest block."""
        return self.chain.get_canonical_head()

    def pending_header(self) -> BlockHeaderAPI:
        """Header that the next block would start from, were it sealed now."""
        parent = self.head
        return self.chain.header.copy(
            timestamp=self.clock.next_timestamp(parent.timestamp),
            mix_hash=keccak(b"prevrandao" + parent.hash),
        )

    def header_by_number(self, number: int) -> BlockHeaderAPI | None:
        """Return the header at a height, or None above the head."""
        try:
            return self.chain.get_canonical_block_header_by_number(BlockNumber(number))
        except HeaderNotFound:
            return None

    def header_by_hash(self, block_hash: bytes) -> BlockHeaderAPI | None:
        """Return the header with a hash, or None if no block has it."""
        try:
            # The store holds trie nodes by their hash too; only headers have a score.
            self.chain.get_score(Hash32(block_hash))
        except HeaderNotFound:
            return None
        return self.chain.get_block_header_by_hash(Hash32(block_hash))

    def block(self, header: BlockHeaderAPI) -> BlockAPI:
        """Return a header with its transactions."""
        return self.chain.get_block_by_header(header)

    def receipts(self, header: BlockHeaderAPI) -> tuple[ReceiptAPI, ...]:
        """Return the receipts of a block, in the order of its transactions."""
        return self.chain.chaindb.get_receipts(header, PragueReceiptBuilder)

    def transaction_hashes(self, header: BlockHeaderAPI) -> tuple[Hash32, ...]:
        """Return the hashes of a block's transactions, in order."""
        return self.chain.chaindb.get_block_transaction_hashes(header)

    def locate(self, transaction_hash: bytes) -> tuple[BlockHeaderAPI, int] | None:
        """Return the block of a transaction and its index there, or None."""
        try:
            number, index = self.chain.get_canonical_transaction_index(Hash32(transaction_hash))
        except TransactionNotFound:
            return None
        return self.chain.get_canonical_block_header_by_number(number), index

    def state_at(self, header: BlockHeaderAPI) -> StateAPI:
        """Return the state after a block, in which changes stay unsaved."""
        return self.chain.get_vm(header).state

    # ----------------------------------------------------------------- changes

    def seal(self, transactions: Sequence[SignedTransactionAPI] = ()) -> BlockHeaderAPI:
        """Execute transactions and append them as one block.

        Raises
        ------
        eth_utils.ValidationError
            If a transaction can't enter the block; the chain is then as before.
        """
        pending = self.chain.header = self.pending_header()
        self.chain.mine_all(tuple(transactions))
        self.clock.block_sealed(pending.timestamp)
        return self.head

    def snapshot(self) -> ChainSnapshot:
        """Copy the chain as it is."""
        return ChainSnapshot(
            entries=dict(self._entries),
            head=self.head.hash,
            clock_offset=self.clock.offset,
            pinned_timestamp=self.clock.pinned,
        )

    def restore(self, snapshot: ChainSnapshot) -> None:
        """Become the chain of a snapshot."""
        self._open(snapshot.entries)
        self.clock.offset = snapshot.clock_offset
        self.clock.pinned = snapshot.pinned_timestamp

    def _open(self, entries: Mapping[bytes, bytes]) -> None:
        self._entries = dict(entries)
        self.chain = self._chain_class(AtomicDB(MemoryDB(self._entries)))


def base_fee_of(header: BlockHeaderAPI) -> int:
    """Return the wei per gas that a block burns; py-evm's type allows for older forks."""
    return header.base_fee_per_gas or 0


def _genesis(timestamp: int) -> tuple[type[MiningChain], dict[bytes, bytes]]:
    """Return the class of the chain, and a store whose genesis funds the accounts."""
    funded = {"balance": BALANCE_WEI, "nonce": 0, "code": b"", "storage": {}}
    accounts = {bytes.fromhex(account.address[2:]): funded for account in well_known_accounts()}
    parameters = get_default_genesis_params({"gas_limit": GAS_LIMIT, "timestamp": timestamp})
    chain = PyEVMBackend(genesis_parameters=parameters, genesis_state=accounts).chain
    # eth-tester makes a class for each chain, and takes no parameter for its id.
    type(chain).chain_id = CHAIN_ID
    return type(chain), chain.chaindb.db.wrapped_db.kv_store
