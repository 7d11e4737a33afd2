// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Test} from "forge-std/Test.sol";
import {ICredits} from "../../src/interfaces/ICredits.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {Authority} from "../Authority.sol";
import {ContractWallet} from "../ContractWallet.sol";
import {ReentrantToken} from "../ReentrantToken.sol";

/// @title Tests of the pull ledger of contracts without an escrow, by Credits.tree
/// @dev Through the committee, which credits whom the arbiter names. That the arbiter fetches what
///      the committee owes it is tested in Rulings.t.sol.
contract CreditsTest is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant ARBITER = address(0xa4b1);
    address private constant MEMBER = address(0x1001);
    address private constant PAYEE = address(0xb0b);
    address private constant RECEIVER = address(0xcafe);

    Authority private _authority;
    OracleCommittee private _office;

    function setUp() public {
        _authority = new Authority(address(this));
        _office = _deploy(NATIVE);
        vm.deal(address(this), type(uint128).max);
        _office.stake{value: type(uint128).max}(MEMBER, type(uint128).max);
    }

    function testFuzz_PaysAllOfItToWhomTheAccountSays(uint96 first, uint96 second) public {
        uint256 owed = uint256(first) + second;
        vm.assume(owed != 0);
        _credit(_office, PAYEE, first);
        _credit(_office, PAYEE, second);
        assertEq(_office.creditOf(PAYEE, NATIVE), owed);
        vm.expectEmit(address(_office));
        emit ICredits.CreditWithdrawn(PAYEE, NATIVE, RECEIVER, owed);
        vm.prank(PAYEE);
        assertEq(_office.withdrawCredit(NATIVE, RECEIVER), owed);
        assertEq(RECEIVER.balance, owed);
        assertEq(_office.creditOf(PAYEE, NATIVE), 0);
        assertEq(address(_office).balance, type(uint128).max - owed);
    }

    function testFuzz_PaysAToken(uint128 staked, uint128 owed) public {
        staked = uint128(bound(staked, 1, type(uint128).max));
        owed = uint128(bound(owed, 1, staked));
        DevToken token = new DevToken();
        Currency currency = Currency.wrap(address(token));
        OracleCommittee office = _deploy(currency);
        token.mint(address(this), staked);
        token.approve(address(office), staked);
        office.stake(MEMBER, staked);
        _credit(office, PAYEE, owed);
        assertEq(office.creditOf(PAYEE, NATIVE), 0);
        vm.prank(PAYEE);
        assertEq(office.withdrawCredit(currency, RECEIVER), owed);
        assertEq(token.balanceOf(RECEIVER), owed);
        assertEq(token.balanceOf(address(office)), staked - owed);
    }

    function test_PaysOnce() public {
        _credit(_office, PAYEE, 7);
        vm.startPrank(PAYEE);
        _office.withdrawCredit(NATIVE, RECEIVER);
        vm.expectRevert(abi.encodeWithSelector(ICredits.NothingToWithdraw.selector, PAYEE, NATIVE));
        _office.withdrawCredit(NATIVE, RECEIVER);
        assertEq(RECEIVER.balance, 7);
    }

    // --------------------------------------------------------------------- refusals

    function test_RefusesTheZeroAddressAndItself() public {
        _credit(_office, PAYEE, 7);
        vm.startPrank(PAYEE);
        vm.expectRevert(abi.encodeWithSelector(ICredits.InvalidReceiver.selector, address(0)));
        _office.withdrawCredit(NATIVE, address(0));
        vm.expectRevert(abi.encodeWithSelector(ICredits.InvalidReceiver.selector, address(_office)));
        _office.withdrawCredit(NATIVE, address(_office));
        assertEq(_office.creditOf(PAYEE, NATIVE), 7);
    }

    function testFuzz_RefusesWhereNothingIsOwed(address account, address currency) public {
        assumeNotForgeAddress(account);
        vm.assume(account != PAYEE || currency != address(0));
        _credit(_office, PAYEE, 7);
        vm.expectRevert(
            abi.encodeWithSelector(ICredits.NothingToWithdraw.selector, account, currency)
        );
        vm.prank(account);
        _office.withdrawCredit(Currency.wrap(currency), RECEIVER);
    }

    function test_KeepsWhatAReceiverRefuses() public {
        address refuser = address(new ContractWallet(PAYEE));
        _credit(_office, PAYEE, 7);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.NativeTransferFailed.selector, refuser, 7));
        vm.startPrank(PAYEE);
        _office.withdrawCredit(NATIVE, refuser);
        assertEq(_office.creditOf(PAYEE, NATIVE), 7);
        _office.withdrawCredit(NATIVE, RECEIVER);
        assertEq(RECEIVER.balance, 7);
    }

    function test_RefusesToBeEnteredAgainWhileItPays() public {
        ReentrantToken thief = new ReentrantToken(address(this), 100);
        Currency currency = Currency.wrap(address(thief));
        OracleCommittee office = _deploy(currency);
        thief.approve(address(office), 100);
        office.stake(MEMBER, 100);
        _credit(office, PAYEE, 7);
        _credit(office, address(thief), 7);
        bytes[3] memory calls = [
            abi.encodeCall(office.withdrawCredit, (currency, RECEIVER)),
            abi.encodeCall(office.withdrawStake, (RECEIVER)),
            abi.encodeCall(office.stake, (MEMBER, 1))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            thief.arm(address(office), calls[i]);
            vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            vm.prank(PAYEE);
            office.withdrawCredit(currency, RECEIVER);
        }
        assertEq(office.creditOf(PAYEE, currency), 7);
    }

    function testFuzz_PaysEachItsOwn(uint96[5] memory owed) public {
        for (uint256 i = 0; i < owed.length; ++i) {
            _credit(_office, _payee(i), owed[i]);
        }
        for (uint256 i = 0; i < owed.length; ++i) {
            if (owed[i] == 0) continue;
            vm.prank(_payee(i));
            assertEq(_office.withdrawCredit(NATIVE, _payee(i)), owed[i]);
            for (uint256 other = 0; other < owed.length; ++other) {
                assertEq(_office.creditOf(_payee(other), NATIVE), other > i ? owed[other] : 0);
            }
            assertEq(_payee(i).balance, owed[i]);
        }
    }

    // ---------------------------------------------------------------------- private

    function _deploy(Currency currency) private returns (OracleCommittee) {
        return new OracleCommittee(address(_authority), CommitteeTerms(currency, 0, 0, 0, ARBITER, address(0)));
    }

    function _credit(OracleCommittee office, address payee, uint128 amount) private {
        vm.prank(ARBITER);
        assertEq(office.slash(MEMBER, amount, payee), amount);
    }

    function _payee(uint256 i) private pure returns (address) {
        return address(uint160(0x3000 + i));
    }
}
