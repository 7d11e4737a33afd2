// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ISealedBids} from "../../src/interfaces/ISealedBids.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {Bid, Standing, Tender} from "../../src/types/Tender.sol";
import {ReentrantToken} from "../ReentrantToken.sol";
import {Tendering} from "./tenders/Tendering.sol";

/// @title Tests of what is sealed and revealed, by SealedBids.tree
contract SealedBidsTest is Tendering {
    // ------------------------------------------------------------------- opening

    function test_StandsWithTheReserveForBothPrices() public {
        vm.expectEmit(address(_bids));
        emit ISealedBids.TenderOpened(_id(), REQUESTER, _tender);
        vm.prank(REQUESTER);
        assertEq(_bids.open(_tender), _id());
        assertEq(_bids.tenderIdOf(_tender), _id());
        _assertStanding(Standing(address(0), 0, 1, 0, RESERVE, RESERVE, _tender.revealEnd, _tender.rule));
    }

    function testFuzz_TakesItsRequester(address other) public {
        vm.assume(other != REQUESTER);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.NotAllowed.selector, other, REQUESTER));
        vm.prank(other);
        _bids.open(_tender);
    }

    function test_IsOpenedOnce() public {
        _open();
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.TenderExists.selector, _id()));
        _open();
    }

    function test_NeedsASpecificationABondAndAReserve() public {
        Tender memory usual = _tender;
        _tender.spec = 0;
        _refuseTerms("spec");
        _tender = usual;
        _tender.bond = 0;
        _refuseTerms("bond");
        _tender = usual;
        _tender.reserve = 0;
        _refuseTerms("reserve");
    }

    function testFuzz_NeedsTimeForSeals(uint40 end) public {
        _tender.commitEnd = uint40(bound(end, 0, _now()));
        _refuseTerms("commitEnd");
    }

    function testFuzz_NeedsAnHourForPrices(uint40 window) public {
        window = uint40(bound(window, 0, 2 hours));
        _tender.revealEnd = _tender.commitEnd + window;
        if (window < 1 hours) _refuseTerms("revealEnd");
        else _open();
    }

    function test_EndsWithinAYear() public {
        _tender.revealEnd = _now() + 365 days;
        _open();
        ++_tender.revealEnd;
        _refuseTerms("revealEnd");
    }

    // ------------------------------------------------------------------- sealing

    function test_LocksTheBondAndTakesTheNextNumber() public {
        _open();
        for (uint32 i = 0; i < 2; ++i) {
            bytes28 seal = _seal(_bidder(i), 7);
            vm.expectEmit(address(_bids));
            emit ISealedBids.BidSealed(_id(), _bidder(i), seal, i + 1);
            _commit(_bidder(i), 7);
            Bid memory bid = _bids.bidOf(_id(), _bidder(i));
            assertEq(bid.seal, seal);
            assertEq(bid.order, i + 1);
        }
        assertEq(address(_bids).balance, 2 * BOND);
        _assertStanding(Standing(address(0), 0, 3, 2, RESERVE, RESERVE, _tender.revealEnd, _tender.rule));
    }

    function test_CountsInTheLastSecond() public {
        _open();
        vm.warp(_tender.commitEnd);
        _commit(_anne, 7);
    }

    function test_IsTooLateAfterTheLastSecond() public {
        _open();
        vm.warp(_tender.commitEnd + 1);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.DeadlinePassed.selector, _tender.commitEnd));
        _commit(_anne, 7);
    }

    function test_RefusesABidByTheRequester() public {
        _open();
        vm.deal(REQUESTER, BOND);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.ConflictOfRoles.selector, REQUESTER));
        _commit(REQUESTER, 7);
    }

    function test_RefusesAnEmptySeal() public {
        _open();
        vm.expectRevert(ISealedBids.EmptySeal.selector);
        vm.prank(_anne);
        _bids.commit{value: BOND}(_tender, 0);
    }

    function test_RefusesASecondSeal() public {
        _open();
        _commit(_anne, 7);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.AlreadySealed.selector, _anne));
        _commit(_anne, 8);
    }

    function testFuzz_RefusesAnotherValueThanTheBond(uint96 value) public {
        vm.assume(value != BOND);
        _open();
        bytes28 seal = _seal(_anne, 7);
        hoax(_anne, value);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, BOND));
        _bids.commit{value: value}(_tender, seal);
    }

    function test_LocksATokenAsTheBond() public {
        _tender.currency = _tokens();
        _open();
        _commit(_anne, 7);
        assertEq(_token.balanceOf(address(_bids)), BOND);
        assertEq(_token.balanceOf(_anne), 10 ether - BOND);
    }

    function test_ClosesTheDoorToATokenThatCallsBack() public {
        ReentrantToken token = new ReentrantToken(_anne, BOND);
        _tender.currency = Currency.wrap(address(token));
        _open();
        vm.prank(_anne);
        token.approve(address(_bids), BOND);
        token.arm(address(_bids), abi.encodeCall(_bids.withdrawCredit, (_tender.currency, HOME)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        _commit(_anne, 7);
    }

    function test_RefusesTermsThatWereNotOpened() public {
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.UnknownTender.selector, _id()));
        _commit(_anne, 7);
    }

    // ----------------------------------------------------------------- revealing

    function testFuzz_FreesTheBondAndLeads(uint128 price) public {
        price = uint128(bound(price, 0, RESERVE));
        _sealOne(price);
        vm.warp(_tender.commitEnd + 1);
        vm.expectEmit(address(_bids));
        emit ISealedBids.BidRevealed(_id(), _anne, price, _salt(_anne), _anne);
        _reveal(_anne, price);
        assertEq(_bids.creditOf(_anne, NATIVE), BOND);
        assertEq(_bids.bidOf(_id(), _anne).seal, bytes28(0));
        _assertStanding(Standing(_anne, 1, 2, 0, price, RESERVE, _tender.revealEnd, _tender.rule));
    }

    function test_CountsInTheLastSecondOfTheWindow() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        _reveal(_anne, 7);
    }

    function test_IsTooEarlyInTheLastSecondForSeals() public {
        _sealOne(7);
        vm.warp(_tender.commitEnd);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.DeadlineNotReached.selector, _tender.commitEnd));
        _reveal(_anne, 7);
    }

    function test_IsTooLateAfterTheWindow() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd + 1);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.DeadlinePassed.selector, _tender.revealEnd));
        _reveal(_anne, 7);
    }

    function test_RefusesWhoSealedNothing() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.NothingSealed.selector, _bert));
        _reveal(_bert, 7);
    }

    function testFuzz_OpensToOnePriceAndOneSalt(uint128 price, bytes32 salt) public {
        vm.assume(price != 7 || salt != _salt(_anne));
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        bytes28 given = _hash(_anne, price, salt);
        assertEq(_bids.sealOf(_id(), _anne, price, salt), given);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.SealMismatch.selector, given, _seal(_anne, 7)));
        _bids.reveal(_tender, _anne, price, salt);
    }

    function test_OpensForItsOwnBidder() public {
        _sealOne(7);
        bytes28 copied = _seal(_anne, 7);
        vm.prank(_bert);
        _bids.commit{value: BOND}(_tender, copied);
        vm.warp(_tender.revealEnd);
        bytes28 given = _hash(_bert, 7, _salt(_anne));
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.SealMismatch.selector, given, copied));
        _bids.reveal(_tender, _bert, 7, _salt(_anne));
    }

    function test_IsOpenedOneTime() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        _reveal(_anne, 7);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.NothingSealed.selector, _anne));
        _reveal(_anne, 7);
    }

    function testFuzz_FreesTheBondOfAPriceAboveTheReserve(uint128 price) public {
        price = uint128(bound(price, RESERVE + 1, type(uint128).max));
        _sealOne(price);
        vm.warp(_tender.revealEnd);
        vm.expectEmit(address(_bids));
        emit ISealedBids.BidRevealed(_id(), _anne, price, _salt(_anne), address(0));
        _reveal(_anne, price);
        assertEq(_bids.creditOf(_anne, NATIVE), BOND);
    }

    function test_RefusesARevealOfTermsThatWereNotOpened() public {
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.UnknownTender.selector, _id()));
        _reveal(_anne, 7);
    }
}
