// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Payouts} from "../../../src/Payouts.sol";
import {DevToken} from "../../../src/tokens/DevToken.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Distribution, Earning} from "../../../src/types/Distribution.sol";
import {Office} from "../office/Office.sol";
import {Trees} from "./Trees.sol";

/// @title Payouts with a committee, a guardian and somebody who pays
abstract contract Paying is Office {
    uint32 internal constant DELAY = 1 days;
    uint64 private constant GUARDIAN_ROLE = 7;
    address internal constant PAYER = address(0xa11ce);
    address internal constant GUARDIAN = address(0x64a2d);
    address internal constant HOME = address(0x40e);
    bytes32 private constant DISTRIBUTION = keccak256(
        "Distribution(address currency,uint64 epoch,uint128 total,bytes32[] roots,bytes32 document,"
        "bytes32 committee)"
    );

    Payouts internal _payouts;
    DevToken internal _token;
    Currency internal _tokens;
    address internal _anne;
    address internal _bert;

    function setUp() public {
        vm.warp(1_000_000);
        _openOffice();
        _payouts = new Payouts(address(_authority), _committee, DELAY);
        bytes4[] memory veto = new bytes4[](1);
        veto[0] = _payouts.veto.selector;
        _authority.setTargetFunctionRole(address(_payouts), veto, GUARDIAN_ROLE);
        _authority.grantRole(GUARDIAN_ROLE, GUARDIAN, 0);

        _token = new DevToken();
        _tokens = Currency.wrap(address(_token));
        _token.mint(PAYER, type(uint128).max);
        vm.deal(PAYER, type(uint128).max);
        vm.prank(PAYER);
        _token.approve(address(_payouts), type(uint256).max);
        (_anne, _bert) = (vm.addr(11), vm.addr(12));
        (_keyOf[_anne], _keyOf[_bert]) = (11, 12);
    }

    function _deposit(Currency currency, uint128 amount) internal {
        uint256 value = Currency.unwrap(currency) == address(0) ? amount : 0;
        vm.prank(PAYER);
        _payouts.deposit{value: value}(currency, amount);
    }

    function _distribution(Currency currency, uint64 epoch, uint128 total, bytes32[] memory roots)
        internal
        view
        returns (Distribution memory)
    {
        return Distribution(currency, epoch, total, roots, "payees", _inOffice());
    }

    /// @dev Any distribution of a total, to one tree.
    function _simple(uint64 epoch, uint128 total) internal view returns (Distribution memory) {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = "root";
        return _distribution(NATIVE, epoch, total, roots);
    }

    function _propose(Distribution memory distribution) internal {
        bytes memory signatures = _signAll(QUORUM, _digestOf(distribution));
        _payouts.propose(distribution, _judges(), QUORUM, signatures);
    }

    /// @dev Deposits what is missing of the sum, proposes and activates.
    function _pay(Currency currency, Earning[] memory earnings, uint256 trees) internal {
        uint128 total;
        for (uint256 i = 0; i < earnings.length; ++i) {
            total += earnings[i].cumulative;
        }
        _distribute(currency, earnings, trees, total);
    }

    function _distribute(Currency currency, Earning[] memory earnings, uint256 trees, uint128 total) internal {
        (uint128 funded,,) = _payouts.fundsOf(currency);
        (uint64 epoch,) = _payouts.rootsOf(currency);
        _deposit(currency, total - funded);
        _propose(_distribution(currency, epoch + 1, total, Trees.rootsOf(earnings, trees)));
        skip(DELAY);
        _payouts.activate(currency);
    }

    function _earnings(uint128 annes, uint128 berts) internal view returns (Earning[] memory earnings) {
        earnings = new Earning[](2);
        earnings[0] = Earning(_anne, annes, "salt of Anne");
        earnings[1] = Earning(_bert, berts, "salt of Bert");
    }

    function _held(Currency currency, address account) internal view returns (uint256) {
        return Currency.unwrap(currency) == address(0) ? account.balance : _token.balanceOf(account);
    }

    function _assertFunds(Currency currency, uint128 funded, uint128 total, uint128 unclaimed) internal view {
        (uint128 funded_, uint128 total_, uint128 unclaimed_) = _payouts.fundsOf(currency);
        assertEq(funded_, funded, "funded");
        assertEq(total_, total, "total");
        assertEq(unclaimed_, unclaimed, "unclaimed");
    }

    function _digestOf(Distribution memory d) internal view returns (bytes32) {
        bytes32 roots = keccak256(abi.encodePacked(d.roots));
        bytes32 message =
            keccak256(abi.encode(DISTRIBUTION, d.currency, d.epoch, d.total, roots, d.document, d.committee));
        return _digest("Payouts", address(_payouts), message);
    }
}
