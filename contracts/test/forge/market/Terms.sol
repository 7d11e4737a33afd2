// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Committee} from "../../../src/types/Committee.sol";
import {JUROR} from "./Deployer.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {
    AttemptFinding,
    AttemptRecord,
    DataFinding,
    DataQuote,
    Deal,
    Gate,
    History,
    ModelQuote,
    Opening,
    Request,
    State,
    Supply,
    TransferRule,
    Windows
} from "../../../src/types/Trade.sol";
import {Past} from "./Past.sol";

/// @notice What the model of the market keeps of one trade; the rest follows from `seed`.
/// @dev Sets of accounts are bitmaps over `Terms.everyone`, sets of signers over the committee.
struct Trade {
    bytes32 id;
    uint256 seed;
    uint16 feeBps;
    State state;
    State verdict; // Passed or Rejected, once there is one
    uint40 deadline;
    uint256 escrow;
    uint256 accepted; // supplies
    uint256 experts;
    uint256 recorded; // who put its delivery on record in this stage
    uint8 attempts;
    uint16 signed; // any report
    uint16 signers; // the last attempt
    uint16 verdicts;
    bytes32[8] records; // of the attempts that decided nothing
    uint16 opened;
    bool audited;
    bool approved;
    bool challenged;
    bool overturned;
    bytes32 digest;
}

/// @title Everything that parties and oracles agree on, drawn from a trade's seed
abstract contract Terms is Test {
    uint256 internal constant PARTS = 1_000_000;
    uint256 internal constant SEATS = 3;

    uint256 public constant TIED = 3; // the first of `everyone`

    string private constant DATA_QUOTE =
        "DataQuote(bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,uint128 price,uint40 expiry)";
    string private constant MODEL_QUOTE =
        "ModelQuote(bytes32 tradeId,bytes32 dataRequest,DataQuote[] dataQuotes,uint128 expertPool,"
        "uint128 brokerFee,uint128 auditorFee,uint128 oracleFee,uint40 expiry)";

    address internal immutable token;
    address internal immutable treasury = makeAddr("treasury");

    address[] internal everyone; // ascending
    mapping(address account => uint256) internal keyOf;
    uint256 internal tied; // those of one group
    uint256 internal buyers;
    uint256 internal brokers;
    uint256 internal auditors;
    uint256 internal providers;
    uint256 internal experts;
    address[] internal members; // ascending
    bytes32 internal committee;
    bytes32 internal bench; // of the panel

    constructor(address token_) {
        token = token_;
        uint256 count = 14;
        for (uint256 key = 1; key <= count; ++key) {
            _insert(everyone, key);
        }
        for (uint256 key = 101; key <= 100 + SEATS; ++key) {
            _insert(members, key);
        }
        tied = (1 << TIED) - 1;
        buyers = 3 << 3;
        brokers = 1 << 5;
        auditors = 3 << 6;
        providers = 7 << 8;
        experts = 7 << 11;
        committee = keccak256(abi.encode(judges()));
        address[] memory jury = new address[](1);
        jury[0] = JUROR;
        bench = keccak256(abi.encode(Committee(1, 1, jury)));
    }

    function judges() public view returns (Committee memory) {
        return Committee(1, 2, members);
    }

    // -------------------------------------------------------------------- request

    function requestOf(Trade memory t) public view returns (Request memory r) {
        r.buyer = _one(t, "buyer", buyers);
        r.broker = _one(t, "broker", brokers);
        if (_draw(t, "audited", 4) != 0) r.auditor = _one(t, "auditor", auditors);
        r.currency = currencyOf(t);
        (uint256 price,) = _price(t);
        // casting to uint128 is safe: amounts are drawn from 64 bits
        r.budget = uint128(price + 1 + _draw(t, "leeway", 1e6));
        r.threshold = uint32(1 + _draw(t, "threshold", PARTS));
        r.maxAttempts = uint8(1 + _draw(t, "cap", 3));
        r.minRows = uint32(1 + _draw(t, "rows", 80));
        r.validationRows = 10;
        r.validationRoot = _word(t, "root");
        r.spec = _word(t, "spec");
        r.licence = _word(t, "licence");
        r.transferRule = TransferRule(_draw(t, "rule", 3));
        r.approvalRequired = r.auditor != address(0) && _draw(t, "approval", 2) == 0;
        (r.committee, r.panel) = (committee, bench);
        r.feeBps = t.feeBps;
        r.treasury = treasury;
        r.windows = _windows(t);
        r.salt = bytes32(t.seed);
    }

    function currencyOf(Trade memory t) internal view returns (Currency) {
        return Currency.wrap(_draw(t, "native", 2) == 0 ? address(0) : token);
    }

    function _windows(Trade memory t) internal pure returns (Windows memory w) {
        w.quote = _seconds(t, "quote");
        w.delivery = _seconds(t, "delivery");
        w.judging = _seconds(t, "judging");
        w.training = _seconds(t, "training");
        w.validation = _seconds(t, "validation");
        w.review = _seconds(t, "review");
        w.settlement = 10 * _seconds(t, "settlement"); // ten minutes at least
    }

    // ---------------------------------------------------------------------- quote

    function quoteOf(Trade memory t) internal view returns (ModelQuote memory q) {
        q.tradeId = t.id;
        q.dataRequest = _word(t, "dataRequest");
        Supply[] memory supplies = suppliesOf(t);
        q.dataQuotes = new DataQuote[](supplies.length);
        for (uint256 i = 0; i < supplies.length; ++i) {
            Supply memory s = supplies[i];
            q.dataQuotes[i] =
                DataQuote(t.id, s.provider, _word(t, "dataset"), s.rows, s.price, type(uint40).max);
        }
        q.expertPool = _amount(t, "pool");
        q.brokerFee = _amount(t, "brokerFee");
        q.auditorFee = _amount(t, "auditorFee");
        q.oracleFee = _amount(t, "oracleFee");
        q.expiry = type(uint40).max;
    }

    function suppliesOf(Trade memory t) internal view returns (Supply[] memory supplies) {
        address[] memory who = accountsIn(_some(t, "providers", providers));
        supplies = new Supply[](who.length);
        for (uint256 i = 0; i < who.length; ++i) {
            Trade memory one;
            one.seed = uint256(keccak256(abi.encode(t.seed, i)));
            supplies[i] = Supply(who[i], uint32(_draw(one, "rows", 100)), _amount(one, "price"));
        }
    }

    function dealOf(Trade memory t) internal view returns (Deal memory d) {
        Request memory r = requestOf(t);
        (, uint256 fee) = _price(t);
        d.buyer = r.buyer;
        d.broker = r.broker;
        d.auditor = r.auditor;
        d.treasury = r.treasury;
        d.currency = r.currency;
        d.threshold = r.threshold;
        d.minRows = r.minRows;
        d.approvalRequired = r.approvalRequired;
        d.expertPool = _amount(t, "pool");
        d.brokerFee = _amount(t, "brokerFee");
        d.auditorFee = _amount(t, "auditorFee");
        d.oracleFee = _amount(t, "oracleFee");
        d.protocolFee = uint128(fee);
        d.quote = _hash(quoteOf(t));
    }

    /// @dev EIP-712 struct hashes, written out as the market's library isn't to be trusted here.
    function _hash(ModelQuote memory quote) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](quote.dataQuotes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            hashes[i] = _hash(quote.dataQuotes[i]);
        }
        return keccak256(
            abi.encode(
                keccak256(bytes.concat(bytes(MODEL_QUOTE), bytes(DATA_QUOTE))),
                quote.tradeId,
                quote.dataRequest,
                keccak256(abi.encodePacked(hashes)),
                quote.expertPool,
                quote.brokerFee,
                quote.auditorFee,
                quote.oracleFee,
                quote.expiry
            )
        );
    }

    function _hash(DataQuote memory quote) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(DATA_QUOTE)), quote));
    }

    function _price(Trade memory t) internal view returns (uint256 price, uint256 fee) {
        uint256 sum = uint256(_amount(t, "pool")) + _amount(t, "brokerFee")
            + _amount(t, "auditorFee") + _amount(t, "oracleFee");
        Supply[] memory supplies = suppliesOf(t);
        for (uint256 i = 0; i < supplies.length; ++i) {
            sum += supplies[i].price;
        }
        fee = sum * t.feeBps / 10_000;
        price = sum + fee;
    }

    // -------------------------------------------------------------------- reports

    function dataFindingOf(Trade memory t) internal view returns (DataFinding memory f) {
        Gate memory gate = gateOf(t);
        f = DataFinding(t.accepted, gate.experts, gate.weights, _word(t, "data"), _word(t, "gate"));
    }

    function gateOf(Trade memory t) internal view returns (Gate memory gate) {
        Supply[] memory supplies = suppliesOf(t);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (t.accepted & (1 << i) == 0) gate.dropped += supplies[i].price;
        }
        gate.history = historyOf(t);
        gate.experts = accountsIn(t.experts);
        gate.weights = new uint32[](gate.experts.length);
        uint256 left = PARTS;
        for (uint256 i = gate.experts.length; i > 0; --i) {
            uint256 weight = i == 1 ? left : 1 + _drawAt(t, "weight", i, left - i + 1);
            gate.weights[i - 1] = uint32(weight);
            left -= weight;
        }
    }

    function historyOf(Trade memory t) internal view returns (History memory) {
        bytes32[8] memory models;
        for (uint8 i = 0; i < 8 && t.records[i] != 0; ++i) {
            models[i] = _wordAt(t, "model", i + 1);
        }
        return Past.history(t.records, models);
    }

    function attemptFindingOf(Trade memory t, uint8 attempt, bool passed)
        internal
        view
        returns (AttemptFinding memory f)
    {
        f.model = _wordAt(t, "model", attempt);
        f.training = _wordAt(t, "training", attempt);
        f.evidence = _wordAt(t, "evidence", attempt);
        if (!passed) return f;
        f.delivery = _wordAt(t, "delivery", attempt);
        f.amounts = new uint128[](accountsIn(t.experts).length);
        uint256 left = _amount(t, "pool");
        for (uint256 i = f.amounts.length; i > 0; --i) {
            // every third gets nothing, and the first what the others leave
            uint256 amount = _drawAt(t, "amount", i, 3) == 0 ? 0 : _drawAt(t, "part", i, left + 1);
            if (i == 1) amount = left;
            f.amounts[i - 1] = uint128(amount);
            left -= amount;
        }
    }

    function recordOf(Trade memory t) internal view returns (AttemptRecord memory r) {
        bool passed = t.verdict == State.Passed;
        AttemptFinding memory f = attemptFindingOf(t, t.attempts, passed);
        r.attempt = t.attempts;
        r.model = f.model;
        r.delivery = f.delivery;
        r.signers = t.signers;
        r.verdicts = t.verdicts;
        r.seals = sealsOf(t, t.attempts, t.signers, t.verdicts);
    }

    function sealsOf(Trade memory t, uint8 attempt, uint16 signers, uint16 verdicts)
        internal
        view
        returns (bytes32[] memory seals)
    {
        Opening[] memory openings = openingsOf(t, attempt, signers, verdicts, signers);
        seals = new bytes32[](openings.length);
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            Opening memory o = openings[position];
            seals[position++] = keccak256(abi.encode(t.id, attempt, members[seat], o.score, o.salt));
        }
    }

    function openingsOf(Trade memory t, uint8 attempt, uint16 signers, uint16 verdicts, uint16 open)
        internal
        pure
        returns (Opening[] memory openings)
    {
        openings = new Opening[](_ones(signers));
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            if (open & (1 << seat) != 0) {
                uint32 score = scoreOf(t, attempt, seat, verdicts & (1 << seat) != 0);
                openings[position] = Opening(score, _wordAt(t, "salt", attempt * SEATS + seat));
            }
            ++position;
        }
    }

    /// @dev One signer in four sealed a score that has nothing to do with its verdict.
    function scoreOf(Trade memory t, uint8 attempt, uint256 seat, bool passed)
        internal
        pure
        returns (uint32)
    {
        uint256 threshold = 1 + _draw(t, "threshold", PARTS);
        uint256 which = attempt * SEATS + seat;
        if (_drawAt(t, "careless", which, 4) == 0) return uint32(_drawAt(t, "score", which, PARTS + 1));
        if (passed) return uint32(threshold + _drawAt(t, "above", which, PARTS + 1 - threshold));
        return uint32(_drawAt(t, "below", which, threshold));
    }

    // --------------------------------------------------------------------- drawing

    function accountsIn(uint256 set) internal view returns (address[] memory accounts) {
        accounts = new address[](_ones(set));
        uint256 next;
        for (uint256 i = 0; i < everyone.length; ++i) {
            if (set & (1 << i) != 0) accounts[next++] = everyone[i];
        }
    }

    /// @dev In one trade of five, roles are drawn from everyone, whether they conflict or not.
    function _one(Trade memory t, string memory what, uint256 set) private view returns (address) {
        if (_draw(t, "muddled", 5) == 0) set = type(uint256).max >> (256 - everyone.length);
        address[] memory accounts = accountsIn(set);
        return accounts[_draw(t, what, accounts.length)];
    }

    function _some(Trade memory t, string memory what, uint256 set) private view returns (uint256) {
        if (_draw(t, "muddled", 5) != 0) return set & ~(uint256(_word(t, what)) & uint256(_word(t, "few")));
        uint256 all = type(uint256).max >> (256 - everyone.length);
        return all & uint256(_word(t, what)) & uint256(_word(t, "few")) & uint256(_word(t, "fewer"));
    }

    /// @dev One amount of five is zero.
    function _amount(Trade memory t, string memory what) internal pure returns (uint128) {
        return _draw(t, what, 5) == 0 ? 0 : uint64(uint256(_word(t, what)) >> 128);
    }

    function _seconds(Trade memory t, string memory what) private pure returns (uint24) {
        return uint24(60 + uint256(_wordAt(t, what, 1)) % 60);
    }

    function _draw(Trade memory t, string memory what, uint256 count) internal pure returns (uint256) {
        return uint256(_word(t, what)) % count;
    }

    function _drawAt(Trade memory t, string memory what, uint256 which, uint256 count)
        internal
        pure
        returns (uint256)
    {
        return uint256(_wordAt(t, what, which)) % count;
    }

    function _word(Trade memory t, string memory what) internal pure returns (bytes32) {
        return keccak256(abi.encode(t.seed, what));
    }

    function _wordAt(Trade memory t, string memory what, uint256 which) internal pure returns (bytes32) {
        return keccak256(abi.encode(t.seed, what, which));
    }

    function _ones(uint256 set) internal pure returns (uint256 ones) {
        for (; set != 0; set >>= 1) {
            ones += set & 1;
        }
    }

    function _insert(address[] storage sorted, uint256 key) internal {
        address account = vm.addr(key);
        keyOf[account] = key;
        sorted.push(account);
        for (uint256 i = sorted.length - 1; i > 0 && sorted[i - 1] > account; --i) {
            (sorted[i - 1], sorted[i]) = (account, sorted[i - 1]);
        }
    }
}
