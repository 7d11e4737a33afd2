// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Digests} from "../../src/libraries/Digests.sol";
import {Committee} from "../../src/types/Committee.sol";
import {AttemptRecord, Deal, Gate, Request, Supply} from "../../src/types/Trade.sol";

/// @title Tests of what ids and digests commit to, by Digests.tree
contract DigestsTest is Test {
    function testFuzz_GivesTheIdOfChainAndContractAndRequest(uint256 seed, uint64 chain) public {
        Request memory request = _request(seed);
        vm.chainId(bound(chain, 1, type(uint64).max));
        assertEq(this.tradeId(request), keccak256(abi.encode(block.chainid, address(this), request)));
    }

    function testFuzz_GivesAnotherIdForAnyOtherWordOfTheRequest(uint256 seed, uint256 which) public view {
        Request memory request = _request(seed);
        bytes memory words = abi.encode(request);
        // the last bit of any word is one that each type has
        words[32 * bound(which, 1, words.length / 32) - 1] ^= 0x01;
        (bool success, bytes memory other) =
            address(this).staticcall(bytes.concat(this.tradeId.selector, words));
        assertTrue(success);
        assertNotEq(abi.decode(other, (bytes32)), this.tradeId(request));
    }

    function testFuzz_HashesACommitteeAsItIsEncoded(Committee calldata committee) public view {
        assertEq(this.hashCommittee(committee), keccak256(abi.encode(committee)));
    }

    function testFuzz_HashesADealAsItIsEncodedFromCalldataAndMemory(Deal calldata deal) public view {
        assertEq(this.hashDeal(deal), keccak256(abi.encode(deal)));
        assertEq(Digests.hashInMemory(deal), keccak256(abi.encode(deal)));
    }

    function testFuzz_HashesSuppliesOneAfterTheOther(Supply[] calldata supplies) public view {
        bytes memory all;
        for (uint256 i = 0; i < supplies.length; ++i) {
            all = bytes.concat(all, abi.encode(supplies[i].provider, supplies[i].rows, supplies[i].price));
        }
        assertEq(this.hashSupplies(supplies), keccak256(all));
    }

    function testFuzz_HashesArraysAsTheirPaddedItems(
        address[] calldata accounts,
        uint32[] calldata weights,
        uint128[] calldata amounts,
        bytes32[] calldata words
    ) public view {
        assertEq(this.hashAccounts(accounts), keccak256(abi.encodePacked(accounts)));
        assertEq(this.hashWeights(weights), keccak256(abi.encodePacked(weights)));
        assertEq(this.hashAmounts(amounts), keccak256(abi.encodePacked(amounts)));
        assertEq(this.hashWords(words), keccak256(abi.encodePacked(words)));
    }

    function testFuzz_HashesARecordOverTheHashOfItsSeals(AttemptRecord calldata r) public view {
        bytes32 seals = keccak256(abi.encodePacked(r.seals));
        bytes memory encoded = abi.encode(r.attempt, r.model, r.delivery, r.signers, r.verdicts, seals);
        assertEq(this.hashRecord(r), keccak256(encoded));
    }

    function testFuzz_GivesAnotherHashWhereUpperBitsAreNotZero(Deal calldata deal, uint96 dirt) public view {
        vm.assume(dirt != 0);
        bytes memory words = abi.encode(deal);
        bytes12 upper = bytes12(dirt);
        for (uint256 i = 0; i < 12; ++i) {
            words[i] = upper[i]; // above the buyer's address
        }
        (bool success, bytes memory other) =
            address(this).staticcall(bytes.concat(this.hashDeal.selector, words));
        assertTrue(success);
        assertNotEq(abi.decode(other, (bytes32)), this.hashDeal(deal));
    }

    function testFuzz_HashesTheWordsOfEachStage(bytes32 committee, Deal calldata deal, Gate calldata gate, bytes32 x)
        public
        view
    {
        bytes32 dealHash = keccak256(abi.encode(deal));
        bytes32 experts = keccak256(abi.encodePacked(gate.experts));
        bytes32 weights = keccak256(abi.encodePacked(gate.weights));
        bytes32 terms = keccak256(abi.encode(dealHash, gate.dropped, experts, weights));
        bytes32 gated = keccak256(abi.encode(committee, deal.expertPool, gate.experts.length, terms, gate.history));
        assertEq(Digests.agreed(committee, dealHash, x), keccak256(abi.encode(committee, dealHash, x)));
        assertEq(this.hashGated(committee, deal, gate), gated);
        assertEq(Digests.decided(gated, x, committee), keccak256(abi.encode(gated, x, committee)));
    }

    // ------------------------------------------------------- calldata for the library

    function tradeId(Request calldata request) external view returns (bytes32) {
        return Digests.tradeId(request);
    }

    function hashCommittee(Committee calldata committee) external pure returns (bytes32) {
        return Digests.hash(committee);
    }

    function hashDeal(Deal calldata deal) external pure returns (bytes32) {
        return Digests.hash(deal);
    }

    function hashSupplies(Supply[] calldata supplies) external pure returns (bytes32) {
        return Digests.hash(supplies);
    }

    function hashAccounts(address[] calldata array) external pure returns (bytes32) {
        return Digests.hash(array);
    }

    function hashWeights(uint32[] calldata array) external pure returns (bytes32) {
        return Digests.hash(array);
    }

    function hashAmounts(uint128[] calldata array) external pure returns (bytes32) {
        return Digests.hash(array);
    }

    function hashWords(bytes32[] calldata array) external pure returns (bytes32) {
        return Digests.hash(array);
    }

    function hashRecord(AttemptRecord calldata record) external pure returns (bytes32) {
        return Digests.hash(record);
    }

    function hashGated(bytes32 committee, Deal calldata deal, Gate calldata gate) external pure returns (bytes32) {
        return Digests.gated(committee, deal, gate);
    }

    /// @dev Fuzzed enums may be out of range, so the words are drawn here.
    function _request(uint256 seed) private pure returns (Request memory) {
        uint16[26] memory bits = [
            uint16(160), 160, 160, 160, 128, 32, 8, 32, 32, 256, 256, 256, 1, 1, 256, 256, 16, 160,
            24, 24, 24, 24, 24, 24, 24, 256
        ];
        bytes memory words;
        for (uint256 i = 0; i < bits.length; ++i) {
            words = bytes.concat(words, bytes32(uint256(keccak256(abi.encode(seed, i))) >> (256 - bits[i])));
        }
        return abi.decode(words, (Request));
    }
}
