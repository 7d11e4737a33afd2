// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttemptReport, DataQuote, ModelQuote, Opening, Request, State, Trade} from "../types/Trade.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";
import {ILedger} from "./ILedger.sol";

/// @title A market for models: escrow, capped validation and allocation
/// @notice A trade runs through these calls, each by the party in brackets; reports carry a
///         committee's signatures and may be sent by anyone.
///
///         requestModel [buyer] -> requestData [broker] -> acceptQuote | declineQuote [buyer]
///         -> deliverData [report] -> commitGate [report] -> reportAttempt [report], at most
///         `maxAttempts` times -> confirmDelivery [buyer, optional], attestAudit [auditor]
///         -> settle [report] -> openScores [anyone]
///
///         Whoever falls silent, `timeout` or `settleByGate` ends the trade, and anyone may call.
interface IModelMarket is ILedger {
    // ------------------------------------------------------------------ events

    event ModelRequested(
        bytes32 indexed tradeId,
        address indexed buyer,
        address indexed broker,
        Request request,
        uint32 committeeVersion,
        uint16 feeBps,
        address treasury
    );
    event DataRequested(bytes32 indexed tradeId, bytes32 dataSpec);
    event QuoteDeclined(bytes32 indexed tradeId, bytes32 quote);
    event QuoteAccepted(
        bytes32 indexed tradeId,
        ModelQuote quote,
        uint128 price,
        bytes brokerSignature,
        bytes[] providerSignatures
    );
    event DataDelivered(bytes32 indexed tradeId, uint256 accepted, bytes32 evidence, bytes[] signatures);
    event GateCommitted(
        bytes32 indexed tradeId, address[] experts, uint32[] weights, bytes32 evidence, bytes[] signatures
    );
    event AttemptReported(
        bytes32 indexed tradeId, uint8 attempt, AttemptReport report, bytes32[] seals, bytes[] signatures
    );
    event DeliveryConfirmed(bytes32 indexed tradeId);
    event AuditAttested(bytes32 indexed tradeId, address indexed auditor, bytes32 report, bool approved);

    /// @notice The expert pool was divided; without signatures, by the gate's weights.
    event TradeSettled(
        bytes32 indexed tradeId, address[] experts, uint128[] amounts, bytes32 evidence, bytes[] signatures
    );

    /// @notice The trade reached the final state `state`.
    event TradeEnded(bytes32 indexed tradeId, State state);
    event ScoresOpened(
        bytes32 indexed tradeId, uint8 attempt, address[] signers, uint32[] scores, bytes32[] salts
    );
    event RequestsPaused(bool paused);
    event FeeChanged(uint16 feeBps, address treasury);

    // ------------------------------------------------------------------ errors

    error RequestsArePaused();
    error InvalidRequest(string field);
    error NoCommittee();
    error TradeExists(bytes32 tradeId);
    error NotAllowed(address caller, address needed);
    error WrongState(State state, State needed);
    error NotFinal(State state);
    error DeadlinePassed(uint40 deadline);
    error DeadlineNotReached(uint40 deadline);
    error QuoteExpired(uint40 expiry);
    error WrongTrade(bytes32 given, bytes32 needed);
    error BadSignature(address signer);
    error PriceChanged(uint256 price, uint256 expected);
    error OverBudget(uint256 price, uint256 budget);
    error NotAscending(address previous, address next);
    error ConflictOfRoles(address account);
    error TooMany(uint256 count, uint256 limit);
    error QuotesMismatch(bytes32 given, bytes32 accepted);
    error GateMismatch(bytes32 given, bytes32 committed);
    error UnknownDelivery(uint256 accepted);
    error WeightsMismatch(uint256 sum);
    error LengthMismatch(uint256 left, uint256 right);
    error ModelAlreadyScored(bytes32 model);
    error InvalidDelivery(bool passed, bytes32 delivery);
    error AllocationMismatch(uint256 sum, uint256 pool);
    error AlreadyAttested();
    error SealsMismatch(uint8 attempt);
    error FeeTooHigh(uint16 feeBps);

    // --------------------------------------------------------- the trade's steps

    /// @notice Opens a trade and freezes its rules; nothing is locked yet.
    /// @param request `request.buyer` must be the caller.
    function requestModel(Request calldata request) external returns (bytes32 tradeId);

    /// @notice The broker takes the request up and says what data it needs.
    /// @param dataSpec sha2-256 digest of the data request's CID.
    function requestData(bytes32 tradeId, bytes32 dataSpec) external;

    /// @notice The buyer ends the trade before anything is locked.
    /// @param quote Hash of the quote declined, or zero.
    function declineQuote(bytes32 tradeId, bytes32 quote) external;

    /// @notice The buyer accepts a signed quote and funds the escrow, in one transaction.
    /// @param quote With the providers' quotes, ascending by provider.
    /// @param expectedPrice What the buyer agreed to; anything else reverts.
    /// @param brokerSignature By the trade's broker over `quote` (ECDSA or ERC-1271).
    /// @param providerSignatures One for each data quote, in their order.
    function acceptQuote(
        ModelQuote calldata quote,
        uint128 expectedPrice,
        bytes calldata brokerSignature,
        bytes[] calldata providerSignatures
    ) external payable;

    /// @notice Pays the providers whose data opened and matched; refunds the buyer when too few
    ///         rows are left.
    /// @param quotes The accepted data quotes, as in `acceptQuote`.
    /// @param accepted Bit i is set when quote i was delivered as quoted.
    /// @param evidence Digest of the manifest that names each dataset by CID.
    function deliverData(
        bytes32 tradeId,
        DataQuote[] calldata quotes,
        uint256 accepted,
        bytes32 evidence,
        bytes[] calldata signatures
    ) external;

    /// @notice Commits the gate's weights over the experts.
    /// @param quotes The accepted data quotes: an expert may not be a provider of the same trade.
    /// @param experts Strictly ascending; those with weight zero are left out.
    /// @param weights Parts per million, each above zero, one million in all.
    function commitGate(
        bytes32 tradeId,
        DataQuote[] calldata quotes,
        address[] calldata experts,
        uint32[] calldata weights,
        bytes32 evidence,
        bytes[] calldata signatures
    ) external;

    /// @notice Counts one validation attempt. A pass delivers; the last fail ends the trade.
    /// @param seals Each signer's sealed score, in the order of the signatures.
    function reportAttempt(
        bytes32 tradeId,
        AttemptReport calldata report,
        bytes32[] calldata seals,
        bytes[] calldata signatures
    ) external;

    /// @notice The buyer waives the rest of its verification window.
    function confirmDelivery(bytes32 tradeId) external;

    /// @notice The auditor reports; this earns its fee, whatever the finding.
    /// @param report Digest of the audit report's CID.
    function attestAudit(bytes32 tradeId, bytes32 report, bool approved) external;

    /// @notice Divides the expert pool as the committee found, pays the fees and refunds the rest.
    /// @param experts As committed by the gate.
    /// @param weights As committed by the gate.
    /// @param amounts The pool's division; its sum must be the pool.
    function settle(
        bytes32 tradeId,
        address[] calldata experts,
        uint32[] calldata weights,
        uint128[] calldata amounts,
        bytes32 evidence,
        bytes[] calldata signatures
    ) external;

    // --------------------------------------------------- ends that anyone may call

    /// @notice After the deadline of a stage before delivery: refunds what is locked.
    function timeout(bytes32 tradeId) external;

    /// @notice When the committee falls silent after delivery: divides the expert pool by the
    ///         gate's weights, so that delivered work is paid.
    function settleByGate(bytes32 tradeId, address[] calldata experts, uint32[] calldata weights) external;

    /// @notice After the end: publishes sealed scores of one attempt.
    /// @param openings All seals of the attempt in order; those with a zero salt stay closed, and
    ///        at least one is opened.
    function openScores(bytes32 tradeId, uint8 attempt, Opening[] calldata openings) external;

    // -------------------------------------------------------------------- admin

    /// @notice Stops or allows new requests; running trades are not touched.
    function pauseRequests(bool paused) external;

    /// @notice Sets the protocol fee of trades requested from now on.
    /// @param feeBps Basis points of the other components' sum, 1,000 at most.
    function setFee(uint16 feeBps, address treasury) external;

    // -------------------------------------------------------------------- views

    /// @notice The whole record of a trade; all zero when unknown.
    function tradeOf(bytes32 tradeId) external view returns (Trade memory);

    /// @notice The id that a request gets on this chain and contract.
    function tradeIdOf(Request calldata request) external view returns (bytes32);

    /// @notice Price of a quote in this trade, the protocol fee included.
    function priceOf(ModelQuote calldata quote) external view returns (uint128 price, uint128 protocolFee);

    /// @notice The EIP-712 digest that the broker signs.
    function quoteDigest(ModelQuote calldata quote) external view returns (bytes32);

    /// @notice The EIP-712 domain separator of this contract on this chain.
    function domainSeparator() external view returns (bytes32);

    /// @notice The committee contract, fixed at deployment.
    function committee() external view returns (IOracleCommittee);
}
