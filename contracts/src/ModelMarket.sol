// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {Ledger} from "./Ledger.sol";
import {LargestRemainder} from "./libraries/LargestRemainder.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {
    AttemptReport,
    DataQuote,
    ModelQuote,
    Opening,
    Purpose,
    Request,
    State,
    Trade,
    Windows
} from "./types/Trade.sol";

/// @title ModelMarket
/// @dev Reads top-down in the order of a trade; `IModelMarket` describes each call. A step needs its
///      state and an open deadline (`_in`, `_requireOpen`); an exit needs a lapsed one
///      (`_requireLapsed`).
contract ModelMarket is IModelMarket, Ledger, EIP712, Ownable2Step {
    uint256 private constant PARTS = 1_000_000; // scores and weights are parts per million
    uint256 private constant BASIS_POINTS = 10_000;
    uint16 private constant MAX_FEE_BPS = 1_000;
    uint256 private constant MAX_PROVIDERS = 32; // bounds the loops, so no trade can outgrow a block
    uint256 private constant MAX_EXPERTS = 32;
    uint32 private constant MAX_WINDOW = 365 days; // six of them can't overflow a 40-bit deadline

    /// @inheritdoc IModelMarket
    IOracleCommittee public immutable committee;

    bool private _requestsPaused;
    uint16 private _feeBps;
    address private _treasury;

    mapping(bytes32 tradeId => Trade) private _trades;
    mapping(bytes32 tradeId => mapping(bytes32 model => bool)) private _scored;
    mapping(bytes32 tradeId => mapping(uint8 attempt => bytes32)) private _seals;

    constructor(address admin, IOracleCommittee committee_, uint16 feeBps, address treasury)
        EIP712("ModelMarket", "1")
        Ownable(admin)
    {
        committee = committee_;
        _setFee(feeBps, treasury);
    }

    // ------------------------------------------------------------- 1, 2: request

    /// @inheritdoc IModelMarket
    function requestModel(Request calldata request) external returns (bytes32 tradeId) {
        if (_requestsPaused) revert RequestsArePaused();
        _requireValid(request);
        uint32 version = committee.currentVersion();
        if (version == 0) revert NoCommittee();

        tradeId = tradeIdOf(request);
        Trade storage trade = _trades[tradeId];
        if (trade.state != State.None) revert TradeExists(tradeId);
        trade.buyer = request.buyer;
        trade.state = State.Requested;
        trade.deadline = _deadlineIn(request.windows.quote);
        trade.maxAttempts = request.maxAttempts;
        trade.broker = request.broker;
        trade.threshold = request.threshold;
        trade.committeeVersion = version;
        trade.minRows = request.minRows;
        trade.auditor = request.auditor;
        trade.feeBps = _feeBps;
        trade.currency = request.currency;
        trade.treasury = _treasury;
        trade.windows = request.windows;
        trade.validationRoot = request.validationRoot;
        trade.validationRows = request.validationRows;
        trade.budget = request.budget;
        emit ModelRequested(
            tradeId, request.buyer, request.broker, request, version, _feeBps, _treasury
        );
    }

    /// @inheritdoc IModelMarket
    function requestData(bytes32 tradeId, bytes32 dataSpec) external {
        Trade storage trade = _in(tradeId, State.Requested);
        _only(trade.broker);
        _requireOpen(trade.deadline);
        trade.state = State.DataRequested;
        emit DataRequested(tradeId, dataSpec);
    }

    // --------------------------------------------------- 3, 4: quotes and escrow

    /// @inheritdoc IModelMarket
    function declineQuote(bytes32 tradeId, bytes32 quote) external {
        Trade storage trade = _trades[tradeId];
        if (trade.state != State.Requested) trade = _in(tradeId, State.DataRequested);
        _only(trade.buyer);
        emit QuoteDeclined(tradeId, quote);
        _end(tradeId, trade, State.Declined);
    }

    /// @inheritdoc IModelMarket
    function acceptQuote(
        ModelQuote calldata quote,
        uint128 expectedPrice,
        bytes calldata brokerSignature,
        bytes[] calldata providerSignatures
    ) external payable nonReentrant {
        bytes32 tradeId = quote.tradeId;
        Trade storage trade = _in(tradeId, State.DataRequested);
        _only(trade.buyer);
        _requireOpen(trade.deadline);
        if (block.timestamp > quote.expiry) revert QuoteExpired(quote.expiry);
        (uint128 price, uint128 protocolFee) = priceOf(quote);
        if (price != expectedPrice) revert PriceChanged(price, expectedPrice);
        if (price > trade.budget) revert OverBudget(price, trade.budget);
        _requireSigned(trade.broker, quoteDigest(quote), brokerSignature);
        _requireProvidersAgree(tradeId, trade, quote.dataQuotes, providerSignatures);

        trade.state = State.Funded;
        trade.deadline = _deadlineIn(trade.windows.delivery);
        trade.expertPool = quote.expertPool;
        trade.brokerFee = quote.brokerFee;
        trade.auditorFee = quote.auditorFee;
        trade.oracleFee = quote.oracleFee;
        trade.protocolFee = protocolFee;
        trade.dataQuotes = TypedData.hash(quote.dataQuotes);
        emit QuoteAccepted(tradeId, quote, price, brokerSignature, providerSignatures);
        _lock(tradeId, trade, msg.sender, price);
    }

    // --------------------------------------------------------- 5: data delivery

    /// @inheritdoc IModelMarket
    function deliverData(
        bytes32 tradeId,
        DataQuote[] calldata quotes,
        uint256 accepted,
        bytes32 evidence,
        bytes[] calldata signatures
    ) external {
        Trade storage trade = _in(tradeId, State.Funded);
        _requireOpen(trade.deadline);
        _requireAcceptedQuotes(trade, quotes);
        if (accepted >> quotes.length != 0) revert UnknownDelivery(accepted);
        _requireQuorum(
            trade, TypedData.dataReport(tradeId, trade.committeeVersion, accepted, evidence), signatures
        );

        trade.state = State.DataDelivered;
        trade.deadline = _deadlineIn(trade.windows.gating);
        emit DataDelivered(tradeId, accepted, evidence, signatures);

        if (_rowsOf(quotes, accepted) < trade.minRows) {
            _refund(tradeId, trade);
            _end(tradeId, trade, State.Refunded);
            return;
        }
        for (uint256 i = 0; i < quotes.length; ++i) {
            if (accepted & (1 << i) != 0) {
                _credited(tradeId, trade, quotes[i].provider, quotes[i].price, Purpose.Data);
            }
        }
    }

    // ------------------------------------------------------- 6, 7: gate, experts

    /// @inheritdoc IModelMarket
    function commitGate(
        bytes32 tradeId,
        DataQuote[] calldata quotes,
        address[] calldata experts,
        uint32[] calldata weights,
        bytes32 evidence,
        bytes[] calldata signatures
    ) external {
        Trade storage trade = _in(tradeId, State.DataDelivered);
        _requireOpen(trade.deadline);
        _requireAcceptedQuotes(trade, quotes);
        _requireExpertsAllowed(trade, quotes, experts);
        _requireWhole(experts.length, weights);
        _requireQuorum(
            trade,
            TypedData.gateReport(tradeId, trade.committeeVersion, experts, weights, evidence),
            signatures
        );

        trade.state = State.Gated;
        trade.deadline = _deadlineIn(trade.windows.attempt);
        trade.gate = _gateHash(experts, weights);
        emit GateCommitted(tradeId, experts, weights, evidence, signatures);
    }

    // ---------------------------------------------- 8: validation and delivery

    /// @inheritdoc IModelMarket
    function reportAttempt(
        bytes32 tradeId,
        AttemptReport calldata report,
        bytes32[] calldata seals,
        bytes[] calldata signatures
    ) external {
        Trade storage trade = _in(tradeId, State.Gated);
        _requireOpen(trade.deadline);
        if (_scored[tradeId][report.model]) revert ModelAlreadyScored(report.model);
        if (report.passed != (report.delivery != 0)) {
            revert InvalidDelivery(report.passed, report.delivery);
        }
        uint8 attempt = trade.attempts + 1;
        address[] memory signers = _requireSealedQuorum(tradeId, trade, attempt, report, seals, signatures);

        trade.attempts = attempt;
        _scored[tradeId][report.model] = true;
        _seals[tradeId][attempt] = keccak256(abi.encode(signers, seals));
        emit AttemptReported(tradeId, attempt, report, seals, signatures);

        if (report.passed) {
            trade.state = State.Passed;
            trade.deadline = _deadlineIn(trade.windows.verification);
        } else if (attempt < trade.maxAttempts) {
            trade.deadline = _deadlineIn(trade.windows.attempt);
        } else {
            // The judges did their work: a fee that hung on the verdict would buy verdicts.
            _payOracles(tradeId, trade);
            _refund(tradeId, trade);
            _end(tradeId, trade, State.Failed);
        }
    }

    /// @inheritdoc IModelMarket
    function confirmDelivery(bytes32 tradeId) external {
        Trade storage trade = _in(tradeId, State.Passed);
        _only(trade.buyer);
        _requireOpen(trade.deadline);
        trade.deadline = uint40(block.timestamp) - 1;
        emit DeliveryConfirmed(tradeId);
    }

    /// @inheritdoc IModelMarket
    function attestAudit(bytes32 tradeId, bytes32 report, bool approved) external {
        Trade storage trade = _in(tradeId, State.Passed);
        _only(trade.auditor);
        if (trade.audited) revert AlreadyAttested();
        trade.audited = true;
        emit AuditAttested(tradeId, msg.sender, report, approved);
    }

    // ------------------------------------------------------------ 8: allocation

    /// @inheritdoc IModelMarket
    function settle(
        bytes32 tradeId,
        address[] calldata experts,
        uint32[] calldata weights,
        uint128[] calldata amounts,
        bytes32 evidence,
        bytes[] calldata signatures
    ) external {
        Trade storage trade = _in(tradeId, State.Passed);
        _requireLapsed(trade, 0);
        _requireGate(trade, experts, weights);
        if (amounts.length != experts.length) revert LengthMismatch(amounts.length, experts.length);
        _requireQuorum(
            trade,
            TypedData.settlementReport(tradeId, trade.committeeVersion, experts, amounts, evidence),
            signatures
        );
        emit TradeSettled(tradeId, experts, amounts, evidence, signatures);
        _payAll(tradeId, trade, experts, amounts);
    }

    /// @inheritdoc IModelMarket
    function settleByGate(bytes32 tradeId, address[] calldata experts, uint32[] calldata weights) external {
        Trade storage trade = _in(tradeId, State.Passed);
        _requireLapsed(trade, trade.windows.settlement);
        _requireGate(trade, experts, weights);
        uint128[] memory amounts = LargestRemainder.split(trade.expertPool, experts, weights);
        emit TradeSettled(tradeId, experts, amounts, 0, new bytes[](0));
        _payAll(tradeId, trade, experts, amounts);
    }

    /// @inheritdoc IModelMarket
    function timeout(bytes32 tradeId) external {
        Trade storage trade = _trades[tradeId];
        State state = trade.state;
        if (state == State.None || state >= State.Passed) revert WrongState(state, State.Gated);
        _requireLapsed(trade, 0);
        _refund(tradeId, trade);
        _end(tradeId, trade, state < State.Funded ? State.Expired : State.Refunded);
    }

    /// @inheritdoc IModelMarket
    function openScores(bytes32 tradeId, uint8 attempt, Opening[] calldata openings) external {
        State state = _trades[tradeId].state;
        if (state < State.Settled) revert NotFinal(state);
        uint256 count = openings.length;
        address[] memory signers = new address[](count);
        bytes32[] memory seals = new bytes32[](count);
        uint32[] memory scores = new uint32[](count);
        bytes32[] memory salts = new bytes32[](count);
        bool opened; // at least one: who knows no salt has nothing to publish
        for (uint256 i = 0; i < count; ++i) {
            Opening calldata opening = openings[i];
            (signers[i], seals[i]) = (opening.signer, opening.seal);
            if (opening.salt == 0) continue;
            bytes32 seal = TypedData.sealOf(tradeId, attempt, opening.signer, opening.score, opening.salt);
            if (seal != opening.seal) revert SealsMismatch(attempt);
            (scores[i], salts[i]) = (opening.score, opening.salt);
            opened = true;
        }
        if (!opened) revert SealsMismatch(attempt);
        if (keccak256(abi.encode(signers, seals)) != _seals[tradeId][attempt]) revert SealsMismatch(attempt);
        emit ScoresOpened(tradeId, attempt, signers, scores, salts);
    }

    // -------------------------------------------------------------------- admin

    /// @inheritdoc IModelMarket
    function pauseRequests(bool paused) external onlyOwner {
        _requestsPaused = paused;
        emit RequestsPaused(paused);
    }

    /// @inheritdoc IModelMarket
    function setFee(uint16 feeBps, address treasury) external onlyOwner {
        _setFee(feeBps, treasury);
    }

    // -------------------------------------------------------------------- views

    /// @inheritdoc IModelMarket
    function tradeOf(bytes32 tradeId) external view returns (Trade memory) {
        return _trades[tradeId];
    }

    /// @inheritdoc IModelMarket
    function tradeIdOf(Request calldata request) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), request));
    }

    /// @inheritdoc IModelMarket
    function priceOf(ModelQuote calldata quote) public view returns (uint128 price, uint128 protocolFee) {
        uint256 sum =
            uint256(quote.expertPool) + quote.brokerFee + quote.auditorFee + quote.oracleFee;
        for (uint256 i = 0; i < quote.dataQuotes.length; ++i) {
            sum += quote.dataQuotes[i].price;
        }
        uint256 fee = sum * _trades[quote.tradeId].feeBps / BASIS_POINTS;
        if (sum + fee > type(uint128).max) revert OverBudget(sum + fee, type(uint128).max);
        // casting to uint128 is safe: the line above bounds both
        return (uint128(sum + fee), uint128(fee));
    }

    /// @inheritdoc IModelMarket
    function quoteDigest(ModelQuote calldata quote) public view returns (bytes32) {
        return _hashTypedDataV4(TypedData.hash(quote, TypedData.hash(quote.dataQuotes)));
    }

    /// @inheritdoc IModelMarket
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // ----------------------------------------------------------- paying and ending

    function _payAll(
        bytes32 tradeId,
        Trade storage trade,
        address[] calldata experts,
        uint128[] memory amounts
    ) private {
        uint256 sum;
        for (uint256 i = 0; i < amounts.length; ++i) {
            sum += amounts[i];
        }
        if (sum != trade.expertPool) revert AllocationMismatch(sum, trade.expertPool);
        for (uint256 i = 0; i < experts.length; ++i) {
            _credited(tradeId, trade, experts[i], amounts[i], Purpose.Expert);
        }
        _credited(tradeId, trade, trade.broker, trade.brokerFee, Purpose.Broker);
        if (trade.audited) _credited(tradeId, trade, trade.auditor, trade.auditorFee, Purpose.Audit);
        _payOracles(tradeId, trade);
        _credited(tradeId, trade, trade.treasury, trade.protocolFee, Purpose.Protocol);
        _refund(tradeId, trade); // an unearned audit fee, and the share of dropped providers
        _end(tradeId, trade, State.Settled);
    }

    /// @dev Splits the oracle fee evenly among those that signed; the units left over go one each
    ///      to the first seats.
    function _payOracles(bytes32 tradeId, Trade storage trade) private {
        uint128 fee = trade.oracleFee;
        if (fee == 0) return;
        (address[] memory members,) = committee.committee(trade.committeeVersion);
        uint256 bitmap = trade.signers;
        uint128 count;
        for (uint256 i = 0; i < members.length; ++i) {
            if (bitmap & (1 << i) != 0) ++count;
        }
        (uint128 share, uint128 left) = (fee / count, fee % count);
        for (uint256 i = 0; i < members.length; ++i) {
            if (bitmap & (1 << i) == 0) continue;
            uint128 extra = left > 0 ? 1 : 0;
            left -= extra;
            _credited(tradeId, trade, members[i], share + extra, Purpose.Oracle);
        }
    }

    function _end(bytes32 tradeId, Trade storage trade, State state) private {
        trade.state = state;
        emit TradeEnded(tradeId, state);
    }

    function _setFee(uint16 feeBps, address treasury) private {
        if (feeBps > MAX_FEE_BPS) revert FeeTooHigh(feeBps);
        if (treasury == address(0)) revert ZeroReceiver();
        _feeBps = feeBps;
        _treasury = treasury;
        emit FeeChanged(feeBps, treasury);
    }

    // -------------------------------------------------------- who may, and when

    function _in(bytes32 tradeId, State needed) private view returns (Trade storage trade) {
        trade = _trades[tradeId];
        if (trade.state != needed) revert WrongState(trade.state, needed);
    }

    function _only(address needed) private view {
        if (msg.sender != needed) revert NotAllowed(msg.sender, needed);
    }

    function _requireOpen(uint40 deadline) private view {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
    }

    /// @dev Requires that the trade's deadline and `grace` seconds more have passed.
    function _requireLapsed(Trade storage trade, uint32 grace) private view {
        uint40 end = trade.deadline + grace;
        if (block.timestamp <= end) revert DeadlineNotReached(end);
    }

    function _deadlineIn(uint32 window) private view returns (uint40) {
        return uint40(block.timestamp) + window;
    }

    // ----------------------------------------------------------- what is accepted

    function _requireValid(Request calldata request) private view {
        _only(request.buyer);
        if (request.broker == address(0)) revert InvalidRequest("broker");
        if (request.budget == 0) revert InvalidRequest("budget");
        if (request.threshold == 0 || request.threshold > PARTS) revert InvalidRequest("threshold");
        if (request.maxAttempts == 0) revert InvalidRequest("maxAttempts");
        if (request.minRows == 0) revert InvalidRequest("minRows");
        if (request.validationRows == 0) revert InvalidRequest("validationRows");
        if (request.validationRoot == 0) revert InvalidRequest("validationRoot");
        if (!_windowsValid(request.windows)) revert InvalidRequest("windows");
        if (request.auditor == request.buyer || request.auditor == request.broker) {
            revert ConflictOfRoles(request.auditor);
        }
    }

    function _windowsValid(Windows calldata windows) private pure returns (bool) {
        return _windowValid(windows.quote) && _windowValid(windows.delivery)
            && _windowValid(windows.gating) && _windowValid(windows.attempt)
            && _windowValid(windows.verification) && _windowValid(windows.settlement);
    }

    function _windowValid(uint32 window) private pure returns (bool) {
        return window > 0 && window <= MAX_WINDOW;
    }

    function _requireProvidersAgree(
        bytes32 tradeId,
        Trade storage trade,
        DataQuote[] calldata quotes,
        bytes[] calldata signatures
    ) private view {
        uint256 count = quotes.length;
        if (count > MAX_PROVIDERS) revert TooMany(count, MAX_PROVIDERS);
        if (signatures.length != count) revert LengthMismatch(signatures.length, count);
        address previous;
        for (uint256 i = 0; i < count; ++i) {
            DataQuote calldata quote = quotes[i];
            address provider = quote.provider;
            if (quote.tradeId != tradeId) revert WrongTrade(quote.tradeId, tradeId);
            if (block.timestamp > quote.expiry) revert QuoteExpired(quote.expiry);
            if (provider <= previous) revert NotAscending(previous, provider);
            if (provider == trade.buyer || provider == trade.auditor) revert ConflictOfRoles(provider);
            _requireSigned(provider, _hashTypedDataV4(TypedData.hash(quote)), signatures[i]);
            previous = provider;
        }
    }

    function _requireAcceptedQuotes(Trade storage trade, DataQuote[] calldata quotes) private view {
        bytes32 given = TypedData.hash(quotes);
        if (given != trade.dataQuotes) revert QuotesMismatch(given, trade.dataQuotes);
    }

    function _rowsOf(DataQuote[] calldata quotes, uint256 accepted) private pure returns (uint256 rows) {
        for (uint256 i = 0; i < quotes.length; ++i) {
            if (accepted & (1 << i) != 0) rows += quotes[i].rows;
        }
    }

    /// @dev Both lists ascend, so one pass finds an expert that is also a provider.
    function _requireExpertsAllowed(
        Trade storage trade,
        DataQuote[] calldata quotes,
        address[] calldata experts
    ) private view {
        if (experts.length > MAX_EXPERTS) revert TooMany(experts.length, MAX_EXPERTS);
        address previous;
        uint256 next;
        for (uint256 i = 0; i < experts.length; ++i) {
            address expert = experts[i];
            if (expert <= previous) revert NotAscending(previous, expert);
            while (next < quotes.length && quotes[next].provider < expert) ++next;
            if (
                expert == trade.buyer || expert == trade.auditor
                    || (next < quotes.length && quotes[next].provider == expert)
            ) revert ConflictOfRoles(expert);
            previous = expert;
        }
    }

    function _requireWhole(uint256 count, uint32[] calldata weights) private pure {
        if (weights.length != count) revert LengthMismatch(weights.length, count);
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            if (weights[i] == 0) revert WeightsMismatch(0);
            sum += weights[i];
        }
        if (sum != PARTS) revert WeightsMismatch(sum);
    }

    function _requireGate(Trade storage trade, address[] calldata experts, uint32[] calldata weights)
        private
        view
    {
        bytes32 given = _gateHash(experts, weights);
        if (given != trade.gate) revert GateMismatch(given, trade.gate);
    }

    function _gateHash(address[] calldata experts, uint32[] calldata weights)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(experts, weights));
    }

    function _requireSigned(address signer, bytes32 digest, bytes calldata signature) private view {
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, signature)) {
            revert BadSignature(signer);
        }
    }

    /// @dev One report, one digest for all signers.
    function _requireQuorum(Trade storage trade, bytes32 report, bytes[] calldata signatures) private {
        bytes32[] memory digests = new bytes32[](signatures.length);
        bytes32 digest = _hashTypedDataV4(report);
        for (uint256 i = 0; i < digests.length; ++i) {
            digests[i] = digest;
        }
        _requireCommittee(trade, digests, signatures);
    }

    /// @dev Each signer signs the same finding and its own sealed score.
    function _requireSealedQuorum(
        bytes32 tradeId,
        Trade storage trade,
        uint8 attempt,
        AttemptReport calldata report,
        bytes32[] calldata seals,
        bytes[] calldata signatures
    ) private returns (address[] memory) {
        if (seals.length != signatures.length) revert LengthMismatch(seals.length, signatures.length);
        bytes32[] memory digests = new bytes32[](seals.length);
        uint32 version = trade.committeeVersion;
        for (uint256 i = 0; i < seals.length; ++i) {
            digests[i] =
                _hashTypedDataV4(TypedData.attemptReport(tradeId, version, attempt, report, seals[i]));
        }
        return _requireCommittee(trade, digests, signatures);
    }

    function _requireCommittee(Trade storage trade, bytes32[] memory digests, bytes[] calldata signatures)
        private
        returns (address[] memory signers)
    {
        uint16 bitmap;
        (signers, bitmap) = committee.verify(trade.committeeVersion, digests, signatures);
        trade.signers |= bitmap;
    }
}
