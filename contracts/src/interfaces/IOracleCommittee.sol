// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {Currency} from "../types/Currency.sol";
import {ICredits} from "./ICredits.sol";

/// @title The M-of-N oracle committee, its history and its stakes
/// @notice Every rotation makes a new version; a trade keeps the committee that it was requested
///         under. Deployed twice: the members who judge, and the panel that decides challenges.
///
///         Stakes back the members' word. Notice is given at any time, but the money stays in reach
///         of the arbiter until `unbondingDelay` has passed since both the notice and the end of the
///         member's last term. The delay has to outlast the longest trade that the market admits,
///         its challenge included: then whoever signed can still be slashed when the trade ends.
interface IOracleCommittee is ICredits {
    // ------------------------------------------------------------------ events

    /// @notice A committee takes office at `effectiveAt`, for the trades requested from then on.
    event RotationScheduled(
        uint32 indexed version, address[] members, uint8 threshold, uint40 effectiveAt
    );

    /// @notice A scheduled committee never takes office; its version is not used again.
    event RotationCancelled(uint32 indexed version);

    event Staked(address indexed member, address indexed from, uint256 amount);
    event UnstakeRequested(address indexed member, uint256 amount);
    event StakeWithdrawn(address indexed member, address to, uint256 amount);

    /// @notice The arbiter took `amount`, less than it asked for when the stake held no more.
    event Slashed(address indexed member, address indexed to, uint256 amount);

    // ------------------------------------------------------------------ errors

    /// @notice The list is empty, too long, not strictly ascending, or has a zero address.
    error InvalidMembers();

    /// @notice The threshold is not a majority of the members.
    error InvalidThreshold(uint8 threshold, uint256 members);

    /// @notice The member sits in the other committee contract, in office or scheduled: nobody may be
    ///         asked to judge itself.
    error SharedMember(address member, address counterpart);

    error StakeTooLow(address member, uint256 bonded, uint256 needed);
    error NoRotationScheduled();
    error OnlyArbiter(address caller, address arbiter);
    error ZeroAmount();

    /// @notice The member has less at stake than it wants back.
    error NotStaked(address member, uint256 amount, uint256 bonded);

    /// @notice The member sits in a committee that is in office or scheduled.
    error InOffice(address member);

    error StillBonded(address member, uint256 until);

    /// @notice The member has not asked to unstake, or all of it was slashed.
    error NothingToUnstake(address member);

    // --------------------------------------------------------------- committees

    /// @notice Schedules the next committee, in place of one that is scheduled already. The very
    ///         first takes office at once.
    /// @param members Strictly ascending addresses, 16 at most, each with `minStake` bonded and none
    ///        seated in the counterpart.
    /// @param threshold Signatures needed: more than half of the members.
    /// @return version The new committee's version.
    function scheduleRotation(address[] calldata members, uint8 threshold)
        external
        returns (uint32 version);

    /// @notice Withdraws the committee that is scheduled and not in office yet.
    function cancelRotation() external;

    /// @notice Digest of the committee in office; zero before the first.
    function currentDigest() external view returns (bytes32);

    /// @notice The same, which new requests must name; zero also while slashing has left fewer members
    ///         than a quorum needs with `minStake`, what is unbonding counted. As a quorum is more than
    ///         half, each holds a member with a stake to lose. Who stakes for a member mends it, and so
    ///         does a rotation.
    function backedDigest() external view returns (bytes32);

    /// @notice The committee in office; empty before the first.
    function current() external view returns (Committee memory);

    /// @notice The committee that is scheduled and when it takes office; empty when there is none.
    function scheduled() external view returns (Committee memory next, uint40 effectiveAt);

    /// @notice Any committee ever scheduled, also a cancelled one; empty when unknown.
    function committee(uint32 version) external view returns (Committee memory);

    /// @notice Digest of any committee ever scheduled, also a cancelled one; zero when unknown.
    function digestOf(uint32 version) external view returns (bytes32);

    // ------------------------------------------------------------------- stakes

    /// @notice Bonds `amount` of the caller's money as the member's stake, for good: it is the
    ///         member who gets it back.
    function stake(address member, uint128 amount) external payable;

    /// @notice Gives notice: `amount` of the caller's stake no longer counts for an appointment. A
    ///         further notice starts the delay anew for all that is unbonding.
    function requestUnstake(uint128 amount) external;

    /// @notice Sends the caller's unbonded stake to `to`.
    function withdrawStake(address to) external returns (uint128 amount);

    /// @notice Takes up to `amount` of the member's stake, unbonding money first, and credits `to`.
    /// @return taken What there was.
    function slash(address member, uint128 amount, address to) external returns (uint128 taken);

    /// @notice What a member has at stake.
    /// @return bonded Counts for an appointment, which needs `minStake`.
    /// @return unbonding On its way out, still slashable.
    /// @return withdrawableAt When the unbonding part is free, if the member leaves or has left its
    ///         seats by then; zero when nothing is unbonding.
    function stakeOf(address member)
        external
        view
        returns (uint128 bonded, uint128 unbonding, uint40 withdrawableAt);

    /// @notice Whether the member sits in the committee in office or in the scheduled one.
    function isSeated(address member) external view returns (bool);

    function stakeCurrency() external view returns (Currency);
    function minStake() external view returns (uint128);
    function rotationDelay() external view returns (uint32);
    function unbondingDelay() external view returns (uint32);
    function arbiter() external view returns (address);

    /// @notice The committee contract that shares no member with this one; zero for none.
    function counterpart() external view returns (address);
}
