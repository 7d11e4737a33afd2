// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevToken} from "../../../src/tokens/DevToken.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {State} from "../../../src/types/Trade.sol";
import {
    AttemptFinding,
    AttemptProof,
    AttemptRecord,
    AuditFinding,
    DataFinding,
    DataQuote,
    Deal,
    Gate,
    History,
    ModelQuote,
    Opening,
    Permit,
    Request,
    Supply
} from "../../../src/types/Trade.sol";
import {Court} from "./Court.sol";
import {Past} from "./Past.sol";
import {Trade} from "./Terms.sol";

/// @title One trade whose attempts pass or fail as a test says
/// @dev All that knows how a trade is reported and what its digests commit to is here. With every
///      signature made and checked a trade takes ten milliseconds, so CI fuzzes 200 of each.
abstract contract JudgedTrade is Court {
    struct Prices {
        uint128 pool;
        uint128 brokerFee;
        uint128 auditorFee;
        uint128 oracleFee;
        uint128 data; // of the supply that is delivered
        uint128 dropped; // of the one that is not
    }

    uint128 internal constant BOND = 0.456 ether + 1; // a tenth of what is held at these prices

    Prices internal prices = Prices(3 ether + 1, 1 ether, 0, 0.3 ether + 2, 2 ether, 0.1 ether);
    Request internal request;
    bytes32 internal tradeId;
    uint8 internal attempts;
    uint16 internal twoFaced; // seats that seal a score against their verdict
    bool private _passed; // the last attempt
    bytes32[8] private _records; // of the attempts that decided nothing
    bytes32 internal _deciding;

    // ------------------------------------------------------------------- to the gate

    /// @dev Requested, paid for, and one of two supplies delivered.
    function _fund(Request memory r) internal {
        request = r;
        (attempts, _deciding) = (0, 0);
        delete _records;
        tradeId = keccak256(abi.encode(block.chainid, address(market), r));
        vm.prank(r.buyer);
        market.requestModel(r);
        _accept(r);
        DataFinding memory f = DataFinding(1, _experts(), _weights(), "data", "gate");
        bytes memory signatures = _signData(_signed(), f, 3, Flaw.None);
        market.reportData(tradeId, _deal(), _supplies(), f, judges(), 3, signatures);
    }

    function _fund() internal {
        _fund(_requestOf(NATIVE));
    }

    /// @dev A rejection by the first attempt: it is the only one.
    function _fundForOneAttempt() internal {
        Request memory r = _requestOf(NATIVE);
        r.maxAttempts = 1;
        _fund(r);
    }

    function _accept(Request memory r) private {
        ModelQuote memory q = _quote();
        bytes[] memory signatures = _signQuotes(q, r.broker);
        Permit memory none;
        uint128 price = _escrow() + prices.data;
        uint256 value = Currency.unwrap(r.currency) == address(0) ? price : 0;
        if (Currency.unwrap(r.currency) == token) _giveTokens(r.buyer, address(market), price);
        hoax(r.buyer, value);
        market.acceptQuote{value: value}(r, judges(), q, price, signatures, none);
    }

    // --------------------------------------------------------------------- attempts

    /// @param verdicts Seats that found the model good.
    function _judge(uint16 signers, uint16 verdicts) internal returns (AttemptRecord memory record) {
        _passed = 2 * _ones(verdicts) > _ones(signers);
        record.attempt = ++attempts;
        record.model = _model(attempts);
        if (_passed) record.delivery = "delivery";
        (record.signers, record.verdicts) = (signers, verdicts);
        record.seals = _seals(record);
        AttemptFinding memory f =
            AttemptFinding(record.model, "training", record.delivery, "evidence", _amounts());
        bytes memory signatures =
            _signAttempt(_signed(), attempts, f, signers, verdicts, record.seals, Flaw.None);
        _report(record, f, signatures);
        if (_passed || attempts == request.maxAttempts) _deciding = _hash(record);
        else _records[attempts - 1] = _hash(record);
    }

    function _report(AttemptRecord memory record, AttemptFinding memory f, bytes memory signatures) private {
        History memory history = _history();
        bytes32[3] memory path = Past.path(_records, record.attempt - 1);
        (bytes32 terms, uint16 signers, uint16 verdicts) = (_termsHash(), record.signers, record.verdicts);
        market.reportAttempt(
            tradeId, terms, prices.pool, 2, history, path, f, judges(), signers, verdicts, record.seals, signatures
        );
    }

    function _seals(AttemptRecord memory record) private view returns (bytes32[] memory seals) {
        Opening[] memory openings = _openings(record, record.signers);
        seals = new bytes32[](openings.length);
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (record.signers & (1 << seat) == 0) continue;
            Opening memory o = openings[position];
            seals[position++] =
                keccak256(abi.encode(tradeId, record.attempt, members[seat], o.score, o.salt));
        }
    }

    /// @param open Seats whose score is opened.
    function _openings(AttemptRecord memory record, uint16 open)
        internal
        view
        returns (Opening[] memory openings)
    {
        openings = new Opening[](_ones(record.signers));
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            uint16 bit = uint16(1 << seat);
            if (record.signers & bit == 0) continue;
            if (open & bit != 0) {
                bool passing = (record.verdicts ^ twoFaced) & bit != 0;
                uint256 score = passing ? request.threshold + seat : request.threshold - 1 - seat;
                openings[position] =
                    Opening(uint32(score), keccak256(abi.encode("salt", record.attempt, seat)));
            }
            ++position;
        }
    }

    // ------------------------------------------------------------------------- ends

    function _state() internal view returns (State) {
        return market.statusOf(tradeId).state();
    }

    function _deadline() internal view returns (uint40) {
        return market.statusOf(tradeId).deadline();
    }

    /// @dev After the review, with all scores of the deciding attempt open.
    function _settle(AttemptRecord memory record) internal returns (State) {
        return _settle(record, record.signers);
    }

    /// @dev With seals that stay closed, when they may no longer be opened.
    function _settle(AttemptRecord memory record, uint16 open) internal returns (State) {
        AuditFinding memory none;
        Opening[] memory openings = _openings(record, open);
        bool late = record.signers & ~open != 0;
        vm.warp(_deadline() + (late ? request.windows.settlement : 0) + 1);
        market.settle(tradeId, _deal(), _gate(), judges(), _amounts(), record, openings, none);
        return _state();
    }

    /// @dev The committee says nothing about an attempt for which so many experts delivered.
    function _leaveUnjudged(uint256 delivered) internal {
        for (uint256 i = 0; i < delivered; ++i) {
            vm.prank(_experts()[i]);
            market.recordDelivery(tradeId, "work");
        }
        vm.warp(_deadline() + 1);
        market.timeoutTraining(tradeId, _deal(), _gate(), judges());
    }

    // ------------------------------------------------------------ challenge, ruling

    function _challenge() internal returns (uint128 bond) {
        bond = _bond();
        uint256 value = Currency.unwrap(request.currency) == address(0) ? bond : 0;
        _challenge(CHALLENGER, value);
    }

    /// @dev A tenth of what the trade holds, rounded up.
    function _bond() internal view returns (uint128) {
        return (_escrow() + 9) / 10;
    }

    function _challenge(address by, uint256 value) internal {
        _announce(by);
        _sendChallenge(by, value);
    }

    /// @dev Just long enough ago.
    function _announce(address by) internal {
        uint256 present = vm.getBlockTimestamp();
        vm.warp(present - ANNOUNCEMENT_DELAY);
        challenges.announce(_sealOf(by));
        vm.warp(present);
    }

    function _sealOf(address by) internal view returns (bytes32) {
        bytes32 claim = "claim";
        return keccak256(abi.encode(block.chainid, address(challenges), tradeId, by, claim, SALT));
    }

    function _sendChallenge(address by, uint256 value) internal {
        (Deal memory deal, Gate memory gate) = (_deal(), _gate());
        (bytes32 amounts, bytes32 record) = (_amountsHash(), _deciding);
        hoax(by, value);
        challenges.challenge{value: value}(
            request, deal, gate, amounts, record, judges(), jury(), "claim", SALT
        );
    }

    function _challengeCall(bytes32 claim) internal view returns (bytes memory) {
        return abi.encodeCall(
            challenges.challenge,
            (request, _deal(), _gate(), _amountsHash(), _deciding, judges(), jury(), claim, SALT)
        );
    }

    function _uphold(uint16 signers) internal {
        bytes memory signatures = _signRuling(_rulingDigest(tradeId, 1, 0, EVIDENCE), signers);
        challenges.uphold(request, jury(), EVIDENCE, signers, signatures);
    }

    function _overturn(AttemptRecord memory record, uint16 signers) internal {
        bytes memory signatures =
            _signRuling(_rulingDigest(tradeId, 1, record.model, EVIDENCE), signers);
        _overturn(record, signers, signatures);
    }

    function _overturn(AttemptRecord memory record, uint16 signers, bytes memory signatures) internal {
        challenges.overturn(
            request, judges(), jury(), record, _proof(record), EVIDENCE, signers, signatures
        );
    }

    // ---------------------------------------------------------------- what is agreed

    function _signed() private view returns (Trade memory t) {
        t.id = tradeId;
    }

    function _experts() internal view returns (address[] memory accounts) {
        accounts = new address[](2);
        (accounts[0], accounts[1]) = (everyone[11], everyone[12]);
    }

    function _weights() private pure returns (uint32[] memory weights) {
        weights = new uint32[](2);
        (weights[0], weights[1]) = (400_000, 600_000);
    }

    /// @dev Of the last attempt.
    function _amounts() private view returns (uint128[] memory amounts) {
        if (!_passed) return amounts;
        amounts = new uint128[](2);
        amounts[0] = prices.pool / 3;
        amounts[1] = prices.pool - amounts[0];
    }

    function _amountsHash() internal view returns (bytes32) {
        return keccak256(abi.encodePacked(_amounts()));
    }

    function _supplies() private view returns (Supply[] memory supplies) {
        supplies = new Supply[](2);
        supplies[0] = Supply(everyone[8], 100, prices.data);
        supplies[1] = Supply(everyone[9], 100, prices.dropped);
    }

    /// @dev What the trade holds from the gate on.
    function _escrow() internal view returns (uint128) {
        return _components() - prices.data + _protocolFee();
    }

    function _components() private view returns (uint128) {
        uint128 fees = prices.brokerFee + prices.auditorFee + prices.oracleFee;
        return prices.pool + fees + prices.data + prices.dropped;
    }

    function _protocolFee() private view returns (uint128) {
        return _components() * FEE_BPS / 10_000;
    }

    function _quote() private view returns (ModelQuote memory q) {
        q.tradeId = tradeId;
        q.dataRequest = "data request";
        Supply[] memory supplies = _supplies();
        q.dataQuotes = new DataQuote[](2);
        for (uint256 i = 0; i < 2; ++i) {
            (address provider, uint32 rows) = (supplies[i].provider, supplies[i].rows);
            q.dataQuotes[i] =
                DataQuote(tradeId, provider, "dataset", rows, supplies[i].price, type(uint40).max);
        }
        (q.expertPool, q.brokerFee) = (prices.pool, prices.brokerFee);
        (q.auditorFee, q.oracleFee) = (prices.auditorFee, prices.oracleFee);
        q.expiry = type(uint40).max;
    }

    function _deal() internal view returns (Deal memory d) {
        (d.buyer, d.broker, d.treasury) = (request.buyer, request.broker, request.treasury);
        d.auditor = request.auditor;
        (d.currency, d.threshold, d.minRows) = (request.currency, request.threshold, request.minRows);
        (d.expertPool, d.brokerFee) = (prices.pool, prices.brokerFee);
        (d.auditorFee, d.oracleFee) = (prices.auditorFee, prices.oracleFee);
        d.protocolFee = _protocolFee();
        d.quote = _hash(_quote());
    }

    function _gate() internal view returns (Gate memory) {
        return Gate(prices.dropped, _history(), _experts(), _weights());
    }

    function _model(uint256 attempt) private pure returns (bytes32) {
        return keccak256(abi.encode("model", attempt));
    }

    function _history() private view returns (History memory) {
        bytes32[8] memory models;
        for (uint256 i = 0; i < 8; ++i) {
            if (_records[i] != 0) models[i] = _model(i + 1);
        }
        return Past.history(_records, models);
    }

    function _hash(AttemptRecord memory r) private pure returns (bytes32) {
        bytes32 seals = keccak256(abi.encodePacked(r.seals));
        return keccak256(abi.encode(r.attempt, r.model, r.delivery, r.signers, r.verdicts, seals));
    }

    /// @dev With the path of the attempt that the record names.
    function _proof(AttemptRecord memory record) internal view returns (AttemptProof memory proof) {
        (proof.expertPool, proof.experts, proof.terms) = (prices.pool, 2, _termsHash());
        (proof.history, proof.amounts, proof.deciding) = (_history(), _amountsHash(), _deciding);
        uint256 index = uint256(record.attempt) + 7; // before the first comes the last
        proof.path = Past.path(_records, index % 8);
    }

    function _termsHash() private view returns (bytes32) {
        bytes32 chosen = keccak256(abi.encodePacked(_experts()));
        bytes32 weights = keccak256(abi.encodePacked(_weights()));
        return keccak256(abi.encode(keccak256(abi.encode(_deal())), prices.dropped, chosen, weights));
    }
}
