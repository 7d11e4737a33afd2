// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IParticipantRegistry} from "../interfaces/IParticipantRegistry.sol";

/// @title Refuses a trade in which one party holds conflicting roles
/// @dev A party is an account, or all members of one group. Buyer, auditor, providers and experts
///      conflict with each other; the broker conflicts with the auditor alone. Several providers,
///      or several experts, may be one party.
///
///      Who is in no group conflicts by its account only, so the groups of one side are read first
///      and those of the other side only where they matter.
library Conflicts {
    /// @notice Two roles that conflict are held by one account, or by two of one group.
    error ConflictOfRoles(address first, address second);

    /// @notice Checks everyone who takes part from the acceptance on.
    /// @param auditor The zero address when there is none.
    /// @param providers Ascending.
    function checkAcceptance(
        IParticipantRegistry registry,
        address buyer,
        address broker,
        address auditor,
        address[] memory providers
    ) internal view {
        if (auditor == buyer) revert ConflictOfRoles(auditor, buyer);
        if (auditor == broker) revert ConflictOfRoles(auditor, broker);
        for (uint256 i = 0; i < providers.length; ++i) {
            if (providers[i] == buyer) revert ConflictOfRoles(providers[i], buyer);
            if (providers[i] == auditor) revert ConflictOfRoles(providers[i], auditor);
        }

        address[] memory overseers = _pair(buyer, auditor);
        bytes32[] memory groups = registry.affiliationsOf(overseers);
        if (groups[0] | groups[1] == 0) return;
        if (groups[0] == groups[1]) revert ConflictOfRoles(auditor, buyer);
        if (groups[1] != 0 && registry.affiliationOf(broker) == groups[1]) {
            revert ConflictOfRoles(auditor, broker);
        }
        _checkGroups(providers, registry.affiliationsOf(providers), overseers, groups);
    }

    /// @notice Checks the experts that the gate chose against everyone who was there before.
    /// @param auditor The zero address when there is none.
    /// @param providers Ascending.
    /// @param experts Ascending.
    function checkGate(
        IParticipantRegistry registry,
        address buyer,
        address auditor,
        address[] memory providers,
        address[] memory experts
    ) internal view {
        uint256 next;
        for (uint256 i = 0; i < experts.length; ++i) {
            address expert = experts[i];
            if (expert == buyer) revert ConflictOfRoles(expert, buyer);
            if (expert == auditor) revert ConflictOfRoles(expert, auditor);
            while (next < providers.length && providers[next] < expert) ++next;
            if (next < providers.length && providers[next] == expert) revert ConflictOfRoles(expert, expert);
        }

        bytes32[] memory groups = registry.affiliationsOf(experts);
        if (!_anyGroup(groups)) return;
        address[] memory overseers = _pair(buyer, auditor);
        _checkGroups(experts, groups, overseers, registry.affiliationsOf(overseers));
        _checkGroups(experts, groups, providers, registry.affiliationsOf(providers));
    }

    /// @dev Refuses any account of `ones` in the group of one of `others`.
    function _checkGroups(
        address[] memory ones,
        bytes32[] memory groupsOfOnes,
        address[] memory others,
        bytes32[] memory groupsOfOthers
    ) private pure {
        for (uint256 i = 0; i < ones.length; ++i) {
            if (groupsOfOnes[i] == 0) continue;
            for (uint256 j = 0; j < others.length; ++j) {
                if (groupsOfOnes[i] == groupsOfOthers[j]) revert ConflictOfRoles(ones[i], others[j]);
            }
        }
    }

    function _anyGroup(bytes32[] memory groups) private pure returns (bool) {
        for (uint256 i = 0; i < groups.length; ++i) {
            if (groups[i] != 0) return true;
        }
        return false;
    }

    function _pair(address first, address second) private pure returns (address[] memory accounts) {
        accounts = new address[](2);
        (accounts[0], accounts[1]) = (first, second);
    }
}
