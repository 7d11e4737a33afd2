// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Delays, Domain, IParticipantRegistry, Participant} from "./interfaces/IParticipantRegistry.sol";
import {Conflicts} from "./libraries/Conflicts.sol";
import {Currency} from "./types/Currency.sol";

/// @title ParticipantRegistry
contract ParticipantRegistry is IParticipantRegistry, ReentrancyGuardTransient {
    /// @dev One slot, so that the market reads one per account:
    ///
    ///  slot 0  group 208 | leaving 8 | effectiveAt 40
    struct Membership {
        bytes26 group;
        bool leaving;
        uint40 effectiveAt;
    }

    uint16 private constant ALL_DOMAINS = uint16((1 << (uint256(type(Domain).max) + 1)) - 1);

    /// @inheritdoc IParticipantRegistry
    Currency public immutable stakeCurrency;

    uint32 private immutable _domainsDelay;
    uint32 private immutable _joiningDelay;
    uint32 private immutable _leavingDelay;
    uint32 private immutable _withdrawalDelay;

    /// @inheritdoc IParticipantRegistry
    mapping(address account => bytes32) public encryptionKeyOf;

    /// @inheritdoc IParticipantRegistry
    mapping(bytes32 group => address) public founderOf;

    /// @inheritdoc IParticipantRegistry
    mapping(bytes32 group => mapping(address account => bool)) public isInvited;

    mapping(address account => Participant) private _participants;
    mapping(address account => Membership) private _memberships;

    constructor(Currency stakeCurrency_, Delays memory delays_) {
        stakeCurrency = stakeCurrency_;
        _domainsDelay = delays_.domains;
        _joiningDelay = delays_.joining;
        _leavingDelay = delays_.leaving;
        _withdrawalDelay = delays_.withdrawal;
    }

    // ----------------------------------------------------------------- profile

    /// @inheritdoc IParticipantRegistry
    function publishEncryptionKey(bytes32 encryptionKey) external {
        if (encryptionKey == 0) revert ZeroKey();
        encryptionKeyOf[msg.sender] = encryptionKey;
        emit EncryptionKeyPublished(msg.sender, encryptionKey);
    }

    /// @inheritdoc IParticipantRegistry
    function publishMetadata(bytes32 metadata) external {
        _participants[msg.sender].metadata = metadata;
        emit MetadataPublished(msg.sender, metadata);
    }

    /// @inheritdoc IParticipantRegistry
    function declareDomains(uint16 domains) external {
        if (domains & ~ALL_DOMAINS != 0) revert UnknownDomain(domains);
        Participant storage participant = _participants[msg.sender];
        uint40 changeableAt = participant.domainsChangeableAt;
        if (block.timestamp < changeableAt) revert DomainsFixedUntil(changeableAt);
        changeableAt = uint40(block.timestamp) + _domainsDelay;
        participant.domains = domains;
        participant.domainsChangeableAt = changeableAt;
        emit DomainsDeclared(msg.sender, domains, changeableAt);
    }

    // ------------------------------------------------------------------- stake

    /// @inheritdoc IParticipantRegistry
    function depositStake(uint128 amount) external payable nonReentrant {
        if (amount == 0) revert ZeroAmount();
        _participants[msg.sender].stake += amount;
        emit StakeDeposited(msg.sender, amount);
        stakeCurrency.pull(msg.sender, amount);
    }

    /// @inheritdoc IParticipantRegistry
    function unlockStake(uint128 amount) external {
        if (amount == 0) revert ZeroAmount();
        Participant storage participant = _participants[msg.sender];
        uint128 stake = participant.stake;
        if (amount > stake) revert StakeTooSmall(amount, stake);
        uint40 leavesAt = uint40(block.timestamp) + _withdrawalDelay;
        participant.stake = stake - amount;
        participant.leavingStake += amount;
        participant.stakeLeavesAt = leavesAt;
        emit StakeUnlocked(msg.sender, amount, leavesAt);
    }

    /// @inheritdoc IParticipantRegistry
    function withdrawStake(address to) external nonReentrant returns (uint128 amount) {
        if (to == address(0) || to == address(this)) revert InvalidReceiver(to);
        Participant storage participant = _participants[msg.sender];
        amount = participant.leavingStake;
        if (amount == 0) revert NoStakeToWithdraw(msg.sender);
        uint40 leavesAt = participant.stakeLeavesAt;
        if (block.timestamp < leavesAt) revert StakeLockedUntil(leavesAt);
        participant.leavingStake = 0;
        participant.stakeLeavesAt = 0;
        emit StakeWithdrawn(msg.sender, to, amount);
        stakeCurrency.push(to, amount);
    }

    // ------------------------------------------------------------ affiliations

    /// @inheritdoc IParticipantRegistry
    function foundGroup(bytes32 content) external returns (bytes32 group) {
        group = groupIdOf(msg.sender, content);
        if (founderOf[group] != address(0)) revert GroupExists(group);
        founderOf[group] = msg.sender;
        emit GroupFounded(group, msg.sender, content);
        _join(group, uint40(block.timestamp));
    }

    /// @inheritdoc IParticipantRegistry
    function setInvitation(address account, bool invited) external {
        bytes32 group = affiliationOf(msg.sender);
        if (group == 0) revert NotAffiliated(msg.sender);
        if (founderOf[group] != msg.sender) revert NotTheFounder(msg.sender);
        isInvited[group][account] = invited;
        emit InvitationSet(group, account, invited);
    }

    /// @inheritdoc IParticipantRegistry
    function joinGroup(bytes32 group) external {
        if (!isInvited[group][msg.sender]) revert NotInvited(group, msg.sender);
        if (affiliationOf(founderOf[group]) != group) revert GroupClosed(group);
        isInvited[group][msg.sender] = false;
        _join(group, uint40(block.timestamp) + _joiningDelay);
    }

    /// @inheritdoc IParticipantRegistry
    function leaveGroup() external {
        Membership memory membership = _memberships[msg.sender];
        if (!_isHeld(membership)) revert NotAffiliated(msg.sender);
        if (membership.leaving) revert AlreadyLeaving(membership.effectiveAt);
        uint40 effectiveAt = uint40(block.timestamp);
        if (effectiveAt >= membership.effectiveAt) effectiveAt += _leavingDelay;
        _memberships[msg.sender] = Membership(membership.group, true, effectiveAt);
        emit GroupLeft(membership.group, msg.sender, effectiveAt);
    }

    // ------------------------------------------------------------------- views

    /// @inheritdoc IParticipantRegistry
    function participantOf(address account) external view returns (Participant memory) {
        return _participants[account];
    }

    /// @inheritdoc IParticipantRegistry
    function affiliationOf(address account) public view returns (bytes32) {
        Membership storage membership = _memberships[account];
        bytes26 group = membership.group;
        if (group == 0) return 0; // most accounts are in none
        bool before = block.timestamp < membership.effectiveAt;
        return membership.leaving == before ? group : bytes26(0);
    }

    /// @inheritdoc IParticipantRegistry
    function affiliationsOf(address[] calldata accounts) external view returns (bytes32[] memory groups) {
        groups = new bytes32[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            groups[i] = affiliationOf(accounts[i]);
        }
    }

    /// @inheritdoc IParticipantRegistry
    function requireFitParties(
        address buyer,
        address broker,
        address auditor,
        address treasury,
        address[] calldata providers,
        address[] calldata judges
    ) external view {
        Conflicts.checkParties(affiliationOf, buyer, broker, auditor, treasury, providers, judges);
    }

    /// @inheritdoc IParticipantRegistry
    function requireFitExperts(
        address buyer,
        address auditor,
        address[] calldata providers,
        address[] calldata judges,
        address[] calldata experts
    ) external view {
        Conflicts.checkExperts(affiliationOf, buyer, auditor, providers, judges, experts);
    }

    /// @inheritdoc IParticipantRegistry
    function seatsOf(address[] calldata judges, address[] calldata parties)
        external
        view
        returns (uint16 seats)
    {
        return Conflicts.seatsOf(affiliationOf, judges, parties);
    }

    /// @inheritdoc IParticipantRegistry
    function membershipOf(address account) external view returns (bytes32, bool, uint40) {
        Membership memory membership = _memberships[account];
        return (membership.group, membership.leaving, membership.effectiveAt);
    }

    /// @inheritdoc IParticipantRegistry
    function groupIdOf(address founder, bytes32 content) public view returns (bytes32) {
        return bytes26(keccak256(abi.encode(block.chainid, address(this), founder, content)));
    }

    /// @inheritdoc IParticipantRegistry
    function delays() external view returns (Delays memory) {
        return Delays(_domainsDelay, _joiningDelay, _leavingDelay, _withdrawalDelay);
    }

    function _join(bytes32 group, uint40 effectiveAt) private {
        Membership memory membership = _memberships[msg.sender];
        if (_isHeld(membership)) revert AlreadyAffiliated(msg.sender, membership.group);
        _memberships[msg.sender] = Membership(bytes26(group), false, effectiveAt);
        emit GroupJoined(group, msg.sender, effectiveAt);
    }

    /// @dev True from joining until leaving has taken effect.
    function _isHeld(Membership memory membership) private view returns (bool) {
        return membership.group != 0 && (!membership.leaving || block.timestamp < membership.effectiveAt);
    }
}
