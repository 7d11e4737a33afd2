// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Credits} from "./Credits.sol";
import {ISealedBids} from "./interfaces/ISealedBids.sol";
import {Bid, PricingRule, Standing, Tender} from "./types/Tender.sol";

/// @title SealedBids
/// @dev The terms come with each call and are checked by their hash, the id; no call loops over
///      bidders. For every currency: balance >= bonds of closed seals + credits.
contract SealedBids is ISealedBids, Credits {
    uint40 private constant MIN_REVEAL_WINDOW = 1 hours; // a shorter one would be a trap for bonds
    uint40 private constant MAX_DURATION = 365 days; // a typo can't lock a bond for longer

    /// @inheritdoc ISealedBids
    address public immutable treasury;

    mapping(bytes32 tenderId => Standing) private _standings;
    mapping(bytes32 tenderId => mapping(address bidder => Bid)) private _bids;

    constructor(address treasury_) {
        treasury = treasury_;
    }

    /// @inheritdoc ISealedBids
    function open(Tender calldata tender) external returns (bytes32 tenderId) {
        if (msg.sender != tender.requester) revert NotAllowed(msg.sender, tender.requester);
        _requireValid(tender);
        tenderId = tenderIdOf(tender);
        Standing storage standing = _standings[tenderId];
        if (standing.nextOrder != 0) revert TenderExists(tenderId);
        standing.nextOrder = 1;
        // The reserve stands in for the prices that nobody has revealed yet.
        standing.lowest = tender.reserve;
        standing.second = tender.reserve;
        standing.revealEnd = tender.revealEnd;
        standing.rule = tender.rule;
        emit TenderOpened(tenderId, tender.requester, tender);
    }

    /// @inheritdoc ISealedBids
    function commit(Tender calldata tender, bytes28 seal) external payable nonReentrant {
        (bytes32 tenderId, Standing storage standing) = _opened(tender);
        if (block.timestamp > tender.commitEnd) revert DeadlinePassed(tender.commitEnd);
        if (msg.sender == tender.requester) revert ConflictOfRoles(msg.sender);
        if (seal == 0) revert EmptySeal();
        if (_bids[tenderId][msg.sender].seal != 0) revert AlreadySealed(msg.sender);

        uint32 order = standing.nextOrder;
        standing.nextOrder = order + 1;
        ++standing.unrevealed;
        _bids[tenderId][msg.sender] = Bid(seal, order);
        emit BidSealed(tenderId, msg.sender, seal, order);
        tender.currency.pull(msg.sender, tender.bond);
    }

    /// @inheritdoc ISealedBids
    function reveal(Tender calldata tender, address bidder, uint128 price, bytes32 salt) external {
        (bytes32 tenderId, Standing storage standing) = _opened(tender);
        if (block.timestamp <= tender.commitEnd) revert DeadlineNotReached(tender.commitEnd);
        if (block.timestamp > tender.revealEnd) revert DeadlinePassed(tender.revealEnd);
        Bid memory bid = _bids[tenderId][bidder];
        if (bid.seal == 0) revert NothingSealed(bidder);
        bytes28 seal = sealOf(tenderId, bidder, price, salt);
        if (seal != bid.seal) revert SealMismatch(seal, bid.seal);

        delete _bids[tenderId][bidder];
        --standing.unrevealed;
        if (price <= tender.reserve) _rank(standing, bidder, price, bid.order);
        _credit(bidder, tender.currency, tender.bond);
        emit BidRevealed(tenderId, bidder, price, salt, standing.leader);
    }

    /// @inheritdoc ISealedBids
    function seize(Tender calldata tender) external returns (uint256 amount) {
        (bytes32 tenderId, Standing storage standing) = _opened(tender);
        if (block.timestamp <= tender.revealEnd) revert DeadlineNotReached(tender.revealEnd);
        uint32 count = standing.unrevealed;
        if (count == 0) revert NothingToSeize(tenderId);

        standing.unrevealed = 0;
        amount = uint256(count) * tender.bond;
        address to = treasury == address(0) ? tender.requester : treasury;
        _credit(to, tender.currency, amount);
        emit BondsSeized(tenderId, to, count, amount);
    }

    // ------------------------------------------------------------------- views

    /// @inheritdoc ISealedBids
    function awardOf(bytes32 tenderId) external view returns (address winner, uint128 price) {
        Standing storage standing = _standings[tenderId];
        if (standing.nextOrder == 0) revert UnknownTender(tenderId);
        if (block.timestamp <= standing.revealEnd) revert DeadlineNotReached(standing.revealEnd);
        winner = standing.leader;
        if (winner == address(0)) return (winner, 0);
        price = standing.rule == PricingRule.SecondPrice ? standing.second : standing.lowest;
    }

    /// @inheritdoc ISealedBids
    function standingOf(bytes32 tenderId) external view returns (Standing memory) {
        return _standings[tenderId];
    }

    /// @inheritdoc ISealedBids
    function bidOf(bytes32 tenderId, address bidder) external view returns (Bid memory) {
        return _bids[tenderId][bidder];
    }

    /// @inheritdoc ISealedBids
    function tenderIdOf(Tender calldata tender) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), tender));
    }

    /// @inheritdoc ISealedBids
    function sealOf(bytes32 tenderId, address bidder, uint128 price, bytes32 salt)
        public
        view
        returns (bytes28)
    {
        return bytes28(keccak256(abi.encode(block.chainid, address(this), tenderId, bidder, price, salt)));
    }

    // ---------------------------------------------------------------- internals

    /// @dev Keeps the two lowest prices; with equal prices the earlier seal leads.
    function _rank(Standing storage standing, address bidder, uint128 price, uint32 order) private {
        uint128 lowest = standing.lowest;
        bool leads = standing.leader == address(0) || price < lowest
            || (price == lowest && order < standing.leaderOrder);
        if (leads) {
            standing.leader = bidder;
            standing.leaderOrder = order;
            standing.second = lowest;
            standing.lowest = price;
        } else if (price < standing.second) {
            standing.second = price;
        }
    }

    function _opened(Tender calldata tender)
        private
        view
        returns (bytes32 tenderId, Standing storage standing)
    {
        tenderId = tenderIdOf(tender);
        standing = _standings[tenderId];
        if (standing.nextOrder == 0) revert UnknownTender(tenderId);
    }

    function _requireValid(Tender calldata tender) private view {
        if (tender.spec == 0) revert InvalidTender("spec");
        if (tender.bond == 0) revert InvalidTender("bond");
        if (tender.reserve == 0) revert InvalidTender("reserve");
        if (tender.commitEnd <= block.timestamp) revert InvalidTender("commitEnd");
        if (
            tender.revealEnd < uint256(tender.commitEnd) + MIN_REVEAL_WINDOW
                || tender.revealEnd > block.timestamp + MAX_DURATION
        ) revert InvalidTender("revealEnd");
    }
}
