// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ModelQuote} from "../types/Trade.sol";

/// @title What makes a quote one that a buyer may accept
/// @notice The market asks when a quote is accepted; anyone may ask before.
interface IQuotes {
    error QuoteExpired(uint40 expiry);
    error WrongTrade(bytes32 given, bytes32 needed);
    error NotAscending(address previous, address next);
    error TooMany(uint256 count, uint256 limit);
    error LengthMismatch(uint256 left, uint256 right);

    /// @notice The price doesn't fit into 128 bits.
    error PriceTooHigh(uint256 price);

    /// @notice Reverts unless the quote is signed by broker and providers, none of it has expired, and
    ///         nobody holds roles that conflict.
    /// @param domain EIP-712 domain separator of the market that the quote is for.
    /// @param judges Members of the committee, ascending.
    /// @param feeBps Protocol fee, in basis points.
    /// @param signatures By the broker over the quote, then by each provider over its own (ECDSA or
    ///        ERC-1271).
    /// @return price In the currency's smallest unit, the protocol fee included.
    /// @return protocolFee Likewise.
    /// @return hash EIP-712 struct hash of the quote.
    /// @return supplies Hash of the providers' parts.
    function check(
        bytes32 domain,
        address buyer,
        address broker,
        address auditor,
        address treasury,
        address[] calldata judges,
        uint16 feeBps,
        ModelQuote calldata quote,
        bytes[] calldata signatures
    ) external view returns (uint128 price, uint128 protocolFee, bytes32 hash, bytes32 supplies);

    /// @notice Price of a quote under a fee, the protocol fee included.
    function priceOf(ModelQuote calldata quote, uint16 feeBps)
        external
        pure
        returns (uint128 price, uint128 protocolFee);
}
