// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";

/// @title OracleCommittee
contract OracleCommittee is IOracleCommittee, Ownable2Step {
    uint256 private constant MAX_MEMBERS = 16; // a bitmap of signers is 16 bits wide

    /// @inheritdoc IOracleCommittee
    uint32 public currentVersion;

    mapping(uint32 version => address[]) private _members;
    mapping(uint32 version => uint8) private _threshold;

    /// @dev One more than the member's position; zero for strangers.
    mapping(uint32 version => mapping(address member => uint8)) private _seat;

    constructor(address admin) Ownable(admin) {}

    /// @inheritdoc IOracleCommittee
    function rotate(address[] calldata members, uint8 threshold)
        external
        onlyOwner
        returns (uint32 version)
    {
        if (members.length == 0 || members.length > MAX_MEMBERS) revert InvalidMembers();
        if (threshold > members.length || 2 * uint256(threshold) <= members.length) {
            revert InvalidThreshold(threshold, members.length);
        }
        version = ++currentVersion;
        address previous;
        for (uint256 i = 0; i < members.length; ++i) {
            if (members[i] <= previous) revert InvalidMembers();
            previous = members[i];
            _seat[version][previous] = uint8(i + 1); // at most 16
        }
        _members[version] = members;
        _threshold[version] = threshold;
        emit CommitteeRotated(version, members, threshold);
    }

    /// @inheritdoc IOracleCommittee
    function committee(uint32 version) external view returns (address[] memory, uint8) {
        return (_members[version], _threshold[version]);
    }

    /// @inheritdoc IOracleCommittee
    function verify(uint32 version, bytes32[] calldata digests, bytes[] calldata signatures)
        external
        view
        returns (address[] memory signers, uint16 bitmap)
    {
        uint256 count = signatures.length;
        if (digests.length != count) revert LengthMismatch(digests.length, count);
        uint8 threshold = _threshold[version];
        if (count < threshold || count == 0) revert QuorumNotReached(count, threshold);

        signers = new address[](count);
        address previous;
        for (uint256 i = 0; i < count; ++i) {
            address signer = ECDSA.recoverCalldata(digests[i], signatures[i]);
            if (signer <= previous) revert SignersNotAscending(previous, signer);
            uint8 seat = _seat[version][signer];
            if (seat == 0) revert NotAMember(signer, version);
            bitmap |= uint16(1) << (seat - 1);
            signers[i] = signer;
            previous = signer;
        }
    }
}
