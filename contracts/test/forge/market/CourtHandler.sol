// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevToken} from "../../../src/tokens/DevToken.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {StatusLibrary} from "../../../src/types/Status.sol";
import {AttemptRecord, Request, State} from "../../../src/types/Trade.sol";
import {JudgedTrade} from "./JudgedTrade.sol";

/// @title Trades one after the other, challenged, ruled on and penalised in any order
/// @dev A challenge may outlive the next trades. What each step awards is booked here.
contract CourtHandler is JudgedTrade {
    address private constant HOME = address(0x40e);
    uint256 private constant ACCOUNTS = SEATS + 5;

    mapping(Currency currency => uint256) private _bonds; // of open challenges
    mapping(address account => mapping(Currency currency => uint256)) private _booked;
    mapping(bytes32 outcome => uint256) public done;

    Request[] private _challenged; // and neither ruled on nor lapsed
    AttemptRecord private _decided;
    AttemptRecord private _earlier; // the last one that decided nothing, if its model is not zero
    uint256 private _trades;
    bool private _silencePenalised;

    constructor() {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
        _stakeAll();
    }

    /// @notice Whether the arbiter's and the committee's books are these.
    function check() external view {
        uint256 waiting = office.creditOf(address(challenges), NATIVE);
        for (uint256 i = 0; i < 2; ++i) {
            Currency currency = _currency(i);
            uint256 owed = _bonds[currency];
            for (uint256 n = 0; n < ACCOUNTS; ++n) {
                uint256 credit_ = challenges.creditOf(_account(n), currency);
                assertEq(credit_, _booked[_account(n)][currency], "credit");
                owed += credit_;
            }
            uint256 held = i == 0
                ? address(challenges).balance + waiting // what the committee's contract keeps for it
                : DevToken(token).balanceOf(address(challenges));
            assertEq(held, owed, "held");
        }
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            waiting += _staked(seat);
        }
        assertEq(address(office).balance, waiting, "stakes");
    }

    // ---------------------------------------------------------------------- a trade

    function begin(uint256 pick) external {
        vm.assume(_trades == 0 || _state() >= State.Settled || _state() == State.Disputed);
        Request memory r = _requestOf(_currency(pick));
        r.maxAttempts = uint8(1 + (pick >> 1) % 3);
        r.salt = bytes32(++_trades);
        delete _earlier;
        _silencePenalised = false;
        _fund(r);
        ++done["begin"];
    }

    function judge(uint256 pick, uint16 verdicts) external {
        vm.assume(_state() == State.Gated && vm.getBlockTimestamp() <= _deadline());
        uint16 signers = _quorum(uint8(pick));
        AttemptRecord memory record = _judge(signers, verdicts & signers);
        if (_state() == State.Gated) _earlier = record;
        else _decided = record;
        ++done["judge"];
    }

    function settle() external {
        vm.assume(_state() == State.Passed || _state() == State.Rejected);
        _settle(_decided);
        ++done["settle"];
    }

    function leaveUnjudged(uint256 delivered) external {
        vm.assume(_state() == State.Gated && delivered % 2 == 0);
        bool late = vm.getBlockTimestamp() > _deadline() - request.windows.validation;
        _leaveUnjudged(late ? 0 : delivered / 2 % 3);
        ++done["leave unjudged"];
    }

    function stake(uint256 seat, uint64 amount) external {
        _stake(seat % SEATS, uint128(amount) + 1);
        ++done["stake"];
    }

    // ------------------------------------------------------------------- challenges

    function challenge() external {
        vm.assume(_state() == State.Passed || _state() == State.Rejected);
        vm.assume(!market.statusOf(tradeId).has(StatusLibrary.CHALLENGED));
        vm.assume(vm.getBlockTimestamp() <= _deadline());
        if (Currency.unwrap(request.currency) == token) {
            _giveTokens(CHALLENGER, address(challenges), _bond());
        }
        _bonds[request.currency] += _challenge();
        _challenged.push(request);
        ++done["challenge"];
    }

    function uphold(uint256 pick) external {
        _assumeRuling();
        uint256 bond = _close(_current());
        uint16 signers = _quorum(uint8(pick));
        _uphold(signers);
        uint256 reward = bond * 4_000 / 10_000;
        _booked[treasury][request.currency] += bond - reward;
        _bookEvenly(signers, request.currency, reward);
        ++done["uphold"];
    }

    function overturn(uint256 pick) external {
        _assumeRuling();
        uint256 bond = _close(_current());
        uint16 signers = _quorum(uint8(pick));
        uint16 wrong = _decided.delivery != 0 ? _decided.verdicts : _decided.signers & ~_decided.verdicts;
        uint256 slashed = _takenFrom(wrong, WRONG_VERDICT);
        _overturn(_decided, signers);
        _booked[CHALLENGER][request.currency] += bond;
        _booked[CHALLENGER][NATIVE] += slashed / 2;
        _bookEvenly(signers, NATIVE, slashed - slashed / 2);
        ++done["overturn"];
    }

    function lapse(uint256 pick) external {
        vm.assume(_challenged.length != 0);
        pick %= _challenged.length;
        Request memory r = _challenged[pick];
        uint256 deadline = challenges.challengeOf(market.tradeIdOf(r)).deadline;
        if (vm.getBlockTimestamp() <= deadline) vm.warp(deadline + 1);
        _booked[CHALLENGER][r.currency] += _close(pick);
        challenges.lapse(r);
        ++done["lapse"];
    }

    // -------------------------------------------------------------------- penalties

    function openScores(uint16 seats) external {
        seats &= _closedEarlier();
        vm.assume(seats != 0 && vm.getBlockTimestamp() <= _deadline());
        challenges.openScores(
            request, judges(), _earlier, _proof(_earlier), _openings(_earlier, seats)
        );
        ++done["open scores"];
    }

    function penaliseClosedSeals() external {
        uint16 closed = _closedEarlier();
        vm.assume(closed != 0);
        if (vm.getBlockTimestamp() <= _deadline()) vm.warp(_deadline() + 1);
        uint256 slashed = _takenFrom(closed, CLOSED_SEAL);
        challenges.penaliseClosedSeals(request, judges(), _earlier, _proof(_earlier));
        uint256 reward = slashed * 2_500 / 10_000;
        _booked[address(this)][NATIVE] += reward;
        _booked[treasury][NATIVE] += slashed - reward;
        ++done["penalise closed seals"];
    }

    function penaliseSilence() external {
        vm.assume(market.statusOf(tradeId).has(StatusLibrary.UNJUDGED) && !_silencePenalised);
        _silencePenalised = true;
        _booked[treasury][NATIVE] += _takenFrom(type(uint16).max, SILENCE);
        challenges.penaliseSilence(request, judges());
        ++done["penalise silence"];
    }

    function withdraw(uint256 pick, uint256 n) external {
        (Currency currency, address account_) = (_currency(pick), _account(n));
        uint256 amount = _booked[account_][currency];
        vm.assume(amount != 0);
        _booked[account_][currency] = 0;
        vm.prank(account_);
        assertEq(challenges.withdrawCredit(currency, HOME), amount);
        ++done["withdraw"];
    }

    // ---------------------------------------------------------------------- private

    function _currency(uint256 i) private view returns (Currency) {
        return i % 2 == 0 ? NATIVE : Currency.wrap(token);
    }

    function _account(uint256 n) private view returns (address) {
        n %= ACCOUNTS;
        if (n < SEATS) return jurors[n];
        return [CHALLENGER, everyone[3], everyone[5], treasury, address(this)][n - SEATS];
    }

    /// @dev The trade under way is disputed, and the panel may still rule.
    function _assumeRuling() private view {
        vm.assume(_state() == State.Disputed);
        vm.assume(vm.getBlockTimestamp() <= challenges.challengeOf(tradeId).deadline);
    }

    /// @dev Where the challenge of the trade under way is.
    function _current() private view returns (uint256 which) {
        while (_challenged[which].salt != request.salt) ++which;
    }

    /// @dev Takes a challenge off the books.
    function _close(uint256 which) private returns (uint256 bond) {
        Request memory r = _challenged[which];
        bond = _bond();
        _bonds[r.currency] -= bond;
        _challenged[which] = _challenged[_challenged.length - 1];
        _challenged.pop();
    }

    /// @dev Seats that sealed a score of the earlier attempt, and neither opened it nor paid.
    function _closedEarlier() private view returns (uint16) {
        vm.assume(_earlier.model != 0 && _state() >= State.Settled);
        return _earlier.signers & ~challenges.settledSeals(tradeId, _earlier.attempt);
    }

    function _takenFrom(uint16 seats, uint256 penalty) private view returns (uint256 taken) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (seats & (1 << seat) == 0) continue;
            taken += _staked(seat) < penalty ? _staked(seat) : penalty;
        }
    }

    function _bookEvenly(uint16 signers, Currency currency, uint256 amount) private {
        uint256 count = _ones(signers);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            uint256 part = (amount + count - 1) / count;
            _booked[jurors[seat]][currency] += part;
            (amount, count) = (amount - part, count - 1);
        }
    }
}
