// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {DataFinding, Deal, History, ModelQuote} from "../types/Trade.sol";
import {IModelMarket} from "./IModelMarket.sol";

/// @notice How a trade's model stands towards one dataset that it was trained on.
enum Standing {
    Unlinked, // nobody has shown that the model was trained on it
    Clear, // the provider consents
    Withdrawn, // it no longer does, and the maintainer's deadline runs
    Revalidated, // the maintainer reported in time
    Overdue // it didn't
}

/// @notice What shows that a trade's model was trained on the datasets of its quotes; all
///         of it is in the market's log.
struct Training {
    ModelQuote quote;
    Deal deal;
    uint128 dropped; // price of the supplies that were not delivered
    DataFinding report;
    Committee judges;
    uint16 signers; // of the report, as a bitmap of seats
    bytes signatures; // theirs, 64 bytes each
    History history; // of the attempts before the deciding one
    bytes32 amounts; // hash of the expert pool's division
    bytes32 record; // hash of the deciding attempt's record
}

/// @title Providers' consent to the use of their data, and what follows when it ends
/// @notice A provider consents by quoting. It may set when its consent to a dataset ends, and end it
///         now; an end that has come is final. Nothing needs to be done for each model: a model is
///         linked to its datasets through its trade, by anyone, once, and whether consent has ended
///         is read at any time. From the end of consent, or the link if that comes later, the
///         maintainer, who is the trade's broker, has `revalidationWindow` seconds to report that
///         it validated the model anew.
interface IConsentRegistry {
    /// @notice Consent to the use of `dataset` ends at `endsAt`.
    event ConsentEndSet(address indexed provider, bytes32 indexed dataset, uint40 endsAt);

    /// @notice `provider` ended its consent; that counts against every model linked to the dataset.
    event ConsentWithdrawn(address indexed provider, bytes32 indexed dataset);

    /// @notice The model of `tradeId` was trained on `dataset`.
    event DatasetLinked(
        bytes32 indexed tradeId, address indexed provider, bytes32 indexed dataset, address maintainer
    );

    /// @notice The maintainer reported in time.
    event ModelRevalidated(
        bytes32 indexed tradeId, address indexed provider, bytes32 indexed dataset, bytes32 report
    );

    /// @notice Consent neither ends in the past nor now without a withdrawal.
    error EndInThePast(uint40 endsAt);

    error ConsentHasEnded(uint40 endedAt);
    error NothingDelivered(bytes32 tradeId);
    error AlreadyLinked(bytes32 tradeId, bytes32 dataset);
    error NoSuchQuote(uint256 index, uint256 quotes);

    /// @notice The dataset was quoted and not delivered.
    error NotDelivered(uint256 index);

    /// @notice The quote is another than the one that was accepted.
    error QuoteMismatch(bytes32 given, bytes32 accepted);

    /// @notice What was passed is not how this trade ended.
    error RecordMismatch(bytes32 given, bytes32 decided);

    error NotTheMaintainer(address caller, address maintainer);
    error WrongStanding(Standing standing, Standing needed);
    error ZeroReport();

    /// @notice Sets when the caller's consent to `dataset` ends, earlier or later than it did.
    function setConsentEnd(bytes32 dataset, uint40 endsAt) external;

    /// @notice Ends the caller's consent to `dataset` now.
    function withdrawConsent(bytes32 dataset) external;

    /// @notice Shows that an ended trade's model was trained on a dataset; anyone may. A pass delivered
    ///         one, whether it was paid for or not.
    /// @param index Position of the dataset's quote in the accepted quote.
    function link(Training calldata training, uint256 index) external;

    /// @notice The maintainer reports that it validated the model anew.
    /// @param report Digest of the report's CID.
    function revalidate(bytes32 tradeId, address provider, bytes32 dataset, bytes32 report) external;

    /// @notice How the model of a trade stands towards a provider's dataset, now.
    /// @return standing See `Standing`.
    /// @return deadline Last second for the maintainer's report; zero unless consent has ended.
    function standingOf(bytes32 tradeId, address provider, bytes32 dataset)
        external
        view
        returns (Standing standing, uint40 deadline);

    /// @notice When consent ends or has ended; zero when no end is set.
    function consentEndOf(address provider, bytes32 dataset) external view returns (uint40);

    /// @notice Digest of the maintainer's report; zero when there is none.
    function reportOf(bytes32 tradeId, address provider, bytes32 dataset) external view returns (bytes32);

    /// @notice The market whose trades are linked, fixed at deployment.
    function market() external view returns (IModelMarket);

    /// @notice Seconds that the maintainer has, fixed at deployment.
    function revalidationWindow() external view returns (uint32);
}
