// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title An account that is a contract: it signs by its owner's key and refuses native coin
contract ContractWallet is IERC1271 {
    address public immutable owner;

    constructor(address owner_) {
        owner = owner_;
    }

    /// @notice Does what the owner tells it to, with the value sent along.
    function execute(address target, bytes calldata data) external payable returns (bytes memory) {
        require(msg.sender == owner, "not the owner");
        return _call(target, msg.value, data);
    }

    /// @notice Makes several calls in one transaction.
    function executeAll(address target, bytes[] calldata calls) external {
        require(msg.sender == owner, "not the owner");
        for (uint256 i = 0; i < calls.length; ++i) {
            _call(target, 0, calls[i]);
        }
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        return signer == owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    function _call(address target, uint256 value, bytes calldata data)
        private
        returns (bytes memory answer)
    {
        bool done;
        (done, answer) = target.call{value: value}(data);
        if (done) return answer;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}
