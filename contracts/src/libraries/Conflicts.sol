// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Refuses a trade in which one party holds conflicting roles
/// @dev A party is an account, or all members of one group. Buyer, auditor, providers, experts and
///      judges conflict with each other; broker and treasury conflict with auditor and judges:
///      only a pass that stands earns these two their fees. Several providers, experts or judges
///      may be one party.
///
///      Who is in no group conflicts by its account only, so the groups of one side are read first
///      and those of the other side only where they matter. Lists ascend.
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
        address treasury,
        address[] calldata providers,
        address[] calldata judges
    ) internal view {
        if (auditor == buyer) revert ConflictOfRoles(auditor, buyer);
        if (auditor == broker) revert ConflictOfRoles(auditor, broker);
        if (auditor == treasury) revert ConflictOfRoles(auditor, treasury);
        (bytes32 buyers, bytes32 auditors) = (groupOf(buyer), groupOf(auditor));
        bool grouped = buyers | auditors != 0;
        if (grouped && buyers == auditors) revert ConflictOfRoles(auditor, buyer);
        if (auditors != 0 && groupOf(broker) == auditors) revert ConflictOfRoles(auditor, broker);
        if (auditors != 0 && groupOf(treasury) == auditors) {
            revert ConflictOfRoles(auditor, treasury);
        }

        for (uint256 i = 0; i < providers.length; ++i) {
            address provider = providers[i];
            bytes32 group = grouped ? groupOf(provider) : bytes32(0);
            if (provider == buyer || group != 0 && group == buyers) {
                revert ConflictOfRoles(provider, buyer);
            }
            if (provider == auditor || group != 0 && group == auditors) {
                revert ConflictOfRoles(provider, auditor);
            }
        }

        bytes32 anyGroup;
        uint256 next;
        for (uint256 i = 0; i < judges.length; ++i) {
            address judge = judges[i];
            if (judge == buyer || judge == broker || judge == auditor || judge == treasury) {
                revert ConflictOfRoles(judge, judge);
            }
            next = _passing(judge, providers, next);
            anyGroup |= groupOf(judge);
        }
        if (anyGroup == 0) return;

        bytes32[] memory groups = _groupsOf(groupOf, judges);
        _requireNoneIn(judges, groups, buyer, buyers);
        _requireNoneIn(judges, groups, broker, groupOf(broker));
        _requireNoneIn(judges, groups, auditor, auditors);
        _requireNoneIn(judges, groups, treasury, groupOf(treasury));
        _requireNoneIn(groupOf, judges, groups, providers);
    }

    /// @notice Checks the experts that the gate chose against everyone who was there before.
    /// @param groupOf Reads an account's group; zero for none.
    /// @param auditor The zero address when there is none.
    function checkExperts(
        function(address) view returns (bytes32) groupOf,
        address buyer,
        address auditor,
        address[] calldata providers,
        address[] calldata judges,
        address[] calldata experts
    ) internal view {
        bytes32 anyGroup;
        uint256 nextProvider;
        uint256 nextJudge;
        for (uint256 i = 0; i < experts.length; ++i) {
            address expert = experts[i];
            if (expert == buyer || expert == auditor) revert ConflictOfRoles(expert, expert);
            nextProvider = _passing(expert, providers, nextProvider);
            nextJudge = _passing(expert, judges, nextJudge);
            anyGroup |= groupOf(expert);
        }
        if (anyGroup == 0) return;

        bytes32[] memory groups = _groupsOf(groupOf, experts);
        _requireNoneIn(experts, groups, buyer, groupOf(buyer));
        _requireNoneIn(experts, groups, auditor, groupOf(auditor));
        _requireNoneIn(groupOf, experts, groups, providers);
        _requireNoneIn(groupOf, experts, groups, judges);
    }

    /// @notice Which of the judges are one of the parties, or of one group with one.
    /// @param groupOf Reads an account's group; zero for none.
    /// @param judges 16 at most.
    /// @return seats Bit i is set for judge i.
    function seatsOf(
        function(address) view returns (bytes32) groupOf,
        address[] calldata judges,
        address[] calldata parties
    ) internal view returns (uint16 seats) {
        bytes32[] memory groups = _groupsOf(groupOf, judges);
        for (uint256 i = 0; i < parties.length; ++i) {
            bytes32 group = groupOf(parties[i]);
            for (uint256 seat = 0; seat < judges.length; ++seat) {
                if (judges[seat] == parties[i] || group != 0 && groups[seat] == group) {
                    seats |= uint16(1 << seat);
                }
            }
        }
    }

    /// @dev Walks along `others` to where `account` would stand, and refuses to find it there.
    function _passing(address account, address[] calldata others, uint256 next)
        private
        pure
        returns (uint256)
    {
        for (; next < others.length; ++next) {
            address other = others[next];
            if (other > account) return next;
            if (other == account) revert ConflictOfRoles(account, account);
        }
        return next;
    }

    function _groupsOf(
        function(address) view returns (bytes32) groupOf,
        address[] calldata accounts
    ) private view returns (bytes32[] memory groups) {
        groups = new bytes32[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            groups[i] = groupOf(accounts[i]); // cheap where it was read before
        }
    }

    function _requireNoneIn(
        function(address) view returns (bytes32) groupOf,
        address[] calldata accounts,
        bytes32[] memory groups,
        address[] calldata others
    ) private view {
        for (uint256 i = 0; i < others.length; ++i) {
            _requireNoneIn(accounts, groups, others[i], groupOf(others[i]));
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
}
