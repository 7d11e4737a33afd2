// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Attempts} from "../../src/libraries/Attempts.sol";
import {History} from "../../src/types/Trade.sol";
import {Past} from "./market/Past.sol";

/// @title Tests of what attempts leave in a digest, by Attempts.tree
contract AttemptsTest is Test {
    function testFuzz_KeepsTheRootOfTheWholeTreeAndALaneForEachModel(uint256 seed, uint256 count) public view {
        (History memory history, bytes32[8] memory records, bytes32[8] memory models) = _added(seed, count);
        History memory whole = Past.history(records, models);
        assertEq(history.records, whole.records);
        assertEq(history.models, whole.models);
    }

    function testFuzz_HoldsEachRecordInItsPlaceAndNoOther(uint256 seed, uint8 attempt, bytes32 other) public view {
        (History memory history, bytes32[8] memory records,) = _added(seed, 8);
        attempt = uint8(bound(attempt, 0, 8));
        for (uint8 i = 1; i <= 8; ++i) {
            bytes32[3] memory path = Past.path(records, i - 1);
            assertTrue(this.holds(history, i, records[i - 1], path));
            assertEq(this.holds(history, i, other, path), other == records[i - 1]);
            if (attempt != i) assertFalse(this.holds(history, attempt, records[i - 1], path));
        }
    }

    function testFuzz_RefusesAPathFromAnywhereButAnEmptyLeaf(uint256 seed, uint256 count, bytes32[3] memory path)
        public
    {
        count = bound(count, 1, 7);
        (History memory history, bytes32[8] memory records,) = _added(seed, count);
        uint8 attempt = uint8(count + 1);
        vm.expectPartialRevert(Attempts.WrongPath.selector);
        this.withAttempt(history, attempt, "model", "record", path);
        path = Past.path(records, count - 1);
        bytes32 root = this.rootOf(0, attempt - 1, path);
        vm.expectRevert(abi.encodeWithSelector(Attempts.WrongPath.selector, root, history.records));
        this.withAttempt(history, attempt - 1, "model", "record", path);
    }

    function testFuzz_FindsEachOneThatWasAdded(uint256 seed, uint256 count) public view {
        count = bound(count, 1, 8);
        (History memory history,, bytes32[8] memory models) = _added(seed, count);
        for (uint256 i = 0; i < count; ++i) {
            assertTrue(Attempts.scored(history, models[i]));
        }
    }

    function testFuzz_FindsOneWhoseFingerprintIsZero(bytes32 model) public view {
        model = model >> 32 << 32;
        assertFalse(Attempts.scored(History(0, 0), model));
        bytes32[3] memory path;
        History memory history = this.withAttempt(History(0, 0), 1, model, "record", path);
        assertTrue(Attempts.scored(history, model));
    }

    function testFuzz_FindsNoOther(uint256 seed, uint256 count, bytes32 model) public view {
        (History memory history,, bytes32[8] memory models) = _added(seed, count);
        bool like;
        for (uint256 i = 0; i < 8; ++i) {
            like = like || models[i] != 0 && uint32(uint256(models[i])) == uint32(uint256(model));
        }
        assertEq(Attempts.scored(history, model), like || uint32(uint256(model)) == 0 && _hasOne(models));
    }

    // ------------------------------------------------------- calldata for the library

    function withAttempt(
        History memory history,
        uint8 attempt,
        bytes32 model,
        bytes32 record,
        bytes32[3] calldata path
    ) external pure returns (History memory) {
        return Attempts.withAttempt(history, attempt, model, record, path);
    }

    function holds(History memory history, uint8 attempt, bytes32 record, bytes32[3] calldata path)
        external
        pure
        returns (bool)
    {
        return Attempts.holds(history, attempt, record, path);
    }

    function rootOf(bytes32 record, uint8 attempt, bytes32[3] calldata path) external pure returns (bytes32) {
        return Attempts.rootOf(record, attempt, path);
    }

    function _added(uint256 seed, uint256 count)
        private
        view
        returns (History memory history, bytes32[8] memory records, bytes32[8] memory models)
    {
        count = bound(count, 0, 8);
        for (uint8 i = 0; i < count; ++i) {
            bytes32 record = keccak256(abi.encode(seed, "record", i));
            models[i] = keccak256(abi.encode(seed, "model", i));
            history = this.withAttempt(history, i + 1, models[i], record, Past.path(records, i));
            records[i] = record;
        }
    }

    /// @dev One stands for a zero fingerprint, so the two can't be told apart.
    function _hasOne(bytes32[8] memory models) private pure returns (bool one) {
        for (uint256 i = 0; i < 8; ++i) {
            one = one || uint32(uint256(models[i])) == 1;
        }
    }
}
