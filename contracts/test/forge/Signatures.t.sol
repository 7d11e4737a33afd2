// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Signatures} from "../../src/libraries/Signatures.sol";
import {ContractWallet} from "../ContractWallet.sol";
import {GasMeter} from "../GasMeter.sol";

/// @title Tests of signatures by keys and by contract wallets, by Signatures.tree
contract SignaturesTest is Test {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function testFuzz_TakesItsSignature(uint256 key, bytes32 digest) public view {
        key = _key(key);
        this.check(vm.addr(key), digest, _sign(key, digest));
    }

    function testFuzz_RefusesThatOfAnotherKey(uint256 key, uint256 other, bytes32 digest) public {
        (key, other) = (_key(key), _key(other));
        vm.assume(key != other);
        _refuse(vm.addr(key), digest, _sign(other, digest));
    }

    function testFuzz_RefusesWhatWasSignedOfSomethingElse(uint256 key, bytes32 digest, bytes32 other) public {
        key = _key(key);
        vm.assume(digest != other);
        _refuse(vm.addr(key), digest, _sign(key, other));
    }

    /// @dev With s on the other side of half the order, the same signature could be sent twice.
    function testFuzz_RefusesTheSecondFormOfASignature(uint256 key, bytes32 digest) public {
        key = _key(key);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        _refuse(vm.addr(key), digest, abi.encodePacked(r, bytes32(ORDER - uint256(s)), v ^ 7));
    }

    function testFuzz_RefusesWhatIsNoSignature(uint256 key, bytes32 digest, bytes calldata noise) public {
        _refuse(vm.addr(_key(key)), digest, noise);
    }

    // ---------------------------------------------------------------------- contracts

    function testFuzz_AsksTheContract(uint256 owner, bytes32 digest) public {
        owner = _key(owner);
        ContractWallet wallet = new ContractWallet(vm.addr(owner));
        this.check(address(wallet), digest, _sign(owner, digest));
    }

    function testFuzz_RefusesWhatTheContractRefuses(uint256 owner, uint256 other, bytes32 digest) public {
        (owner, other) = (_key(owner), _key(other));
        vm.assume(owner != other);
        ContractWallet wallet = new ContractWallet(vm.addr(owner));
        _refuse(address(wallet), digest, _sign(other, digest));
    }

    function testFuzz_RefusesAContractThatSignsNothing(uint256 key, bytes32 digest) public {
        _refuse(address(new GasMeter()), digest, _sign(_key(key), digest));
    }

    function check(address signer, bytes32 digest, bytes calldata signature) external view {
        Signatures.requireSigned(signer, digest, signature);
    }

    function _refuse(address signer, bytes32 digest, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, signer));
        this.check(signer, digest, signature);
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _key(uint256 drawn) private pure returns (uint256) {
        return bound(drawn, 1, ORDER - 1);
    }
}
