// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {History} from "../../../src/types/Trade.sol";

/// @title What attempts leave behind, row by row over the whole tree
library Past {
    /// @param records Hash of each attempt's record, zero for none.
    /// @param models Of the same attempts.
    function history(bytes32[8] memory records, bytes32[8] memory models)
        internal
        pure
        returns (History memory h)
    {
        bytes32[8] memory row = _copy(records);
        for (uint256 width = 8; width > 1; width /= 2) {
            _halve(row, width);
        }
        h.records = row[0];
        for (uint256 i = 8; i > 0; --i) {
            uint32 fingerprint = uint32(uint256(models[i - 1]));
            if (records[i - 1] != 0 && fingerprint == 0) fingerprint = 1;
            h.models = h.models << 32 | fingerprint;
        }
    }

    /// @param index Of the leaf, from zero.
    function path(bytes32[8] memory records, uint256 index) internal pure returns (bytes32[3] memory beside) {
        bytes32[8] memory row = _copy(records);
        for (uint256 level = 0; level < 3; ++level) {
            beside[level] = row[index % 2 == 0 ? index + 1 : index - 1];
            _halve(row, 8 >> level);
            index /= 2;
        }
    }

    function _halve(bytes32[8] memory row, uint256 width) private pure {
        for (uint256 i = 0; i < width / 2; ++i) {
            bytes memory pair = bytes.concat(row[2 * i], row[2 * i + 1]);
            row[i] = keccak256(pair) == keccak256(new bytes(64)) ? bytes32(0) : keccak256(pair);
        }
    }

    function _copy(bytes32[8] memory records) private pure returns (bytes32[8] memory row) {
        for (uint256 i = 0; i < 8; ++i) {
            row[i] = records[i];
        }
    }
}
