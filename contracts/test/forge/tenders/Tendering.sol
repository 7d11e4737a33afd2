// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISealedBids} from "../../../src/interfaces/ISealedBids.sol";
import {SealedBids} from "../../../src/SealedBids.sol";
import {DevToken} from "../../../src/tokens/DevToken.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {PricingRule, Service, Standing, Tender} from "../../../src/types/Tender.sol";
import {Clock} from "../Clock.sol";

/// @title One tender, and bidders with coins and tokens
/// @dev Ids and seals are hashed here, not asked of the contract.
abstract contract Tendering is Clock {
    Currency internal constant NATIVE = Currency.wrap(address(0));
    address internal constant REQUESTER = address(0x5e11);
    address internal constant TREASURY = address(0x7ea);
    address internal constant HOME = address(0x40e);
    uint128 internal constant BOND = 0.1 ether;
    uint128 internal constant RESERVE = 1_000;
    uint256 internal constant BIDDERS = 5;

    SealedBids internal _bids;
    DevToken internal _token;
    Tender internal _tender;
    address internal _anne;
    address internal _bert;

    function setUp() public {
        vm.warp(1_000_000);
        _bids = new SealedBids(TREASURY);
        _token = new DevToken();
        for (uint256 i = 0; i < BIDDERS; ++i) {
            vm.deal(_bidder(i), 10 ether);
            _token.mint(_bidder(i), 10 ether);
            vm.prank(_bidder(i));
            _token.approve(address(_bids), type(uint256).max);
        }
        (_anne, _bert) = (_bidder(0), _bidder(1));
        uint40 end = _now() + 1 hours;
        _tender = Tender({
            requester: REQUESTER,
            service: Service.Expert,
            rule: PricingRule.SecondPrice,
            spec: "spec",
            currency: NATIVE,
            bond: BOND,
            reserve: RESERVE,
            commitEnd: end,
            revealEnd: end + 2 hours,
            salt: "salt"
        });
    }

    function _open() internal {
        vm.prank(REQUESTER);
        _bids.open(_tender);
    }

    function _commit(address bidder, uint128 price) internal {
        uint256 value = Currency.unwrap(_tender.currency) == address(0) ? _tender.bond : 0;
        vm.prank(bidder);
        _bids.commit{value: value}(_tender, _seal(bidder, price));
    }

    /// @dev By a stranger: who knows price and salt may.
    function _reveal(address bidder, uint128 price) internal {
        _bids.reveal(_tender, bidder, price, _salt(bidder));
    }

    function _sealOne(uint128 price) internal {
        _open();
        _commit(_anne, price);
    }

    function _refuseTerms(string memory field) internal {
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.InvalidTender.selector, field));
        _open();
    }

    function _assertStanding(Standing memory expected) internal view {
        assertEq(keccak256(abi.encode(_bids.standingOf(_id()))), keccak256(abi.encode(expected)));
    }

    function _id() internal view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(_bids), _tender));
    }

    function _seal(address bidder, uint128 price) internal view returns (bytes28) {
        return _hash(bidder, price, _salt(bidder));
    }

    function _hash(address bidder, uint128 price, bytes32 salt) internal view returns (bytes28) {
        return bytes28(keccak256(abi.encode(block.chainid, address(_bids), _id(), bidder, price, salt)));
    }

    function _salt(address bidder) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt of", bidder));
    }

    function _bidder(uint256 number) internal pure returns (address) {
        return address(uint160(0xb1dde0 + number));
    }

    function _tokens() internal view returns (Currency) {
        return Currency.wrap(address(_token));
    }
}
