// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice An open challenge; all zero when a trade has none, or none any more.
///
///  slot 0  challenger 160 | deadline 40
///  slot 1  bond 128 | mayNotUphold 16 | mayNotOverturn 16
struct Challenge {
    address challenger;
    uint40 deadline; // last second for the panel's ruling
    uint128 bond; // in the trade's currency
    uint16 mayNotUphold; // seats of the panel with an interest in the verdict, as a bitmap
    uint16 mayNotOverturn;
}

/// @notice What is at stake in challenges and penalties; fixed at deployment.
struct ChallengeTerms {
    uint16 bondBps; // of what the trade holds, in basis points
    uint32 rulingWindow; // seconds from a challenge until the panel must have ruled
    uint16 announcementDelay; // seconds from an announcement until the challenge may come
    uint16 panelBps; // of the bond, to the panel when the verdict stands
    uint16 challengerBps; // of what is slashed, to the challenger when it does not
    uint128 wrongVerdictPenalty; // for each signer of a verdict that fell, in the stakes' currency
    uint128 silencePenalty; // for each member that left delivered work unjudged
    uint128 closedSealPenalty; // for each signer that kept a score of an earlier attempt sealed
    uint16 reporterBps; // of what is slashed for closed seals, to who reports them
    uint24 leastWindow; // seconds; a request that gives its judges less time excuses them
}
