// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IConsentRegistry, Standing, Training} from "./interfaces/IConsentRegistry.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {Digests} from "./libraries/Digests.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {DataQuote, DataFinding, Deal, ModelQuote, State} from "./types/Trade.sol";

/// @title ConsentRegistry
contract ConsentRegistry is IConsentRegistry {
    /// @dev slot 0  maintainer 160 | linkedAt 40
    ///      slot 1  report
    struct Link {
        address maintainer;
        uint40 linkedAt;
        bytes32 report;
    }

    bytes32 private constant NO_AMOUNTS = keccak256("");

    /// @inheritdoc IConsentRegistry
    IModelMarket public immutable market;

    /// @inheritdoc IConsentRegistry
    uint32 public immutable revalidationWindow;

    /// @inheritdoc IConsentRegistry
    mapping(address provider => mapping(bytes32 dataset => uint40)) public consentEndOf;

    mapping(bytes32 key => Link) private _links;

    constructor(IModelMarket market_, uint32 revalidationWindow_) {
        market = market_;
        revalidationWindow = revalidationWindow_;
    }

    // ----------------------------------------------------------------- consent

    /// @inheritdoc IConsentRegistry
    function setConsentEnd(bytes32 dataset, uint40 endsAt) external {
        if (endsAt <= block.timestamp) revert EndInThePast(endsAt);
        _requireConsent(dataset);
        consentEndOf[msg.sender][dataset] = endsAt;
        emit ConsentEndSet(msg.sender, dataset, endsAt);
    }

    /// @inheritdoc IConsentRegistry
    function withdrawConsent(bytes32 dataset) external {
        _requireConsent(dataset);
        consentEndOf[msg.sender][dataset] = uint40(block.timestamp);
        emit ConsentWithdrawn(msg.sender, dataset);
    }

    function _requireConsent(bytes32 dataset) private view {
        uint40 endsAt = consentEndOf[msg.sender][dataset];
        if (_hasEnded(endsAt)) revert ConsentHasEnded(endsAt);
    }

    function _hasEnded(uint40 endsAt) private view returns (bool) {
        return endsAt != 0 && endsAt <= block.timestamp;
    }

    // ------------------------------------------------------------------ models

    /// @inheritdoc IConsentRegistry
    function link(Training calldata training, uint256 index) external {
        bytes32 tradeId = training.quote.tradeId;
        bool running = market.statusOf(tradeId).state() < State.Settled;
        // The buyer may keep what a pass delivered, however the trade ends; a fail divides no pool.
        if (running || training.amounts == NO_AMOUNTS) revert NothingDelivered(tradeId);
        _requireDecided(tradeId, training);
        _requireReported(tradeId, training);
        _requireAccepted(training.quote, training.deal.quote);

        uint256 count = training.quote.dataQuotes.length;
        if (index >= count) revert NoSuchQuote(index, count);
        if (training.report.accepted & (1 << index) == 0) revert NotDelivered(index);
        DataQuote calldata quote = training.quote.dataQuotes[index];
        Link storage link_ = _links[_keyOf(tradeId, quote.provider, quote.dataset)];
        if (link_.linkedAt != 0) revert AlreadyLinked(tradeId, quote.dataset);
        link_.maintainer = training.deal.broker;
        link_.linkedAt = uint40(block.timestamp);
        emit DatasetLinked(tradeId, quote.provider, quote.dataset, training.deal.broker);
    }

    /// @inheritdoc IConsentRegistry
    function revalidate(bytes32 tradeId, address provider, bytes32 dataset, bytes32 report) external {
        if (report == 0) revert ZeroReport();
        (Standing standing,) = standingOf(tradeId, provider, dataset);
        if (standing != Standing.Withdrawn) revert WrongStanding(standing, Standing.Withdrawn);
        Link storage link_ = _links[_keyOf(tradeId, provider, dataset)];
        if (msg.sender != link_.maintainer) revert NotTheMaintainer(msg.sender, link_.maintainer);
        link_.report = report;
        emit ModelRevalidated(tradeId, provider, dataset, report);
    }

    /// @inheritdoc IConsentRegistry
    function standingOf(bytes32 tradeId, address provider, bytes32 dataset)
        public
        view
        returns (Standing standing, uint40 deadline)
    {
        Link storage link_ = _links[_keyOf(tradeId, provider, dataset)];
        uint40 linkedAt = link_.linkedAt;
        if (linkedAt == 0) return (Standing.Unlinked, 0);
        uint40 endsAt = consentEndOf[provider][dataset];
        if (!_hasEnded(endsAt)) return (Standing.Clear, 0);
        deadline = (endsAt > linkedAt ? endsAt : linkedAt) + revalidationWindow;
        if (link_.report != 0) standing = Standing.Revalidated;
        else standing = block.timestamp <= deadline ? Standing.Withdrawn : Standing.Overdue;
    }

    /// @inheritdoc IConsentRegistry
    function reportOf(bytes32 tradeId, address provider, bytes32 dataset) external view returns (bytes32) {
        return _links[_keyOf(tradeId, provider, dataset)].report;
    }

    // --------------------------------------------------- what the training shows

    /// @dev Deal, judges and gate are those of the trade.
    function _requireDecided(bytes32 tradeId, Training calldata training) private view {
        DataFinding calldata report = training.report;
        bytes32 terms = Digests.terms(
            Digests.hash(training.deal),
            training.dropped,
            Digests.hash(report.experts),
            Digests.hash(report.weights)
        );
        bytes32 gated = Digests.gated(
            Digests.hash(training.judges),
            training.deal.expertPool,
            report.experts.length,
            terms,
            training.history
        );
        bytes32 given = Digests.decided(gated, training.amounts, training.record);
        bytes32 decided = market.digestOf(tradeId);
        if (given != decided) revert RecordMismatch(given, decided);
    }

    /// @dev A quorum of the judges signed which datasets were delivered.
    function _requireReported(bytes32 tradeId, Training calldata training) private view {
        bytes32 finding = TypedData.dataReport(tradeId, training.judges.version, training.report);
        bytes32 digest = MessageHashUtils.toTypedDataHash(market.domainSeparator(), finding);
        Quorum.verify(training.judges, training.signers, digest, training.signatures);
    }

    /// @dev The quote is the one that the buyer accepted.
    function _requireAccepted(ModelQuote calldata quote, bytes32 accepted) private pure {
        bytes32[] memory hashes = new bytes32[](quote.dataQuotes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = TypedData.hash(quote.dataQuotes[i]);
        }
        bytes32 given = TypedData.hash(quote, hashes);
        if (given != accepted) revert QuoteMismatch(given, accepted);
    }

    function _keyOf(bytes32 tradeId, address provider, bytes32 dataset) private pure returns (bytes32) {
        return keccak256(abi.encode(tradeId, provider, dataset));
    }
}
