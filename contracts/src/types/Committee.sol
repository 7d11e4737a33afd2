// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "./Currency.sol";

/// @notice One M-of-N committee. Its digest, `keccak256(abi.encode(committee))`, is what trades and
///         rulings refer to; the members are passed in calldata and checked against it.
struct Committee {
    uint32 version;
    uint8 threshold; // more than half of the members, so that two quorums always share one
    address[] members; // strictly ascending, 16 at most; a member's position is its seat
}

/// @notice What a committee contract is deployed with; nothing of it ever changes.
struct CommitteeTerms {
    Currency stakeCurrency;
    uint128 minStake; // what a member needs at stake to be appointed, and its seat to be backed
    uint32 rotationDelay; // seconds from scheduling a committee to its taking office
    uint32 unbondingDelay; // seconds a stake stays in reach after notice and after leaving office
    address arbiter; // the only one who may slash
    address counterpart; // the other committee contract, with which no member is shared; or zero
}

/// @dev One slot. `next` takes over from `incumbent` at `effectiveAt`; without a committee to come
///      the date has passed, or the two are the same.
struct Rotation {
    uint32 incumbent;
    uint32 next;
    uint32 latest; // the last version given out; a cancelled one is not given out again
    uint40 effectiveAt;
    int8 incumbentSpare; // backed seats of each beyond its quorum; negative while too few are
    int8 nextSpare;
}

/// @dev Packed by what is read together:
///
///  slot 0  bonded 128 | unbonding 128
///  slot 1  noticeAt 40 | servedUntil 40
struct Stake {
    uint128 bonded; // counts for an appointment
    uint128 unbonding; // on its way out, still slashable
    uint40 noticeAt; // when the member last asked to unstake
    uint40 servedUntil; // when the last committee of which it was a member left, or leaves, office
}
