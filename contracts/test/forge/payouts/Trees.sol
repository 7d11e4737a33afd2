// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Earning} from "../../../src/types/Distribution.sol";

/// @title Merkle trees over earnings, as the committee builds them
/// @dev A leaf lies in the tree that its first bits number; a last node without a neighbour rises as
///      it is.
library Trees {
    function rootsOf(Earning[] memory earnings, uint256 trees) internal pure returns (bytes32[] memory roots) {
        roots = new bytes32[](trees);
        for (uint256 number = 0; number < trees; ++number) {
            (roots[number],) = _climb(_leavesIn(earnings, trees, number), 0);
        }
    }

    function proofOf(Earning[] memory earnings, uint256 trees, uint256 which)
        internal
        pure
        returns (bytes32[] memory proof)
    {
        bytes32 leaf = leafOf(earnings[which]);
        bytes32[] memory leaves = _leavesIn(earnings, trees, _numberOf(leaf, trees));
        uint256 place;
        while (leaves[place] != leaf) ++place;
        (, proof) = _climb(leaves, place);
    }

    function leafOf(Earning memory earning) internal pure returns (bytes32) {
        bytes memory words = abi.encode(earning.account, earning.cumulative, earning.salt);
        return keccak256(abi.encodePacked(keccak256(words)));
    }

    function _leavesIn(Earning[] memory earnings, uint256 trees, uint256 number)
        private
        pure
        returns (bytes32[] memory leaves)
    {
        bytes32[] memory found = new bytes32[](earnings.length);
        uint256 count;
        for (uint256 i = 0; i < earnings.length; ++i) {
            bytes32 leaf = leafOf(earnings[i]);
            if (_numberOf(leaf, trees) == number) found[count++] = leaf;
        }
        leaves = _first(found, count);
    }

    /// @dev As many equal parts of all hashes as there are trees.
    function _numberOf(bytes32 leaf, uint256 trees) private pure returns (uint256) {
        return trees == 1 ? 0 : uint256(leaf) / (type(uint256).max / trees + 1);
    }

    function _climb(bytes32[] memory nodes, uint256 place)
        private
        pure
        returns (bytes32 root, bytes32[] memory proof)
    {
        bytes32[] memory beside = new bytes32[](nodes.length);
        uint256 count;
        for (; nodes.length > 1; place /= 2) {
            if (place ^ 1 < nodes.length) beside[count++] = nodes[place ^ 1];
            nodes = _above(nodes);
        }
        return (nodes.length == 0 ? bytes32(0) : nodes[0], _first(beside, count));
    }

    function _above(bytes32[] memory nodes) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((nodes.length + 1) / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = 2 * i + 1 < nodes.length ? _pair(nodes[2 * i], nodes[2 * i + 1]) : nodes[2 * i];
        }
    }

    function _pair(bytes32 one, bytes32 other) private pure returns (bytes32) {
        return keccak256(one < other ? abi.encode(one, other) : abi.encode(other, one));
    }

    function _first(bytes32[] memory nodes, uint256 count) private pure returns (bytes32[] memory first) {
        first = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            first[i] = nodes[i];
        }
    }
}
