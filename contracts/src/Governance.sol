// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IGovernance} from "./interfaces/IGovernance.sol";

/// @title Governance
/// @dev A delay belongs to a role's member in an access manager, so a governor could appoint another
///      without one; here it can't.
contract Governance is IGovernance, AccessManager {
    /// @inheritdoc IGovernance
    uint64 public constant GOVERNOR = 1;

    /// @inheritdoc IGovernance
    uint64 public constant GUARDIAN = 2;

    /// @inheritdoc IGovernance
    uint32 public immutable governorDelay;

    constructor(address deployer, uint32 governorDelay_) AccessManager(deployer) {
        governorDelay = governorDelay_;
    }

    /// @inheritdoc AccessManager
    function _grantRole(uint64 role, address account, uint32 grantDelay, uint32 executionDelay)
        internal
        override
        returns (bool)
    {
        if (role == GOVERNOR && executionDelay < governorDelay) {
            revert DelayTooShort(executionDelay, governorDelay);
        }
        return super._grantRole(role, account, grantDelay, executionDelay);
    }
}
