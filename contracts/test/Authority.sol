// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title An access manager for tests of one contract alone
contract Authority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
