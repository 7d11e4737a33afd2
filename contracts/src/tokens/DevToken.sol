// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A token that anyone may mint, for development chains only
/// @dev It refuses to be deployed on any chain but the devnet's.
contract DevToken is ERC20, ERC20Permit {
    uint256 private constant DEVNET_CHAIN_ID = 31337;

    /// @notice This token has no business on chain `chainId`.
    error DevnetOnly(uint256 chainId);

    constructor() ERC20("Development Token", "DEV") ERC20Permit("Development Token") {
        if (block.chainid != DEVNET_CHAIN_ID) revert DevnetOnly(block.chainid);
    }

    /// @notice Gives `amount` to `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
