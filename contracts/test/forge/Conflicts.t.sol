// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Delays} from "../../src/interfaces/IParticipantRegistry.sol";
import {Conflicts} from "../../src/libraries/Conflicts.sol";
import {ParticipantRegistry} from "../../src/ParticipantRegistry.sol";
import {Currency} from "../../src/types/Currency.sol";

/// @title Tests of who may trade with whom, by Conflicts.tree
/// @dev Through the registry, whose groups are real. Accounts are numbers, so that they ascend.
contract ConflictsTest is Test {
    address private constant BUYER = address(0x51);
    address private constant BROKER = address(0x52);
    address private constant AUDITOR = address(0x53);
    address private constant TREASURY = address(0x54);
    address private constant NOBODY = address(0);

    ParticipantRegistry private _registry;
    address[] private _providers = [address(0x61), address(0x62), address(0x63)];
    address[] private _judges = [address(0x81), address(0x82), address(0x83)];
    address[] private _experts = [address(0x71), address(0x72), address(0x73)];

    function setUp() public {
        _registry = new ParticipantRegistry(Currency.wrap(NOBODY), Delays(0, 0, 0, 0));
    }

    // ---------------------------------------------------------------- acceptance

    function test_LetsStrangersToEachOtherTrade() public {
        _accept();
        _registry.requireFitParties(BUYER, BROKER, NOBODY, TREASURY, _providers, _judges);
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, TREASURY, new address[](0), _judges);
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, TREASURY, _providers, new address[](0));
        _tie(BUYER, address(0x99));
        _accept();
    }

    function test_LetsABrokerProvideAndBuy() public {
        _registry.requireFitParties(BROKER, BROKER, AUDITOR, TREASURY, _providers, _judges);
        _tie(BROKER, _providers[1]);
        _accept();
        _providers[2] = BROKER;
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, TREASURY, _providers, _judges);
    }

    function test_LetsTheTreasuryBeAnyoneButAJudgeOrTheAuditor() public {
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, BUYER, _providers, _judges);
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, BROKER, _providers, _judges);
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, _providers[0], _providers, _judges);
        _tie(TREASURY, BROKER);
        _accept();
    }

    function test_LetsProvidersOfOneGroupTrade() public {
        _tie(_providers[0], _providers[2]);
        _tie(AUDITOR, address(0x98));
        _tie(BUYER, address(0x99));
        _accept();
    }

    function test_NamesTheAuditorAndTheBuyerThatAreOne() public {
        _expect(BUYER, BUYER);
        _registry.requireFitParties(BUYER, BROKER, BUYER, TREASURY, _providers, _judges);
    }

    function test_NamesTheAuditorAndTheBrokerThatAreOne() public {
        _expect(BROKER, BROKER);
        _registry.requireFitParties(BUYER, BROKER, BROKER, TREASURY, _providers, _judges);
    }

    function test_NamesTheAuditorAndTheTreasuryThatAreOne() public {
        _expect(TREASURY, TREASURY);
        _registry.requireFitParties(BUYER, BROKER, TREASURY, TREASURY, _providers, _judges);
    }

    function test_NamesTheAuditorAndTheBuyerOfOneGroup() public {
        _tie(BUYER, AUDITOR);
        _expect(AUDITOR, BUYER);
        _accept();
    }

    function test_NamesTheAuditorAndTheBrokerOfOneGroup() public {
        _tie(BROKER, AUDITOR);
        _expect(AUDITOR, BROKER);
        _accept();
    }

    function test_NamesTheAuditorAndTheTreasuryOfOneGroup() public {
        _tie(TREASURY, AUDITOR);
        _expect(AUDITOR, TREASURY);
        _accept();
    }

    function testFuzz_NamesTheProviderThatBuysOrAudits(uint8 which, bool audits) public {
        address provider = _providers[which % 3];
        _expect(provider, provider);
        (address buyer, address auditor) = audits ? (BUYER, provider) : (provider, AUDITOR);
        _registry.requireFitParties(buyer, BROKER, auditor, TREASURY, _providers, _judges);
    }

    function testFuzz_NamesTheProviderOfTheBuyersOrTheAuditorsGroup(uint8 which, bool audits) public {
        address provider = _providers[which % 3];
        address other = audits ? AUDITOR : BUYER;
        _tie(other, provider);
        _expect(provider, other);
        _accept();
    }

    function testFuzz_NamesTheJudgeThatIsAParty(uint8 which, uint8 role) public {
        address judge = _judges[which % 3];
        address[7] memory others =
            [BUYER, BROKER, AUDITOR, TREASURY, _providers[0], _providers[1], _providers[2]];
        _judges = [others[role % 7]];
        _expect(_judges[0], _judges[0]);
        _accept();
        _judges = [judge];
        _tie(others[role % 7], judge);
        _expect(judge, others[role % 7]);
        _accept();
    }

    /// @dev Roles are drawn from eight accounts, of which some are in one of two groups.
    function testFuzz_RefusesExactlyWhatConflictsPairByPair(
        uint8[4] memory roles,
        uint8 providers,
        uint8 judges,
        uint8 first,
        uint8 second
    ) public {
        _tieSets(first, second);
        (address buyer, address broker) = (_account(roles[0] % 8), _account(roles[1] % 8));
        address auditor = roles[2] % 9 == 8 ? NOBODY : _account(roles[2] % 9);
        address treasury = _account(roles[3] % 8);
        address[] memory chosen = _accountsIn(providers);
        bool clash = _same(auditor, buyer) || _same(auditor, broker) || _same(auditor, treasury);
        for (uint256 i = 0; i < chosen.length; ++i) {
            clash = clash || _same(chosen[i], buyer) || _same(chosen[i], auditor);
        }
        address[] memory seated = _accountsIn(judges);
        for (uint256 i = 0; i < seated.length; ++i) {
            clash = clash || _same(seated[i], buyer) || _same(seated[i], broker);
            clash = clash || _same(seated[i], auditor) || _same(seated[i], treasury);
            clash = clash || _sameAsOneOf(seated[i], chosen);
        }
        if (clash) vm.expectPartialRevert(Conflicts.ConflictOfRoles.selector);
        _registry.requireFitParties(buyer, broker, auditor, treasury, chosen, seated);
    }

    // ---------------------------------------------------------------------- gate

    function test_LetsStrangersToEachOtherTrain() public view {
        _choose();
        _registry.requireFitExperts(BUYER, NOBODY, _providers, _judges, _experts);
        _registry.requireFitExperts(BUYER, AUDITOR, new address[](0), new address[](0), new address[](0));
    }

    function test_LetsExpertsOfOneGroupTrain() public {
        _tie(_experts[0], _experts[2]);
        _tie(BUYER, address(0x99));
        _choose();
    }

    function testFuzz_NamesTheExpertThatBuysAuditsProvidesOrJudges(uint8 which, uint8 role) public {
        address expert = _experts[which % 3];
        (address buyer, address auditor) = (BUYER, AUDITOR);
        if (role % 4 == 0) buyer = expert;
        if (role % 4 == 1) auditor = expert;
        if (role % 4 == 2) _providers[2] = expert;
        if (role % 4 == 3) _judges = [expert];
        _expect(expert, expert);
        _registry.requireFitExperts(buyer, auditor, _providers, _judges, _experts);
    }

    function testFuzz_NamesTheExpertOfTheBuyersTheAuditorsAProvidersOrAJudgesGroup(uint8 which, uint8 role) public {
        address[5] memory others = [BUYER, AUDITOR, _providers[0], _providers[2], _judges[1]];
        (address expert, address other) = (_experts[which % 3], others[role % 5]);
        _tie(other, expert);
        _expect(expert, other);
        _choose();
    }

    function testFuzz_RefusesExactlyTheExpertsThatConflictPairByPair(
        uint8[2] memory roles,
        uint8[3] memory sets,
        uint8 first,
        uint8 second
    ) public {
        _tieSets(first, second);
        address buyer = _account(roles[0] % 8);
        address auditor = roles[1] % 9 == 8 ? NOBODY : _account(roles[1] % 9);
        (address[] memory before, address[] memory seated) = (_accountsIn(sets[0]), _accountsIn(sets[1]));
        address[] memory chosen = _accountsIn(sets[2]);
        bool clash;
        for (uint256 i = 0; i < chosen.length; ++i) {
            clash = clash || _same(chosen[i], buyer) || _same(chosen[i], auditor);
            clash = clash || _sameAsOneOf(chosen[i], before) || _sameAsOneOf(chosen[i], seated);
        }
        if (clash) vm.expectPartialRevert(Conflicts.ConflictOfRoles.selector);
        _registry.requireFitExperts(buyer, auditor, before, seated, chosen);
    }

    // --------------------------------------------------------------------- seats

    function testFuzz_NamesExactlyTheSeatsOfPartiesAndTheirGroups(
        uint8 judges,
        uint8 parties,
        uint8 first,
        uint8 second
    ) public {
        _tieSets(first, second);
        (address[] memory bench, address[] memory interested) =
            (_accountsIn(judges), _accountsIn(parties));
        uint16 seats = _registry.seatsOf(bench, interested);
        for (uint256 seat = 0; seat < bench.length; ++seat) {
            assertEq(seats & (1 << seat) != 0, _sameAsOneOf(bench[seat], interested));
        }
        assertEq(seats >> bench.length, 0);
    }

    // -------------------------------------------------------------------- within

    function _accept() private view {
        _registry.requireFitParties(BUYER, BROKER, AUDITOR, TREASURY, _providers, _judges);
    }

    function _choose() private view {
        _registry.requireFitExperts(BUYER, AUDITOR, _providers, _judges, _experts);
    }

    function _expect(address first, address second) private {
        vm.expectRevert(abi.encodeWithSelector(Conflicts.ConflictOfRoles.selector, first, second));
    }

    function _tie(address founder, address member) private {
        vm.startPrank(founder);
        bytes32 group = _registry.foundGroup("content");
        _registry.setInvitation(member, true);
        vm.stopPrank();
        vm.prank(member);
        _registry.joinGroup(group);
    }

    /// @dev Ties the accounts of each set; who is in both sets is in the first group.
    function _tieSets(uint8 first, uint8 second) private {
        uint8[2] memory sets = [first, second & ~first];
        for (uint256 n = 0; n < 2; ++n) {
            address founder = address(uint160(0x1000 + n));
            vm.prank(founder);
            bytes32 group = _registry.foundGroup("content");
            address[] memory accounts = _accountsIn(sets[n]);
            for (uint256 i = 0; i < accounts.length; ++i) {
                vm.prank(founder);
                _registry.setInvitation(accounts[i], true);
                vm.prank(accounts[i]);
                _registry.joinGroup(group);
            }
        }
    }

    function _sameAsOneOf(address one, address[] memory others) private view returns (bool same) {
        for (uint256 i = 0; i < others.length; ++i) {
            same = same || _same(one, others[i]);
        }
    }

    function _same(address one, address other) private view returns (bool) {
        bytes32 group = _registry.affiliationOf(one);
        return one == other || (group != 0 && group == _registry.affiliationOf(other));
    }

    function _accountsIn(uint8 set) private pure returns (address[] memory accounts) {
        accounts = new address[](8);
        uint256 count;
        for (uint256 i = 0; i < 8; ++i) {
            if (set & (1 << i) != 0) accounts[count++] = _account(i);
        }
        assembly ("memory-safe") {
            mstore(accounts, count) // never more than were allocated
        }
    }

    function _account(uint256 number) private pure returns (address) {
        return address(uint160(0x100 + number));
    }
}
