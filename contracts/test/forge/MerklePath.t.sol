// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerklePath} from "../../src/libraries/MerklePath.sol";

/// @title Tests of the walk to a Merkle root, by MerklePath.tree
contract MerklePathTest is Test {
    function testFuzz_EndsAtTheRootOfTheLibraryThatItStandsFor(bytes32 leaf, bytes32[] memory proof) public view {
        assertEq(this.rootOf(leaf, proof), MerkleProof.processProof(proof, leaf));
    }

    function testFuzz_IsTheLeafItself(bytes32 leaf) public view {
        assertEq(this.rootOf(leaf, new bytes32[](0)), leaf);
    }

    function rootOf(bytes32 leaf, bytes32[] calldata proof) external pure returns (bytes32) {
        return MerklePath.rootOf(leaf, proof);
    }
}
