// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

/// @title Who may change the little that can change
/// @notice An access manager with two roles. What a governor does is scheduled, public, for
///         `governorDelay` seconds before it can be done. A guardian acts at once. Which functions
///         each may call is fixed when the deployer gives up its own role.
interface IGovernance is IAccessManager {
    /// @notice A governor can't be appointed who would act sooner than all others.
    error DelayTooShort(uint32 delay, uint32 needed);

    /// @notice The role behind the delay.
    function GOVERNOR() external view returns (uint64);

    /// @notice The role without one.
    function GUARDIAN() external view returns (uint64);

    /// @notice The least delay of every governor, fixed at deployment.
    function governorDelay() external view returns (uint32);
}
