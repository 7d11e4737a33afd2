// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../types/Currency.sol";
import {Request} from "../types/Trade.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";

/// @title What a new request has to keep to
/// @notice All that anybody may ever change about the market lies here, and it is asked once, when a
///         trade is requested: the request itself names the rules, so they hold for the whole trade.
///         The market has no administrator.
interface IMarketRules {
    event RequestsPaused(bool paused);
    event FeeChanged(uint16 feeBps, address treasury);
    event ReviewChanged(uint24 baseReview, uint8 reviewShift);

    /// @notice A currency got a shift of its own, or lost it by a zero.
    event ReviewShiftChanged(Currency indexed currency, uint8 reviewShift);

    error RequestsArePaused();

    /// @notice A field is missing or out of its bounds. A window is a second at least, and the
    ///         settlement's ten minutes, in which all signers can open their scores.
    error InvalidRequest(string field);

    /// @notice The request names another value than the one in force.
    error RuleChanged(string rule);

    /// @notice This contract of committee or panel has nobody in office, or fewer members with the least
    ///         stake than a quorum needs.
    error NotBacked(address seats);

    /// @notice A trade of this value needs more time for a challenge.
    error ReviewTooShort(uint256 review, uint256 needed);

    /// @notice The trade, with a challenge and the time to open seals after its end, could outlast the
    ///         bond of the stakes that back its committee's word.
    error TradeTooLong(uint256 longest, uint256 bonded);

    /// @notice Committee and panel don't name each other, so they could come to share a member.
    error NotCounterparts(address committee, address panel);
    error FeeTooHigh(uint16 feeBps);
    error ZeroTreasury();

    /// @notice Reverts unless the request is complete and names the rules in force.
    function requireAllowed(Request calldata request) external view;

    /// @notice Stops or allows new requests; running trades are not touched.
    function pauseRequests(bool paused) external;

    /// @notice Sets the protocol fee of trades requested from now on.
    /// @param feeBps Basis points of the other components' sum, 1,000 at most.
    function setFee(uint16 feeBps, address treasury) external;

    /// @notice Sets the shortest review window of trades requested from now on: `baseReview` seconds
    ///         and one second more for each 2^reviewShift units of the budget, in every currency
    ///         without a shift of its own.
    function setReview(uint24 baseReview, uint8 reviewShift) external;

    /// @notice Gives a currency a shift of its own, from now on: what a unit of it is worth differs.
    /// @param reviewShift From 1; zero takes the currency's own shift away.
    function setReviewShift(Currency currency, uint8 reviewShift) external;

    /// @notice The shortest review window for a budget in a currency, in seconds.
    function reviewOf(Currency currency, uint128 budget) external view returns (uint256);

    /// @notice The rules that a request made now must name, beside committee and panel.
    function inForce()
        external
        view
        returns (bool paused, uint16 feeBps, address treasury, uint24 baseReview, uint8 reviewShift);

    /// @notice The committee contract, fixed at deployment.
    function committee() external view returns (IOracleCommittee);

    /// @notice The contract of the panel that decides challenges, fixed at deployment.
    function panel() external view returns (IOracleCommittee);

    /// @notice Seconds that the panel has for a ruling, as the arbiter's terms say.
    function rulingWindow() external view returns (uint32);
}
