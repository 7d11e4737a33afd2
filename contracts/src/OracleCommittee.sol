// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Credits} from "./Credits.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {Committee, CommitteeTerms, Rotation, Stake} from "./types/Committee.sol";
import {Currency} from "./types/Currency.sol";

/// @title OracleCommittee
/// @dev A scheduled committee takes office by the clock alone: `_version` reads which one it is, and
///      nobody has to send a transaction.
contract OracleCommittee is IOracleCommittee, AccessManaged, Credits {
    uint256 private constant MAX_MEMBERS = 16; // a bitmap of signers is 16 bits wide

    /// @inheritdoc IOracleCommittee
    Currency public immutable stakeCurrency;
    /// @inheritdoc IOracleCommittee
    uint128 public immutable minStake;
    /// @inheritdoc IOracleCommittee
    uint32 public immutable rotationDelay;
    /// @inheritdoc IOracleCommittee
    uint32 public immutable unbondingDelay;
    /// @inheritdoc IOracleCommittee
    address public immutable arbiter;
    /// @inheritdoc IOracleCommittee
    address public immutable counterpart;

    Rotation private _rotation;
    mapping(uint32 version => Committee) private _committees;

    /// @inheritdoc IOracleCommittee
    mapping(uint32 version => bytes32) public digestOf;

    mapping(address member => Stake) private _stakes;

    constructor(address authority, CommitteeTerms memory terms) AccessManaged(authority) {
        stakeCurrency = terms.stakeCurrency;
        minStake = terms.minStake;
        rotationDelay = terms.rotationDelay;
        unbondingDelay = terms.unbondingDelay;
        arbiter = terms.arbiter;
        counterpart = terms.counterpart;
    }

    // --------------------------------------------------------------- committees

    /// @inheritdoc IOracleCommittee
    function scheduleRotation(address[] calldata members, uint8 threshold)
        external
        restricted
        returns (uint32 version)
    {
        _requireMembers(members);
        if (threshold > members.length || 2 * uint256(threshold) <= members.length) {
            revert InvalidThreshold(threshold, members.length);
        }
        (uint32 incumbent, int8 spare) = _inOffice();
        if (_isScheduled()) emit RotationCancelled(_rotation.next);

        version = _rotation.latest + 1;
        uint40 effectiveAt = uint40(block.timestamp) + (incumbent == 0 ? 0 : rotationDelay);
        // casting to uint8 is safe: at most 16 members
        int8 beyond = int8(uint8(members.length) - threshold);
        _rotation = Rotation(incumbent, version, version, effectiveAt, spare, beyond);
        _endTerms(incumbent, effectiveAt);

        Committee memory next = Committee(version, threshold, members);
        _committees[version] = next;
        digestOf[version] = keccak256(abi.encode(next));
        emit RotationScheduled(version, members, threshold, effectiveAt);
    }

    /// @inheritdoc IOracleCommittee
    function cancelRotation() external restricted {
        if (!_isScheduled()) revert NoRotationScheduled();
        uint32 cancelled = _rotation.next;
        _rotation.next = _rotation.incumbent;
        _rotation.nextSpare = _rotation.incumbentSpare;
        emit RotationCancelled(cancelled);
    }

    /// @inheritdoc IOracleCommittee
    function currentDigest() external view returns (bytes32) {
        return digestOf[_version()];
    }

    /// @inheritdoc IOracleCommittee
    function backedDigest() external view returns (bytes32) {
        (uint32 version, int8 spare) = _inOffice();
        return spare < 0 ? bytes32(0) : digestOf[version];
    }

    /// @inheritdoc IOracleCommittee
    function current() external view returns (Committee memory) {
        return _committees[_version()];
    }

    /// @inheritdoc IOracleCommittee
    function scheduled() external view returns (Committee memory next, uint40 effectiveAt) {
        if (_isScheduled()) {
            (next, effectiveAt) = (_committees[_rotation.next], _rotation.effectiveAt);
        }
    }

    /// @inheritdoc IOracleCommittee
    function committee(uint32 version) external view returns (Committee memory) {
        return _committees[version];
    }

    // ------------------------------------------------------------------- stakes

    /// @inheritdoc IOracleCommittee
    function stake(address member, uint128 amount) external payable nonReentrant {
        if (amount == 0) revert ZeroAmount();
        Stake storage held = _stakes[member];
        uint256 before = _inReach(held);
        held.bonded += amount;
        _countBacked(member, before, before + amount);
        emit Staked(member, msg.sender, amount);
        stakeCurrency.pull(msg.sender, amount);
    }

    /// @inheritdoc IOracleCommittee
    function requestUnstake(uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        Stake storage held = _stakes[msg.sender];
        if (amount > held.bonded) revert NotStaked(msg.sender, amount, held.bonded);
        held.bonded -= amount;
        held.unbonding += amount;
        held.noticeAt = uint40(block.timestamp);
        emit UnstakeRequested(msg.sender, amount);
    }

    /// @inheritdoc IOracleCommittee
    function withdrawStake(address to) external nonReentrant returns (uint128 amount) {
        _requireReceiver(to);
        Stake storage held = _stakes[msg.sender];
        amount = held.unbonding;
        if (amount == 0) revert NothingToUnstake(msg.sender);
        if (isSeated(msg.sender)) revert InOffice(msg.sender);
        uint256 until = _withdrawableAt(held);
        if (block.timestamp < until) revert StillBonded(msg.sender, until);
        held.unbonding = 0;
        emit StakeWithdrawn(msg.sender, to, amount);
        stakeCurrency.push(to, amount);
    }

    /// @inheritdoc IOracleCommittee
    function slash(address member, uint128 amount, address to) external returns (uint128 taken) {
        if (msg.sender != arbiter) revert OnlyArbiter(msg.sender, arbiter);
        Stake storage held = _stakes[member];
        uint128 fromUnbonding = _least(amount, held.unbonding);
        uint128 fromBonded = _least(amount - fromUnbonding, held.bonded);
        taken = fromUnbonding + fromBonded;
        uint256 before = _inReach(held);
        held.unbonding -= fromUnbonding;
        held.bonded -= fromBonded;
        _countBacked(member, before, before - taken);
        _credit(to, stakeCurrency, taken);
        emit Slashed(member, to, taken);
    }

    /// @inheritdoc IOracleCommittee
    function stakeOf(address member)
        external
        view
        returns (uint128 bonded, uint128 unbonding, uint40 withdrawableAt)
    {
        Stake storage held = _stakes[member];
        (bonded, unbonding) = (held.bonded, held.unbonding);
        if (unbonding != 0) withdrawableAt = _withdrawableAt(held);
    }

    /// @inheritdoc IOracleCommittee
    function isSeated(address member) public view returns (bool) {
        uint32 version = _version();
        uint32 next = _rotation.next;
        return _sitsIn(version, member) || (next != version && _sitsIn(next, member));
    }

    // ------------------------------------------------------------------ private

    function _version() private view returns (uint32 version) {
        (version,) = _inOffice();
    }

    /// @return version In office by the clock.
    /// @return spare Backed seats of it beyond its quorum.
    function _inOffice() private view returns (uint32 version, int8 spare) {
        Rotation memory rotation = _rotation;
        return block.timestamp < rotation.effectiveAt
            ? (rotation.incumbent, rotation.incumbentSpare)
            : (rotation.next, rotation.nextSpare);
    }

    function _isScheduled() private view returns (bool) {
        Rotation memory rotation = _rotation;
        return block.timestamp < rotation.effectiveAt && rotation.next != rotation.incumbent;
    }

    function _requireMembers(address[] calldata members) private view {
        if (members.length == 0 || members.length > MAX_MEMBERS) revert InvalidMembers();
        address previous;
        for (uint256 i = 0; i < members.length; ++i) {
            address member = members[i];
            if (member <= previous) revert InvalidMembers();
            previous = member;
            uint128 bonded = _stakes[member].bonded;
            if (bonded < minStake) revert StakeTooLow(member, bonded, minStake);
            if (_sitsInCounterpart(member)) revert SharedMember(member, counterpart);
        }
    }

    /// @dev Asked when a committee is scheduled, which is enough where both ask: who is seated only
    ///      ever becomes fewer by the clock and by a cancellation.
    function _sitsInCounterpart(address member) private view returns (bool) {
        return counterpart != address(0) && IOracleCommittee(counterpart).isSeated(member);
    }

    /// @dev A cancelled rotation leaves the date behind, which is harmless: while a member is seated
    ///      it can't withdraw, and the rotation that unseats it writes the date anew.
    function _endTerms(uint32 version, uint40 end) private {
        address[] storage members = _committees[version].members;
        uint256 count = members.length;
        for (uint256 i = 0; i < count; ++i) {
            _stakes[members[i]].servedUntil = end;
        }
    }

    /// @dev While a member is seated only slashing takes from its stake: what is unbonding can't be
    ///      withdrawn, and counts here. A version that has left office never returns, so its seats
    ///      are no longer counted.
    function _countBacked(address member, uint256 before, uint256 left) private {
        bool backed = left >= minStake;
        if (backed == (before >= minStake)) return;
        int8 step = backed ? int8(1) : int8(-1);
        Rotation memory rotation = _rotation;
        bool awaited = block.timestamp < rotation.effectiveAt;
        if (awaited && _sitsIn(rotation.incumbent, member)) {
            rotation.incumbentSpare += step;
        }
        if (_sitsIn(rotation.next, member)) {
            rotation.nextSpare += step;
        }
        _rotation = rotation;
    }

    function _sitsIn(uint32 version, address member) private view returns (bool) {
        address[] storage members = _committees[version].members;
        uint256 count = members.length;
        for (uint256 i = 0; i < count; ++i) {
            if (members[i] == member) return true;
        }
        return false;
    }

    function _inReach(Stake storage held) private view returns (uint256) {
        return uint256(held.bonded) + held.unbonding;
    }

    function _withdrawableAt(Stake storage held) private view returns (uint40) {
        uint40 from = held.noticeAt > held.servedUntil ? held.noticeAt : held.servedUntil;
        return from + unbondingDelay;
    }

    function _least(uint128 left, uint128 right) private pure returns (uint128) {
        return left < right ? left : right;
    }
}
