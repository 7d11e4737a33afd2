// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// Shows a chain from inside, and fails in every way that Solidity knows.
contract Probe {
    event Noted(uint256 indexed topic, address indexed sender, uint256 value);
    event Marked(bytes32 indexed mark);

    error Refused(uint256 given, address by);

    mapping(uint256 => uint256) public values;
    uint256[] private _sponge;

    constructor() payable {}

    function note(uint256 topic, uint256 value) external {
        values[topic] = value;
        emit Noted(topic, msg.sender, value);
    }

    function noteTwice(uint256 topic, bytes32 mark) external {
        emit Noted(topic, msg.sender, 1);
        emit Marked(mark);
    }

    function refuse(uint256 given) external view {
        revert Refused(given, msg.sender);
    }

    function explain() external pure {
        require(false, "for a reason");
    }

    function giveNothing() external pure {
        assembly {
            revert(0, 0)
        }
    }

    function divide(uint256 by) external pure returns (uint256) {
        return 1 / by;
    }

    function burn() external pure {
        assembly {
            invalid()
        }
    }

    function fill(uint256 count) external {
        for (uint256 i = 0; i < count; i++) {
            _sponge.push(i + 1);
        }
    }

    /// Clears storage, so that gas is refunded.
    function empty() external {
        delete _sponge;
    }

    /// Needs more gas than it consumes, for EIP-150 holds a 64th part back at each level.
    function deepen(uint256 depth) external {
        if (depth == 0) {
            values[depth] += 1;
        } else {
            this.deepen(depth - 1);
        }
    }

    function surroundings()
        external
        view
        returns (uint256 number, uint256 time, uint256 chainId, uint256 random)
    {
        return (block.number, block.timestamp, block.chainid, block.prevrandao);
    }

    function parentHash() external view returns (bytes32) {
        return blockhash(block.number - 1);
    }

    function onlyAfter(uint256 time) external {
        require(block.timestamp >= time, "too early");
        values[time] = block.timestamp;
    }

    function caller() external view returns (address) {
        return msg.sender;
    }
}
