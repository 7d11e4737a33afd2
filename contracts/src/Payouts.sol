// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IPayouts} from "./interfaces/IPayouts.sol";
import {IPullLedger} from "./interfaces/IPullLedger.sol";
import {MerklePath} from "./libraries/MerklePath.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Committee} from "./types/Committee.sol";
import {Currency} from "./types/Currency.sol";
import {Account, Active, Book, Distribution, Earning} from "./types/Distribution.sol";

/// @title Payouts
/// @dev For every currency: balance >= funded - withdrawn, funded >= total, and
///      total = sum of claims + unclaimed.
contract Payouts is IPayouts, AccessManaged, EIP712, Nonces, ReentrancyGuardTransient {
    uint256 private constant MAX_TREES = 256; // the width of a row in `Book`

    bytes32 private constant DISTRIBUTION = keccak256(
        "Distribution(address currency,uint64 epoch,uint128 total,bytes32[] roots,bytes32 document,"
        "bytes32 committee)"
    );
    bytes32 private constant CLAIM_TO = keccak256(
        "ClaimTo(address account,address currency,address receiver,uint256 nonce,uint256 deadline)"
    );

    /// @inheritdoc IPayouts
    IOracleCommittee public immutable committees;

    /// @inheritdoc IPayouts
    uint32 public immutable activationDelay;

    /// @inheritdoc IPayouts
    mapping(Currency currency => mapping(uint128 total => bool)) public wasFunded;

    mapping(Currency currency => Book) private _books;
    mapping(address account => mapping(Currency currency => Account)) private _accounts;

    constructor(address authority, IOracleCommittee committees_, uint32 activationDelay_)
        AccessManaged(authority)
        EIP712("Payouts", "1")
    {
        committees = committees_;
        activationDelay = activationDelay_;
    }

    /// @dev Native coin comes with `deposit` or in the course of `collect`; elsewhere it would be lost.
    receive() external payable {
        if (!_reentrancyGuardEntered()) revert UnexpectedCoin(msg.sender);
    }

    // ------------------------------------------------------------------- funds

    /// @inheritdoc IPayouts
    function deposit(Currency currency, uint128 amount) external payable nonReentrant {
        currency.pull(msg.sender, amount);
        _fund(currency, msg.sender, amount);
    }

    /// @inheritdoc IPayouts
    function collect(IPullLedger ledger, Currency currency)
        external
        nonReentrant
        returns (uint128 amount)
    {
        uint256 before = currency.held();
        ledger.withdraw(currency, address(this));
        amount = SafeCast.toUint128(currency.held() - before);
        _fund(currency, address(ledger), amount);
    }

    // ------------------------------------------------------------ distributions

    /// @inheritdoc IPayouts
    function propose(
        Distribution calldata distribution,
        Committee calldata committee,
        uint16 signers,
        bytes calldata signatures
    ) external {
        Book storage book = _books[distribution.currency];
        _requireProposable(book, distribution);
        bytes32 inOffice = committees.currentDigest();
        if (distribution.committee != inOffice) revert WrongCommittee(distribution.committee, inOffice);
        bytes32 given = keccak256(abi.encode(committee));
        if (given != inOffice) revert WrongCommittee(given, inOffice);
        Quorum.verify(committee, signers, digestOf(distribution), signatures);

        uint40 activeAt = uint40(block.timestamp) + activationDelay;
        uint256 count = distribution.roots.length;
        book.active.epoch = distribution.epoch;
        book.pendingTotal = distribution.total;
        book.activeAt = activeAt;
        book.pendingTrees = uint16(count); // at most 256
        bytes32[256] storage row = book.roots[1 - book.active.row];
        for (uint256 i = 0; i < count; ++i) {
            row[i] = distribution.roots[i];
        }
        emit DistributionProposed(
            distribution.currency,
            distribution.epoch,
            distribution.total,
            distribution.roots,
            distribution.document,
            inOffice,
            activeAt,
            signers,
            signatures
        );
    }

    /// @inheritdoc IPayouts
    function veto(Currency currency) external restricted {
        Book storage book = _books[currency];
        if (book.activeAt == 0) revert NothingProposed(currency);
        _clearPending(book);
        emit DistributionVetoed(currency, book.active.epoch);
    }

    /// @inheritdoc IPayouts
    function activate(Currency currency) external {
        Book storage book = _books[currency];
        uint40 activeAt = book.activeAt;
        if (activeAt == 0) revert NothingProposed(currency);
        if (block.timestamp < activeAt) revert DeadlineNotReached(activeAt);
        uint128 total = book.pendingTotal;
        Active memory active = book.active;
        active.unclaimed += total - book.total;
        active.shift = uint16(256 - Math.log2(book.pendingTrees)); // at least 248
        active.row = 1 - active.row;
        book.active = active;
        book.total = total;
        _clearPending(book);
        emit DistributionActivated(currency, active.epoch, total);
    }

    // ------------------------------------------------------------------ claims

    /// @inheritdoc IPayouts
    function claim(Currency currency, bytes32[] calldata proof, Earning calldata earning)
        external
    {
        if (!_claim(currency, proof, earning)) revert NothingToClaim(earning.account, currency);
    }

    /// @inheritdoc IPayouts
    function claimAndWithdraw(
        Currency currency,
        bytes32[] calldata proof,
        Earning calldata earning,
        address to
    ) external nonReentrant returns (uint256 amount) {
        if (msg.sender != earning.account) revert NotAllowed(msg.sender, earning.account);
        _claim(currency, proof, earning);
        return _payOut(earning.account, currency, to);
    }

    /// @inheritdoc IPayouts
    function claimTo(
        Currency currency,
        bytes32[] calldata proof,
        Earning calldata earning,
        address receiver,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant returns (uint256 amount) {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        address account = earning.account;
        bytes32 digest = _hashTypedDataV4(
            keccak256(abi.encode(CLAIM_TO, account, currency, receiver, _useNonce(account), deadline))
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) {
            revert BadSignature(account);
        }
        _claim(currency, proof, earning);
        return _payOut(account, currency, receiver);
    }

    /// @inheritdoc IPayouts
    function withdraw(Currency currency, address to) external nonReentrant returns (uint256 amount) {
        return _payOut(msg.sender, currency, to);
    }

    // ------------------------------------------------------------------- views

    /// @inheritdoc IPayouts
    function fundsOf(Currency currency) external view returns (uint128, uint128, uint128) {
        Book storage book = _books[currency];
        return (book.funded, book.total, book.active.unclaimed);
    }

    /// @inheritdoc IPayouts
    function rootsOf(Currency currency) external view returns (uint64, bytes32[] memory) {
        Book storage book = _books[currency];
        return (book.active.epoch, _rootsIn(book, book.active.row, _treesIn(book.active)));
    }

    /// @inheritdoc IPayouts
    function pendingOf(Currency currency) external view returns (uint128, uint40, bytes32[] memory) {
        Book storage book = _books[currency];
        return (book.pendingTotal, book.activeAt, _rootsIn(book, 1 - book.active.row, book.pendingTrees));
    }

    /// @inheritdoc IPayouts
    function claimedOf(address account, Currency currency) external view returns (uint128) {
        return _accounts[account][currency].claimed;
    }

    /// @inheritdoc IPayouts
    function creditOf(address account, Currency currency) external view returns (uint256) {
        return _accounts[account][currency].credit;
    }

    /// @inheritdoc IPayouts
    function digestOf(Distribution calldata distribution) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    DISTRIBUTION,
                    distribution.currency,
                    distribution.epoch,
                    distribution.total,
                    keccak256(abi.encodePacked(distribution.roots)),
                    distribution.document,
                    distribution.committee
                )
            )
        );
    }

    /// @inheritdoc IPayouts
    function leafOf(Earning calldata earning) public pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(earning))));
    }

    // --------------------------------------------------------------- internals

    function _fund(Currency currency, address from, uint128 amount) private {
        if (amount == 0) revert NothingArrived(currency);
        Book storage book = _books[currency];
        uint128 funded = book.funded + amount;
        book.funded = funded;
        wasFunded[currency][funded] = true;
        emit Funded(currency, from, amount, funded);
    }

    function _requireProposable(Book storage book, Distribution calldata distribution) private view {
        if (book.activeAt != 0) revert ProposalPending(book.active.epoch);
        uint64 epoch = book.active.epoch + 1;
        if (distribution.epoch != epoch) revert WrongEpoch(distribution.epoch, epoch);
        uint256 count = distribution.roots.length;
        if (count == 0 || count > MAX_TREES || count & (count - 1) != 0) revert WrongNumberOfTrees(count);
        uint128 total = distribution.total;
        if (total <= book.total) revert NothingNew(total, book.total);
        if (!wasFunded[distribution.currency][total]) {
            revert TotalNotFunded(distribution.currency, total);
        }
    }

    function _clearPending(Book storage book) private {
        book.pendingTotal = 0;
        book.activeAt = 0;
        book.pendingTrees = 0;
    }

    /// @return Whether there was something to claim; a proof that fails reverts.
    function _claim(Currency currency, bytes32[] calldata proof, Earning calldata earning)
        private
        returns (bool)
    {
        Book storage book = _books[currency];
        (uint128 unclaimed, uint256 shift, uint256 row) = _active(book);
        bytes32 leaf = leafOf(earning);
        bytes32 root = MerklePath.rootOf(leaf, proof);
        // Before the first activation the shift is zero, and no root is where the leaf points.
        if (shift == 0 || root != book.roots[row][uint256(leaf) >> shift]) {
            revert InvalidProof(earning.account, earning.cumulative);
        }
        Account storage account = _accounts[earning.account][currency];
        uint128 claimed = account.claimed;
        if (earning.cumulative <= claimed) return false;
        uint128 amount = earning.cumulative - claimed;
        if (amount > unclaimed) revert TotalExceeded(amount, unclaimed);
        _take(book, account, amount);
        emit Claimed(earning.account, currency, earning.cumulative);
        return true;
    }

    /// @dev The three members that a claim needs, in one read.
    function _active(Book storage book)
        private
        view
        returns (uint128 unclaimed, uint256 shift, uint256 row)
    {
        uint256 word;
        assembly ("memory-safe") {
            word := sload(book.slot)
        }
        // casting to uint128 and uint16 picks the member out
        return (uint128(word), uint16(word >> 192), word >> 208);
    }

    /// @dev Moves `amount` from `unclaimed` to both members of the account, with one write each. No
    ///      carry leaves a member: the amount is at most `unclaimed`, and credit <= claimed, whose sum
    ///      is the `cumulative` of 128 bits that was proven.
    function _take(Book storage book, Account storage account, uint128 amount) private {
        assembly ("memory-safe") {
            sstore(book.slot, sub(sload(book.slot), amount))
            sstore(account.slot, add(sload(account.slot), or(amount, shl(128, amount))))
        }
    }

    function _payOut(address account, Currency currency, address to) private returns (uint256 amount) {
        if (to == address(0) || to == address(this)) revert InvalidReceiver(to);
        amount = _accounts[account][currency].credit;
        if (amount == 0) revert NothingToWithdraw(account, currency);
        _accounts[account][currency].credit = 0;
        emit Withdrawn(account, currency, to, amount);
        currency.push(to, amount);
    }

    function _treesIn(Active storage active) private view returns (uint256) {
        return active.shift == 0 ? 0 : 1 << (256 - active.shift);
    }

    function _rootsIn(Book storage book, uint8 row, uint256 count)
        private
        view
        returns (bytes32[] memory roots)
    {
        roots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            roots[i] = book.roots[row][i];
        }
    }
}
