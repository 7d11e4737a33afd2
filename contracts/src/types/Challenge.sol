// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice An open challenge; all zero when a trade has none, or none any more.
///
///  slot 0  challenger 160 | deadline 40
///  slot 1  bond 128
struct Challenge {
    address challenger;
    uint40 deadline; // last second for the panel's ruling
    uint128 bond; // in the trade's currency
}

/// @notice What a panel decided, signed as EIP-712 typed data.
struct Ruling {
    bytes32 tradeId;
    uint32 panelVersion;
    bytes32 model; // of the attempt that was judged wrongly; zero when the verdict stands
    bytes32 evidence; // digest of the re-execution's evidence
}

/// @notice What is at stake in challenges; fixed at deployment.
struct ChallengeTerms {
    uint16 bondBps; // of the request's budget, in basis points
    uint32 rulingWindow; // seconds from a challenge until the panel must have ruled
    uint16 panelBps; // of the bond, to the panel when the verdict stands
    uint16 challengerBps; // of what is slashed, to the challenger when it does not
    uint128 wrongVerdictPenalty; // for each signer of a verdict that fell, in the stakes' currency
    uint128 silencePenalty; // for each member that left delivered work unjudged
}
