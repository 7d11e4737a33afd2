// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Bid, Standing, Tender} from "../types/Tender.sol";
import {ICredits} from "./ICredits.sol";

/// @title Sealed-bid procurement: brokers and experts bid for a request by commit and reveal
/// @notice open [requester] -> commit [bidders, until `commitEnd`] -> reveal [anyone who knows price
///         and salt, until `revealEnd`] -> the award stands.
///
///         The clock alone moves a tender on. It has one winner, the lowest price at or below the
///         reserve, who is to be paid the second lowest revealed price (the reserve if no other was
///         revealed), or its own under first price. Among equal prices the earlier seal wins: that
///         order was fixed while nobody knew a price, where the order of reveals could be raced for
///         and the order of hashes could be ground.
///
///         The contract holds bonds only. A reveal returns the bond, to be withdrawn. A bond whose
///         seal stayed closed is seized, for the treasury; without a treasury, for the requester.
///         With a treasury nobody who bids or buys gains by a seal that stays closed: a requester who
///         got the bonds back could seal many prices under other names at no cost, and open just the
///         one that presses the second price down.
///
///         There is no way to cancel: a requester could use it to discard bids after looking at them.
///         An open tender locks nothing of the requester's, and the award obliges nobody to buy.
interface ISealedBids is ICredits {
    // ------------------------------------------------------------------ events

    event TenderOpened(bytes32 indexed tenderId, address indexed requester, Tender tender);

    /// @notice The bidder locked the bond and is number `order` to have sealed, from one.
    event BidSealed(bytes32 indexed tenderId, address indexed bidder, bytes28 seal, uint32 order);

    /// @notice The bidder's price is known and its bond is its own again.
    /// @param leader Who has the best price now.
    event BidRevealed(
        bytes32 indexed tenderId, address indexed bidder, uint128 price, bytes32 salt, address leader
    );

    /// @notice The bonds of seals that stayed closed belong to `to`.
    event BondsSeized(bytes32 indexed tenderId, address indexed to, uint32 count, uint256 amount);

    // ------------------------------------------------------------------ errors

    error InvalidTender(string field);
    error TenderExists(bytes32 tenderId);
    error UnknownTender(bytes32 tenderId);
    error NotAllowed(address caller, address needed);
    error ConflictOfRoles(address account);
    error DeadlinePassed(uint40 deadline);
    error DeadlineNotReached(uint40 deadline);
    error AlreadySealed(address bidder);
    error EmptySeal();
    error NothingSealed(address bidder);
    error SealMismatch(bytes28 given, bytes28 needed);
    error NothingToSeize(bytes32 tenderId);

    // ------------------------------------------------------------------- calls

    /// @notice Opens a tender; only its requester can.
    function open(Tender calldata tender) external returns (bytes32 tenderId);

    /// @notice Seals the caller's price and locks its bond; once per account, until `commitEnd`.
    /// @param seal `sealOf` the tender, the caller, a price and a random salt.
    function commit(Tender calldata tender, bytes28 seal) external payable;

    /// @notice Opens a bidder's seal, after `commitEnd` and until `revealEnd`, and returns its bond.
    ///         A price above the reserve can't win, yet frees the bond.
    function reveal(Tender calldata tender, address bidder, uint128 price, bytes32 salt) external;

    /// @notice After `revealEnd`, seizes all bonds whose seals stayed closed.
    function seize(Tender calldata tender) external returns (uint256 amount);

    // ------------------------------------------------------------------- views

    /// @notice Winner and price, final once it answers: it reverts until `revealEnd` has passed.
    /// @return winner Zero if nobody revealed a price at or below the reserve.
    /// @return price What the winner is to be paid; zero without a winner.
    function awardOf(bytes32 tenderId) external view returns (address winner, uint128 price);

    /// @notice How a tender stands.
    function standingOf(bytes32 tenderId) external view returns (Standing memory);

    /// @notice An account's closed seal; empty before it is made and after it is opened.
    function bidOf(bytes32 tenderId, address bidder) external view returns (Bid memory);

    /// @notice Who gets the bonds of seals that stay closed; zero stands for the requester.
    function treasury() external view returns (address);

    /// @notice The id of these terms on this chain and contract.
    function tenderIdOf(Tender calldata tender) external view returns (bytes32);

    /// @notice The seal of a bidder's price.
    function sealOf(bytes32 tenderId, address bidder, uint128 price, bytes32 salt)
        external
        view
        returns (bytes28);
}
