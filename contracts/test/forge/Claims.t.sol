// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILedger} from "../../src/interfaces/ILedger.sol";
import {IPayouts} from "../../src/interfaces/IPayouts.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {Earning} from "../../src/types/Distribution.sol";
import {ContractWallet} from "../ContractWallet.sol";
import {ReentrantPayee} from "../ReentrantPayee.sol";
import {Paying} from "./payouts/Paying.sol";
import {Trees} from "./payouts/Trees.sol";

/// @title Tests of claims and of where they go, by Claims.tree
contract ClaimsTest is Paying {
    bytes32 private constant CLAIM_TO = keccak256(
        "ClaimTo(address account,address currency,address receiver,uint256 nonce,uint256 deadline)"
    );

    Earning[] private _paid; // what the last distribution holds

    // ------------------------------------------------------------------ claiming

    function testFuzz_CreditsWhatRoseSinceTheLastClaim(uint96 first, uint96 rise) public {
        first = uint96(bound(first, 1, type(uint96).max));
        rise = uint96(bound(rise, 1, type(uint96).max));
        uint128 sum = uint128(first) + rise;
        _payOut(_tokens, first, 1);
        _claim(_tokens, 0);
        _payOut(_tokens, sum, 1);
        vm.expectEmit(address(_payouts));
        emit IPayouts.Claimed(_anne, _tokens, sum);
        _claim(_tokens, 0);
        _assertAccount(_anne, _tokens, sum, sum);
        _assertFunds(_tokens, sum + 1, sum + 1, 1);
        _claim(_tokens, 1);
        _assertFunds(_tokens, sum + 1, sum + 1, 0);
    }

    function testFuzz_FindsEveryPayeeInAnyNumberOfTrees(uint8 payees, uint8 power, uint256 seed) public {
        payees = uint8(bound(payees, 1, 12));
        uint256 trees = 1 << bound(power, 0, 8);
        Earning[] memory earnings = new Earning[](payees);
        for (uint256 i = 0; i < payees; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            earnings[i] = Earning(address(uint160(draw)), uint64(draw >> 160) | 1, bytes16(bytes32(draw)));
        }
        _pay(_tokens, earnings, trees);
        for (uint256 i = 0; i < payees; ++i) {
            assertEq(_payouts.leafOf(earnings[i]), Trees.leafOf(earnings[i]));
            _payouts.claim(_tokens, Trees.proofOf(earnings, trees, i), earnings[i]);
            assertEq(_payouts.creditOf(earnings[i].account, _tokens), earnings[i].cumulative);
        }
        (uint128 funded,, uint128 unclaimed) = _payouts.fundsOf(_tokens);
        assertEq(unclaimed, 0);
        assertEq(_held(_tokens, address(_payouts)), funded);
    }

    function test_RefusesWhatWasClaimedAlready() public {
        _payOut(NATIVE, 60, 40);
        _claim(NATIVE, 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingToClaim.selector, _anne, NATIVE));
        _claim(NATIVE, 0);
        vm.prank(_anne);
        _payouts.withdraw(NATIVE, HOME);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingToClaim.selector, _anne, NATIVE));
        _claim(NATIVE, 0);
    }

    function testFuzz_RefusesAnEarningThatNoRootHolds(address account, uint128 amount, bytes16 salt) public {
        _payOut(NATIVE, 60, 40);
        bytes32[] memory proof = _proof(0);
        Earning memory other = _paid[0];
        if (uint128(salt) % 3 == 0) other.account = account;
        if (uint128(salt) % 3 == 1) other.cumulative = amount;
        if (uint128(salt) % 3 == 2) other.salt = salt;
        vm.assume(keccak256(abi.encode(other)) != keccak256(abi.encode(_paid[0])));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.InvalidProof.selector, other.account, other.cumulative));
        _payouts.claim(NATIVE, proof, other);
    }

    function test_RefusesEverythingBeforeTheFirstDistribution() public {
        _setPaid(60, 40);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.InvalidProof.selector, _anne, 60));
        _claim(NATIVE, 0);
    }

    function test_RefusesWhatWaitsForActivation() public {
        _payOut(NATIVE, 60, 40);
        _deposit(NATIVE, 100);
        _setPaid(160, 40);
        _propose(_distribution(NATIVE, 2, 200, Trees.rootsOf(_paid, 1)));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.InvalidProof.selector, _anne, 160));
        _claim(NATIVE, 0);
        skip(DELAY);
        _payouts.activate(NATIVE);
        _claim(NATIVE, 0);
        _assertAccount(_anne, NATIVE, 160, 160);
    }

    function test_RefusesMoreThanIsLeftOfTheTotal() public {
        _setPaid(70, 70);
        _distribute(NATIVE, _paid, 1, 100);
        _claim(NATIVE, 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.TotalExceeded.selector, 70, 30));
        _claim(NATIVE, 1);
        _assertFunds(NATIVE, 100, 100, 30);
    }

    function testFuzz_TakesNothingBackWhereAnAmountFalls(uint128 fallen) public {
        fallen = uint128(bound(fallen, 0, 60));
        _payOut(NATIVE, 60, 40);
        _claim(NATIVE, 0);
        _payOut(NATIVE, fallen, 101 - fallen);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingToClaim.selector, _anne, NATIVE));
        _claim(NATIVE, 0);
        _assertAccount(_anne, NATIVE, 60, 60);
    }

    // -------------------------------------------------------- claim and withdraw

    function testFuzz_SendsNativeCoinToItsReceiver(uint96 amount) public {
        _claimAndWithdraw(NATIVE, uint96(bound(amount, 1, type(uint96).max)));
    }

    function testFuzz_SendsTokensToItsReceiver(uint96 amount) public {
        _claimAndWithdraw(_tokens, uint96(bound(amount, 1, type(uint96).max)));
    }

    function test_SendsWhatSomebodyClaimedBefore() public {
        _payOut(NATIVE, 60, 40);
        _claim(NATIVE, 0);
        vm.prank(_anne);
        assertEq(_payouts.claimAndWithdraw(NATIVE, _proof(0), _paid[0], HOME), 60);
        assertEq(HOME.balance, 60);
    }

    function testFuzz_TakesThePayeeItself(address other) public {
        vm.assume(other != _anne);
        _payOut(NATIVE, 60, 40);
        bytes32[] memory proof = _proof(0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NotAllowed.selector, other, _anne));
        vm.prank(other);
        _payouts.claimAndWithdraw(NATIVE, proof, _paid[0], HOME);
    }

    function test_NeedsSomethingToSend() public {
        _claimAndWithdraw(NATIVE, 60);
        bytes32[] memory proof = _proof(0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingToWithdraw.selector, _anne, NATIVE));
        vm.prank(_anne);
        _payouts.claimAndWithdraw(NATIVE, proof, _paid[0], HOME);
    }

    // ------------------------------------------------------- to another receiver

    function testFuzz_SendsEverythingThere(bool before) public {
        _payOut(NATIVE, 60, 40);
        if (before) _claim(NATIVE, 0); // by somebody who was faster
        vm.expectEmit(address(_payouts));
        emit IPayouts.Withdrawn(_anne, NATIVE, HOME, 60);
        assertEq(_claimTo(0, _now(), _order(_anne, 0)), 60);
        assertEq(HOME.balance, 60);
        assertEq(_payouts.nonces(_anne), 1);
        _assertAccount(_anne, NATIVE, 60, 0);
    }

    function test_CountsInTheLastSecond() public {
        _payOut(NATIVE, 60, 40);
        bytes memory signature = _order(_anne, 0);
        assertEq(_claimTo(0, _now(), signature), 60);
    }

    function test_IsTooLateAfterTheDeadline() public {
        _payOut(NATIVE, 60, 40);
        bytes memory signature = _order(_anne, 0);
        uint256 deadline = _now();
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.SignatureExpired.selector, deadline));
        _claimTo(0, deadline, signature);
    }

    function testFuzz_TakesThePayeeAndThisVeryOrder(uint8 wrong) public {
        _payOut(NATIVE, 60, 40);
        uint40 now_ = _now();
        bytes memory signature = _order(_anne, 1);
        if (wrong % 5 == 0) signature = _sign(_bert, _anne, NATIVE, HOME, 0, now_);
        if (wrong % 5 == 1) signature = _sign(_anne, _anne, _tokens, HOME, 0, now_);
        if (wrong % 5 == 2) signature = _sign(_anne, _anne, NATIVE, PAYER, 0, now_);
        if (wrong % 5 == 3) signature = _sign(_anne, _anne, NATIVE, HOME, 0, now_ + 1);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.BadSignature.selector, _anne));
        _claimTo(0, now_, signature);
    }

    function test_CountsOnce() public {
        _payOut(NATIVE, 60, 40);
        bytes memory signature = _order(_anne, 0);
        uint256 deadline = _now();
        _claimTo(0, deadline, signature);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.BadSignature.selector, _anne));
        _claimTo(0, deadline, signature);
    }

    function test_TakesTheOwnerOfAWallet() public {
        (address owner, uint256 key) = makeAddrAndKey("owner");
        _anne = address(new ContractWallet(owner));
        (_keyOf[owner], _keyOf[_anne]) = (key, key);
        _payOut(NATIVE, 60, 40);
        assertEq(_claimTo(0, _now(), _order(_anne, 0)), 60);
        assertEq(HOME.balance, 60);
    }

    // --------------------------------------------------------------- withdrawing

    function test_GetsItsCreditAndNobodyElseGetsAny() public {
        _payOut(_tokens, 60, 40);
        _claim(_tokens, 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingToWithdraw.selector, _bert, _tokens));
        vm.prank(_bert);
        _payouts.withdraw(_tokens, HOME);
        vm.expectEmit(address(_payouts));
        emit IPayouts.Withdrawn(_anne, _tokens, HOME, 60);
        vm.prank(_anne);
        assertEq(_payouts.withdraw(_tokens, HOME), 60);
        assertEq(_token.balanceOf(HOME), 60);
        assertEq(_token.balanceOf(address(_payouts)), 40);
    }

    function test_DoesNotGetItAtTheZeroAddress() public {
        _refuseReceiver(address(0));
    }

    function test_DoesNotGetItAtTheContract() public {
        _refuseReceiver(address(_payouts));
    }

    function test_KeepsItWhereTheReceiverRefusesCoins() public {
        address refuser = address(new ContractWallet(_anne));
        _payOut(NATIVE, 60, 40);
        _claim(NATIVE, 0);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.NativeTransferFailed.selector, refuser, 60));
        vm.prank(_anne);
        _payouts.withdraw(NATIVE, refuser);
        _assertAccount(_anne, NATIVE, 60, 60);
    }

    function test_FindsTheDoorClosedWhileItIsPaid() public {
        address greedy = address(new ReentrantPayee(ILedger(address(_payouts))));
        _anne = greedy;
        _payOut(NATIVE, 60, 40);
        _claim(NATIVE, 0);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.NativeTransferFailed.selector, greedy, 60));
        vm.prank(greedy);
        _payouts.withdraw(NATIVE, greedy);
        assertEq(address(_payouts).balance, 100);
    }

    // -------------------------------------------------------------------- within

    function _payOut(Currency currency, uint128 annes, uint128 berts) private {
        _setPaid(annes, berts);
        _pay(currency, _paid, 1);
    }

    function _setPaid(uint128 annes, uint128 berts) private {
        delete _paid;
        Earning[] memory earnings = _earnings(annes, berts);
        _paid.push(earnings[0]);
        _paid.push(earnings[1]);
    }

    function _proof(uint256 which) private view returns (bytes32[] memory) {
        return Trees.proofOf(_paid, 1, which);
    }

    function _claim(Currency currency, uint256 which) private {
        _payouts.claim(currency, _proof(which), _paid[which]);
    }

    function _claimAndWithdraw(Currency currency, uint96 amount) private {
        _payOut(currency, amount, 40);
        vm.expectEmit(address(_payouts));
        emit IPayouts.Claimed(_anne, currency, amount);
        vm.expectEmit(address(_payouts));
        emit IPayouts.Withdrawn(_anne, currency, HOME, amount);
        vm.prank(_anne);
        assertEq(_payouts.claimAndWithdraw(currency, _proof(0), _paid[0], HOME), amount);
        assertEq(_held(currency, HOME), amount);
        assertEq(_held(currency, address(_payouts)), 40);
        _assertAccount(_anne, currency, amount, 0);
    }

    function _refuseReceiver(address to) private {
        _payOut(NATIVE, 60, 40);
        _claim(NATIVE, 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.InvalidReceiver.selector, to));
        vm.prank(_anne);
        _payouts.withdraw(NATIVE, to);
    }

    function _claimTo(uint256 which, uint256 deadline, bytes memory signature) private returns (uint256) {
        return _payouts.claimTo(NATIVE, _proof(which), _paid[which], HOME, deadline, signature);
    }

    /// @dev An order by the account itself, good until this second.
    function _order(address account, uint256 nonce) private view returns (bytes memory) {
        return _sign(account, account, NATIVE, HOME, nonce, _now());
    }

    function _sign(
        address signer,
        address account,
        Currency currency,
        address receiver,
        uint256 nonce,
        uint256 deadline
    ) private view returns (bytes memory) {
        bytes32 message = keccak256(abi.encode(CLAIM_TO, account, currency, receiver, nonce, deadline));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(_keyOf[signer], _digest("Payouts", address(_payouts), message));
        return abi.encodePacked(r, s, v);
    }

    function _assertAccount(address account, Currency currency, uint128 claimed, uint256 credit) private view {
        assertEq(_payouts.claimedOf(account, currency), claimed, "claimed");
        assertEq(_payouts.creditOf(account, currency), credit, "credit");
    }
}
