// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {BlockingToken} from "../BlockingToken.sol";
import {ContractWallet} from "../ContractWallet.sol";
import {FalseToken} from "../FalseToken.sol";
import {FeeOnTransferToken} from "../FeeOnTransferToken.sol";
import {Holder} from "../Holder.sol";
import {SilentToken} from "../SilentToken.sol";

/// @title Tests of both kinds of money behind one type, by Currency.tree
contract CurrencyTest is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant PAYER = address(0xa11ce);
    address private constant RECEIVER = address(0xb0b);

    Holder private _holder;
    DevToken private _token;

    function setUp() public {
        _holder = new Holder();
        _token = new DevToken();
        vm.prank(PAYER);
        _token.approve(address(_holder), type(uint256).max);
    }

    function testFuzz_TakesTheValueSentAlong(uint96 amount) public {
        hoax(PAYER, amount);
        _holder.pull{value: amount}(NATIVE, PAYER, amount);
        assertEq(address(_holder).balance, amount);
    }

    function testFuzz_RefusesAnyOtherValue(uint96 sent, uint256 amount) public {
        vm.assume(sent != amount);
        hoax(PAYER, sent);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, sent, amount));
        _holder.pull{value: sent}(NATIVE, PAYER, amount);
    }

    function testFuzz_SendsNativeCoinToTheReceiver(uint96 held, uint96 amount) public {
        amount = uint96(bound(amount, 0, held));
        vm.deal(address(_holder), held);
        _holder.push(NATIVE, RECEIVER, amount);
        assertEq(RECEIVER.balance, amount);
        assertEq(address(_holder).balance, held - amount);
    }

    function test_FailsWhereTheReceiverRefusesNativeCoin() public {
        address refuser = address(new ContractWallet(PAYER));
        vm.deal(address(_holder), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.NativeTransferFailed.selector, refuser, 1 ether));
        _holder.push(NATIVE, refuser, 1 ether);
    }

    function test_FailsBeyondTheNativeCoinThatIsHeld() public {
        vm.deal(address(_holder), 4);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.NativeTransferFailed.selector, RECEIVER, 5));
        _holder.push(NATIVE, RECEIVER, 5);
    }

    function testFuzz_TakesTheAllowedAmount(uint256 held, uint256 amount) public {
        amount = bound(amount, 0, held);
        _token.mint(PAYER, held);
        _holder.pull(_currency(address(_token)), PAYER, amount);
        assertEq(_token.balanceOf(address(_holder)), amount);
        assertEq(_token.balanceOf(PAYER), held - amount);
    }

    function testFuzz_RefusesNativeCoinBesideAToken(uint96 sent, uint96 amount) public {
        sent = uint96(bound(sent, 1, type(uint96).max));
        _token.mint(PAYER, amount);
        hoax(PAYER, sent);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, sent, 0));
        _holder.pull{value: sent}(_currency(address(_token)), PAYER, amount);
    }

    function testFuzz_RefusesATokenThatKeepsAFee(uint128 amount) public {
        amount = uint128(bound(amount, 100, type(uint128).max));
        FeeOnTransferToken token = new FeeOnTransferToken(PAYER, amount);
        vm.prank(PAYER);
        token.approve(address(_holder), amount);
        vm.expectRevert(_inexact(address(token), amount - amount / 100, amount));
        _holder.pull(_currency(address(token)), PAYER, amount);
    }

    function testFuzz_RefusesToPullFromItself(uint128 amount) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        _token.mint(address(_holder), amount);
        vm.prank(address(_holder));
        _token.approve(address(_holder), amount);
        vm.expectRevert(_inexact(address(_token), 0, amount));
        _holder.pull(_currency(address(_token)), address(_holder), amount);
    }

    function testFuzz_RefusesAnAmountThatIsNotAllowed(uint128 allowed, uint128 amount) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        allowed = uint128(bound(allowed, 0, amount - 1));
        _token.mint(PAYER, amount);
        vm.prank(PAYER);
        _token.approve(address(_holder), allowed);
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(_holder), allowed, amount
            )
        );
        _holder.pull(_currency(address(_token)), PAYER, amount);
    }

    function test_RefusesATokenThatReturnsFalseAsItIsPulled() public {
        FalseToken token = new FalseToken(PAYER, 5);
        vm.expectRevert(_failed(address(token)));
        _holder.pull(_currency(address(token)), PAYER, 5);
    }

    function test_TakesATokenThatReturnsNothing() public {
        SilentToken token = new SilentToken(PAYER, 5);
        _holder.pull(_currency(address(token)), PAYER, 3);
        assertEq(token.balanceOf(address(_holder)), 3);
        assertEq(token.balanceOf(PAYER), 2);
    }

    function test_RefusesAnAddressWithoutCode() public {
        vm.expectRevert();
        _holder.pull(_currency(address(0xdead)), PAYER, 0);
    }

    function testFuzz_SendsTokensToTheReceiver(uint256 held, uint256 amount) public {
        amount = bound(amount, 0, held);
        _token.mint(address(_holder), held);
        _holder.push(_currency(address(_token)), RECEIVER, amount);
        assertEq(_token.balanceOf(RECEIVER), amount);
        assertEq(_token.balanceOf(address(_holder)), held - amount);
    }

    function test_FailsWhereATokenReturnsFalseAsItIsPushed() public {
        FalseToken token = new FalseToken(address(_holder), 5);
        vm.expectRevert(_failed(address(token)));
        _holder.push(_currency(address(token)), RECEIVER, 5);
    }

    function test_SendsATokenThatReturnsNothing() public {
        SilentToken token = new SilentToken(address(_holder), 5);
        _holder.push(_currency(address(token)), RECEIVER, 3);
        assertEq(token.balanceOf(RECEIVER), 3);
        assertEq(token.balanceOf(address(_holder)), 2);
    }

    function test_FailsWhereTheTokenBlocksTheReceiver() public {
        BlockingToken token = new BlockingToken(address(_holder), 5);
        token.blockAccount(RECEIVER);
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, RECEIVER));
        _holder.push(_currency(address(token)), RECEIVER, 5);
    }

    function _currency(address token) private pure returns (Currency) {
        return Currency.wrap(token);
    }

    function _inexact(address token, uint256 received, uint256 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(CurrencyLibrary.InexactTransfer.selector, token, received, expected);
    }

    function _failed(address token) private pure returns (bytes memory) {
        return abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token);
    }
}
