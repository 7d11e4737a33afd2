// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IModelLicence, Licence} from "../../src/interfaces/IModelLicence.sol";
import {Cid} from "../../src/libraries/Cid.sol";
import {ModelLicence} from "../../src/ModelLicence.sol";
import {AttemptRecord, Request, TransferRule} from "../../src/types/Trade.sol";
import {SettledTrades} from "./market/SettledTrades.sol";
import {Trade} from "./market/Terms.sol";

/// @title Tests of licence tokens, of trades settled on the market itself, by ModelLicence.tree
contract ModelLicenceTest is SettledTrades {
    address private constant NEXT = address(0x4e7);
    uint256 private constant FAR = type(uint64).max;
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant CONSENT =
        keccak256("Consent(uint256 tokenId,address from,address to,uint64 nonce,uint256 deadline)");

    ModelLicence private _licences;
    Request private _request;
    AttemptRecord private _record;
    uint256 private _token;

    function setUp() public {
        _openMarket();
        _licences = new ModelLicence(_market);
    }

    // ------------------------------------------------------------------- minting

    function test_MintsItsTokenToItsBuyer() public {
        Trade memory t = _seller.settled(TransferRule.ByLicensor);
        _remember(t);
        vm.expectEmit(address(_licences));
        emit IERC721.Transfer(address(0), _request.buyer, _token);
        vm.expectEmit(address(_licences));
        emit IModelLicence.LicenceMinted(
            _token, _request.buyer, _record.model, _record.delivery, _request.licence
        );
        vm.expectEmit(address(_licences));
        emit IModelLicence.Locked(_token);
        assertEq(_mint(t), uint256(t.id));
        assertEq(_licences.ownerOf(_token), _request.buyer);
        assertEq(address(_licences.market()), address(_market));
    }

    function test_SaysOfAFreeTokenThatItIsUnlocked() public {
        Trade memory t = _seller.settled(TransferRule.Transferable);
        vm.expectEmit(address(_licences));
        emit IModelLicence.Unlocked(uint256(t.id));
        _mint(t);
    }

    function test_MintsOneToken() public {
        Trade memory t = _minted(TransferRule.Transferable);
        (bytes32 gated, bytes32 amounts,) = _seller.recorded(t);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidSender.selector, address(0)));
        _licences.mint(_request, gated, amounts, _record);
    }

    function testFuzz_TakesWhatTheTradeDecided(bytes32 other, uint8 which) public {
        Trade memory t = _seller.settled(TransferRule.Transferable);
        (bytes32 gated, bytes32 amounts, AttemptRecord memory record) = _seller.recorded(t);
        Request memory r = _seller.requestOf(t);
        if (which % 4 == 0) gated = other;
        if (which % 4 == 1) amounts = other;
        if (which % 4 == 2) record.model = other;
        if (which % 4 == 3) record.delivery = other;
        bytes32 seals = keccak256(abi.encodePacked(record.seals));
        bytes32 recordHash = keccak256(
            abi.encode(record.attempt, record.model, record.delivery, record.signers, record.verdicts, seals)
        );
        bytes32 given = keccak256(abi.encode(gated, amounts, recordHash));
        bytes32 decided = _market.digestOf(t.id);
        vm.assume(given != decided);
        vm.expectRevert(abi.encodeWithSelector(IModelLicence.RecordMismatch.selector, given, decided));
        _licences.mint(r, gated, amounts, record);
    }

    function test_MintsNothingAtAnyStage() public {
        Trade memory t = _seller.request(TransferRule.Transferable);
        _refuseToMint(t);
        _seller.accept(t);
        _refuseToMint(t);
        t = _seller.report(t);
        _refuseToMint(t);
        _seller.settle(t);
        _mint(t);
    }

    // ---------------------------------------------------------------------- free

    function test_MovesAsAnyOther() public {
        _minted(TransferRule.Transferable);
        assertFalse(_licences.locked(_token));
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, address(this), _token)
        );
        _licences.transferFrom(_request.buyer, NEXT, _token);
        vm.prank(_request.buyer);
        _licences.transferFrom(_request.buyer, NEXT, _token);
        assertEq(_licences.ownerOf(_token), NEXT);
    }

    function test_NeedsNoConsent() public {
        _minted(TransferRule.Transferable);
        _refuseTransfer(TransferRule.Transferable);
        _move(NEXT, FAR, "");
    }

    // ------------------------------------------------------- bound to its buyer

    function test_StaysWhereItIs() public {
        _stays(TransferRule.NonTransferable);
    }

    function test_MovesByNoConsent() public {
        _minted(TransferRule.NonTransferable);
        bytes memory consent = _consent(_request.broker, NEXT, 0, FAR);
        _refuseTransfer(TransferRule.NonTransferable);
        _move(NEXT, FAR, consent);
    }

    // ---------------------------------------------------- bound to its licensor

    function test_StaysWithoutConsent() public {
        _stays(TransferRule.ByLicensor);
    }

    function test_MovesOnceWithConsent() public {
        _minted(TransferRule.ByLicensor);
        bytes memory consent = _consent(_request.broker, NEXT, 0, FAR);
        vm.expectEmit(address(_licences));
        emit IModelLicence.Unlocked(_token);
        vm.expectEmit(address(_licences));
        emit IERC721.Transfer(_request.buyer, NEXT, _token);
        vm.expectEmit(address(_licences));
        emit IModelLicence.Locked(_token);
        _move(NEXT, FAR, consent);
        assertEq(_licences.ownerOf(_token), NEXT);
        assertEq(_licences.licenceOf(_token).transfers, 1);

        bytes32 back = _digest(_token, NEXT, _request.buyer, 1, FAR);
        assertEq(_licences.consentDigest(NEXT, _request.buyer, _token, FAR), back);
        bytes memory second = _sign(_request.broker, back);
        vm.prank(NEXT);
        _licences.transferWithConsent(NEXT, _request.buyer, _token, FAR, second);
        vm.expectRevert(abi.encodeWithSelector(IModelLicence.NotTheLicensor.selector, _request.broker));
        _move(NEXT, FAR, consent);
    }

    function testFuzz_NeedsAConsentToThisVeryTransfer(uint8 wrong) public {
        _minted(TransferRule.ByLicensor);
        address broker = _request.broker;
        bytes memory consent = "";
        if (wrong % 6 == 0) consent = _consent(_request.buyer, NEXT, 0, FAR);
        if (wrong % 6 == 1) consent = _consent(broker, address(this), 0, FAR);
        if (wrong % 6 == 2) consent = _consent(broker, NEXT, 1, FAR);
        if (wrong % 6 == 3) consent = _consent(broker, NEXT, 0, FAR - 1);
        if (wrong % 6 == 4) consent = _sign(broker, _digest(_token + 1, _request.buyer, NEXT, 0, FAR));
        vm.expectRevert(abi.encodeWithSelector(IModelLicence.NotTheLicensor.selector, broker));
        _move(NEXT, FAR, consent);
    }

    function test_NeedsAConsentInTime() public {
        _minted(TransferRule.ByLicensor);
        uint256 deadline = _now();
        bytes memory consent = _consent(_request.broker, NEXT, 0, deadline);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IModelLicence.ConsentExpired.selector, deadline));
        _move(NEXT, deadline, consent);
        vm.warp(deadline);
        _move(NEXT, deadline, consent);
    }

    function test_NeedsAReceiver() public {
        _minted(TransferRule.ByLicensor);
        bytes memory consent = _consent(_request.broker, address(0), 0, FAR);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        _move(address(0), FAR, consent);
    }

    function testFuzz_NeedsTheOwnerAsItsSender(address other) public {
        _minted(TransferRule.ByLicensor);
        address owner = _request.buyer;
        vm.assume(other != owner);
        bytes memory consent = _sign(_request.broker, _digest(_token, other, NEXT, 0, FAR));
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, other, _token, owner)
        );
        _licences.transferWithConsent(other, NEXT, _token, FAR, consent);
    }

    function test_NeedsTheOwnerOrWhomItApproved() public {
        _minted(TransferRule.ByLicensor);
        bytes memory consent = _consent(_request.broker, NEXT, 0, FAR);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, NEXT, _token));
        vm.prank(NEXT);
        _licences.transferWithConsent(_request.buyer, NEXT, _token, FAR, consent);
        vm.prank(_request.buyer);
        _licences.approve(NEXT, _token);
        vm.prank(NEXT);
        _licences.transferWithConsent(_request.buyer, NEXT, _token, FAR, consent);
        assertEq(_licences.ownerOf(_token), NEXT);
        assertEq(_licences.getApproved(_token), address(0));
    }

    // --------------------------------------------------------------------- views

    function test_SaysWhatItLicenses() public {
        _minted(TransferRule.ByLicensor);
        Licence memory expected = Licence(
            _record.model, _record.delivery, _request.licence, _request.broker, 0, TransferRule.ByLicensor
        );
        assertEq(abi.encode(_licences.licenceOf(_token)), abi.encode(expected));
    }

    function test_SaysHowItMayBeTransferred() public {
        string[3] memory names = ["none", "free", "with the licensor's consent"];
        for (uint8 rule = 0; rule < 3; ++rule) {
            _minted(TransferRule(rule));
            string memory json = string.concat(
                '{"name":"Model licence","external_url":"ipfs://',
                Cid.raw(_request.licence),
                '","trade":"',
                vm.toString(bytes32(_token)),
                '","model":"ipfs://',
                Cid.raw(_record.model),
                '","delivery":"ipfs://',
                Cid.raw(_record.delivery),
                '","transfer":"',
                names[rule],
                '"}'
            );
            string memory uri = string.concat("data:application/json;base64,", vm.toBase64(json));
            assertEq(_licences.tokenURI(_token), uri);
        }
    }

    function testFuzz_SaysNothingWhereThereIsNone(uint256 token) public {
        bytes memory none = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, token);
        vm.expectRevert(none);
        _licences.licenceOf(token);
        vm.expectRevert(none);
        _licences.locked(token);
        vm.expectRevert(none);
        _licences.tokenURI(token);
    }

    function test_AnnouncesItsInterfaces() public view {
        bytes4[4] memory known = [bytes4(0x01ffc9a7), 0x80ac58cd, 0x5b5e139f, 0xb45a3c0e];
        for (uint256 i = 0; i < known.length; ++i) {
            assertTrue(_licences.supportsInterface(known[i]));
        }
        assertFalse(_licences.supportsInterface(0xffffffff));
    }

    // -------------------------------------------------------------------- within

    function _minted(TransferRule rule) private returns (Trade memory t) {
        t = _seller.settled(rule);
        _mint(t);
        _remember(t);
    }

    function _remember(Trade memory t) private {
        _request = _seller.requestOf(t);
        (,, _record) = _seller.recorded(t);
        _token = uint256(t.id);
    }

    function _mint(Trade memory t) private returns (uint256) {
        (bytes32 gated, bytes32 amounts, AttemptRecord memory record) = _seller.recorded(t);
        return _licences.mint(_seller.requestOf(t), gated, amounts, record);
    }

    function _refuseToMint(Trade memory t) private {
        AttemptRecord memory none;
        Request memory r = _seller.requestOf(t);
        vm.expectRevert(abi.encodeWithSelector(IModelLicence.NotSettled.selector, uint256(t.id)));
        _licences.mint(r, 0, 0, none);
    }

    function _stays(TransferRule rule) private {
        _minted(rule);
        assertTrue(_licences.locked(_token));
        vm.startPrank(_request.buyer);
        _licences.approve(NEXT, _token);
        _refuseTransfer(rule);
        _licences.transferFrom(_request.buyer, NEXT, _token);
        vm.stopPrank();
        _refuseTransfer(rule);
        vm.prank(NEXT);
        _licences.transferFrom(_request.buyer, NEXT, _token);
        assertEq(_licences.ownerOf(_token), _request.buyer);
    }

    function _refuseTransfer(TransferRule rule) private {
        vm.expectRevert(abi.encodeWithSelector(IModelLicence.TransferNotAllowed.selector, _token, rule));
    }

    function _move(address to, uint256 deadline, bytes memory consent) private {
        vm.prank(_request.buyer);
        _licences.transferWithConsent(_request.buyer, to, _token, deadline, consent);
    }

    /// @dev To a transfer from the buyer.
    function _consent(address by, address to, uint64 nonce, uint256 deadline) private view returns (bytes memory) {
        return _sign(by, _digest(_token, _request.buyer, to, nonce, deadline));
    }

    function _sign(address account, bytes32 digest) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_seller.keyFor(account), digest);
        return abi.encodePacked(r, s, v);
    }

    function _digest(uint256 token, address from, address to, uint64 nonce, uint256 deadline)
        private
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN, keccak256("ModelLicence"), keccak256("1"), block.chainid, address(_licences))
        );
        bytes32 message = keccak256(abi.encode(CONSENT, token, from, to, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }
}
