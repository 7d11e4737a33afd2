// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Challenges} from "../../../src/Challenges.sol";
import {ModelMarket} from "../../../src/ModelMarket.sol";
import {OracleCommittee} from "../../../src/OracleCommittee.sol";
import {DevToken} from "../../../src/tokens/DevToken.sol";
import {ChallengeTerms} from "../../../src/types/Challenge.sol";
import {Committee, CommitteeTerms} from "../../../src/types/Committee.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Request, Windows} from "../../../src/types/Trade.sol";
import {Authority} from "../../Authority.sol";
import {Deployer} from "./Deployer.sol";
import {Signing} from "./Signing.sol";
import {Terms} from "./Terms.sol";

/// @title A market with stakes, a panel and the arbiter
abstract contract Court is Signing, Deployer {
    Currency internal constant NATIVE = Currency.wrap(address(0));
    uint128 internal constant STAKE = 10 ether;
    uint32 internal constant RULING_WINDOW = 3 days;
    uint16 internal constant ANNOUNCEMENT_DELAY = 60;
    uint24 internal constant LEAST_WINDOW = 1_000;
    bytes32 internal constant EVIDENCE = keccak256("what the panel found");
    bytes32 internal constant SALT = keccak256("the challenger's secret");
    address internal constant CHALLENGER = address(0xc4a1);

    // Odd numbers, so that units are left over wherever something is divided.
    uint128 internal constant WRONG_VERDICT = 4 ether + 1;
    uint128 internal constant SILENCE = 1 ether + 3;
    uint128 internal constant CLOSED_SEAL = 0.5 ether + 1;

    OracleCommittee internal office;
    OracleCommittee internal panel;
    ModelMarket internal market;
    Challenges internal challenges;
    address[] internal jurors; // ascending

    constructor() Terms(address(new DevToken())) {
        for (uint256 key = 201; key <= 200 + SEATS; ++key) {
            _insert(jurors, key);
        }
    }

    function _market() internal view override returns (address) {
        return address(market);
    }

    function jury() internal view returns (Committee memory) {
        return Committee(1, 2, jurors);
    }

    function _terms() internal pure returns (ChallengeTerms memory) {
        return ChallengeTerms({
            bondBps: 1_000,
            rulingWindow: RULING_WINDOW,
            announcementDelay: ANNOUNCEMENT_DELAY,
            panelBps: 4_000,
            challengerBps: 5_000,
            wrongVerdictPenalty: WRONG_VERDICT,
            silencePenalty: SILENCE,
            closedSealPenalty: CLOSED_SEAL,
            reporterBps: 2_500,
            leastWindow: LEAST_WINDOW
        });
    }

    /// @dev Judges and jurors take office without stakes.
    function _deploy(Currency stakes) internal {
        Authority authority = new Authority(address(this));
        uint256 nonce = vm.getNonce(address(this));
        address arbiter = vm.computeCreateAddress(address(this), nonce + 5);
        CommitteeTerms memory terms = CommitteeTerms(stakes, 0, 1 days, 365 days, arbiter, address(0));
        market = _deployMarket(address(authority), terms, arbiter, RULING_WINDOW);
        office = OracleCommittee(address(market.rules().committee()));
        panel = OracleCommittee(address(market.rules().panel()));
        challenges = new Challenges(market, office, _terms());
        assertEq(address(challenges), arbiter);
        office.scheduleRotation(members, 2);
        panel.scheduleRotation(jurors, 2);
    }

    // ------------------------------------------------------------------------ money

    /// @dev In native coin.
    function _stake(uint256 seat, uint128 amount) internal {
        vm.deal(address(this), amount);
        office.stake{value: amount}(members[seat], amount);
    }

    function _stakeAll() internal {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            _stake(seat, STAKE);
        }
    }

    function _staked(uint256 seat) internal view returns (uint256 bonded) {
        (bonded,,) = office.stakeOf(members[seat]);
    }

    function _credit(address account) internal view returns (uint256) {
        return challenges.creditOf(account, NATIVE);
    }

    /// @dev Native coin of the arbiter's, what waits in the committee's contract included.
    function _held() internal view returns (uint256) {
        return address(challenges).balance + office.creditOf(address(challenges), NATIVE);
    }

    /// @dev What all who can be awarded something may withdraw in native coin.
    function _credits() internal view returns (uint256 sum) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            sum += _credit(jurors[seat]);
        }
        sum += _credit(CHALLENGER) + _credit(everyone[3]) + _credit(everyone[5]) + _credit(treasury);
        sum += _credit(address(this));
    }

    function _giveTokens(address account, address spender, uint256 amount) internal {
        DevToken(token).mint(account, amount);
        vm.prank(account);
        DevToken(token).approve(spender, amount);
    }

    // ---------------------------------------------------------------------- rulings

    function _rulingDigest(bytes32 tradeId, uint32 version, bytes32 model, bytes32 evidence)
        internal
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Challenges"),
                keccak256("1"),
                block.chainid,
                address(challenges)
            )
        );
        bytes32 kind = keccak256("Ruling(bytes32 tradeId,uint32 panelVersion,bytes32 model,bytes32 evidence)");
        bytes32 message = keccak256(abi.encode(kind, tradeId, version, model, evidence));
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }

    function _signRuling(bytes32 digest, uint16 signers) internal view returns (bytes memory signatures) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            (bytes32 r, bytes32 vs) = vm.signCompact(keyOf[jurors[seat]], digest);
            signatures = bytes.concat(signatures, r, vs);
        }
    }

    /// @dev A quorum of three seats: two of them, or all.
    function _quorum(uint8 pick) internal pure returns (uint16) {
        return [uint16(3), 5, 6, 7][pick % 4];
    }

    // ---------------------------------------------------------------------- request

    function _requestOf(Currency currency) internal view returns (Request memory r) {
        r.buyer = everyone[3];
        r.broker = everyone[5];
        r.currency = currency;
        r.budget = 10 ether + 7;
        r.threshold = 700_000;
        r.maxAttempts = 3;
        r.minRows = 50;
        r.validationRows = 10;
        r.validationRoot = "root";
        r.spec = "specification";
        r.licence = "licence";
        r.committee = committee;
        r.panel = keccak256(abi.encode(jury()));
        r.feeBps = FEE_BPS;
        r.treasury = treasury;
        r.windows = Windows(1 days, 1 days, 3 hours, 2 days, 5 hours, 1 days, 7 hours);
        r.salt = "salt";
    }
}
