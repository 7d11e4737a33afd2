// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Delays} from "../../../src/interfaces/IParticipantRegistry.sol";
import {MarketRules} from "../../../src/MarketRules.sol";
import {ModelMarket} from "../../../src/ModelMarket.sol";
import {OracleCommittee} from "../../../src/OracleCommittee.sol";
import {ParticipantRegistry} from "../../../src/ParticipantRegistry.sol";
import {CommitteeTerms} from "../../../src/types/Committee.sol";

/// @dev Sits alone on the panel of markets where no test asks who does.
address constant JUROR = address(0x9a7e1);

/// @title Deploys a market with its rules, committees and registry
/// @dev From artifacts: with `new`, the compiler would build the market into every test contract anew.
abstract contract Deployer is Test {
    uint16 internal constant FEE_BPS = 250;

    function _deployMarket(
        address authority,
        CommitteeTerms memory terms,
        address arbiter,
        uint32 rulingWindow
    ) internal returns (ModelMarket) {
        (OracleCommittee committee, OracleCommittee panel) = _deployOffices(authority, terms);
        bytes memory setting = abi.encode(
            authority, committee, panel, FEE_BPS, makeAddr("treasury"), 30, 127, rulingWindow
        );
        MarketRules rules = MarketRules(deployCode("MarketRules.sol:MarketRules", setting));
        ParticipantRegistry registry = ParticipantRegistry(
            deployCode(
                "ParticipantRegistry.sol:ParticipantRegistry", abi.encode(address(0), Delays(0, 0, 0, 0))
            )
        );
        return ModelMarket(
            deployCode("ModelMarket.sol:ModelMarket", abi.encode(rules, registry, arbiter))
        );
    }

    /// @dev A request needs a panel in office.
    function _seatPanel(ModelMarket market) internal {
        OracleCommittee panel = OracleCommittee(address(market.rules().panel()));
        uint128 stake = panel.minStake();
        if (stake != 0) {
            vm.deal(address(this), stake);
            panel.stake{value: stake}(JUROR, stake);
        }
        address[] memory members = new address[](1);
        members[0] = JUROR;
        panel.scheduleRotation(members, 1);
    }

    /// @dev Each is the other's counterpart.
    function _deployOffices(address authority, CommitteeTerms memory terms)
        internal
        returns (OracleCommittee committee, OracleCommittee panel)
    {
        terms.counterpart = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        committee = _deployCommittee(authority, terms);
        terms.counterpart = address(committee);
        panel = _deployCommittee(authority, terms);
    }

    function _deployCommittee(address authority, CommitteeTerms memory terms)
        private
        returns (OracleCommittee)
    {
        return OracleCommittee(
            deployCode("OracleCommittee.sol:OracleCommittee", abi.encode(authority, terms))
        );
    }
}
