// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Delays, IParticipantRegistry} from "../../src/interfaces/IParticipantRegistry.sol";
import {ParticipantRegistry} from "../../src/ParticipantRegistry.sol";
import {Currency} from "../../src/types/Currency.sol";
import {Clock} from "./Clock.sol";

/// @title Tests of groups of accounts, by Affiliations.tree
contract AffiliationsTest is Clock {
    address private constant ME = address(0x3e);
    address private constant FOUNDER = address(0xf0);
    address private constant HOME = address(0x40e);
    uint32 private constant JOINING = 1 days;
    uint32 private constant LEAVING = 31 days;

    ParticipantRegistry private _registry;
    uint40 private _start = 1_000_000;

    function setUp() public {
        vm.warp(_start);
        _registry = new ParticipantRegistry(Currency.wrap(address(0)), Delays(0, JOINING, LEAVING, 0));
        vm.startPrank(ME); // whoever else acts is named
    }

    // ------------------------------------------------------------------ founding

    function testFuzz_BelongsToItAtOnce(bytes32 content) public {
        bytes32 group = bytes26(keccak256(abi.encode(block.chainid, address(_registry), ME, content)));
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.GroupFounded(group, ME, content);
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.GroupJoined(group, ME, _start);
        assertEq(_registry.foundGroup(content), group);
        assertEq(_registry.groupIdOf(ME, content), group);
        assertEq(_registry.founderOf(group), ME);
        _assertMembership(group, group, false, _start);
    }

    function test_FoundsAGroupOnce() public {
        bytes32 group = _registry.foundGroup("content");
        _registry.leaveGroup();
        skip(LEAVING);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.GroupExists.selector, group));
        _registry.foundGroup("content");
    }

    function test_BelongsToNoOther() public {
        bytes32 group = _registry.foundGroup("content");
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyAffiliated.selector, ME, group));
        _registry.foundGroup("other");
    }

    function test_InvitesAndTakesBack() public {
        bytes32 group = _registry.foundGroup("content");
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.InvitationSet(group, HOME, true);
        _registry.setInvitation(HOME, true);
        assertTrue(_registry.isInvited(group, HOME));
        _registry.setInvitation(HOME, false);
        assertFalse(_registry.isInvited(group, HOME));
    }

    // ------------------------------------------------------------------- joining

    function test_CountsAfterTheDelayToTheSecond() public {
        bytes32 group = _invite();
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.GroupJoined(group, ME, _start + JOINING);
        _registry.joinGroup(group);
        skip(JOINING - 1);
        _assertMembership(0, group, false, _start + JOINING);
        skip(1);
        _assertMembership(group, group, false, _start + JOINING);
        address[] memory accounts = new address[](3);
        (accounts[1], accounts[2]) = (ME, FOUNDER);
        bytes32[] memory groups = _registry.affiliationsOf(accounts);
        assertEq(abi.encode(groups), abi.encode(uint256(0x20), uint256(3), bytes32(0), group, group));
    }

    function testFuzz_WasInvited(bytes32 group) public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotInvited.selector, group, ME));
        _registry.joinGroup(group);
    }

    function test_FindsTheFounderInIt() public {
        bytes32 group = _invite();
        _as(FOUNDER);
        _registry.leaveGroup();
        skip(LEAVING);
        _as(ME);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.GroupClosed.selector, group));
        _registry.joinGroup(group);
    }

    function test_UsesItsInvitationUp() public {
        bytes32 group = _join();
        assertFalse(_registry.isInvited(group, ME));
        _registry.leaveGroup();
        skip(LEAVING);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotInvited.selector, group, ME));
        _registry.joinGroup(group);
    }

    function test_MayNotInvite() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotAffiliated.selector, ME));
        _registry.setInvitation(HOME, true);
        _join();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotTheFounder.selector, ME));
        _registry.setInvitation(HOME, true);
    }

    // ------------------------------------------------------------------- leaving

    function test_CountsUntilTheDelayIsOverToTheSecond() public {
        bytes32 group = _join();
        uint40 leftAt = _now() + LEAVING;
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.GroupLeft(group, ME, leftAt);
        _registry.leaveGroup();
        vm.warp(leftAt - 1);
        _assertMembership(group, group, true, leftAt);
        vm.warp(leftAt);
        _assertMembership(0, group, true, leftAt);
    }

    function test_LeavesAtOnceWhereItsJoiningHadNoEffectYet() public {
        bytes32 group = _invite();
        _registry.joinGroup(group);
        skip(JOINING - 1);
        _registry.leaveGroup();
        _assertMembership(0, group, true, _start + JOINING - 1);
        skip(LEAVING);
        assertEq(_registry.affiliationOf(ME), 0);
    }

    function test_WasInOne() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NotAffiliated.selector, ME));
        _registry.leaveGroup();
    }

    function test_LeavesOnlyOnce() public {
        _registry.foundGroup("content");
        _registry.leaveGroup();
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyLeaving.selector, _start + LEAVING));
        _registry.leaveGroup();
    }

    function test_MayFoundAnotherWhenTheDelayIsOver() public {
        bytes32 group = _registry.foundGroup("content");
        _registry.leaveGroup();
        skip(LEAVING - 1);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.AlreadyAffiliated.selector, ME, group));
        _registry.foundGroup("other");
        skip(1);
        assertEq(_registry.affiliationOf(ME), 0);
        bytes32 other = _registry.foundGroup("other");
        assertEq(_registry.affiliationOf(ME), other);
    }

    // -------------------------------------------------------------------- within

    function _invite() private returns (bytes32 group) {
        _as(FOUNDER);
        group = _registry.foundGroup("content");
        _registry.setInvitation(ME, true);
        _as(ME);
    }

    function _join() private returns (bytes32 group) {
        group = _invite();
        _registry.joinGroup(group);
        skip(JOINING);
    }

    function _as(address account) private {
        vm.stopPrank();
        vm.startPrank(account);
    }

    function _assertMembership(bytes32 counts, bytes32 group, bool leaving, uint40 effectiveAt) private view {
        assertEq(_registry.affiliationOf(ME), counts);
        (bytes32 group_, bool leaving_, uint40 effectiveAt_) = _registry.membershipOf(ME);
        assertEq(group_, group);
        assertEq(leaving_, leaving);
        assertEq(effectiveAt_, effectiveAt);
    }
}
