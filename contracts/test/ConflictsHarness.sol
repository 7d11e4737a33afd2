// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IParticipantRegistry} from "../src/interfaces/IParticipantRegistry.sol";
import {Conflicts} from "../src/libraries/Conflicts.sol";

/// @notice Makes the library's checks callable.
contract ConflictsHarness {
    IParticipantRegistry private immutable _registry;

    constructor(IParticipantRegistry registry) {
        _registry = registry;
    }

    function checkAcceptance(address buyer, address broker, address auditor, address[] memory providers)
        external
        view
    {
        Conflicts.checkAcceptance(_registry, buyer, broker, auditor, providers);
    }

    function checkGate(address buyer, address auditor, address[] memory providers, address[] memory experts)
        external
        view
    {
        Conflicts.checkGate(_registry, buyer, auditor, providers, experts);
    }
}
