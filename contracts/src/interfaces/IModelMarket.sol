// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {Status} from "../types/Status.sol";
import {
    AttemptRecord,
    AttemptFinding,
    AuditFinding,
    DataFinding,
    Deal,
    Gate,
    History,
    ModelQuote,
    Opening,
    Permit,
    Request,
    State,
    Supply,
    Windows
} from "../types/Trade.sol";
import {ILedger} from "./ILedger.sol";
import {IMarketRules} from "./IMarketRules.sol";
import {IParticipantRegistry} from "./IParticipantRegistry.sol";
import {IQuotes} from "./IQuotes.sol";

/// @title A market for models: escrow, capped validation and allocation
/// @notice A trade runs through these calls, each by the party in brackets; reports carry a
///         committee's signatures and may be sent by anyone.
///
///         requestModel [buyer] -> acceptQuote | declineQuote [buyer] -> reportData [report]
///         -> reportAttempt [report], at most `maxAttempts` times -> attestAudit [auditor]
///         -> settle [anyone, after the review window]
///
///         Whoever falls silent, `expire`, `timeoutDelivery`, `timeoutTraining`, `resume` or `settle`
///         ends the trade, and anyone may call. Storage holds a status and a digest of what was
///         agreed; calls bring what was agreed along, and the log has it.
interface IModelMarket is ILedger {
    // ------------------------------------------------------------------ events

    event ModelRequested(
        bytes32 indexed tradeId, address indexed buyer, address indexed broker, Request request
    );
    event QuoteDeclined(bytes32 indexed tradeId, bytes32 quote);
    event QuoteAccepted(bytes32 indexed tradeId, ModelQuote quote, bytes[] signatures);

    /// @notice A provider or expert put on record that it delivered.
    event WorkDelivered(
        bytes32 indexed tradeId, address indexed account, uint8 attempts, bytes32 commitment
    );
    event DataReported(
        bytes32 indexed tradeId, DataFinding report, uint128 dropped, uint16 signers, bytes signatures
    );
    event AttemptReported(
        bytes32 indexed tradeId,
        uint8 attempt,
        AttemptFinding report,
        uint16 signers,
        uint16 verdicts,
        bytes32[] seals,
        bytes signatures
    );
    event AuditAttested(bytes32 indexed tradeId, address indexed auditor, bytes32 report, bool approved);

    /// @param until Last second of the dispute: the ruling window after the review's end.
    event TradeDisputed(bytes32 indexed tradeId, uint40 until);

    /// @param until Last second before the settlement: the review's, or that of the ruling if later.
    event DisputeEnded(bytes32 indexed tradeId, bool overturned, uint40 until);

    /// @notice The scores of the signers in `opened` are public now, in the order of the seats.
    event ScoresOpened(
        bytes32 indexed tradeId, uint8 attempt, uint16 opened, uint32[] scores, bytes32[] salts
    );

    /// @notice The trade reached the final state `state`.
    event TradeEnded(bytes32 indexed tradeId, State state);
    // ------------------------------------------------------------------ errors

    error TradeExists(bytes32 tradeId);
    error NotAllowed(address caller, address needed);
    error WrongState(State state, State needed);
    error DeadlinePassed(uint256 deadline);
    error DeadlineNotReached(uint256 deadline);
    error WrongTrade(bytes32 given, bytes32 needed);
    error PriceChanged(uint256 price, uint256 expected);
    error OverBudget(uint256 price, uint256 budget);
    error NotAscending(address previous, address next);
    error TooMany(uint256 count, uint256 limit);

    /// @notice What was passed is not what this trade agreed on.
    error AgreementMismatch(bytes32 given, bytes32 agreed);
    error UnknownDelivery(uint256 accepted);
    error WeightsMismatch(uint256 sum);
    error LengthMismatch(uint256 left, uint256 right);

    /// @notice Zero stands for no model: a ruling that names it upholds the verdict.
    error NoModel();
    error ModelAlreadyScored(bytes32 model);
    error InvalidDelivery(bool passed, bytes32 delivery);
    error UnknownVerdicts(uint16 verdicts, uint16 signers);
    error AllocationMismatch(uint256 sum, uint256 pool);
    error AlreadyAttested();
    error AlreadyChallenged();

    /// @notice Until this time every seal must be opened to settle.
    error SealsClosed(uint16 closed, uint256 until);
    error NothingOpened();

    // --------------------------------------------------------- the trade's steps

    /// @notice Opens a trade and freezes its rules; nothing is locked yet.
    /// @param request `request.buyer` must be the caller; committee, panel, fee and treasury must
    ///        be those in force.
    function requestModel(Request calldata request) external returns (bytes32 tradeId);

    /// @notice The buyer ends the trade before anything is locked.
    /// @param quote Hash of the quote declined, or zero.
    function declineQuote(Request calldata request, bytes32 quote) external;

    /// @notice The buyer accepts signed quotes and funds the escrow, in one transaction.
    /// @param judges The committee that the request names; none of its members may be a party.
    /// @param quote With the providers' quotes, ascending by provider.
    /// @param expectedPrice What the buyer agreed to; anything else reverts.
    /// @param signatures By the broker over the quote, then by each provider over its own (ECDSA or
    ///        ERC-1271).
    /// @param permit ERC-2612, by the buyer for the market; all zero when there is an allowance, or
    ///        when native coin is sent along. One that was used already does no harm.
    function acceptQuote(
        Request calldata request,
        Committee calldata judges,
        ModelQuote calldata quote,
        uint128 expectedPrice,
        bytes[] calldata signatures,
        Permit calldata permit
    ) external payable;

    /// @notice A provider or expert puts on record that it delivered, so that the committee's
    ///         silence is not its loss. Not needed when the committee reports in time.
    /// @param commitment Digest of what was delivered.
    function recordDelivery(bytes32 tradeId, bytes32 commitment) external;

    /// @notice Pays the providers whose data opened and matched and commits the gate's weights;
    ///         refunds the buyer when too few rows are left.
    /// @param signers The seats of those that signed, as a bitmap.
    /// @param signatures Their EIP-2098 signatures, 64 bytes each, in the order of the seats.
    function reportData(
        bytes32 tradeId,
        Deal calldata deal,
        Supply[] calldata supplies,
        DataFinding calldata report,
        Committee calldata judges,
        uint16 signers,
        bytes calldata signatures
    ) external;

    /// @notice Counts one validation attempt. A pass fixes delivery and allocation; the last fail
    ///         uses the attempts up. Either opens the review window.
    /// @param terms Hash of deal and gate.
    /// @param expertPool As in the deal.
    /// @param experts Number of experts in the gate.
    /// @param history What the attempts before this one left behind.
    /// @param path Where the history keeps this attempt, if it decides nothing; any value otherwise.
    /// @param signers The seats of those that signed, as a bitmap.
    /// @param verdicts Those among them that found that the model passed; more than half pass it.
    /// @param seals Each signer's sealed score.
    /// @param signatures Their EIP-2098 signatures, 64 bytes each, in the order of the seats.
    function reportAttempt(
        bytes32 tradeId,
        bytes32 terms,
        uint128 expertPool,
        uint256 experts,
        History memory history,
        bytes32[3] calldata path,
        AttemptFinding calldata report,
        Committee calldata judges,
        uint16 signers,
        uint16 verdicts,
        bytes32[] calldata seals,
        bytes calldata signatures
    ) external;

    /// @notice The auditor reports; this earns its fee, whatever the finding. Its signature passed
    ///         to `settle` does the same.
    function attestAudit(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        bytes32 judges,
        bytes32 amounts,
        bytes32 record,
        AuditFinding calldata audit
    ) external;

    /// @notice After the review window: opens the deciding scores, divides the escrow as it was
    ///         decided, and ends the trade. Until the settlement window is over, all seals must be
    ///         opened; after it, a signer whose seal is closed loses its share. Where the request
    ///         needs the auditor's approval and the auditor said nothing, experts and oracles are
    ///         paid, broker and protocol are not.
    /// @param amounts The pool's division as reported; empty when the attempts were used up.
    /// @param openings One for each signer of the record, in their order.
    function settle(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        Committee calldata judges,
        uint128[] calldata amounts,
        AttemptRecord calldata record,
        Opening[] calldata openings,
        AuditFinding calldata audit
    ) external;

    /// @notice Opens seals of the deciding attempt one by one, from the end of the review until the
    ///         settlement; for signers whose colleagues keep theirs closed.
    function openDecidingScores(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        Committee calldata judges,
        bytes32 amounts,
        AttemptRecord calldata record,
        Opening[] calldata openings
    ) external;

    // --------------------------------------------------- ends that anyone may call

    /// @notice When no quote was accepted in time.
    function expire(bytes32 tradeId) external;

    /// @notice When nobody reported on the data in time: pays who put its delivery on record,
    ///         refunds the rest.
    function timeoutDelivery(
        bytes32 tradeId,
        Deal calldata deal,
        Supply[] calldata supplies,
        bytes32 judges
    ) external;

    /// @notice When nobody reported on the attempt in time: pays by the gate's weights who put its
    ///         delivery on record, refunds the rest. Where no expert did, the experts are the silent
    ///         ones, and the oracle fee goes to those who signed the trade's reports so far.
    function timeoutTraining(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        Committee calldata judges
    ) external;

    /// @notice When nobody ruled on a dispute in time: the verdict stands.
    function resume(bytes32 tradeId) external;

    // ------------------------------------------------------------------ disputes

    /// @notice The arbiter freezes the settlement of a decided trade, once. The review goes on.
    function dispute(bytes32 tradeId) external;

    /// @notice The arbiter ends a dispute. An overturned verdict refunds the buyer. The settlement
    ///         waits for the rest of the review.
    function rule(bytes32 tradeId, bool overturned) external;

    // -------------------------------------------------------------------- views

    /// @notice The status of a trade, packed as `types/Status.sol` says; zero when unknown.
    function statusOf(bytes32 tradeId) external view returns (Status);

    /// @notice The windows of a trade, in seconds.
    function windowsOf(bytes32 tradeId) external view returns (Windows memory);

    /// @notice The digest of what the trade agreed on (`libraries/Digests.sol`).
    function digestOf(bytes32 tradeId) external view returns (bytes32);

    /// @notice What the account put on record: one after the data stage, two and more for training
    ///         after that many attempts and two; zero for nothing.
    function deliveryOf(bytes32 tradeId, address account) external view returns (uint8);

    /// @notice Signers of the deciding attempt who, at the settlement, had kept their score closed or
    ///         sealed one that speaks against their own verdict.
    function faultySeals(bytes32 tradeId) external view returns (uint16);

    /// @notice The id that a request gets on this chain and contract.
    function tradeIdOf(Request calldata request) external view returns (bytes32);

    /// @notice The EIP-712 domain separator of this contract on this chain.
    function domainSeparator() external view returns (bytes32);

    /// @notice What new requests keep to, fixed at deployment.
    function rules() external view returns (IMarketRules);

    /// @notice The registry of participants, fixed at deployment.
    function registry() external view returns (IParticipantRegistry);

    /// @notice What checks quotes, deployed with the market.
    function quotes() external view returns (IQuotes);

    /// @notice The only contract that may dispute and rule, fixed at deployment.
    function arbiter() external view returns (address);
}
