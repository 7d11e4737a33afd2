// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {OracleCommittee} from "../../../src/OracleCommittee.sol";
import {CommitteeTerms} from "../../../src/types/Committee.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Authority} from "../../Authority.sol";

/// @title Stakes, slashing and rotations in any order, beside a model of them
/// @dev The model says which steps go through, and what each player has then.
contract StakesHandler is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant ARBITER = address(0xa4b1);
    address private constant VICTIM = address(0xb0b);
    uint128 private constant LEAST = 10;
    uint32 private constant ROTATION = 2 days;
    uint32 private constant UNBONDING = 30 days;
    uint256 private constant PLAYERS = 3;

    /// @notice What the contract should know of one player.
    struct Player {
        uint128 bonded;
        uint128 unbonding;
        uint256 withdrawableAt;
    }

    mapping(uint256 kind => mapping(bool allowed => uint256)) public done;

    OracleCommittee private _office;
    Player[PLAYERS] private _players;
    uint256 private _sits = PLAYERS; // nobody
    uint256 private _follows = PLAYERS;
    uint256 private _effectiveAt;
    uint256 private _owed; // to the victim

    constructor() {
        Authority authority = new Authority(address(this));
        _office = new OracleCommittee(
            address(authority), CommitteeTerms(NATIVE, LEAST, ROTATION, UNBONDING, ARBITER, address(0))
        );
    }

    /// @notice Whether the contract holds what the model says, to the unit.
    function check() external view {
        uint256 sum = _owed;
        for (uint256 n = 0; n < PLAYERS; ++n) {
            Player memory p = _players[n];
            _assertStake(_account(n), p);
            sum += p.bonded + p.unbonding;
        }
        assertEq(_office.creditOf(VICTIM, NATIVE), _owed);
        assertEq(address(_office).balance, sum);
        assertEq(_office.backedDigest(), _isBacked() ? _office.currentDigest() : bytes32(0));
    }

    /// @notice One call by a player, the arbiter, the victim or the governor; or some time passes.
    function step(uint256 kind, uint256 n, uint128 amount) external {
        _step(kind % 9, n % PLAYERS, 1 + amount % 25);
    }

    function _step(uint256 kind, uint256 n, uint128 amount) private {
        Player storage p = _players[n];
        address account = _account(n);
        uint256 time = vm.getBlockTimestamp();
        bool allowed = true;
        bytes memory call;
        if (kind == 0) {
            call = abi.encodeCall(_office.stake, (account, amount));
            p.bonded += amount;
        } else if (kind == 1) {
            call = abi.encodeCall(_office.requestUnstake, (amount));
            allowed = amount <= p.bonded;
            if (allowed) {
                (p.bonded, p.unbonding) = (p.bonded - amount, p.unbonding + amount);
                if (p.withdrawableAt < time + UNBONDING) p.withdrawableAt = time + UNBONDING;
            }
        } else if (kind == 2) {
            call = abi.encodeCall(_office.withdrawStake, (account));
            bool seated = n == _follows || (time < _effectiveAt && n == _sits);
            allowed = p.unbonding != 0 && !seated && time >= p.withdrawableAt;
            if (allowed) p.unbonding = 0;
        } else if (kind == 3) {
            call = abi.encodeCall(_office.slash, (account, amount, VICTIM));
            uint128 first = amount < p.unbonding ? amount : p.unbonding;
            uint128 second = amount - first < p.bonded ? amount - first : p.bonded;
            (p.unbonding, p.bonded, _owed) = (p.unbonding - first, p.bonded - second, _owed + first + second);
            account = ARBITER;
        } else if (kind == 4) {
            call = abi.encodeCall(_office.withdrawCredit, (NATIVE, address(0xdead)));
            allowed = _owed != 0;
            (account, _owed) = (VICTIM, 0);
        } else if (kind == 5) {
            address[] memory members = new address[](1);
            members[0] = account;
            call = abi.encodeCall(_office.scheduleRotation, (members, 1));
            allowed = p.bonded >= LEAST;
            if (allowed) _bookRotation(n, time);
            account = address(this);
        } else if (kind == 6) {
            call = abi.encodeCall(_office.cancelRotation, ());
            allowed = time < _effectiveAt;
            if (allowed) (_follows, _effectiveAt) = (_sits, 0);
            account = address(this);
        } else {
            skip([uint256(1 days), ROTATION, UNBONDING][amount % 3]);
            return;
        }
        uint256 value = kind == 0 ? amount : 0;
        hoax(account, value);
        (bool went,) = address(_office).call{value: value}(call);
        assertEq(went, allowed, vm.toString(kind));
        ++done[kind][allowed];
    }

    function _bookRotation(uint256 n, uint256 time) private {
        if (time >= _effectiveAt) _sits = _follows;
        _effectiveAt = _sits == PLAYERS ? time : time + ROTATION;
        if (_sits != PLAYERS) _players[_sits].withdrawableAt = _effectiveAt + UNBONDING;
        _follows = n;
    }

    function _isBacked() private view returns (bool) {
        uint256 n = vm.getBlockTimestamp() < _effectiveAt ? _sits : _follows;
        return n != PLAYERS && _players[n].bonded + _players[n].unbonding >= LEAST;
    }

    function _account(uint256 n) private pure returns (address) {
        return address(uint160(0x2000 + n));
    }

    function _assertStake(address member, Player memory p) private view {
        (uint128 bonded, uint128 unbonding, uint40 until) = _office.stakeOf(member);
        assertEq(bonded, p.bonded);
        assertEq(unbonding, p.unbonding);
        assertEq(until, p.unbonding == 0 ? 0 : p.withdrawableAt);
    }
}
