// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../../../src/types/Currency.sol";
import {Deal, Gate, Request, State, Supply} from "../../../src/types/Trade.sol";
import {Terms, Trade} from "./Terms.sol";

/// @title What the market should owe to whom, kept beside it
/// @dev Written from the rules as they are told, with other means than the market's: scores are
///      sorted for their median, left-over units are given by rank, conflicts are looked up in sets.
abstract contract Books is Terms {
    Trade[] internal trades;
    mapping(address account => mapping(Currency currency => uint256)) public credit;
    mapping(Currency currency => uint256) public escrows;
    mapping(Currency currency => uint256) public credits;
    mapping(Currency currency => uint256) public gifts;

    function _bookAcceptance(Trade memory t) internal {
        (t.escrow,) = _price(t);
        escrows[currencyOf(t)] += t.escrow;
    }

    function _bookData(Trade memory t, uint256 which) internal {
        Supply[] memory supplies = suppliesOf(t);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (which & (1 << i) != 0) _pay(t, supplies[i].provider, supplies[i].price);
        }
    }

    function _bookTooFewRows(Trade memory t) internal {
        _bookOracles(t, 0);
        _bookRest(t);
    }

    function _bookSilence(Trade memory t) internal {
        address[] memory experts_ = accountsIn(t.experts);
        uint128[] memory shares = _shares(_amount(t, "pool"), gateOf(t).weights);
        bool idle = true;
        for (uint256 i = 0; i < experts_.length; ++i) {
            if (!_isIn(experts_[i], t.recorded)) continue;
            idle = false;
            _pay(t, experts_[i], shares[i]);
        }
        if (idle) _bookOracles(t, 0);
        _bookRest(t);
    }

    /// @param open Seats that were opened, before or with the settlement.
    function _bookSettlement(Trade memory t, uint16 open) internal returns (State end) {
        Deal memory deal = dealOf(t);
        bool fell = t.overturned || _medianContradicts(t, open);
        bool wanting = deal.approvalRequired && !t.approved;
        if (fell || (t.verdict == State.Passed && wanting)) end = State.Refunded;
        else end = t.verdict == State.Passed ? State.Settled : State.Failed;

        bool unheard = t.verdict == State.Passed && !fell && !t.audited;
        if (end == State.Settled || unheard) _bookExperts(t);
        if (end == State.Settled) {
            _pay(t, deal.broker, deal.brokerFee);
            _pay(t, deal.treasury, deal.protocolFee);
        }
        if (t.audited) _pay(t, deal.auditor, deal.auditorFee);
        if (!fell) _bookOracles(t, _faulty(t, open));
        _bookRest(t);
    }

    function _bookExperts(Trade memory t) private {
        address[] memory experts_ = accountsIn(t.experts);
        uint128[] memory amounts = attemptFindingOf(t, t.attempts, true).amounts;
        for (uint256 i = 0; i < experts_.length; ++i) {
            _pay(t, experts_[i], amounts[i]);
        }
    }

    function _bookRest(Trade memory t) internal {
        _pay(t, requestOf(t).buyer, t.escrow);
    }

    function _bookWithdrawal(address account, Currency currency, uint256 amount) internal {
        assertEq(amount, credit[account][currency], "withdraws another amount than is owed");
        credits[currency] -= amount;
        credit[account][currency] = 0;
    }

    /// @dev An even split; the first seats get one of the units left over each.
    function _bookOracles(Trade memory t, uint16 faulty) private {
        uint256 fee = _amount(t, "oracleFee");
        uint256 count = _ones(t.signed);
        uint256 rank;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (t.signed & (1 << seat) == 0) continue;
            uint256 share = (fee + count - 1 - rank++) / count;
            if (faulty & (1 << seat) == 0) _pay(t, members[seat], share);
        }
    }

    function _pay(Trade memory t, address account, uint256 amount) private {
        Currency currency = currencyOf(t);
        t.escrow -= amount; // more than was locked can't go out
        escrows[currency] -= amount;
        credits[currency] += amount;
        credit[account][currency] += amount;
    }

    /// @dev Who signed and is closed, or sealed what its verdict doesn't say.
    function _faulty(Trade memory t, uint16 open) internal pure returns (uint16 faulty) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (t.signers & (1 << seat) == 0) continue;
            bool said = t.verdicts & (1 << seat) != 0;
            bool reached = scoreOf(t, t.attempts, seat, said) >= 1 + _draw(t, "threshold", PARTS);
            if (open & (1 << seat) == 0 || reached != said) faulty |= uint16(1 << seat);
        }
    }

    /// @dev Who is closed stands among the sorted at the end that its verdict says.
    function _medianContradicts(Trade memory t, uint16 open) private pure returns (bool) {
        uint256 count = _ones(t.signers);
        uint32[] memory scores = new uint32[](count);
        uint256 filled;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (t.signers & (1 << seat) == 0) continue;
            bool said = t.verdicts & (1 << seat) != 0;
            uint32 score = scoreOf(t, t.attempts, seat, said);
            if (open & (1 << seat) == 0) score = said ? type(uint32).max : 0;
            uint256 i = filled++;
            for (; i > 0 && scores[i - 1] > score; --i) {
                scores[i] = scores[i - 1];
            }
            scores[i] = score;
        }
        // Of two middle scores both must speak against it.
        uint32 middle = scores[t.verdict == State.Passed ? count / 2 : (count - 1) / 2];
        bool reached = middle >= 1 + _draw(t, "threshold", PARTS);
        return reached != (t.verdict == State.Passed);
    }

    function _shares(uint128 total, uint32[] memory weights) private pure returns (uint128[] memory shares) {
        shares = new uint128[](weights.length);
        uint256 left = total;
        for (uint256 i = 0; i < weights.length; ++i) {
            shares[i] = uint128(uint256(total) * weights[i] / PARTS);
            left -= shares[i];
        }
        for (uint256 i = 0; i < weights.length; ++i) {
            uint256 mine = uint256(total) * weights[i] % PARTS;
            uint256 ahead;
            for (uint256 j = 0; j < weights.length; ++j) {
                uint256 other = uint256(total) * weights[j] % PARTS;
                if (other > mine || (other == mine && j < i)) ++ahead;
            }
            if (ahead < left) ++shares[i];
        }
    }

    // ------------------------------------------------------------------ conflicts

    function _partiesConflict(Trade memory t) internal view returns (bool) {
        Request memory r = requestOf(t);
        if (_same(r.auditor, r.buyer) || _same(r.auditor, r.broker)) return true;
        if (_judges(r.buyer) || _judges(r.broker) || _judges(r.auditor)) return true;
        Supply[] memory supplies = suppliesOf(t);
        for (uint256 i = 0; i < supplies.length; ++i) {
            address provider = supplies[i].provider;
            if (_same(provider, r.buyer) || _same(provider, r.auditor) || _judges(provider)) return true;
        }
        return false;
    }

    function _expertConflicts(Trade memory t, address expert) internal view returns (bool) {
        Request memory r = requestOf(t);
        if (_same(expert, r.buyer) || _same(expert, r.auditor) || _judges(expert)) return true;
        Supply[] memory supplies = suppliesOf(t);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (_same(expert, supplies[i].provider)) return true;
        }
        return false;
    }

    function _judges(address account) private view returns (bool) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (_same(account, members[seat])) return true;
        }
        return false;
    }

    function _same(address one, address other) private view returns (bool) {
        return one == other || (_isIn(one, tied) && _isIn(other, tied));
    }

    function _isIn(address account, uint256 set) internal view returns (bool) {
        for (uint256 i = 0; i < everyone.length; ++i) {
            if (set & (1 << i) != 0 && everyone[i] == account) return true;
        }
        return false;
    }

    // -------------------------------------------------------------------- digests

    function _agreed(Trade memory t) internal view returns (bytes32) {
        return keccak256(abi.encode(committee, _hash(dealOf(t)), _hash(suppliesOf(t))));
    }

    function _terms(Trade memory t) internal view returns (bytes32) {
        Gate memory gate = gateOf(t);
        bytes32 experts_ = keccak256(abi.encodePacked(gate.experts));
        bytes32 weights = keccak256(abi.encodePacked(gate.weights));
        return keccak256(abi.encode(_hash(dealOf(t)), gate.dropped, experts_, weights));
    }

    function _gated(Trade memory t) internal view returns (bytes32) {
        uint256 pool = _amount(t, "pool");
        return keccak256(abi.encode(committee, pool, _ones(t.experts), _terms(t), historyOf(t)));
    }

    function _hash(Deal memory deal) private pure returns (bytes32) {
        return keccak256(abi.encode(deal));
    }

    function _hash(Supply[] memory supplies) private pure returns (bytes32) {
        bytes memory all;
        for (uint256 i = 0; i < supplies.length; ++i) {
            all = bytes.concat(all, abi.encode(supplies[i]));
        }
        return keccak256(all);
    }
}
