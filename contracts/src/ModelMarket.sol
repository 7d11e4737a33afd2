// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IMarketRules} from "./interfaces/IMarketRules.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {IQuotes} from "./interfaces/IQuotes.sol";
import {Ledger} from "./Ledger.sol";
import {Quotes} from "./Quotes.sol";
import {Attempts} from "./libraries/Attempts.sol";
import {Digests} from "./libraries/Digests.sol";
import {LargestRemainder} from "./libraries/LargestRemainder.sol";
import {Payments} from "./libraries/Payments.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Seals} from "./libraries/Seals.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Committee} from "./types/Committee.sol";
import {Status, StatusLibrary} from "./types/Status.sol";
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
    Payment,
    Permit,
    Purpose,
    Request,
    State,
    Supply,
    Windows
} from "./types/Trade.sol";

/// @title ModelMarket
/// @dev Reads top-down in the order of a trade; `IModelMarket` describes each call. A step needs its
///      state (`_in`), an open deadline (`_requireOpen`) and what was agreed (`_requireAgreed`); an
///      exit needs a lapsed deadline (`_requireLapsed`).
contract ModelMarket is IModelMarket, Ledger {
    using Seals for Seals.Opened;

    uint256 private constant PARTS = 1_000_000; // scores and weights are parts per million
    uint256 private constant MAX_EXPERTS = 32; // bounds the loops, so no trade can outgrow a block

    /// @inheritdoc IModelMarket
    IMarketRules public immutable rules;

    /// @inheritdoc IModelMarket
    IParticipantRegistry public immutable registry;

    /// @inheritdoc IModelMarket
    IQuotes public immutable quotes;

    /// @inheritdoc IModelMarket
    address public immutable arbiter;

    uint256 private immutable _rulingWindow; // the rules', which never change

    mapping(bytes32 tradeId => Status) private _status;
    mapping(bytes32 tradeId => bytes32) private _digest;
    mapping(bytes32 tradeId => Seals.Opened) private _opened; // in calls before the settlement
    mapping(bytes32 tradeId => mapping(address account => uint8 stage)) private _deliveries;

    /// @inheritdoc IModelMarket
    mapping(bytes32 tradeId => uint16) public faultySeals;

    constructor(IMarketRules rules_, IParticipantRegistry registry_, address arbiter_)
        EIP712("ModelMarket", "1")
    {
        rules = rules_;
        registry = registry_;
        quotes = new Quotes(registry_);
        arbiter = arbiter_;
        _rulingWindow = rules_.rulingWindow();
    }

    // ---------------------------------------------------------------- 1, 2: request

    /// @inheritdoc IModelMarket
    function requestModel(Request calldata request) external returns (bytes32 tradeId) {
        _only(request.buyer);
        rules.requireAllowed(request);
        tradeId = tradeIdOf(request);
        if (_status[tradeId].state() != State.None) revert TradeExists(tradeId);
        _status[tradeId] = StatusLibrary.open(request.maxAttempts, request.windows);
        emit ModelRequested(tradeId, request.buyer, request.broker, request);
    }

    /// @inheritdoc IModelMarket
    function declineQuote(Request calldata request, bytes32 quote) external {
        bytes32 tradeId = tradeIdOf(request);
        Status status = _in(tradeId, State.Requested);
        _only(request.buyer);
        emit QuoteDeclined(tradeId, quote);
        _end(tradeId, status, State.Declined);
    }

    // ------------------------------------------------------ 3, 4: quotes and escrow

    /// @inheritdoc IModelMarket
    function acceptQuote(
        Request calldata request,
        Committee calldata judges,
        ModelQuote calldata quote,
        uint128 expectedPrice,
        bytes[] calldata signatures,
        Permit calldata permit
    ) external payable nonReentrant {
        bytes32 tradeId = Digests.tradeId(request);
        Status status = _in(tradeId, State.Requested);
        _only(request.buyer);
        _requireOpen(status.deadline());
        if (quote.tradeId != tradeId) revert WrongTrade(quote.tradeId, tradeId);
        bytes32 committee = Digests.hash(judges);
        if (committee != request.committee) revert AgreementMismatch(committee, request.committee);
        (uint128 price, uint128 protocolFee, bytes32 quoteHash, bytes32 supplies) = quotes.check(
            _domainSeparatorV4(),
            request.buyer,
            request.broker,
            request.auditor,
            request.treasury,
            judges.members,
            request.feeBps,
            quote,
            signatures
        );
        if (price != expectedPrice) revert PriceChanged(price, expectedPrice);
        if (price > request.budget) revert OverBudget(price, request.budget);

        Deal memory deal = Deal({
            buyer: request.buyer,
            broker: request.broker,
            auditor: request.auditor,
            treasury: request.treasury,
            currency: request.currency,
            threshold: request.threshold,
            minRows: request.minRows,
            approvalRequired: request.approvalRequired,
            expertPool: quote.expertPool,
            brokerFee: quote.brokerFee,
            auditorFee: quote.auditorFee,
            oracleFee: quote.oracleFee,
            protocolFee: protocolFee,
            quote: quoteHash
        });
        _digest[tradeId] =
            Digests.agreed(committee, Digests.hashInMemory(deal), supplies);
        _status[tradeId] =
            status.to(State.Funded).until(uint256(status.window(1)) + status.window(2));
        emit QuoteAccepted(tradeId, quote, signatures);
        _lock(tradeId, deal.currency, msg.sender, price, permit);
    }

    // ---------------------------------------------------- 5, 6: data and the gate

    /// @inheritdoc IModelMarket
    function recordDelivery(bytes32 tradeId, bytes32 commitment) external {
        Status status = _status[tradeId];
        State state = status.state();
        if (state != State.Funded && state != State.Gated) revert WrongState(state, State.Gated);
        // The stage's deadline holds two clocks: work is due when the judges' has not begun.
        uint256 due = status.deadline() - status.window(state == State.Funded ? 2 : 4);
        _requireOpen(due);
        _deliveries[tradeId][msg.sender] = _stageOf(status);
        emit WorkDelivered(tradeId, msg.sender, status.attempts(), commitment);
    }

    /// @inheritdoc IModelMarket
    function reportData(
        bytes32 tradeId,
        Deal calldata deal,
        Supply[] calldata supplies,
        DataFinding calldata report,
        Committee calldata judges,
        uint16 signers,
        bytes calldata signatures
    ) external {
        Status status = _in(tradeId, State.Funded);
        _requireOpen(status.deadline());
        bytes32 judgesDigest = Digests.hash(judges);
        bytes32 dealDigest = Digests.hash(deal);
        _requireAgreed(
            tradeId, Digests.agreed(judgesDigest, dealDigest, Digests.hash(supplies))
        );
        if (report.accepted >> supplies.length != 0) revert UnknownDelivery(report.accepted);
        bytes32 finding = _hashTypedDataV4(TypedData.dataReport(tradeId, judges.version, report));
        Quorum.verify(judges, signers, finding, signatures);
        status = status.withSigners(signers);

        (uint256 rows, uint128 dropped) = Payments.delivered(supplies, report.accepted);
        emit DataReported(tradeId, report, dropped, signers, signatures);
        if (rows < deal.minRows) {
            if (report.experts.length != 0) revert TooMany(report.experts.length, 0);
            uint256 held = Payments.escrowOf(deal) + Payments.priceOf(supplies);
            _payJudgesAndEnd(tradeId, status, deal, held, judges);
            return;
        }
        _digest[tradeId] = Digests.gated(
            judgesDigest,
            deal.expertPool,
            report.experts.length,
            Digests.terms(
                dealDigest, dropped, Digests.hash(report.experts), Digests.hash(report.weights)
            ),
            History(0, 0)
        );
        _status[tradeId] =
            status.to(State.Gated).until(uint256(status.window(3)) + status.window(4));
        _requireExperts(deal, supplies, judges.members, report);
        (Payment[] memory prices, uint256 delivered) =
            Payments.toProviders(supplies, report.accepted);
        _credited(tradeId, deal.currency, prices, delivered);
    }

    // -------------------------------------------------- 7, 8: training, validation

    /// @inheritdoc IModelMarket
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
    ) external {
        Status status = _in(tradeId, State.Gated);
        _requireOpen(status.deadline());
        bytes32 committee = Digests.hash(judges);
        bytes32 gated = Digests.gated(committee, expertPool, experts, terms, history);
        _requireAgreed(tradeId, gated);
        if (report.model == 0) revert NoModel();
        if (Attempts.scored(history, report.model)) revert ModelAlreadyScored(report.model);
        if (verdicts & ~signers != 0) revert UnknownVerdicts(verdicts, signers);

        status = status.withAttempt();
        uint8 attempt = status.attempts();
        bytes32 amounts = Digests.hash(report.amounts);
        uint256 count = _requireSealedQuorum(
            tradeId, attempt, report, amounts, judges, signers, verdicts, seals, signatures
        );
        bool passed = 2 * Quorum.signerCount(verdicts) > count;
        _requireOutcome(report, passed, expertPool, experts);
        status = status.withSigners(signers);
        emit AttemptReported(tradeId, attempt, report, signers, verdicts, seals, signatures);

        bytes32 record = Digests.record(
            attempt, report.model, report.delivery, signers, verdicts, Digests.hash(seals)
        );
        if (passed || attempt == status.maxAttempts()) {
            _digest[tradeId] = Digests.decided(gated, amounts, record);
            _status[tradeId] =
                status.to(passed ? State.Passed : State.Rejected).until(status.window(5));
        } else {
            history = Attempts.withAttempt(history, attempt, report.model, record, path);
            _digest[tradeId] = Digests.gated(committee, expertPool, experts, terms, history);
            _status[tradeId] = status.until(uint256(status.window(3)) + status.window(4));
        }
    }

    /// @inheritdoc IModelMarket
    function attestAudit(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        bytes32 judges,
        bytes32 amounts,
        bytes32 record,
        AuditFinding calldata audit
    ) external {
        Status status = _decided(tradeId, deal, gate, judges, amounts, record);
        _status[tradeId] = _attested(tradeId, status, deal.auditor, record, audit);
    }

    // ---------------------------------------------------------------- 8: settlement

    /// @inheritdoc IModelMarket
    function settle(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        Committee calldata judges,
        uint128[] calldata amounts,
        AttemptRecord calldata record,
        Opening[] calldata openings,
        AuditFinding calldata audit
    ) external {
        bytes32 decided = Digests.hash(record);
        Status status =
            _decided(tradeId, deal, gate, Digests.hash(judges), Digests.hash(amounts), decided);
        _requireReviewed(status);
        if (audit.signature.length != 0) {
            status = _attested(tradeId, status, deal.auditor, decided, audit);
        }
        Seals.Opened memory opened = _open(tradeId, deal.threshold, judges, record, openings);
        if (opened.seats != record.signers) opened = opened.merge(_opened[tradeId]);
        uint16 closed = record.signers & ~opened.seats;
        uint256 until = uint256(status.deadline()) + status.window(6);
        if (closed != 0 && block.timestamp <= until) revert SealsClosed(closed, until);

        uint16 faulty = opened.faulty(record);
        if (faulty != 0) faultySeals[tradeId] = faulty;

        // A verdict that falls leaves its signers without their fee.
        bool fell = status.has(StatusLibrary.OVERTURNED) || opened.contradicts(record);
        State end = fell ? State.Refunded : _endOf(status, deal.approvalRequired);
        bool audited = status.has(StatusLibrary.AUDITED);
        Payment[] memory payments =
            new Payment[](amounts.length + 3 + Quorum.signerCount(status.signers()));
        uint256 count;
        if (end == State.Settled) {
            count = Payments.toSellers(payments, count, deal, gate, amounts);
        } else if (!fell && !audited) {
            // The silence of an auditor whose approval is needed is not the experts' to pay for.
            count = Payments.toExperts(payments, count, gate, amounts);
        }
        if (audited) {
            count = Payments.add(payments, count, deal.auditor, deal.auditorFee, Purpose.Audit);
        }
        if (!fell) {
            count = Payments.toOracles(
                payments, count, deal.oracleFee, judges, status.signers(), faulty
            );
        }
        uint256 held = Payments.escrowOf(deal, gate);
        _payAndEnd(tradeId, status, deal, held, payments, count, end);
    }

    /// @inheritdoc IModelMarket
    function openDecidingScores(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        Committee calldata judges,
        bytes32 amounts,
        AttemptRecord calldata record,
        Opening[] calldata openings
    ) external {
        _requireReviewed(
            _decided(tradeId, deal, gate, Digests.hash(judges), amounts, Digests.hash(record))
        );
        Seals.Opened memory opened = _open(tradeId, deal.threshold, judges, record, openings);
        if (opened.seats == 0) revert NothingOpened();
        _opened[tradeId] = opened.merge(_opened[tradeId]);
    }

    // ---------------------------------------------------- ends that anyone may call

    /// @inheritdoc IModelMarket
    function expire(bytes32 tradeId) external {
        Status status = _in(tradeId, State.Requested);
        _requireLapsed(status.deadline());
        _end(tradeId, status, State.Expired);
    }

    /// @inheritdoc IModelMarket
    function timeoutDelivery(
        bytes32 tradeId,
        Deal calldata deal,
        Supply[] calldata supplies,
        bytes32 judges
    ) external {
        Status status = _in(tradeId, State.Funded);
        _requireLapsed(status.deadline());
        _requireAgreed(
            tradeId, Digests.agreed(judges, Digests.hash(deal), Digests.hash(supplies))
        );
        uint256 delivered;
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (_deliveries[tradeId][supplies[i].provider] == _stageOf(status)) delivered |= 1 << i;
        }
        uint256 held = Payments.escrowOf(deal) + Payments.priceOf(supplies);
        (Payment[] memory payments, uint256 count) = Payments.toProviders(supplies, delivered);
        if (count != 0) status = status.withFlag(StatusLibrary.UNJUDGED);
        _payAndEnd(tradeId, status, deal, held, payments, count, State.Refunded);
    }

    /// @inheritdoc IModelMarket
    function timeoutTraining(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        Committee calldata judges
    ) external {
        Status status = _in(tradeId, State.Gated);
        _requireLapsed(status.deadline());
        _requireAgreed(tradeId, Digests.gated(Digests.hash(judges), deal, gate));
        uint128[] memory shares =
            LargestRemainder.split(deal.expertPool, gate.experts, gate.weights);
        Payment[] memory payments = new Payment[](shares.length);
        uint256 count;
        bool delivered;
        for (uint256 i = 0; i < shares.length; ++i) {
            if (_deliveries[tradeId][gate.experts[i]] != _stageOf(status)) continue;
            delivered = true;
            count = Payments.add(payments, count, gate.experts[i], shares[i], Purpose.Expert);
        }
        uint256 held = Payments.escrowOf(deal, gate);
        if (!delivered) {
            _payJudgesAndEnd(tradeId, status, deal, held, judges);
            return;
        }
        if (count != 0) status = status.withFlag(StatusLibrary.UNJUDGED);
        _payAndEnd(tradeId, status, deal, held, payments, count, State.Refunded);
    }

    /// @inheritdoc IModelMarket
    function resume(bytes32 tradeId) external {
        Status status = _in(tradeId, State.Disputed);
        _requireLapsed(status.deadline());
        _endDispute(tradeId, status, false);
    }

    // --------------------------------------------------------------------- disputes

    /// @inheritdoc IModelMarket
    function dispute(bytes32 tradeId) external {
        _only(arbiter);
        Status status = _status[tradeId];
        State state = status.state();
        if (state != State.Passed && state != State.Rejected) revert WrongState(state, State.Passed);
        _requireOpen(status.deadline());
        if (status.has(StatusLibrary.CHALLENGED)) revert AlreadyChallenged();
        if (state == State.Rejected) status = status.withFlag(StatusLibrary.WAS_REJECTED);
        // The end of the review can be told from this deadline, so it needs no place of its own.
        uint256 deadline = status.deadline() + _rulingWindow;
        status = status.withFlag(StatusLibrary.CHALLENGED).to(State.Disputed).due(deadline);
        _status[tradeId] = status;
        emit TradeDisputed(tradeId, status.deadline());
    }

    /// @inheritdoc IModelMarket
    function rule(bytes32 tradeId, bool overturned) external {
        _only(arbiter);
        _endDispute(tradeId, _in(tradeId, State.Disputed), overturned);
    }

    // ------------------------------------------------------------------------ views

    /// @inheritdoc IModelMarket
    function statusOf(bytes32 tradeId) external view returns (Status) {
        return _status[tradeId];
    }

    /// @inheritdoc IModelMarket
    function windowsOf(bytes32 tradeId) external view returns (Windows memory) {
        return _status[tradeId].windows();
    }

    /// @inheritdoc IModelMarket
    function digestOf(bytes32 tradeId) external view returns (bytes32) {
        return _digest[tradeId];
    }

    /// @inheritdoc IModelMarket
    function deliveryOf(bytes32 tradeId, address account) external view returns (uint8) {
        return _deliveries[tradeId][account];
    }

    /// @inheritdoc IModelMarket
    function tradeIdOf(Request calldata request) public view returns (bytes32) {
        return Digests.tradeId(request);
    }

    /// @inheritdoc IModelMarket
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // ------------------------------------------------------------ paying and ending

    /// @dev What is left of `held` after the payments is the buyer's.
    function _payAndEnd(
        bytes32 tradeId,
        Status status,
        Deal calldata deal,
        uint256 held,
        Payment[] memory payments,
        uint256 count,
        State end
    ) private {
        uint256 paid = _credited(tradeId, deal.currency, payments, count);
        _refunded(tradeId, deal.currency, deal.buyer, held - paid);
        _end(tradeId, status, end);
    }

    /// @dev Before a verdict, by the silence of others than the judges: they judged what there was.
    function _payJudgesAndEnd(
        bytes32 tradeId,
        Status status,
        Deal calldata deal,
        uint256 held,
        Committee calldata judges
    ) private {
        uint16 signers = status.signers();
        Payment[] memory payments = new Payment[](Quorum.signerCount(signers));
        uint256 count = Payments.toOracles(payments, 0, deal.oracleFee, judges, signers, 0);
        _payAndEnd(tradeId, status, deal, held, payments, count, State.Refunded);
    }

    /// @dev How a trade ends whose verdict stands.
    function _endOf(Status status, bool approvalRequired) private pure returns (State) {
        if (status.state() == State.Rejected) return State.Failed;
        bool wanting = approvalRequired && !status.has(StatusLibrary.APPROVED);
        return wanting ? State.Refunded : State.Settled;
    }

    /// @dev The deadline of a trade that ended says until when its seals are to be opened.
    function _end(bytes32 tradeId, Status status, State state) private {
        _status[tradeId] = status.to(state).until(status.window(6));
        emit TradeEnded(tradeId, state);
    }

    function _endDispute(bytes32 tradeId, Status status, bool overturned) private {
        State back = status.has(StatusLibrary.WAS_REJECTED) ? State.Rejected : State.Passed;
        if (overturned) status = status.withFlag(StatusLibrary.OVERTURNED);
        // An early ruling leaves the auditor the rest of the review; after a late one, the signers
        // have their whole time to open seals.
        uint256 review = status.deadline() - _rulingWindow;
        status = status.to(back).due(Math.max(review, block.timestamp));
        _status[tradeId] = status;
        emit DisputeEnded(tradeId, overturned, status.deadline());
    }

    function _open(
        bytes32 tradeId,
        uint32 threshold,
        Committee calldata judges,
        AttemptRecord calldata record,
        Opening[] calldata openings
    ) private returns (Seals.Opened memory opened) {
        uint32[] memory scores;
        bytes32[] memory salts;
        (opened, scores, salts) = Seals.open(tradeId, threshold, judges, record, openings);
        if (opened.seats == 0) return opened;
        emit ScoresOpened(tradeId, record.attempt, opened.seats, scores, salts);
    }

    // ------------------------------------------------------------ who may, and when

    function _in(bytes32 tradeId, State needed) private view returns (Status status) {
        status = _status[tradeId];
        if (status.state() != needed) revert WrongState(status.state(), needed);
    }

    /// @dev A trade whose last verdict is there and whose money has not moved yet.
    function _decided(
        bytes32 tradeId,
        Deal calldata deal,
        Gate calldata gate,
        bytes32 judges,
        bytes32 amounts,
        bytes32 record
    ) private view returns (Status status) {
        status = _status[tradeId];
        State state = status.state();
        if (state < State.Passed || state >= State.Settled) revert WrongState(state, State.Passed);
        _requireAgreed(tradeId, Digests.decided(Digests.gated(judges, deal, gate), amounts, record));
    }

    /// @dev The verdict stands or fell for good, so that its scores may be known.
    function _requireReviewed(Status status) private view {
        if (status.state() == State.Disputed) revert WrongState(State.Disputed, State.Passed);
        _requireLapsed(status.deadline());
    }

    function _only(address needed) private view {
        if (msg.sender != needed) revert NotAllowed(msg.sender, needed);
    }

    function _requireOpen(uint256 deadline) private view {
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
    }

    function _requireLapsed(uint256 deadline) private view {
        if (block.timestamp <= deadline) revert DeadlineNotReached(deadline);
    }

    /// @dev Tells deliveries of this stage from those of earlier ones.
    function _stageOf(Status status) private pure returns (uint8) {
        unchecked {
            // eight attempts at most
            return status.state() == State.Funded ? 1 : status.attempts() + 2;
        }
    }

    // ------------------------------------------------------------- what is accepted

    function _requireExperts(
        Deal calldata deal,
        Supply[] calldata supplies,
        address[] calldata judges,
        DataFinding calldata report
    ) private view {
        uint256 count = report.experts.length;
        if (count > MAX_EXPERTS) revert TooMany(count, MAX_EXPERTS);
        if (report.weights.length != count) revert LengthMismatch(report.weights.length, count);
        address previous;
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            if (report.experts[i] <= previous) revert NotAscending(previous, report.experts[i]);
            previous = report.experts[i];
            if (report.weights[i] == 0) revert WeightsMismatch(0);
            sum += report.weights[i];
        }
        if (sum != PARTS) revert WeightsMismatch(sum);
        address[] memory providers = new address[](supplies.length);
        for (uint256 i = 0; i < supplies.length; ++i) {
            providers[i] = supplies[i].provider;
        }
        registry.requireFitExperts(deal.buyer, deal.auditor, providers, judges, report.experts);
    }

    /// @dev Each signer signs the shared finding, its own verdict and its own sealed score.
    function _requireSealedQuorum(
        bytes32 tradeId,
        uint8 attempt,
        AttemptFinding calldata report,
        bytes32 amounts,
        Committee calldata judges,
        uint16 signers,
        uint16 verdicts,
        bytes32[] calldata seals,
        bytes calldata signatures
    ) private view returns (uint256) {
        bytes memory encoded =
            TypedData.attemptReport(tradeId, judges.version, attempt, report, amounts);
        bytes32 domain = _domainSeparatorV4();
        uint256 count = Quorum.requireQuorum(judges, signers, signatures);
        if (seals.length != count) revert LengthMismatch(seals.length, count);
        address[] calldata members = judges.members;
        uint256 position;
        for (uint256 seat = 0; position < count; ++seat) {
            uint256 bit = 1 << seat;
            if (signers & bit == 0) continue;
            bytes32 message =
                TypedData.withVerdict(encoded, verdicts & bit != 0, seals[position]);
            bytes32 digest = MessageHashUtils.toTypedDataHash(domain, message);
            Quorum.requireSigned(members[seat], seat, digest, signatures, position);
            ++position;
        }
        return count;
    }

    function _requireOutcome(
        AttemptFinding calldata report,
        bool passed,
        uint128 expertPool,
        uint256 experts
    ) private pure {
        if (passed != (report.delivery != 0)) revert InvalidDelivery(passed, report.delivery);
        uint256 needed = passed ? experts : 0;
        if (report.amounts.length != needed) revert LengthMismatch(report.amounts.length, needed);
        if (!passed) return;
        uint256 sum;
        for (uint256 i = 0; i < needed; ++i) {
            sum += report.amounts[i];
        }
        if (sum != expertPool) revert AllocationMismatch(sum, expertPool);
    }

    function _requireAgreed(bytes32 tradeId, bytes32 given) private view {
        bytes32 agreed = _digest[tradeId];
        if (given != agreed) revert AgreementMismatch(given, agreed);
    }

    function _attested(
        bytes32 tradeId,
        Status status,
        address auditor,
        bytes32 record,
        AuditFinding calldata audit
    ) private returns (Status) {
        if (status.has(StatusLibrary.AUDITED)) revert AlreadyAttested();
        bytes32 finding = TypedData.auditReport(tradeId, record, audit.report, audit.approved);
        if (msg.sender != auditor || audit.signature.length != 0) {
            Signatures.requireSigned(auditor, _hashTypedDataV4(finding), audit.signature);
        }
        emit AuditAttested(tradeId, auditor, audit.report, audit.approved);
        status = status.withFlag(StatusLibrary.AUDITED);
        return audit.approved ? status.withFlag(StatusLibrary.APPROVED) : status;
    }
}
