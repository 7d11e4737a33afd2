// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {Test} from "forge-std/Test.sol";
import {Governance} from "../../src/Governance.sol";
import {IGovernance} from "../../src/interfaces/IGovernance.sol";
import {MarketRules} from "../../src/MarketRules.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency} from "../../src/types/Currency.sol";

/// @title Tests of the access manager with a rule book and a committee under it, by Governance.tree
contract GovernanceTest is Test {
    uint32 private constant DELAY = 2 days;
    uint64 private constant ADMIN = 0;
    uint64 private constant GOVERNORS = 1;
    uint64 private constant GUARDIANS = 2;
    address private constant GOVERNOR = address(0x901);
    address private constant GUARDIAN = address(0x902);
    address private constant TREASURY = address(0x7ea);

    Governance private _governance;
    MarketRules private _rules;
    OracleCommittee private _committee;

    /// @dev Hands over as the deployment does.
    function setUp() public {
        vm.warp(1_800_000_000);
        _governance = new Governance(address(this), DELAY);
        CommitteeTerms memory terms;
        terms.counterpart = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        _committee = new OracleCommittee(address(_governance), terms);
        terms.counterpart = address(_committee);
        OracleCommittee panel = new OracleCommittee(address(_governance), terms);
        _rules = new MarketRules(address(_governance), _committee, panel, 250, TREASURY, 3_600, 255, 0);
        _restrict(address(_rules), _rules.setFee.selector, GOVERNORS);
        _restrict(address(_rules), _rules.setReview.selector, GOVERNORS);
        _restrict(address(_rules), _rules.setReviewShift.selector, GOVERNORS);
        _restrict(address(_rules), _rules.pauseRequests.selector, GUARDIANS);
        _restrict(address(_committee), _committee.scheduleRotation.selector, GOVERNORS);
        _restrict(address(_committee), _committee.cancelRotation.selector, GOVERNORS);
        _governance.grantRole(GOVERNORS, GOVERNOR, DELAY);
        _governance.grantRole(GUARDIANS, GUARDIAN, 0);
        _governance.setRoleAdmin(GUARDIANS, GOVERNORS);
        _governance.setRoleAdmin(GOVERNORS, GOVERNORS);
    }

    function testFuzz_KeepsTheDelayAndMakesTheDeployerItsAdministrator(address deployer, uint32 delay) public {
        vm.assume(deployer != address(0));
        Governance governance = new Governance(deployer, delay);
        assertEq(governance.governorDelay(), delay);
        assertEq(governance.GOVERNOR(), GOVERNORS);
        assertEq(governance.GUARDIAN(), GUARDIANS);
        (bool member,) = governance.hasRole(ADMIN, deployer);
        assertTrue(member);
    }

    // ------------------------------------------------------------------ appointment

    function testFuzz_TakesTheDelayOrMore(address account, uint32 delay, uint32 needed) public {
        Governance governance = new Governance(address(this), needed);
        delay = uint32(bound(delay, needed, type(uint32).max));
        governance.grantRole(GOVERNORS, account, delay);
        (bool member, uint32 given) = governance.hasRole(GOVERNORS, account);
        assertTrue(member);
        assertEq(given, delay);
    }

    function testFuzz_RefusesAShorterDelay(address account, uint32 delay, uint32 needed) public {
        needed = uint32(bound(needed, 1, type(uint32).max));
        delay = uint32(bound(delay, 0, needed - 1));
        Governance governance = new Governance(address(this), needed);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.DelayTooShort.selector, delay, needed));
        governance.grantRole(GOVERNORS, account, delay);
        (bool member,) = governance.hasRole(GOVERNORS, account);
        assertFalse(member);
    }

    function testFuzz_RefusesToShortenTheDelayOfOneInOffice(uint32 delay) public {
        delay = uint32(bound(delay, 0, DELAY - 1));
        Governance governance = new Governance(address(this), DELAY);
        governance.grantRole(GOVERNORS, GOVERNOR, DELAY);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.DelayTooShort.selector, delay, DELAY));
        governance.grantRole(GOVERNORS, GOVERNOR, delay);
        (, uint32 given) = governance.hasRole(GOVERNORS, GOVERNOR);
        assertEq(given, DELAY);
    }

    function testFuzz_AsksNoDelayOfOtherRoles(uint64 role, uint32 delay) public {
        vm.assume(role != GOVERNORS && role != type(uint64).max);
        Governance governance = new Governance(address(this), DELAY);
        governance.grantRole(role, GUARDIAN, delay);
        (bool member, uint32 given) = governance.hasRole(role, GUARDIAN);
        assertTrue(member);
        assertEq(given, delay);
    }

    // -------------------------------------------------------------------- governors

    function testFuzz_RefusesWhatWasNotAnnounced(uint16 feeBps) public {
        bytes memory call = abi.encodeCall(_rules.setFee, (feeBps, GOVERNOR));
        _refuseUnannounced(address(_rules), call);
        address[] memory members = new address[](1);
        members[0] = GOVERNOR;
        _refuseUnannounced(address(_committee), abi.encodeCall(_committee.scheduleRotation, (members, 1)));
        _refuseUnannounced(address(_committee), abi.encodeCall(_committee.cancelRotation, ()));
        _refuseUnannounced(address(_rules), abi.encodeCall(_rules.setReview, (0, 255)));
        Currency native = Currency.wrap(address(0));
        _refuseUnannounced(address(_rules), abi.encodeCall(_rules.setReviewShift, (native, 255)));
    }

    function testFuzz_RefusesToAnnounceForTooSoon(uint32 early) public {
        early = uint32(bound(early, 1, DELAY));
        bytes memory call = abi.encodeCall(_rules.setFee, (10, TREASURY));
        uint48 due = uint48(vm.getBlockTimestamp() + DELAY - early);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessManager.AccessManagerUnauthorizedCall.selector,
                GOVERNOR,
                address(_rules),
                _rules.setFee.selector
            )
        );
        vm.prank(GOVERNOR);
        _governance.schedule(address(_rules), call, due);
    }

    function testFuzz_LetsItHappenOnceWhenTheDelayIsOver(uint16 feeBps, uint32 early) public {
        feeBps = uint16(bound(feeBps, 0, 1_000));
        early = uint32(bound(early, 1, DELAY));
        bytes memory call = abi.encodeCall(_rules.setFee, (feeBps, TREASURY));
        uint256 due = _announce(address(_rules), call);
        vm.warp(due - early);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManager.AccessManagerNotReady.selector, _id(address(_rules), call))
        );
        vm.prank(GOVERNOR);
        _rules.setFee(feeBps, TREASURY);
        vm.warp(due);
        vm.prank(GOVERNOR);
        _rules.setFee(feeBps, TREASURY);
        (, uint16 given,,,) = _rules.inForce();
        assertEq(given, feeBps);
        _refuseUnannounced(address(_rules), call);
    }

    function test_RefusesItAfterAWeek() public {
        bytes memory call = abi.encodeCall(_rules.setFee, (10, TREASURY));
        vm.warp(_announce(address(_rules), call) + 7 days);
        vm.expectRevert(
            abi.encodeWithSelector(IAccessManager.AccessManagerExpired.selector, _id(address(_rules), call))
        );
        vm.prank(GOVERNOR);
        _rules.setFee(10, TREASURY);
    }

    function testFuzz_RefusesToLetItShedTheDelayOfItselfOrAnother(address account, uint32 delay) public {
        vm.assume(account != GOVERNOR);
        delay = uint32(bound(delay, 0, DELAY - 1));
        address[2] memory accounts = [GOVERNOR, account];
        for (uint256 i = 0; i < 2; ++i) {
            bytes memory call = abi.encodeCall(_governance.grantRole, (GOVERNORS, accounts[i], delay));
            vm.warp(_announce(address(_governance), call));
            vm.expectRevert(abi.encodeWithSelector(IGovernance.DelayTooShort.selector, delay, DELAY));
            vm.prank(GOVERNOR);
            _governance.grantRole(GOVERNORS, accounts[i], delay);
        }
    }

    // -------------------------------------------------------------------- guardians

    function test_LetsItPauseAtOnce() public {
        vm.prank(GUARDIAN);
        _rules.pauseRequests(true);
        (bool paused,,,,) = _rules.inForce();
        assertTrue(paused);
    }

    function test_RefusesItEverythingElse() public {
        bytes memory refusal =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, GUARDIAN);
        vm.startPrank(GUARDIAN);
        vm.expectRevert(refusal);
        _rules.setFee(10, TREASURY);
        vm.expectRevert(refusal);
        _rules.setReview(0, 255);
        vm.expectRevert(refusal);
        _rules.setReviewShift(Currency.wrap(address(0)), 255);
        vm.expectRevert(refusal);
        _committee.cancelRotation();
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessManager.AccessManagerUnauthorizedAccount.selector, GUARDIAN, GOVERNORS
            )
        );
        _governance.grantRole(GUARDIANS, GUARDIAN, 0);
    }

    // ---------------------------------------------------------------------- private

    function _restrict(address target, bytes4 selector, uint64 role) private {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        _governance.setTargetFunctionRole(target, selectors, role);
    }

    function _announce(address target, bytes memory call) private returns (uint256 due) {
        due = vm.getBlockTimestamp() + DELAY;
        vm.prank(GOVERNOR);
        _governance.schedule(target, call, uint48(due));
    }

    function _id(address target, bytes memory call) private pure returns (bytes32) {
        return keccak256(abi.encode(GOVERNOR, target, call));
    }

    function _refuseUnannounced(address target, bytes memory call) private {
        vm.prank(GOVERNOR);
        (bool done, bytes memory reason) = target.call(call);
        assertFalse(done);
        bytes32 id = _id(target, call);
        assertEq(reason, abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, id));
    }
}
