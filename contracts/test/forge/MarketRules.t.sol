// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Test} from "forge-std/Test.sol";
import {IMarketRules} from "../../src/interfaces/IMarketRules.sol";
import {MarketRules} from "../../src/MarketRules.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency} from "../../src/types/Currency.sol";
import {Request, Windows} from "../../src/types/Trade.sol";
import {Authority} from "../Authority.sol";

/// @title Tests of what a request must keep to, by MarketRules.tree
contract MarketRulesTest is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant TREASURY = address(0x7ea);
    uint16 private constant FEE_BPS = 250;
    uint24 private constant BASE_REVIEW = 1 hours;
    uint8 private constant REVIEW_SHIFT = 60; // one second more for each 2^60 units
    uint32 private constant UNBONDING = 30 days;
    uint32 private constant ROTATION = 2 days;
    uint32 private constant RULING = 1 days;
    address private constant ARBITER = address(0xa4b1);

    Authority private _authority;
    OracleCommittee private _committee;
    OracleCommittee private _panel;
    MarketRules private _rules;
    uint128 private _least; // to be appointed

    function setUp() public {
        vm.warp(1_800_000_000);
        _authority = new Authority(address(this));
        (_committee, _panel) = _offices();
        _rules = this.deploy(_committee, FEE_BPS, TREASURY);
        _appoint(_committee, address(0x1001));
        _appoint(_panel, address(0x2001));
    }

    function test_SaysWhatIsInForce() public view {
        assertEq(address(_rules.committee()), address(_committee));
        assertEq(address(_rules.panel()), address(_panel));
        _assertInForce(false, FEE_BPS, TREASURY, BASE_REVIEW, REVIEW_SHIFT);
    }

    function testFuzz_RefusesTooHighAFeeAndNoTreasury(uint16 feeBps) public {
        feeBps = uint16(bound(feeBps, 1_001, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(IMarketRules.FeeTooHigh.selector, feeBps));
        this.deploy(_committee, feeBps, TREASURY);
        vm.expectRevert(IMarketRules.ZeroTreasury.selector);
        this.deploy(_committee, FEE_BPS, address(0));
    }

    function test_RefusesACommitteeAndAPanelThatDoNotNameEachOther() public {
        OracleCommittee kept = _panel;
        address[3] memory counterparts = [address(0), address(_committee), address(0xbad)];
        for (uint256 i = 0; i < 3; ++i) {
            _panel = _office(0, counterparts[i]);
            vm.expectRevert(
                abi.encodeWithSelector(
                    IMarketRules.NotCounterparts.selector, address(_committee), address(_panel)
                )
            );
            this.deploy(_committee, FEE_BPS, TREASURY);
        }
        OracleCommittee other = _office(UNBONDING, address(kept));
        _panel = kept;
        vm.expectRevert(
            abi.encodeWithSelector(IMarketRules.NotCounterparts.selector, address(other), address(kept))
        );
        this.deploy(other, FEE_BPS, TREASURY);
    }

    function test_RefusesAPanelThatNamesAnotherCommittee() public {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        OracleCommittee named = _office(UNBONDING, next);
        _panel = _office(0, address(_committee));
        assertEq(address(_panel), next);
        vm.expectRevert(
            abi.encodeWithSelector(IMarketRules.NotCounterparts.selector, address(named), next)
        );
        this.deploy(named, FEE_BPS, TREASURY);
    }

    function test_RefusesACommitteeThatIsItsOwnPanel() public {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        _panel = _office(UNBONDING, next);
        assertEq(address(_panel), next);
        vm.expectRevert(abi.encodeWithSelector(IMarketRules.NotCounterparts.selector, next, next));
        this.deploy(_panel, FEE_BPS, TREASURY);
    }

    // --------------------------------------------------------------------- requests

    function testFuzz_AllowsAnyThatDoes(
        uint96 budget,
        uint32 threshold,
        uint8 maxAttempts,
        uint32 rows,
        address auditor,
        bool approvalRequired
    ) public view {
        Request memory r = _request();
        r.budget = uint128(bound(budget, 1, 1 days * 2 ** REVIEW_SHIFT));
        r.windows.review = uint24(BASE_REVIEW + r.budget / 2 ** REVIEW_SHIFT);
        r.threshold = uint32(bound(threshold, 1, 1_000_000));
        r.maxAttempts = uint8(bound(maxAttempts, 1, 8));
        (r.minRows, r.validationRows) = (rows / 2 + 1, type(uint32).max - rows / 2);
        r.auditor = auditor;
        r.approvalRequired = approvalRequired && auditor != address(0);
        _rules.requireAllowed(r);
    }

    function test_RefusesAnyWhileRequestsArePaused() public {
        _rules.pauseRequests(true);
        _refuse(_request(), abi.encodeWithSelector(IMarketRules.RequestsArePaused.selector));
    }

    function test_RefusesEachFieldThatIsMissing() public {
        string[8] memory fields = [
            "broker", "budget", "threshold", "maxAttempts", "minRows", "validationRows",
            "validationRoot", "spec"
        ];
        for (uint256 i = 0; i < fields.length; ++i) {
            Request memory r = _request();
            if (i == 0) r.broker = address(0);
            if (i == 1) r.budget = 0;
            if (i == 2) r.threshold = 0;
            if (i == 3) r.maxAttempts = 0;
            if (i == 4) r.minRows = 0;
            if (i == 5) r.validationRows = 0;
            if (i == 6) r.validationRoot = 0;
            if (i == 7) r.spec = 0;
            _refuse(r, abi.encodeWithSelector(IMarketRules.InvalidRequest.selector, fields[i]));
        }
    }

    function testFuzz_RefusesAScoreThatNobodyCanReach(uint32 threshold) public {
        Request memory r = _request();
        r.threshold = uint32(bound(threshold, 1_000_001, type(uint32).max));
        _refuse(r, abi.encodeWithSelector(IMarketRules.InvalidRequest.selector, "threshold"));
    }

    function testFuzz_RefusesMoreAttemptsThanTheMost(uint8 maxAttempts) public {
        Request memory r = _request();
        r.maxAttempts = uint8(bound(maxAttempts, 9, 255));
        _refuse(r, abi.encodeWithSelector(IMarketRules.InvalidRequest.selector, "maxAttempts"));
    }

    function test_RefusesApprovalByNobody() public {
        Request memory r = _request();
        r.approvalRequired = true;
        _refuse(r, abi.encodeWithSelector(IMarketRules.InvalidRequest.selector, "auditor"));
        r.auditor = address(0xa0d);
        _rules.requireAllowed(r);
    }

    function test_RefusesAStageWithoutTime() public {
        for (uint256 i = 0; i < 6; ++i) {
            Request memory r = _request();
            Windows memory w = r.windows;
            if (i == 0) w.quote = 0;
            if (i == 1) w.delivery = 0;
            if (i == 2) w.judging = 0;
            if (i == 3) w.training = 0;
            if (i == 4) w.validation = 0;
            if (i == 5) w.review = 0;
            _refuse(r, abi.encodeWithSelector(IMarketRules.InvalidRequest.selector, "windows"));
        }
    }

    function testFuzz_RefusesASettlementInWhichNotEverybodyCanOpen(uint24 settlement) public {
        Request memory r = _request();
        r.windows.settlement = 10 minutes;
        _rules.requireAllowed(r);
        r.windows.settlement = uint24(bound(settlement, 0, 10 minutes - 1));
        _refuse(r, abi.encodeWithSelector(IMarketRules.InvalidRequest.selector, "windows"));
    }

    function testFuzz_RefusesAnotherFee(uint16 feeBps) public {
        vm.assume(feeBps != FEE_BPS);
        Request memory r = _request();
        r.feeBps = feeBps;
        _refuse(r, abi.encodeWithSelector(IMarketRules.RuleChanged.selector, "feeBps"));
    }

    function testFuzz_RefusesAnotherTreasury(address treasury) public {
        vm.assume(treasury != TREASURY);
        Request memory r = _request();
        r.treasury = treasury;
        _refuse(r, abi.encodeWithSelector(IMarketRules.RuleChanged.selector, "treasury"));
    }

    function testFuzz_RefusesTooShortAReview(uint128 budget, uint24 review) public {
        Request memory r = _request();
        r.budget = uint128(bound(budget, 1, type(uint128).max));
        uint256 needed = BASE_REVIEW + uint256(r.budget) / 2 ** REVIEW_SHIFT;
        r.windows.review = uint24(bound(review, 1, needed - 1 < 7 days ? needed - 1 : 7 days));
        _refuse(
            r, abi.encodeWithSelector(IMarketRules.ReviewTooShort.selector, r.windows.review, needed)
        );
    }

    function testFuzz_RefusesATradeThatOutlastsTheStakes(uint24[7] memory windows, uint8 attempts) public {
        Request memory r = _request();
        r.maxAttempts = uint8(bound(attempts, 1, 8));
        for (uint256 i = 0; i < 7; ++i) {
            windows[i] = uint24(bound(windows[i], 1, i == 3 || i == 4 ? 3 hours : 9 days));
        }
        r.windows = Windows(
            windows[0], windows[1], windows[2], windows[3], windows[4], windows[5], windows[6]
        );
        if (r.windows.review < BASE_REVIEW) r.windows.review = BASE_REVIEW;
        if (r.windows.settlement < 10 minutes) r.windows.settlement = 10 minutes;
        uint256 longest = uint256(windows[0]) + windows[1] + windows[2] + r.windows.review + RULING + 2 * uint256(r.windows.settlement) + 1 days;
        for (uint256 i = 0; i < r.maxAttempts; ++i) {
            longest += windows[3] + windows[4];
        }
        if (longest <= UNBONDING) {
            _rules.requireAllowed(r);
            r.windows.quote += uint24(UNBONDING - longest);
            _rules.requireAllowed(r); // just as long as the stakes
            ++r.windows.quote;
            longest = UNBONDING + 1;
        }
        _refuse(r, abi.encodeWithSelector(IMarketRules.TradeTooLong.selector, longest, UNBONDING));
    }

    function testFuzz_RefusesAnotherCommitteeThanTheOneInOffice(bytes32 digest) public {
        Request memory r = _request();
        vm.assume(digest != r.committee);
        r.committee = digest;
        _refuse(r, abi.encodeWithSelector(IMarketRules.RuleChanged.selector, "committee"));
    }

    function test_RefusesWhereNoCommitteeIsInOffice() public {
        (_committee, _panel) = _offices();
        _rules = this.deploy(_committee, FEE_BPS, TREASURY);
        _appoint(_panel, address(0x2001));
        Request memory r = _request();
        r.committee = 0; // as it is in the contract
        _refuse(r, abi.encodeWithSelector(IMarketRules.NotBacked.selector, _committee));
    }

    function test_RefusesWhereTheStakesOfTheCommitteeOrOfThePanelWereTaken() public {
        _least = 1 ether;
        (_committee, _panel) = _offices();
        _rules = this.deploy(_committee, FEE_BPS, TREASURY);
        OracleCommittee[2] memory offices = [_committee, _panel];
        for (uint256 i = 0; i < 2; ++i) {
            _appoint(offices[i], address(uint160(0x3001 + i)));
        }
        Request memory r = _request();
        for (uint256 i = 0; i < 2; ++i) {
            address member = address(uint160(0x3001 + i));
            _rules.requireAllowed(r);
            vm.prank(ARBITER);
            offices[i].slash(member, 1, address(this));
            _refuse(r, abi.encodeWithSelector(IMarketRules.NotBacked.selector, offices[i]));
            _stake(offices[i], member, 1);
        }
        _rules.requireAllowed(r);
    }

    function testFuzz_RefusesAnotherPanelThanTheOneInOffice(bytes32 digest) public {
        Request memory r = _request();
        vm.assume(digest != r.panel);
        r.panel = digest;
        _refuse(r, abi.encodeWithSelector(IMarketRules.RuleChanged.selector, "panel"));
    }

    // ---------------------------------------------------------------------- changes

    function testFuzz_KeepsTheFeeAndSaysSo(uint16 feeBps, address treasury) public {
        vm.assume(treasury != address(0));
        feeBps = uint16(bound(feeBps, 0, 1_000));
        vm.expectEmit(address(_rules));
        emit IMarketRules.FeeChanged(feeBps, treasury);
        _rules.setFee(feeBps, treasury);
        _assertInForce(false, feeBps, treasury, BASE_REVIEW, REVIEW_SHIFT);
        Request memory r = _request();
        (r.feeBps, r.treasury) = (feeBps, treasury);
        _rules.requireAllowed(r);
    }

    function testFuzz_RefusesAFeeBeyondTheMost(uint16 feeBps) public {
        feeBps = uint16(bound(feeBps, 1_001, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(IMarketRules.FeeTooHigh.selector, feeBps));
        _rules.setFee(feeBps, TREASURY);
    }

    function test_RefusesTheZeroAddressForATreasury() public {
        vm.expectRevert(IMarketRules.ZeroTreasury.selector);
        _rules.setFee(FEE_BPS, address(0));
    }

    function testFuzz_LetsTheReviewGrowWithTheBudget(uint24 base, uint8 shift, uint128 budget) public {
        vm.expectEmit(address(_rules));
        emit IMarketRules.ReviewChanged(base, shift);
        _rules.setReview(base, shift);
        _assertInForce(false, FEE_BPS, TREASURY, base, shift);
        uint256 more = shift < 128 ? budget / 2 ** shift : 0;
        assertEq(_rules.reviewOf(NATIVE, budget), base + more);
    }

    function testFuzz_LetsACurrencyHaveAShiftOfItsOwn(address currency, uint8 shift, uint128 budget) public {
        vm.assume(currency != address(0) && shift != 0);
        Currency own = Currency.wrap(currency);
        vm.expectEmit(address(_rules));
        emit IMarketRules.ReviewShiftChanged(own, shift);
        _rules.setReviewShift(own, shift);
        uint256 more = shift < 128 ? budget / 2 ** shift : 0;
        assertEq(_rules.reviewOf(own, budget), BASE_REVIEW + more);
        assertEq(_rules.reviewOf(NATIVE, budget), BASE_REVIEW + budget / 2 ** REVIEW_SHIFT);
        _assertInForce(false, FEE_BPS, TREASURY, BASE_REVIEW, REVIEW_SHIFT);
        _rules.setReviewShift(own, 0);
        assertEq(_rules.reviewOf(own, budget), BASE_REVIEW + budget / 2 ** REVIEW_SHIFT);
    }

    function test_AsksForTheReviewOfTheCurrencyOfTheRequest() public {
        Request memory r = _request();
        (r.currency, r.budget) = (Currency.wrap(address(0x6dec)), 1_000_000e6);
        _rules.requireAllowed(r);
        _rules.setReviewShift(r.currency, 20);
        uint256 needed = BASE_REVIEW + 953_674;
        _refuse(
            r, abi.encodeWithSelector(IMarketRules.ReviewTooShort.selector, r.windows.review, needed)
        );
        r.windows.review = uint24(needed);
        _rules.requireAllowed(r);
    }

    function test_PausesRequestsAndAllowsThemAgain() public {
        vm.expectEmit(address(_rules));
        emit IMarketRules.RequestsPaused(true);
        _rules.pauseRequests(true);
        _assertInForce(true, FEE_BPS, TREASURY, BASE_REVIEW, REVIEW_SHIFT);
        vm.expectEmit(address(_rules));
        emit IMarketRules.RequestsPaused(false);
        _rules.pauseRequests(false);
        _rules.requireAllowed(_request());
    }

    function testFuzz_RefusesWhomTheAccessManagerDoesNotKnow(address caller) public {
        assumeNotForgeAddress(caller);
        vm.assume(caller != address(this));
        bytes memory refusal =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        _rules.setFee(FEE_BPS, caller);
        vm.expectRevert(refusal);
        _rules.setReview(0, 255);
        vm.expectRevert(refusal);
        _rules.setReviewShift(NATIVE, 255);
        vm.expectRevert(refusal);
        _rules.pauseRequests(true);
    }

    function test_AsksForTheNewOneFromItsFirstSecondOn() public {
        Request memory r = _request();
        _appoint(_committee, address(0x1002));
        skip(ROTATION - 1);
        _rules.requireAllowed(r);
        skip(1);
        _refuse(r, abi.encodeWithSelector(IMarketRules.RuleChanged.selector, "committee"));
        _rules.requireAllowed(_request());
    }

    // ---------------------------------------------------------------------- private

    function _offices() private returns (OracleCommittee committee, OracleCommittee panel) {
        committee = _office(UNBONDING, vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1));
        panel = _office(0, address(committee));
    }

    function _office(uint32 unbonding, address counterpart) private returns (OracleCommittee) {
        CommitteeTerms memory terms =
            CommitteeTerms(NATIVE, _least, ROTATION, unbonding, ARBITER, counterpart);
        return new OracleCommittee(address(_authority), terms);
    }

    /// @dev From outside: a constructor that is linked at run time ends the function by its revert.
    function deploy(OracleCommittee committee, uint16 feeBps, address treasury)
        external
        returns (MarketRules)
    {
        return new MarketRules(
            address(_authority), committee, _panel, feeBps, treasury, BASE_REVIEW, REVIEW_SHIFT, RULING
        );
    }

    function _appoint(OracleCommittee office, address member) private {
        address[] memory members = new address[](1);
        members[0] = member;
        if (_least != 0) _stake(office, member, _least);
        office.scheduleRotation(members, 1);
    }

    function _stake(OracleCommittee office, address member, uint128 amount) private {
        deal(address(this), amount);
        office.stake{value: amount}(member, amount);
    }

    function _request() private view returns (Request memory r) {
        (r.buyer, r.broker) = (address(0xb1), address(0xb2));
        (r.budget, r.threshold, r.maxAttempts) = (1 ether, 700_000, 3);
        (r.minRows, r.validationRows) = (50, 10);
        (r.validationRoot, r.spec) = ("root", "specification");
        (r.committee, r.panel) = (_committee.currentDigest(), _panel.currentDigest());
        (r.feeBps, r.treasury) = (FEE_BPS, TREASURY);
        r.windows = Windows(1 hours, 1 hours, 1 hours, 1 hours, 1 hours, 2 hours, 1 hours);
    }

    function _refuse(Request memory r, bytes memory refusal) private {
        vm.expectRevert(refusal);
        _rules.requireAllowed(r);
    }

    function _assertInForce(bool paused, uint16 feeBps, address treasury, uint24 base, uint8 shift)
        private
        view
    {
        (bool p, uint16 f, address t, uint24 b, uint8 s) = _rules.inForce();
        assertEq(abi.encode(p, f, t, b, s), abi.encode(paused, feeBps, treasury, base, shift));
    }
}
