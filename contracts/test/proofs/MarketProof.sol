// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketRules} from "../../src/interfaces/IMarketRules.sol";
import {IParticipantRegistry} from "../../src/interfaces/IParticipantRegistry.sol";
import {ModelMarket} from "../../src/ModelMarket.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Status} from "../../src/types/Status.sol";
import {AttemptFinding, History, State} from "../../src/types/Trade.sol";

/// @dev The cheat codes that are needed here.
interface Cheats {
    function warp(uint256 time) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
}

/// @title The market's own code, on a trade in whatever status
/// @dev Puts status and digest where the market keeps them; `setUp` fails where that has moved.
contract MarketProof {
    Cheats private constant CHEATS = Cheats(address(uint160(uint256(keccak256("hevm cheat code")))));
    bytes32 private constant TRADE = keccak256("trade");
    uint256 private constant STATUS_SLOT = 4;
    uint256 private constant DIGEST_SLOT = 5;

    ModelMarket private _market;

    function setUp() public {
        _market = new ModelMarket(IMarketRules(address(1)), IParticipantRegistry(address(2)), address(3));
        _put(STATUS_SLOT, bytes32(uint256(State.Gated) | 7 << 16));
        _put(DIGEST_SLOT, "digest");
        assert(_market.statusOf(TRADE).state() == State.Gated);
        assert(_market.statusOf(TRADE).maxAttempts() == 7);
        assert(_market.digestOf(TRADE) == "digest");
    }

    /// @dev One signer of one. The cap holds before, as it does for every trade that was opened.
    function check_attempts_never_exceed_the_cap(
        uint256 packed,
        uint32 time,
        uint128 pool,
        bool passed,
        AttemptWords calldata words
    ) external {
        Status before = Status.wrap(packed);
        if (uint8(packed) > uint8(type(State).max)) return;
        if (before.state() == State.Gated && before.attempts() >= before.maxAttempts()) return;
        if (before.maxAttempts() > 8) return; // as the rules have it
        CHEATS.warp(time);
        Committee memory judges = _judges();
        bytes32 digest = keccak256(abi.encode(judges));
        _put(STATUS_SLOT, bytes32(packed));
        History memory none;
        _put(DIGEST_SLOT, keccak256(abi.encode(digest, pool, uint256(1), bytes32("terms"), none)));

        AttemptFinding memory finding;
        (finding.model, finding.delivery) = (words.model, words.delivery);
        finding.amounts = new uint128[](passed ? 1 : 0);
        if (passed) finding.amounts[0] = words.amount;
        bytes32[] memory seals = new bytes32[](1);
        seals[0] = words.seal;
        bytes memory signature = abi.encodePacked(words.r, words.vs);
        bytes32[3] memory path;
        try _market.reportAttempt(
            TRADE, "terms", pool, 1, none, path, finding, judges, 1, passed ? 1 : 0, seals, signature
        ) {
            Status later = Status.wrap(uint256(_get(STATUS_SLOT)));
            assert(before.state() == State.Gated); // none after a pass, or at the cap
            assert(later.attempts() == before.attempts() + 1);
            assert(later.maxAttempts() == before.maxAttempts());
            assert(later.attempts() <= later.maxAttempts());
            if (passed) assert(later.state() == State.Passed);
            else if (later.attempts() == later.maxAttempts()) assert(later.state() == State.Rejected);
            else assert(later.state() == State.Gated);
        } catch {}
    }

    struct AttemptWords {
        bytes32 model;
        bytes32 delivery;
        uint128 amount;
        bytes32 seal;
        bytes32 r;
        bytes32 vs;
    }

    function _judges() private pure returns (Committee memory judges) {
        judges = Committee(1, 1, new address[](1));
        judges.members[0] = address(0x51);
    }

    function _put(uint256 slot, bytes32 value) private {
        CHEATS.store(address(_market), keccak256(abi.encode(TRADE, slot)), value);
    }

    function _get(uint256 slot) private view returns (bytes32) {
        return CHEATS.load(address(_market), keccak256(abi.encode(TRADE, slot)));
    }
}
