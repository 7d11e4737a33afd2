// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOracleCommittee} from "../../src/interfaces/IOracleCommittee.sol";
import {IParticipantRegistry} from "../../src/interfaces/IParticipantRegistry.sol";
import {MarketRules} from "../../src/MarketRules.sol";
import {ModelMarket} from "../../src/ModelMarket.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency} from "../../src/types/Currency.sol";
import {Status, StatusLibrary} from "../../src/types/Status.sol";
import {Authority} from "../Authority.sol";
import {Deployer} from "./market/Deployer.sol";
import {MarketHandler} from "./market/MarketHandler.sol";
import {Trade} from "./market/Terms.sol";

/// @title Many trades at once, in any order of steps, by ModelMarket.tree
/// @dev A revert of the handler is a failure: what should be refused, it expects to be.
contract ModelMarketTest is Deployer {
    uint256 private constant ACTIONS = 23;
    uint256 private constant STEPS = 6_000;
    Currency private constant NATIVE = Currency.wrap(address(0));

    ModelMarket private _market;
    DevToken private _token;
    MarketHandler private _handler;

    function setUp() public {
        _token = new DevToken();
        Authority authority = new Authority(address(this));
        CommitteeTerms memory terms = CommitteeTerms(NATIVE, 1, 1, 365 days, address(0xa4b1), address(0));
        _market = _deployMarket(address(authority), terms, address(0xa4b1), 100);
        MarketRules rules = MarketRules(address(_market.rules()));
        IOracleCommittee committee = rules.committee();
        _handler = new MarketHandler(_market, rules, address(_token));
        authority.grantRole(0, address(_handler), 0);

        address[] memory members = _handler.judges().members;
        vm.deal(address(this), members.length);
        for (uint256 i = 0; i < members.length; ++i) {
            committee.stake{value: 1}(members[i], 1);
        }
        committee.scheduleRotation(members, 2);
        _seatPanel(_market);
        _tie(_market.registry());
        for (uint256 i = 0; i < _handler.creditorCount(); ++i) {
            address account = _handler.creditor(i);
            _token.mint(account, 1e30);
            vm.prank(account);
            _token.approve(address(_market), type(uint256).max);
        }
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), _actions()));
    }

    /// @dev Whoever falls silent: every trade ends, and everything that is owed is paid out.
    function afterInvariant() public {
        _handler.endAll();
        invariant_KeepsEveryTradeAsTheBooksHaveIt();
        assertEq(address(_market).balance, _handler.gifts(NATIVE));
        assertEq(_token.balanceOf(address(_market)), _handler.gifts(_tokens()));
    }

    function invariant_HoldsTheOpenEscrowsAndTheCreditsToTheUnit() public view {
        assertEq(address(_market).balance, _owed(NATIVE));
        assertEq(_token.balanceOf(address(_market)), _owed(_tokens()));
    }

    function invariant_OwesEveryAccountWhatTheBooksSay() public view {
        for (uint256 i = 0; i < _handler.creditorCount(); ++i) {
            address account = _handler.creditor(i);
            assertEq(_market.creditOf(account, NATIVE), _handler.credit(account, NATIVE));
            assertEq(_market.creditOf(account, _tokens()), _handler.credit(account, _tokens()));
        }
    }

    function invariant_KeepsEveryTradeAsTheBooksHaveIt() public view {
        for (uint256 n = 0; n < _handler.tradeCount(); ++n) {
            Trade memory t = _handler.trade(n);
            Status status = _market.statusOf(t.id);
            assertEq(uint8(status.state()), uint8(t.state), "state");
            assertEq(status.deadline(), t.deadline, "deadline");
            assertEq(status.attempts(), t.attempts, "attempts");
            assertEq(status.signers(), t.signed, "signers");
            assertEq(status.has(StatusLibrary.AUDITED), t.audited, "audited");
            assertEq(status.has(StatusLibrary.APPROVED), t.audited && t.approved, "approved");
            assertEq(status.has(StatusLibrary.CHALLENGED), t.challenged, "challenged");
            assertEq(status.has(StatusLibrary.OVERTURNED), t.overturned, "overturned");
            assertEq(_market.digestOf(t.id), t.digest, "digest");
        }
    }

    function test_TakesEveryActionOfTheCampaign() public {
        vm.pauseGasMetering();
        bytes4[] memory actions = _actions();
        uint256 chance = 1;
        for (uint256 i = 0; i < STEPS; ++i) {
            chance = uint256(keccak256(abi.encode(chance)));
            (bool taken, bytes memory reason) =
                address(_handler).call(abi.encodeWithSelector(actions[chance % actions.length], chance >> 8, chance >> 64));
            // what fits no trade is not taken; nothing else may fail
            if (!taken) assertEq(reason, "FOUNDRY::ASSUME", vm.toString(reason));
        }
        string[37] memory names = [
            "request", "decline", "accept", "refuse parties", "acceptOther", "recordDelivery",
            "refuse late delivery", "reportData", "refuse experts", "refund for too few rows", "pass",
            "fail an attempt", "use up the attempts", "split verdict", "refuse a wrong report",
            "refuse a replay", "attestAudit", "refuse a second audit", "openScores",
            "refuse early scores", "settle", "fail", "refund a verdict", "settle with open seals", "settle with closed seals",
            "refuse closed seals", "dispute", "refuse a second dispute", "rule", "resume", "expire",
            "timeoutDelivery", "timeoutTraining", "withdraw", "withdrawFor", "gift", "skip time"
        ];
        invariant_OwesEveryAccountWhatTheBooksSay();
        afterInvariant();
        for (uint256 i = 0; i < names.length; ++i) {
            emit log_named_uint(names[i], _handler.done(names[i]));
        }
        for (uint256 i = 0; i < names.length; ++i) {
            assertGt(_handler.done(names[i]), 0, names[i]);
        }
    }

    function _tie(IParticipantRegistry registry) private {
        address founder = _handler.creditor(0);
        vm.prank(founder);
        bytes32 group = registry.foundGroup("tied");
        for (uint256 i = 1; i < _handler.TIED(); ++i) {
            address account = _handler.creditor(i);
            vm.prank(founder);
            registry.setInvitation(account, true);
            vm.prank(account);
            registry.joinGroup(group);
        }
    }

    function _owed(Currency currency) private view returns (uint256) {
        return _handler.escrows(currency) + _handler.credits(currency) + _handler.gifts(currency);
    }

    function _tokens() private view returns (Currency) {
        return Currency.wrap(address(_token));
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](ACTIONS);
        actions[0] = _handler.request.selector;
        actions[1] = _handler.decline.selector;
        actions[2] = _handler.accept.selector;
        actions[3] = _handler.acceptOther.selector;
        actions[4] = _handler.recordDelivery.selector;
        actions[5] = _handler.reportData.selector;
        actions[6] = _handler.reportAttempt.selector;
        actions[7] = _handler.reportWrongly.selector;
        actions[8] = _handler.replay.selector;
        actions[9] = _handler.attestAudit.selector;
        actions[10] = _handler.openScores.selector;
        actions[11] = _handler.settle.selector;
        actions[12] = _handler.dispute.selector;
        actions[13] = _handler.rule.selector;
        actions[14] = _handler.expire.selector;
        actions[15] = _handler.timeoutDelivery.selector;
        actions[16] = _handler.timeoutTraining.selector;
        actions[17] = _handler.resume.selector;
        actions[18] = _handler.withdraw.selector;
        actions[19] = _handler.withdrawFor.selector;
        actions[20] = _handler.gift.selector;
        actions[21] = _handler.changeRules.selector;
        actions[22] = _handler.pass.selector;
    }
}
