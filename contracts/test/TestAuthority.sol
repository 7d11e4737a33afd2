// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title OpenZeppelin's manager of roles, compiled under a name of our own
contract TestAuthority is AccessManager {
    constructor(address admin) AccessManager(admin) {}
}
