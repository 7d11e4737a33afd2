// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketRules} from "../../../src/MarketRules.sol";
import {ModelMarket} from "../../../src/ModelMarket.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {
    AttemptRecord,
    AuditFinding,
    ModelQuote,
    Opening,
    Permit,
    Request,
    State
} from "../../../src/types/Trade.sol";
import {Calls} from "./Calls.sol";
import {Ends} from "./Ends.sol";
import {Terms, Trade} from "./Terms.sol";

/// @title Drives many trades at once, and books what each step should do
/// @dev An action looks for a trade that it fits, and is not counted where there is none. What it
///      then does must succeed, or must be refused: so no revert of the market goes unnoticed.
contract MarketHandler is Ends {
    uint256 private constant MOST_UNDER_WAY = 8;
    address public constant ARBITER = address(0xa4b1);

    MarketRules public immutable rules;

    bytes[] private _used; // reports and signed withdrawals that went through once

    constructor(ModelMarket market_, MarketRules rules_, address token_) Terms(token_) Calls(market_) {
        rules = rules_;
    }

    // ----------------------------------------------------------- request and quote

    function request(uint256 pick, uint256 chance) external {
        vm.assume(_underWay() < MOST_UNDER_WAY); // or few trades get further
        Trade memory t;
        t.seed = uint256(keccak256(abi.encode(pick, chance, trades.length)));
        (, t.feeBps,,,) = rules.inForce();
        Request memory r = requestOf(t);
        t.id = keccak256(abi.encode(block.chainid, address(market), r));
        vm.prank(r.buyer);
        assertEq(market.requestModel(r), t.id);
        t.state = State.Requested;
        t.deadline = _after(r.windows.quote);
        trades.push(t);
        ++done["request"];
        vm.prank(r.buyer);
        _refuses(abi.encodeCall(market.requestModel, (r)));
    }

    function decline(uint256 pick, uint256 chance) external {
        vm.assume(chance % 8 == 0);
        (uint256 n, Trade memory t) = _find(pick, State.Requested);
        Request memory r = requestOf(t);
        vm.prank(r.buyer);
        market.declineQuote(r, bytes32(0));
        _end(n, t, State.Declined, "decline");
    }

    function accept(uint256 pick, uint256) external {
        (uint256 n, Trade memory t) = _findOpen(pick, State.Requested);
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        (uint256 price,) = _price(t);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        Permit memory none;
        bytes memory call = abi.encodeCall(market.acceptQuote, (r, judges(), q, uint128(price), signatures, none));
        uint256 value = Currency.unwrap(r.currency) == address(0) ? price : 0;
        vm.deal(r.buyer, value);
        vm.prank(r.buyer);
        (bool accepted,) = address(market).call{value: value}(call);
        assertEq(accepted, !_partiesConflict(t), "roles conflict");
        if (!accepted) {
            ++done["refuse parties"];
            return;
        }
        _bookAcceptance(t);
        t.state = State.Funded;
        t.deadline = _after(uint256(r.windows.delivery) + r.windows.judging);
        t.digest = _agreed(t);
        _keep(n, t, "accept");
    }

    /// @dev The same quote for a request with another validation set.
    function acceptOther(uint256 pick, uint256 chance) external {
        vm.assume(chance % 8 == 0);
        (, Trade memory t) = _findOpen(pick, State.Requested);
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        (uint256 price,) = _price(t);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        r.validationRoot = keccak256("another");
        Permit memory none;
        vm.prank(r.buyer);
        _refuses(abi.encodeCall(market.acceptQuote, (r, judges(), q, uint128(price), signatures, none)));
        ++done["acceptOther"];
    }

    // ---------------------------------------------------------------------- reports

    function recordDelivery(uint256 pick, uint256 chance) external {
        (uint256 n, Trade memory t) = _findOpen(pick, chance % 2 == 0 ? State.Funded : State.Gated);
        Request memory r = requestOf(t);
        uint256 due = t.deadline - (t.state == State.Funded ? r.windows.judging : r.windows.validation);
        // mostly one of those chance have something to deliver
        uint256 set = t.state == State.Gated ? t.experts : _setOf(suppliesOf(t));
        if (set == 0 || chance % 16 < 2) set = type(uint256).max >> (256 - everyone.length);
        address[] memory accounts = accountsIn(set);
        address account = accounts[(chance >> 8) % accounts.length];
        vm.prank(account);
        bytes memory call = abi.encodeCall(market.recordDelivery, (t.id, bytes32("work")));
        if (block.timestamp > due) {
            _refuses(call);
            ++done["refuse late delivery"];
            return;
        }
        _succeeds(call);
        t.recorded |= _bitOf(account);
        _keep(n, t, "recordDelivery");
    }

    function reportData(uint256 pick, uint256 chance) external {
        bool careless = chance >> 64 & 1 == 0;
        (uint256 n, Trade memory t) = _findOpen(pick, State.Funded);
        t.accepted = (chance | chance >> 8) & ((1 << suppliesOf(t).length) - 1);
        bool conflict;
        if (_rows(t) >= requestOf(t).minRows) {
            conflict = _chooseExperts(t, chance >> 16, careless);
        }
        uint16 signers = _quorum(chance >> 48);
        bytes memory call = _dataCall(t, signers, Flaw.None);
        if (conflict) {
            _refuses(call);
            ++done["refuse experts"];
            return;
        }
        _succeeds(call);
        _bookReport(n, t, signers);
        _refuses(call);
        _used.push(call);
    }

    function reportAttempt(uint256 pick, uint256 chance) external {
        (uint256 n, Trade memory t) = _findOpen(pick, State.Gated);
        Request memory r = requestOf(t);
        uint16 signers = _quorum(chance);
        uint16 verdicts = uint16(chance >> 16) & signers;
        bytes memory call = _attemptCall(t, signers, verdicts, Flaw.None);
        _succeeds(call);

        ++t.attempts;
        assertLe(t.attempts, r.maxAttempts, "more attempts than allowed");
        assertEq(uint8(t.verdict), 0, "an attempt after the verdict");
        t.signed |= signers;
        bool passed = 2 * _ones(verdicts) > _ones(signers);
        t.recorded = 0;
        (t.signers, t.verdicts) = (signers, verdicts);
        if (passed || t.attempts == r.maxAttempts) {
            t.state = t.verdict = passed ? State.Passed : State.Rejected;
            t.deadline = _after(r.windows.review);
            t.digest = keccak256(abi.encode(_gated(t), _amountsHash(t), _recordHash(t)));
            _keep(n, t, passed ? "pass" : "use up the attempts");
        } else {
            t.deadline = _after(uint256(r.windows.training) + r.windows.validation);
            t.records[t.attempts - 1] = _recordHash(t);
            t.digest = _gated(t);
            _keep(n, t, "fail an attempt");
        }
        if (verdicts != 0 && verdicts != signers) ++done["split verdict"];
        _refuses(call);
        _used.push(call);
    }

    /// @dev A report that is wrong in one way, for a trade that waits for one.
    function reportWrongly(uint256 pick, uint256 chance) external {
        State state = chance % 2 == 0 ? State.Funded : State.Gated;
        (, Trade memory t) = _findOpen(pick, state);
        Flaw what = Flaw(1 + (chance >> 64) % uint8(type(Flaw).max));
        if (state == State.Funded && what == Flaw.OtherAttempt) what = Flaw.OtherTrade;
        uint16 signers = what == Flaw.OneSigner ? uint16(1 << (chance >> 8) % SEATS) : _quorum(chance >> 8);
        if (state == State.Funded) {
            if (_rows(t) >= requestOf(t).minRows) _chooseExperts(t, chance >> 16, false);
            _refuses(_dataCall(t, signers, what));
        } else {
            _refuses(_attemptCall(t, signers, signers, what));
        }
        ++done["refuse a wrong report"];
    }

    /// @dev What was signed once and used once, at any later time.
    function replay(uint256 pick, uint256 chance) external {
        vm.assume(_used.length != 0 && chance % 4 == 0);
        _refuses(_used[pick % _used.length]);
        ++done["refuse a replay"];
    }

    // ---------------------------------------------------------- audit and dispute

    function attestAudit(uint256 pick, uint256 chance) external {
        (bool approved, bool bySignature) = (chance & 1 == 0, chance & 2 == 0);
        (uint256 n, Trade memory t) = _find(pick, _decidedState(pick));
        address auditor = requestOf(t).auditor;
        vm.assume(auditor != address(0));
        AuditFinding memory audit = AuditFinding(REPORT, approved, "");
        if (bySignature) audit.signature = _signAudit(t, _recordHash(t), REPORT, approved);
        bytes memory call = abi.encodeCall(
            market.attestAudit, (t.id, dealOf(t), gateOf(t), committee, _amountsHash(t), _recordHash(t), audit)
        );
        if (!bySignature) _refuses(call); // by somebody else
        vm.prank(bySignature ? address(this) : auditor);
        if (t.audited) {
            _refuses(call);
            ++done["refuse a second audit"];
            return;
        }
        _succeeds(call);
        (t.audited, t.approved) = (true, approved);
        _keep(n, t, "attestAudit");
    }

    function openScores(uint256 pick, uint256 chance) external {
        (uint256 n, Trade memory t) = _find(pick, _decidedState(pick));
        uint16 open = uint16(chance) & t.signers;
        if (open == 0) open = t.signers;
        AttemptRecord memory record = recordOf(t);
        Opening[] memory openings = openingsOf(t, t.attempts, t.signers, t.verdicts, open);
        bytes memory call = abi.encodeCall(
            market.openDecidingScores,
            (t.id, dealOf(t), gateOf(t), judges(), _amountsHash(t), record, openings)
        );
        if (t.state == State.Disputed || block.timestamp <= t.deadline) {
            _refuses(call);
            ++done["refuse early scores"];
            return;
        }
        _succeeds(call);
        t.opened |= open;
        _keep(n, t, "openScores");
    }

    function dispute(uint256 pick, uint256) external {
        State state = pick % 2 == 0 ? State.Passed : State.Rejected;
        (uint256 n, Trade memory t) = _findOpen(pick, state);
        bytes memory call = abi.encodeCall(market.dispute, (t.id));
        _refuses(call); // by somebody else
        vm.prank(ARBITER);
        if (t.challenged) {
            _refuses(call);
            ++done["refuse a second dispute"];
            return;
        }
        _succeeds(call);
        (t.state, t.challenged) = (State.Disputed, true);
        t.deadline += market.rules().rulingWindow();
        _keep(n, t, "dispute");
    }

    function rule(uint256 pick, uint256 chance) external {
        vm.assume(chance % 4 == 0); // or no dispute ends in silence
        bool overturned = chance % 8 == 0;
        (uint256 n, Trade memory t) = _find(pick, State.Disputed);
        _refuses(abi.encodeCall(market.rule, (t.id, overturned))); // by somebody else
        vm.prank(ARBITER);
        market.rule(t.id, overturned);
        (t.state, t.deadline, t.overturned) = (t.verdict, _afterDispute(t), overturned);
        _keep(n, t, "rule");
    }

    // ------------------------------------------------------------------------ money

    function withdraw(uint256 pick, uint256 chance) external {
        (address account, Currency currency) = _creditor(pick, chance % 2 == 0);
        vm.prank(account);
        uint256 amount = market.withdraw(currency, account);
        _bookWithdrawal(account, currency, amount);
        ++done["withdraw"];
        vm.prank(account);
        _refuses(abi.encodeCall(market.withdraw, (currency, account)));
    }

    function withdrawFor(uint256 pick, uint256 chance) external {
        (address account, Currency currency) = _creditor(pick, chance % 2 == 0);
        vm.assume(keyOf[account] != 0);
        address to = address(uint160(uint256(keccak256(abi.encode(account)))));
        bytes memory signature = _signWithdrawal(account, currency, to, market.nonces(account));
        bytes memory call =
            abi.encodeCall(market.withdrawFor, (account, currency, to, type(uint40).max, signature));
        _succeeds(call);
        _bookWithdrawal(account, currency, credit[account][currency]);
        assertEq(market.creditOf(account, currency), 0);
        ++done["withdrawFor"];
        _refuses(call);
        _used.push(call);
    }

    /// @dev Money that comes without a call belongs to nobody.
    function gift(uint256 pick, uint256 chance) external {
        vm.assume(chance % 8 < 2);
        (uint256 amount, bool native) = (pick % 1e18, chance % 2 == 0);
        if (native) vm.deal(address(market), address(market).balance + amount);
        else deal(token, address(market), _balance(Currency.wrap(token)) + amount);
        gifts[native ? NATIVE : Currency.wrap(token)] += amount;
        ++done["gift"];
    }

    // -------------------------------------------------------------- rules and clock

    function changeRules(uint256 pick, uint256 chance) external {
        vm.assume(chance % 8 == 0);
        rules.setFee(uint16(pick % 1_001), treasury);
        ++done["changeRules"];
    }

    function pass(uint256, uint256 chance) external {
        vm.assume(chance % 2 == 0);
        uint256 most = chance % 32 == 0 ? 1_300 : chance % 8 == 0 ? 250 : 40; // settlements are long
        skip(1 + (chance >> 8) % most);
        ++done["skip time"];
    }

    // ----------------------------------------------------------------------- within

    function _bookReport(uint256 n, Trade memory t, uint16 signers) private {
        t.signed |= signers;
        if (t.experts == 0) {
            _bookTooFewRows(t);
            _end(n, t, State.Refunded, "refund for too few rows");
            return;
        }
        Request memory r = requestOf(t);
        _bookData(t, t.accepted);
        t.state = State.Gated;
        t.recorded = 0;
        t.deadline = _after(uint256(r.windows.training) + r.windows.validation);
        t.digest = _gated(t);
        _keep(n, t, "reportData");
    }

    function _balance(Currency currency) private view returns (uint256) {
        (, bytes memory held) = token.staticcall(abi.encodeWithSignature("balanceOf(address)", market));
        return Currency.unwrap(currency) == token ? abi.decode(held, (uint256)) : address(market).balance;
    }
}
