// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ModelMarket} from "../../../src/ModelMarket.sol";
import {
    AttemptFinding,
    AttemptRecord,
    AuditFinding,
    History,
    Opening,
    State,
    Supply
} from "../../../src/types/Trade.sol";
import {Books} from "./Books.sol";
import {Past} from "./Past.sol";
import {Signing} from "./Signing.sol";
import {Trade} from "./Terms.sol";

/// @title The market's larger calls for a trade, signed and encoded
abstract contract Calls is Signing, Books {
    ModelMarket public immutable market;

    constructor(ModelMarket market_) {
        market = market_;
    }

    function _market() internal view override returns (address) {
        return address(market);
    }

    function _dataCall(Trade memory t, uint16 signers, Flaw flaw) internal view returns (bytes memory) {
        bytes memory signatures = _signData(t, dataFindingOf(t), signers, flaw);
        return abi.encodeCall(
            market.reportData,
            (t.id, dealOf(t), suppliesOf(t), dataFindingOf(t), judges(), signers, signatures)
        );
    }

    function _attemptCall(Trade memory t, uint16 signers, uint16 verdicts, Flaw flaw)
        internal
        view
        returns (bytes memory)
    {
        uint8 attempt = t.attempts + 1;
        AttemptFinding memory f = attemptFindingOf(t, attempt, 2 * _ones(verdicts) > _ones(signers));
        bytes32[] memory seals = sealsOf(t, attempt, signers, verdicts);
        bytes memory signatures = _signAttempt(t, attempt, f, signers, verdicts, seals, flaw);
        uint128 pool = _amount(t, "pool");
        uint256 count = _ones(t.experts);
        History memory history = historyOf(t);
        bytes32[3] memory path = Past.path(t.records, t.attempts);
        return abi.encodeCall(
            market.reportAttempt,
            (t.id, _terms(t), pool, count, history, path, f, judges(), signers, verdicts, seals, signatures)
        );
    }

    function _settleCall(Trade memory t, uint16 open, AuditFinding memory audit) internal view returns (bytes memory) {
        uint128[] memory amounts = attemptFindingOf(t, t.attempts, t.verdict == State.Passed).amounts;
        Opening[] memory openings = openingsOf(t, t.attempts, t.signers, t.verdicts, open);
        return abi.encodeCall(
            market.settle, (t.id, dealOf(t), gateOf(t), judges(), amounts, recordOf(t), openings, audit)
        );
    }

    function _amountsHash(Trade memory t) internal view returns (bytes32) {
        bool passed = t.verdict == State.Passed;
        return keccak256(abi.encodePacked(attemptFindingOf(t, t.attempts, passed).amounts));
    }

    function _recordHash(Trade memory t) internal view returns (bytes32) {
        AttemptRecord memory r = recordOf(t);
        bytes32 seals = keccak256(abi.encodePacked(r.seals));
        return keccak256(abi.encode(r.attempt, r.model, r.delivery, r.signers, r.verdicts, seals));
    }

    /// @dev A careless committee doesn't ask who conflicts with whom.
    function _chooseExperts(Trade memory t, uint256 chance, bool careless) internal view returns (bool conflict) {
        uint256 from = careless && chance % 4 == 0 ? type(uint256).max : experts;
        for (uint256 i = 0; i < everyone.length; ++i) {
            if (from & (chance >> 2) & (1 << i) == 0 && i != everyone.length - 1 - chance % 3) continue;
            bool one = _expertConflicts(t, everyone[i]);
            if (one && !careless) continue;
            t.experts |= 1 << i;
            conflict = conflict || one;
        }
        vm.assume(t.experts != 0);
    }

    function _rows(Trade memory t) internal view returns (uint256 rows) {
        Supply[] memory supplies = suppliesOf(t);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (t.accepted & (1 << i) != 0) rows += supplies[i].rows;
        }
    }

    function _quorum(uint256 chance) internal pure returns (uint16) {
        return [uint16(7), 3, 5, 6, 7][chance % 5];
    }

    function _decidedState(uint256 pick) internal pure returns (State) {
        return [State.Passed, State.Rejected, State.Disputed][pick % 3];
    }

    function _setOf(Supply[] memory supplies) internal view returns (uint256 set) {
        for (uint256 i = 0; i < supplies.length; ++i) {
            set |= _bitOf(supplies[i].provider);
        }
    }

    function _bitOf(address account) internal view returns (uint256) {
        for (uint256 i = 0; i < everyone.length; ++i) {
            if (everyone[i] == account) return 1 << i;
        }
        return 0;
    }
}
