// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Cid} from "../../src/libraries/Cid.sol";

/// @title Tests of content identifiers, by Cid.tree
contract CidTest is Test {
    /// @dev 512 of them.
    struct Bits {
        uint256 high;
        uint256 low;
    }

    /// @dev The CIDs of the empty block and of one that says "hello world", as `ipfs add --raw-leaves
    ///      --cid-version=1` gives them.
    function test_IsWhatAnIPFSNodeWrites() public pure {
        assertEq(Cid.raw(sha256("")), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
        assertEq(
            Cid.raw(sha256("hello world")), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
        );
    }

    function testFuzz_ReadsBackAsTheBytesOfTheCID(bytes32 digest) public pure {
        bytes memory text = bytes(Cid.raw(digest));
        assertEq(text.length, 59);
        assertEq(text[0], "b");
        // Fifty-eight letters of five bits are 290: two bits more than 36 bytes have, and zero.
        Bits memory bits;
        for (uint256 i = 1; i < text.length; ++i) {
            bits = _append(bits, _value(uint8(text[i])));
        }
        assertEq(bits.high, uint256(0x01551220) << 2 | uint256(digest) >> 254);
        assertEq(bits.low, uint256(digest) << 2);
    }

    function _append(Bits memory bits, uint256 value) private pure returns (Bits memory) {
        return Bits(bits.high << 5 | bits.low >> 251, bits.low << 5 | value);
    }

    function _value(uint8 letter) private pure returns (uint256) {
        return letter >= 97 ? letter - 97 : letter - 24; // a to z, then 2 to 7
    }
}
