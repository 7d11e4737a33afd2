// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {AttemptRecord, Request, TransferRule} from "../types/Trade.sol";
import {IModelMarket} from "./IModelMarket.sol";

/// @notice What a token licenses.
/// @dev slot 0  model
///      slot 1  delivery
///      slot 2  text
///      slot 3  licensor 160 | transfers 64 | rule 8
struct Licence {
    bytes32 model; // commitment to the model
    bytes32 delivery; // sha2-256 digest of the CID of the delivery manifest, which has the model's CID
    bytes32 text; // sha2-256 digest of the CID of the licence's text
    address licensor; // the trade's broker
    uint64 transfers; // made with the licensor's consent; the nonce of the next consent
    TransferRule rule;
}

/// @title A token for the buyer of a settled trade: which model, under which licence
/// @notice The token's id is the trade's id. The request fixed who may hold it: a non-transferable
///         token stays with the buyer, a transferable one moves as any ERC-721, and one bound to its
///         licensor moves only with a consent that the licensor signed for this very transfer.
///         `locked` and its events are those of ERC-5192.
interface IModelLicence is IERC721 {
    /// @notice `tokenId` licenses `model` to the buyer of its trade.
    event LicenceMinted(
        uint256 indexed tokenId, address indexed buyer, bytes32 indexed model, bytes32 delivery, bytes32 text
    );

    /// @notice The token does not move by ordinary transfers.
    event Locked(uint256 tokenId);

    /// @notice The token moves by ordinary transfers, or is about to move with consent.
    event Unlocked(uint256 tokenId);

    error NotSettled(uint256 tokenId);

    /// @notice What was passed is not how this trade ended.
    error RecordMismatch(bytes32 given, bytes32 decided);

    error TransferNotAllowed(uint256 tokenId, TransferRule rule);
    error ConsentExpired(uint256 deadline);
    error NotTheLicensor(address licensor);

    /// @notice Mints the token of a settled trade to its buyer; anyone may call, once.
    /// @param gated Digest of committee, deal and gate (`libraries/Digests.sol`).
    /// @param amounts Hash of the expert pool's division.
    /// @param record The attempt that decided the trade.
    function mint(Request calldata request, bytes32 gated, bytes32 amounts, AttemptRecord calldata record)
        external
        returns (uint256 tokenId);

    /// @notice Moves a token that is bound to its licensor; by the holder or whom it approved.
    /// @param deadline Last second at which the consent counts.
    /// @param consent The licensor's signature over `consentDigest` (ECDSA or ERC-1271).
    function transferWithConsent(
        address from,
        address to,
        uint256 tokenId,
        uint256 deadline,
        bytes calldata consent
    ) external;

    /// @notice What a token licenses; reverts for a token that there is not.
    function licenceOf(uint256 tokenId) external view returns (Licence memory);

    /// @notice Whether ordinary transfers of the token are refused (ERC-5192).
    function locked(uint256 tokenId) external view returns (bool);

    /// @notice The EIP-712 digest by which the licensor consents to the token's next transfer.
    function consentDigest(address from, address to, uint256 tokenId, uint256 deadline)
        external
        view
        returns (bytes32);

    /// @notice The market whose trades are licensed, fixed at deployment.
    function market() external view returns (IModelMarket);
}
