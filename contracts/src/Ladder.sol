// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ILadder} from "./interfaces/ILadder.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {Digests} from "./libraries/Digests.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Committee} from "./types/Committee.sol";
import {Development, Standing} from "./types/Development.sol";

/// @title Ladder
contract Ladder is ILadder, EIP712 {
    uint256 private constant PARTS = 1_000_000; // scores are parts per million
    bytes32 private constant RELEASE = keccak256(
        "Release(bytes32 developmentId,uint32 committeeVersion,uint16 round,bytes32 model,"
        "uint32 released,bytes32 evidence)"
    );

    /// @inheritdoc ILadder
    IOracleCommittee public immutable committee;

    mapping(bytes32 developmentId => Standing) private _standings;

    /// @inheritdoc ILadder
    mapping(bytes32 developmentId => mapping(bytes32 model => bool)) public wasReleased;

    constructor(IOracleCommittee committee_) EIP712("Ladder", "1") {
        committee = committee_;
    }

    /// @inheritdoc ILadder
    function open(Development calldata development) external returns (bytes32 developmentId) {
        if (msg.sender != development.sponsor) revert NotSponsor(msg.sender, development.sponsor);
        uint32 step = development.step;
        // a step that divides the whole never rounds a score above it
        if (step == 0 || PARTS % step != 0) revert InvalidStep(step);
        if (development.maxRounds == 0) revert InvalidDevelopment("maxRounds");
        if (development.validationRoot == 0) revert InvalidDevelopment("validationRoot");
        bytes32 inOffice = committee.currentDigest();
        if (development.committee != inOffice || inOffice == 0) {
            revert CommitteeMismatch(development.committee, inOffice);
        }
        developmentId = developmentIdOf(development);
        if (_standings[developmentId].opened) revert DevelopmentExists(developmentId);
        _standings[developmentId].opened = true;
        emit DevelopmentOpened(developmentId, msg.sender, development);
    }

    /// @inheritdoc ILadder
    function release(
        Development calldata development,
        Committee calldata judges,
        bytes32 model,
        uint32 released,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) external {
        bytes32 developmentId = developmentIdOf(development);
        Standing memory standing = _standings[developmentId];
        if (!standing.opened) revert UnknownDevelopment(developmentId);
        bytes32 given = Digests.hash(judges);
        if (given != development.committee) revert CommitteeMismatch(given, development.committee);
        if (standing.rounds == development.maxRounds) revert OutOfRounds(development.maxRounds);
        if (wasReleased[developmentId][model]) revert AlreadyReleased(model);
        _requireOnLadder(standing, released, development.step);
        uint16 round = standing.rounds + 1;
        bytes32 digest =
            releaseDigest(developmentId, judges.version, round, model, released, evidence);
        Quorum.verify(judges, signers, digest, signatures);

        _standings[developmentId] = Standing({opened: true, rounds: round, best: released});
        wasReleased[developmentId][model] = true;
        emit ScoreReleased(developmentId, round, model, released, evidence, signers, signatures);
    }

    /// @inheritdoc ILadder
    function developmentIdOf(Development calldata development) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), development));
    }

    /// @inheritdoc ILadder
    function releaseDigest(
        bytes32 developmentId,
        uint32 committeeVersion,
        uint16 round,
        bytes32 model,
        uint32 released,
        bytes32 evidence
    ) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    RELEASE, developmentId, committeeVersion, round, model, released, evidence
                )
            )
        );
    }

    /// @inheritdoc ILadder
    function standingOf(bytes32 developmentId) external view returns (Standing memory) {
        return _standings[developmentId];
    }

    /// @dev A score above best + step, rounded to a step on which `best` lies, is best + step or more.
    function _requireOnLadder(Standing memory standing, uint32 released, uint32 step) private pure {
        bool first = standing.rounds == 0;
        if (!first && released == standing.best) return;
        bool climbs = first || released > standing.best;
        if (!climbs || released % step != 0 || released > PARTS) {
            revert NotOnTheLadder(released, standing.best, step);
        }
    }
}
