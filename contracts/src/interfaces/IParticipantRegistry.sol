// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../types/Currency.sol";

/// @notice Kinds of data that a participant works with; bit `n` of a set is the domain numbered `n`.
enum Domain {
    Vision,
    Text,
    Tabular,
    Audio,
    TimeSeries
}

/// @notice How long each change of the registry is delayed, in seconds.
struct Delays {
    uint32 domains; // between two changes of an account's domains
    uint32 joining; // from joining a group until the account counts as affiliated
    uint32 leaving; // from leaving a group until it no longer does
    uint32 withdrawal; // from asking for stake until it can be taken
}

/// @notice What an account says about itself, and what it has at stake.
/// @dev slot 0  metadata
///      slot 1  domains 16 | domainsChangeableAt 40 | stake 128
///      slot 2  leavingStake 128 | stakeLeavesAt 40
struct Participant {
    bytes32 metadata; // sha2-256 digest of the profile's CID
    uint16 domains; // set of `Domain`
    uint40 domainsChangeableAt;
    uint128 stake; // what is leaving not counted
    uint128 leavingStake;
    uint40 stakeLeavesAt; // when `leavingStake` can be taken
}

/// @title Who takes part: keys, profiles, stakes and affiliations
/// @notice Each account speaks for itself. A group is one party under several accounts; the market
///         refuses a trade in which members of one group hold conflicting roles. Both sides consent
///         to a membership: the founder invites, the member joins. Neither joining nor leaving
///         takes effect at once, so that nobody changes the standing of a trade that is about to be
///         sent.
interface IParticipantRegistry {
    /// @notice `account` published its X25519 public key; the latest one counts.
    event EncryptionKeyPublished(address indexed account, bytes32 encryptionKey);

    /// @notice `account` published its profile; the latest one counts.
    event MetadataPublished(address indexed account, bytes32 metadata);

    /// @notice `account` works with these domains from now on.
    event DomainsDeclared(address indexed account, uint16 domains, uint40 changeableAt);

    event StakeDeposited(address indexed account, uint128 amount);
    event StakeUnlocked(address indexed account, uint128 amount, uint40 leavesAt);
    event StakeWithdrawn(address indexed account, address to, uint128 amount);

    /// @notice `founder` is the first member of `group`, from now on.
    event GroupFounded(bytes32 indexed group, address indexed founder, bytes32 content);

    event InvitationSet(bytes32 indexed group, address indexed account, bool invited);

    /// @notice `account` counts as a member from `effectiveAt` on.
    event GroupJoined(bytes32 indexed group, address indexed account, uint40 effectiveAt);

    /// @notice `account` counts as a member until just before `effectiveAt`.
    event GroupLeft(bytes32 indexed group, address indexed account, uint40 effectiveAt);

    /// @notice The zero key opens nothing.
    error ZeroKey();

    error UnknownDomain(uint16 domains);
    error DomainsFixedUntil(uint40 changeableAt);
    error ZeroAmount();
    error StakeTooSmall(uint128 asked, uint128 stake);
    error StakeLockedUntil(uint40 leavesAt);
    error NoStakeToWithdraw(address account);

    /// @notice Nobody can receive at the zero address, nor at this contract itself.
    error InvalidReceiver(address receiver);
    error GroupExists(bytes32 group);
    error AlreadyAffiliated(address account, bytes32 group);
    error NotAffiliated(address account);
    error AlreadyLeaving(uint40 effectiveAt);
    error NotTheFounder(address account);
    error NotInvited(bytes32 group, address account);

    /// @notice The founder has left, so nobody joins any more.
    error GroupClosed(bytes32 group);

    // ----------------------------------------------------------------- profile

    /// @notice Publishes or replaces the caller's X25519 public key.
    function publishEncryptionKey(bytes32 encryptionKey) external;

    /// @notice Publishes or replaces the digest of the caller's profile.
    function publishMetadata(bytes32 metadata) external;

    /// @notice Declares the caller's domains; not again before the delay is over.
    function declareDomains(uint16 domains) external;

    // ------------------------------------------------------------------- stake

    /// @notice Adds to the caller's stake; native coin is sent along, a token was approved before.
    function depositStake(uint128 amount) external payable;

    /// @notice Announces the withdrawal of a part; earlier parts not taken yet wait with it.
    function unlockStake(uint128 amount) external;

    /// @notice Takes what was unlocked and has waited for its time.
    function withdrawStake(address to) external returns (uint128 amount);

    // ------------------------------------------------------------ affiliations

    /// @notice Founds a group with the caller as its first member, at once.
    /// @param content Digest of the CID of what the group says about itself.
    function foundGroup(bytes32 content) external returns (bytes32 group);

    /// @notice Allows `account` to join the caller's group, or no longer.
    function setInvitation(address account, bool invited) external;

    /// @notice Joins a group whose founder invited the caller.
    function joinGroup(bytes32 group) external;

    /// @notice Leaves the caller's group after the delay; a joining that has no effect yet is undone.
    function leaveGroup() external;

    // ------------------------------------------------------------------- views

    /// @notice The key of `account`; zero when it never published one.
    function encryptionKeyOf(address account) external view returns (bytes32);

    /// @notice Profile and stake of an account; all zero when unknown.
    function participantOf(address account) external view returns (Participant memory);

    /// @notice The group that `account` belongs to now; zero when it belongs to none.
    function affiliationOf(address account) external view returns (bytes32 group);

    /// @notice The groups of several accounts, in their order; one storage read each.
    function affiliationsOf(address[] calldata accounts) external view returns (bytes32[] memory groups);

    /// @notice Reverts when one party holds conflicting roles (`libraries/Conflicts.sol`).
    /// @param auditor The zero address when there is none.
    /// @param treasury Who gets the protocol fee of a pass.
    /// @param providers Ascending.
    /// @param judges Members of the committee, ascending.
    function requireFitParties(
        address buyer,
        address broker,
        address auditor,
        address treasury,
        address[] calldata providers,
        address[] calldata judges
    ) external view;

    /// @notice Reverts when one of the experts conflicts with those who were there before.
    /// @param providers Ascending.
    /// @param judges Members of the committee, ascending.
    /// @param experts Ascending.
    function requireFitExperts(
        address buyer,
        address auditor,
        address[] calldata providers,
        address[] calldata judges,
        address[] calldata experts
    ) external view;

    /// @notice Which of the judges are one of the parties, or of one group with one.
    /// @param judges Members of a committee, 16 at most.
    /// @return seats Bit i is set for judge i.
    function seatsOf(address[] calldata judges, address[] calldata parties)
        external
        view
        returns (uint16 seats);

    /// @notice The group of `account` and its next change: joined from `effectiveAt` on, or left.
    function membershipOf(address account)
        external
        view
        returns (bytes32 group, bool leaving, uint40 effectiveAt);

    /// @notice The id of the group that `founder` founds with `content`.
    function groupIdOf(address founder, bytes32 content) external view returns (bytes32);

    /// @notice The account that founded a group; zero when there is no such group.
    function founderOf(bytes32 group) external view returns (address);

    /// @notice Whether `account` may join `group`.
    function isInvited(bytes32 group, address account) external view returns (bool);

    /// @notice What stakes are in; fixed at deployment.
    function stakeCurrency() external view returns (Currency);

    /// @notice The delays, fixed at deployment.
    function delays() external view returns (Delays memory);
}
