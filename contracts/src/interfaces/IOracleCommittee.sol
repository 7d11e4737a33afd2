// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The M-of-N oracle committee and its history
/// @notice Every rotation makes a new version; a trade keeps the version it was requested under.
interface IOracleCommittee {
    /// @notice A new committee signs for the trades that are requested from now on.
    event CommitteeRotated(uint32 indexed version, address[] members, uint8 threshold);

    /// @notice The list is empty, too long, not strictly ascending, or has a zero address.
    error InvalidMembers();

    /// @notice The threshold is not a majority of the members.
    error InvalidThreshold(uint8 threshold, uint256 members);

    /// @notice Fewer members signed than the threshold.
    error QuorumNotReached(uint256 signatures, uint8 threshold);

    /// @notice The signer is not a member of this version.
    error NotAMember(address signer, uint32 version);

    /// @notice Signers must be strictly ascending, which also makes them distinct.
    error SignersNotAscending(address previous, address signer);

    /// @notice One signature belongs to each digest.
    error LengthMismatch(uint256 digests, uint256 signatures);

    /// @notice Replaces the committee.
    /// @param members Strictly ascending addresses, 16 at most.
    /// @param threshold Signatures needed; more than half of the members, so that two quorums
    ///        always share one.
    /// @return version The new committee's version.
    function rotate(address[] calldata members, uint8 threshold) external returns (uint32 version);

    /// @notice The version that new requests get; zero before the first rotation.
    function currentVersion() external view returns (uint32);

    /// @notice Members and threshold of a version.
    function committee(uint32 version) external view returns (address[] memory members, uint8 threshold);

    /// @notice Checks a quorum's signatures or reverts.
    /// @param digests What each signer signed, in the order of the signatures.
    /// @param signatures 65-byte ECDSA signatures, strictly ascending by signer.
    /// @return signers The signers, ascending.
    /// @return bitmap Bit i is set when member i of the version signed.
    function verify(uint32 version, bytes32[] calldata digests, bytes[] calldata signatures)
        external
        view
        returns (address[] memory signers, uint16 bitmap);
}
