// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICredits} from "../../../src/interfaces/ICredits.sol";
import {ISealedBids} from "../../../src/interfaces/ISealedBids.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {PricingRule, Tender} from "../../../src/types/Tender.sol";
import {Tendering} from "./Tendering.sol";

/// @title Tenders in two currencies, and bids for them in any order
/// @dev What should be refused, a step expects to be.
contract TendersHandler is Tendering {
    uint256 private constant ACCOUNTS = BIDDERS + 1; // and the treasury
    uint256 private constant OPEN = 4; // the tenders that steps are about

    mapping(Currency currency => uint256) private _bonds; // of seals that are neither open nor seized
    mapping(address account => mapping(Currency currency => uint256)) private _credit;
    mapping(bytes32 outcome => uint256) public done;

    Tender[] private _tenders;
    bytes32[] private _ids;
    mapping(bytes32 tenderId => mapping(address bidder => uint256)) private _price; // and one
    mapping(bytes32 tenderId => uint32) private _closed; // seals

    constructor() {
        setUp();
        for (uint256 i = 0; i < BIDDERS; ++i) {
            vm.deal(_bidder(i), type(uint128).max);
            _token.mint(_bidder(i), type(uint128).max);
        }
    }

    /// @notice Whether the contract's books are these.
    function check() external view {
        for (uint256 i = 0; i < 2; ++i) {
            Currency currency = _currency(i);
            uint256 owed = _bonds[currency];
            for (uint256 n = 0; n < ACCOUNTS; ++n) {
                uint256 credit_ = _bids.creditOf(_account(n), currency);
                assertEq(credit_, _credit[_account(n)][currency], "credit");
                owed += credit_;
            }
            bool native = Currency.unwrap(currency) == address(0);
            uint256 held = native ? address(_bids).balance : _token.balanceOf(address(_bids));
            assertEq(held, owed, "held");
        }
        for (uint256 n = 0; n < OPEN && n < _ids.length; ++n) {
            bytes32 id = _ids[_ids.length - 1 - n];
            assertEq(_bids.standingOf(id).unrevealed, _closed[id], "closed");
        }
    }

    // ------------------------------------------------------------------------- steps

    function open(uint256 pick, uint96 bond, uint32 time) external {
        _tender.currency = _currency(pick);
        _tender.rule = PricingRule(pick / 2 % 2);
        _tender.bond = uint128(bound(bond, 1, type(uint96).max));
        _tender.commitEnd = _now() + 1 hours;
        _tender.revealEnd = _tender.commitEnd + 1 hours + time % 1 hours;
        _tender.salt = bytes32(_tenders.length);
        _open();
        _tenders.push(_tender);
        _ids.push(_id());
        ++done["open"];
    }

    function commit(uint256 pick, uint256 n, uint128 price) external {
        bytes32 id = _choose(pick);
        vm.assume(_now() <= _tender.commitEnd);
        address bidder = _bidder(n % BIDDERS);
        if (_price[id][bidder] != 0) {
            vm.expectRevert(abi.encodeWithSelector(ISealedBids.AlreadySealed.selector, bidder));
            _commit(bidder, price);
            ++done["refuse a second seal"];
            return;
        }
        price %= 2 * RESERVE;
        _commit(bidder, price);
        _price[id][bidder] = uint256(price) + 1;
        ++_closed[id];
        _bonds[_tender.currency] += _tender.bond;
        ++done["commit"];
    }

    function reveal(uint256 pick, uint256 n) external {
        bytes32 id = _choose(pick);
        address bidder = _bidder(n % BIDDERS);
        uint256 price = _price[id][bidder];
        vm.assume(price != 0);
        if (_now() > _tender.revealEnd) {
            vm.expectRevert(abi.encodeWithSelector(ISealedBids.DeadlinePassed.selector, _tender.revealEnd));
            _reveal(bidder, uint128(price - 1));
            ++done["refuse a late price"];
            return;
        }
        if (_now() <= _tender.commitEnd) vm.warp(_tender.commitEnd + 1);
        _reveal(bidder, uint128(price - 1));
        _price[id][bidder] = 0;
        --_closed[id];
        _bonds[_tender.currency] -= _tender.bond;
        _credit[bidder][_tender.currency] += _tender.bond;
        ++done["reveal"];
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.NothingSealed.selector, bidder));
        _reveal(bidder, uint128(price - 1));
    }

    function seize(uint256 pick) external {
        bytes32 id = _choose(pick);
        if (_closed[id] == 0 && _now() > _tender.revealEnd) {
            vm.expectRevert(abi.encodeWithSelector(ISealedBids.NothingToSeize.selector, id));
            _bids.seize(_tender);
            ++done["refuse to seize nothing"];
            return;
        }
        if (_now() <= _tender.revealEnd) {
            vm.expectRevert(
                abi.encodeWithSelector(ISealedBids.DeadlineNotReached.selector, _tender.revealEnd)
            );
            _bids.seize(_tender);
            ++done["refuse to seize early"];
            return;
        }
        uint256 amount = uint256(_closed[id]) * _tender.bond;
        assertEq(_bids.seize(_tender), amount);
        _closed[id] = 0;
        _bonds[_tender.currency] -= amount;
        _credit[TREASURY][_tender.currency] += amount;
        ++done["seize"];
    }

    function withdraw(uint256 pick, uint256 n) external {
        (Currency currency, address account_) = (_currency(pick), _account(n));
        uint256 amount = _credit[account_][currency];
        if (amount == 0) {
            vm.expectRevert(
                abi.encodeWithSelector(ICredits.NothingToWithdraw.selector, account_, currency)
            );
            vm.prank(account_);
            _bids.withdrawCredit(currency, HOME);
            ++done["refuse to withdraw nothing"];
            return;
        }
        vm.prank(account_);
        assertEq(_bids.withdrawCredit(currency, HOME), amount);
        _credit[account_][currency] = 0;
        ++done["withdraw"];
    }

    function pass(uint32 time) external {
        skip(time % 90 minutes);
        ++done["pass"];
    }

    /// @dev One of the last tenders, so that many calls come in time.
    function _choose(uint256 pick) private returns (bytes32) {
        uint256 count = _tenders.length;
        vm.assume(count != 0);
        _tender = _tenders[count - 1 - pick % (count < OPEN ? count : OPEN)];
        return _id();
    }

    function _currency(uint256 i) private view returns (Currency) {
        return i % 2 == 0 ? NATIVE : _tokens();
    }

    function _account(uint256 n) private pure returns (address) {
        return n % ACCOUNTS == BIDDERS ? TREASURY : _bidder(n % ACCOUNTS);
    }
}
