// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OracleCommittee} from "../../../src/OracleCommittee.sol";
import {Committee, CommitteeTerms} from "../../../src/types/Committee.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Authority} from "../../Authority.sol";
import {Clock} from "../Clock.sol";

/// @title A committee of three in office, of whom two decide, and what its members sign
abstract contract Office is Clock {
    Currency internal constant NATIVE = Currency.wrap(address(0));
    uint256 internal constant SEATS = 3;
    uint16 internal constant QUORUM = 5; // the first seat and the last
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    Authority internal _authority;
    OracleCommittee internal _committee;
    address[] internal _members; // ascending
    mapping(address account => uint256) internal _keyOf;

    function _openOffice() internal {
        _authority = new Authority(address(this));
        _committee = _newCommittee();
        for (uint256 key = 1; key <= SEATS; ++key) {
            _insert(key);
        }
        vm.deal(address(this), SEATS);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            _committee.stake{value: 1}(_members[seat], 1);
        }
        _committee.scheduleRotation(_members, 2);
    }

    function _newCommittee() internal returns (OracleCommittee) {
        return new OracleCommittee(
            address(_authority), CommitteeTerms(NATIVE, 1, 1 days, 30 days, address(this), address(0))
        );
    }

    function _judges() internal view returns (Committee memory) {
        return Committee(1, 2, _members);
    }

    function _inOffice() internal view returns (bytes32) {
        return keccak256(abi.encode(_judges()));
    }

    /// @dev Signatures of the seats in the bitmap over one digest.
    function _signAll(uint16 signers, bytes32 digest) internal view returns (bytes memory signatures) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            (bytes32 r, bytes32 vs) = vm.signCompact(_keyOf[_members[seat]], digest);
            signatures = bytes.concat(signatures, r, vs);
        }
    }

    /// @dev What is signed of a message for a contract on this chain (EIP-712).
    function _digest(string memory name, address verifier, bytes32 message) internal view returns (bytes32) {
        bytes32 domain =
            keccak256(abi.encode(DOMAIN, keccak256(bytes(name)), keccak256("1"), block.chainid, verifier));
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function _insert(uint256 key) private {
        address account = vm.addr(key);
        _keyOf[account] = key;
        _members.push(account);
        for (uint256 i = _members.length - 1; i > 0 && _members[i - 1] > account; --i) {
            (_members[i - 1], _members[i]) = (account, _members[i - 1]);
        }
    }
}
