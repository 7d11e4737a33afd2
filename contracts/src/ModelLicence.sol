// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {IModelLicence, Licence} from "./interfaces/IModelLicence.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {Cid} from "./libraries/Cid.sol";
import {Digests} from "./libraries/Digests.sol";
import {AttemptRecord, Request, State, TransferRule} from "./types/Trade.sol";

/// @title ModelLicence
contract ModelLicence is IModelLicence, ERC721, EIP712 {
    using Strings for uint256;

    bytes4 private constant ERC5192 = 0xb45a3c0e;
    bytes32 private constant CONSENT =
        keccak256("Consent(uint256 tokenId,address from,address to,uint64 nonce,uint256 deadline)");

    /// @inheritdoc IModelLicence
    IModelMarket public immutable market;

    mapping(uint256 tokenId => Licence) private _licences;

    constructor(IModelMarket market_) ERC721("Model licence", "LICENCE") EIP712("ModelLicence", "1") {
        market = market_;
    }

    /// @inheritdoc IModelLicence
    function mint(Request calldata request, bytes32 gated, bytes32 amounts, AttemptRecord calldata record)
        external
        returns (uint256 tokenId)
    {
        bytes32 tradeId = market.tradeIdOf(request);
        tokenId = uint256(tradeId);
        if (market.statusOf(tradeId).state() != State.Settled) revert NotSettled(tokenId);
        bytes32 given = Digests.decided(gated, amounts, Digests.hash(record));
        bytes32 decided = market.digestOf(tradeId);
        if (given != decided) revert RecordMismatch(given, decided);

        _licences[tokenId] = Licence({
            model: record.model,
            delivery: record.delivery,
            text: request.licence,
            licensor: request.broker,
            transfers: 0,
            rule: request.transferRule
        });
        // Without a call to the buyer: a contract that can't answer it has paid for its token all the same.
        _mint(request.buyer, tokenId);
        emit LicenceMinted(tokenId, request.buyer, record.model, record.delivery, request.licence);
        if (request.transferRule == TransferRule.Transferable) emit Unlocked(tokenId);
        else emit Locked(tokenId);
    }

    /// @inheritdoc IModelLicence
    function transferWithConsent(
        address from,
        address to,
        uint256 tokenId,
        uint256 deadline,
        bytes calldata consent
    ) external {
        Licence storage licence = _licences[tokenId];
        if (licence.rule != TransferRule.ByLicensor) revert TransferNotAllowed(tokenId, licence.rule);
        if (block.timestamp > deadline) revert ConsentExpired(deadline);
        if (to == address(0)) revert ERC721InvalidReceiver(to);
        address owner = _requireOwned(tokenId);
        if (owner != from) revert ERC721IncorrectOwner(from, tokenId, owner);
        bytes32 digest = consentDigest(from, to, tokenId, deadline);
        address licensor = licence.licensor;
        if (!SignatureChecker.isValidSignatureNowCalldata(licensor, digest, consent)) {
            revert NotTheLicensor(licensor);
        }
        ++licence.transfers;
        emit Unlocked(tokenId);
        super._update(to, tokenId, msg.sender);
        emit Locked(tokenId);
    }

    /// @inheritdoc IModelLicence
    function licenceOf(uint256 tokenId) public view returns (Licence memory) {
        _requireOwned(tokenId);
        return _licences[tokenId];
    }

    /// @inheritdoc IModelLicence
    function locked(uint256 tokenId) external view returns (bool) {
        return licenceOf(tokenId).rule != TransferRule.Transferable;
    }

    /// @inheritdoc IModelLicence
    function consentDigest(address from, address to, uint256 tokenId, uint256 deadline)
        public
        view
        returns (bytes32)
    {
        uint64 nonce = _licences[tokenId].transfers;
        return _hashTypedDataV4(keccak256(abi.encode(CONSENT, tokenId, from, to, nonce, deadline)));
    }

    /// @notice The token's metadata as a data URI; CIDs are those of raw blocks.
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        Licence memory licence = licenceOf(tokenId);
        string memory json = string.concat(
            '{"name":"Model licence","external_url":"ipfs://',
            Cid.raw(licence.text),
            '","trade":"',
            tokenId.toHexString(32),
            '","model":"ipfs://',
            Cid.raw(licence.model),
            '","delivery":"ipfs://',
            Cid.raw(licence.delivery),
            '","transfer":"',
            _nameOf(licence.rule),
            '"}'
        );
        return string.concat("data:application/json;base64,", Base64.encode(bytes(json)));
    }

    /// @inheritdoc ERC721
    function supportsInterface(bytes4 id) public view override(ERC721, IERC165) returns (bool) {
        return id == ERC5192 || super.supportsInterface(id);
    }

    /// @dev All of ERC-721's own transfers come through here; those with consent go around it.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address) {
        TransferRule rule = _licences[tokenId].rule;
        if (rule != TransferRule.Transferable && _ownerOf(tokenId) != address(0)) {
            revert TransferNotAllowed(tokenId, rule);
        }
        return super._update(to, tokenId, auth);
    }

    function _nameOf(TransferRule rule) private pure returns (string memory) {
        if (rule == TransferRule.Transferable) return "free";
        return rule == TransferRule.ByLicensor ? "with the licensor's consent" : "none";
    }
}
