// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

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
    /// @param groupOf Reads an account's group; zero for none.
    /// @param auditor The zero address when there is none.
    function checkParties(
        function(address) view returns (bytes32) groupOf,
        address buyer,
        address broker,
        address auditor,
        address[] calldata providers
    ) internal view {
        if (auditor == buyer) revert ConflictOfRoles(auditor, buyer);
        if (auditor == broker) revert ConflictOfRoles(auditor, broker);
        (bytes32 buyers, bytes32 auditors) = (groupOf(buyer), groupOf(auditor));
        bool grouped = buyers | auditors != 0;
        if (grouped && buyers == auditors) revert ConflictOfRoles(auditor, buyer);
        if (auditors != 0 && groupOf(broker) == auditors) revert ConflictOfRoles(auditor, broker);

        for (uint256 i = 0; i < providers.length; ++i) {
            address provider = providers[i];
            bytes32 group = grouped ? groupOf(provider) : bytes32(0);
            _requireApart(provider, group, buyer, buyers);
            _requireApart(provider, group, auditor, auditors);
        }
    }

    /// @notice Checks the experts that the gate chose against everyone who was there before.
    /// @param groupOf Reads an account's group; zero for none.
    /// @param auditor The zero address when there is none.
    /// @param providers Ascending.
    /// @param experts Ascending.
    function checkExperts(
        function(address) view returns (bytes32) groupOf,
        address buyer,
        address auditor,
        address[] calldata providers,
        address[] calldata experts
    ) internal view {
        bytes32 anyGroup;
        uint256 next;
        for (uint256 i = 0; i < experts.length; ++i) {
            address expert = experts[i];
            if (expert == buyer || expert == auditor) revert ConflictOfRoles(expert, expert);
            while (next < providers.length && providers[next] < expert) ++next;
            if (next < providers.length && providers[next] == expert) revert ConflictOfRoles(expert, expert);
            anyGroup |= groupOf(expert);
        }
        if (anyGroup == 0) return;

        bytes32[] memory groups = new bytes32[](experts.length);
        for (uint256 i = 0; i < experts.length; ++i) {
            groups[i] = groupOf(experts[i]); // read before, so cheap now
        }
        _requireNoneIn(experts, groups, buyer, groupOf(buyer));
        _requireNoneIn(experts, groups, auditor, groupOf(auditor));
        for (uint256 i = 0; i < providers.length; ++i) {
            _requireNoneIn(experts, groups, providers[i], groupOf(providers[i]));
        }
    }

    function _requireNoneIn(
        address[] calldata accounts,
        bytes32[] memory groups,
        address other,
        bytes32 otherGroup
    ) private pure {
        if (otherGroup == 0) return;
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (groups[i] == otherGroup) revert ConflictOfRoles(accounts[i], other);
        }
    }

    function _requireApart(address account, bytes32 group, address other, bytes32 otherGroup) private pure {
        if (account == other || (group != 0 && group == otherGroup)) revert ConflictOfRoles(account, other);
    }
}
