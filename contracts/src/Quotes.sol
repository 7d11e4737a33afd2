// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {IQuotes} from "./interfaces/IQuotes.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {DataQuote, ModelQuote} from "./types/Trade.sol";

/// @title Quotes
/// @dev Keeps nothing. It is apart from the market for the market's size alone.
contract Quotes is IQuotes {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAX_PROVIDERS = 32; // bounds the loop, so no quote can outgrow a block

    IParticipantRegistry private immutable _registry;

    constructor(IParticipantRegistry registry) {
        _registry = registry;
    }

    /// @inheritdoc IQuotes
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
    ) external view returns (uint128 price, uint128 protocolFee, bytes32 hash, bytes32 supplies) {
        uint256 count = quote.dataQuotes.length;
        if (count > MAX_PROVIDERS) revert TooMany(count, MAX_PROVIDERS);
        if (signatures.length != count + 1) revert LengthMismatch(signatures.length, count + 1);
        _requireUnexpired(quote.expiry);
        bytes32[] memory hashes = new bytes32[](count);
        uint256[] memory words = new uint256[](3 * count);
        address[] memory providers = new address[](count);
        address previous;
        for (uint256 i = 0; i < count; ++i) {
            DataQuote calldata offer = quote.dataQuotes[i];
            address provider = offer.provider;
            if (offer.tradeId != quote.tradeId) revert WrongTrade(offer.tradeId, quote.tradeId);
            _requireUnexpired(offer.expiry);
            if (provider <= previous) revert NotAscending(previous, provider);
            hashes[i] = TypedData.hash(offer);
            _requireSigned(domain, provider, hashes[i], signatures[i + 1]);
            (words[3 * i], words[3 * i + 1], words[3 * i + 2]) =
                (uint160(provider), offer.rows, offer.price);
            previous = providers[i] = provider;
        }
        hash = TypedData.hash(quote, hashes);
        _requireSigned(domain, broker, hash, signatures[0]);
        _registry.requireFitParties(buyer, broker, auditor, treasury, providers, judges);
        (price, protocolFee) = priceOf(quote, feeBps);
        supplies = keccak256(abi.encodePacked(words));
    }

    /// @inheritdoc IQuotes
    function priceOf(ModelQuote calldata quote, uint16 feeBps)
        public
        pure
        returns (uint128 price, uint128 protocolFee)
    {
        uint256 sum =
            uint256(quote.expertPool) + quote.brokerFee + quote.auditorFee + quote.oracleFee;
        for (uint256 i = 0; i < quote.dataQuotes.length; ++i) {
            sum += quote.dataQuotes[i].price;
        }
        uint256 fee = sum * feeBps / BASIS_POINTS;
        if (sum + fee > type(uint128).max) revert PriceTooHigh(sum + fee);
        // casting to uint128 is safe: the line above bounds both
        return (uint128(sum + fee), uint128(fee));
    }

    function _requireUnexpired(uint40 expiry) private view {
        if (block.timestamp > expiry) revert QuoteExpired(expiry);
    }

    function _requireSigned(
        bytes32 domain,
        address signer,
        bytes32 message,
        bytes calldata signature
    ) private view {
        Signatures.requireSigned(signer, MessageHashUtils.toTypedDataHash(domain, message), signature);
    }
}
