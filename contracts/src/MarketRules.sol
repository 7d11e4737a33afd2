// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IMarketRules} from "./interfaces/IMarketRules.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {Attempts} from "./libraries/Attempts.sol";
import {Currency} from "./types/Currency.sol";
import {Request, Windows} from "./types/Trade.sol";

/// @title MarketRules
contract MarketRules is IMarketRules, AccessManaged {
    uint256 private constant PARTS = 1_000_000; // a score is parts per million
    uint16 private constant MAX_FEE_BPS = 1_000;
    uint256 private constant PENALTY_WINDOW = 1 days;
    uint24 private constant LEAST_SETTLEMENT = 10 minutes; // fifty blocks, for all to open scores

    /// @inheritdoc IMarketRules
    IOracleCommittee public immutable committee;

    /// @inheritdoc IMarketRules
    IOracleCommittee public immutable panel;

    /// @inheritdoc IMarketRules
    uint32 public immutable rulingWindow;

    // One slot, as the address doesn't fit behind the authority's.
    address private _treasury;
    bool private _paused;
    uint16 private _feeBps;
    uint24 private _baseReview;
    uint8 private _reviewShift;

    mapping(Currency currency => uint8) private _shifts; // zero for none of its own

    constructor(
        address authority,
        IOracleCommittee committee_,
        IOracleCommittee panel_,
        uint16 feeBps,
        address treasury,
        uint24 baseReview,
        uint8 reviewShift,
        uint32 rulingWindow_
    ) AccessManaged(authority) {
        committee = committee_;
        panel = panel_;
        rulingWindow = rulingWindow_;
        _setFee(feeBps, treasury);
        _setReview(baseReview, reviewShift);
        if (
            address(committee_) == address(panel_) || committee_.counterpart() != address(panel_)
                || panel_.counterpart() != address(committee_)
        ) revert NotCounterparts(address(committee_), address(panel_));
    }

    /// @inheritdoc IMarketRules
    function requireAllowed(Request calldata request) external view {
        if (_paused) revert RequestsArePaused();
        _requireValid(request);
        if (request.feeBps != _feeBps) revert RuleChanged("feeBps");
        if (request.treasury != _treasury) revert RuleChanged("treasury");
        uint256 review = reviewOf(request.currency, request.budget);
        if (request.windows.review < review) revert ReviewTooShort(request.windows.review, review);
        uint256 longest = _longestOf(request);
        uint256 bonded = committee.unbondingDelay();
        if (longest > bonded) revert TradeTooLong(longest, bonded);
        if (request.committee != _backed(committee)) revert RuleChanged("committee");
        if (request.panel != _backed(panel)) revert RuleChanged("panel");
    }

    /// @inheritdoc IMarketRules
    function pauseRequests(bool paused) external restricted {
        _paused = paused;
        emit RequestsPaused(paused);
    }

    /// @inheritdoc IMarketRules
    function setFee(uint16 feeBps, address treasury) external restricted {
        _setFee(feeBps, treasury);
    }

    /// @inheritdoc IMarketRules
    function setReview(uint24 baseReview, uint8 reviewShift) external restricted {
        _setReview(baseReview, reviewShift);
    }

    /// @inheritdoc IMarketRules
    function setReviewShift(Currency currency, uint8 reviewShift) external restricted {
        _shifts[currency] = reviewShift;
        emit ReviewShiftChanged(currency, reviewShift);
    }

    /// @inheritdoc IMarketRules
    function reviewOf(Currency currency, uint128 budget) public view returns (uint256) {
        uint8 shift = _shifts[currency];
        if (shift == 0) shift = _reviewShift;
        return uint256(_baseReview) + (uint256(budget) >> shift);
    }

    /// @inheritdoc IMarketRules
    function inForce()
        external
        view
        returns (bool paused, uint16 feeBps, address treasury, uint24 baseReview, uint8 reviewShift)
    {
        return (_paused, _feeBps, _treasury, _baseReview, _reviewShift);
    }

    function _requireValid(Request calldata request) private pure {
        if (request.broker == address(0)) revert InvalidRequest("broker");
        if (request.budget == 0) revert InvalidRequest("budget");
        if (request.threshold == 0 || request.threshold > PARTS) revert InvalidRequest("threshold");
        if (request.maxAttempts == 0 || request.maxAttempts > Attempts.MAX) {
            revert InvalidRequest("maxAttempts");
        }
        if (request.minRows == 0) revert InvalidRequest("minRows");
        if (request.validationRows == 0) revert InvalidRequest("validationRows");
        if (request.validationRoot == 0) revert InvalidRequest("validationRoot");
        if (request.spec == 0) revert InvalidRequest("spec");
        if (request.approvalRequired && request.auditor == address(0)) {
            revert InvalidRequest("auditor");
        }
        if (!_windowsValid(request.windows)) revert InvalidRequest("windows");
    }

    /// @dev The longest until the last fault can be penalised, if each step comes as soon as it may:
    ///      every attempt used, a challenge in the last moment, the settlement window twice, before
    ///      the end and for earlier seals after it, and time to send the penalty.
    function _longestOf(Request calldata request) private view returns (uint256) {
        Windows calldata windows = request.windows;
        uint256 attempt = uint256(windows.training) + windows.validation;
        return uint256(windows.quote) + windows.delivery + windows.judging
            + request.maxAttempts * attempt + windows.review + rulingWindow
            + 2 * uint256(windows.settlement) + PENALTY_WINDOW;
    }

    function _backed(IOracleCommittee seats) private view returns (bytes32 digest) {
        digest = seats.backedDigest();
        if (digest == 0) revert NotBacked(address(seats));
    }

    function _windowsValid(Windows calldata windows) private pure returns (bool) {
        return windows.quote > 0 && windows.delivery > 0 && windows.judging > 0
            && windows.training > 0 && windows.validation > 0 && windows.review > 0
            && windows.settlement >= LEAST_SETTLEMENT;
    }

    function _setFee(uint16 feeBps, address treasury) private {
        if (feeBps > MAX_FEE_BPS) revert FeeTooHigh(feeBps);
        if (treasury == address(0)) revert ZeroTreasury();
        _feeBps = feeBps;
        _treasury = treasury;
        emit FeeChanged(feeBps, treasury);
    }

    function _setReview(uint24 baseReview, uint8 reviewShift) private {
        _baseReview = baseReview;
        _reviewShift = reviewShift;
        emit ReviewChanged(baseReview, reviewShift);
    }
}
