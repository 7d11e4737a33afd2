// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {Currency} from "../types/Currency.sol";
import {Distribution, Earning} from "../types/Distribution.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";
import {IPullLedger} from "./IPullLedger.sol";

/// @title Pays any number of payees what they earned over many trades
/// @notice deposit | collect [anyone] -> propose [quorum] -> a delay, in which the guardian may veto
///         -> activate [anyone] -> claim [anyone, for the payee] -> withdraw [payee].
///
///         A trade names this contract as one payee. The committee divides what arrived, off chain,
///         and signs Merkle roots over cumulative amounts: one claim collects all trades since the
///         last. A distribution's total must be a sum that had arrived after one of the deposits, so
///         it is funded to the last unit, and a deposit made meanwhile can't spoil the signatures.
///
///         Claims can't exceed the active total, and no payee's claim or withdrawal touches another's.
///         Only the committee can divide what arrived: while it is silent, new funds wait for it or
///         for its successor; what was distributed stays claimable for ever.
///
///         The leaves are dealt to up to 256 trees. Twice as many cost the proposal twice as many slots
///         and make every proof one hash shorter; the number of payees itself costs nothing.
interface IPayouts {
    // ------------------------------------------------------------------ events

    /// @notice `amount` arrived from `from`, an account or a ledger; `funded` is the sum so far.
    event Funded(Currency indexed currency, address indexed from, uint128 amount, uint128 funded);

    event DistributionProposed(
        Currency indexed currency,
        uint64 indexed epoch,
        uint128 total,
        bytes32[] roots,
        bytes32 document,
        bytes32 committee,
        uint40 activeAt,
        uint16 signers,
        bytes signatures
    );
    event DistributionVetoed(Currency indexed currency, uint64 indexed epoch);
    event DistributionActivated(Currency indexed currency, uint64 indexed epoch, uint128 total);

    /// @notice The account has claimed `cumulative` since the beginning; the rise is its credit.
    event Claimed(address indexed account, Currency indexed currency, uint128 cumulative);

    /// @notice `account` took `amount` out, to `to`.
    event Withdrawn(address indexed account, Currency indexed currency, address to, uint256 amount);

    // ------------------------------------------------------------------ errors

    error NothingArrived(Currency currency);
    error UnexpectedCoin(address from);
    error WrongCommittee(bytes32 given, bytes32 needed);
    error WrongEpoch(uint64 given, uint64 needed);
    error WrongNumberOfTrees(uint256 trees);
    error TotalNotFunded(Currency currency, uint128 total);
    error NothingNew(uint128 total, uint128 active);
    error ProposalPending(uint64 epoch);
    error NothingProposed(Currency currency);
    error DeadlineNotReached(uint40 deadline);
    error InvalidProof(address account, uint128 cumulative);
    error NothingToClaim(address account, Currency currency);
    error TotalExceeded(uint128 amount, uint128 unclaimed);
    error SignatureExpired(uint256 deadline);
    error BadSignature(address signer);
    error NotAllowed(address caller, address needed);
    error NothingToWithdraw(address account, Currency currency);
    error InvalidReceiver(address receiver);

    // ------------------------------------------------------------------- funds

    /// @notice Takes `amount` from the caller, to be distributed.
    function deposit(Currency currency, uint128 amount) external payable;

    /// @notice Withdraws this contract's credit from a market's ledger, to be distributed.
    /// @return amount What arrived, by the change of the balance; the ledger's word counts nothing.
    function collect(IPullLedger ledger, Currency currency) external returns (uint128 amount);

    // ------------------------------------------------------------ distributions

    /// @notice Proposes a distribution, signed by a quorum of the committee in office.
    /// @param signers Bit i is set when member i of the committee signed.
    /// @param signatures 64 bytes each (EIP-2098), in the order of the members.
    function propose(
        Distribution calldata distribution,
        Committee calldata committee,
        uint16 signers,
        bytes calldata signatures
    ) external;

    /// @notice Strikes out the pending distribution, before or after its delay, until it is activated.
    ///         Only for who may by the authority's word.
    function veto(Currency currency) external;

    /// @notice Puts the pending distribution into force, after its delay.
    function activate(Currency currency) external;

    // ------------------------------------------------------------------ claims

    /// @notice Credits a payee with what it earned since its last claim; anyone may pay for it.
    function claim(Currency currency, bytes32[] calldata proof, Earning calldata earning)
        external;

    /// @notice Claims for the caller and sends its whole credit to `to`.
    function claimAndWithdraw(
        Currency currency,
        bytes32[] calldata proof,
        Earning calldata earning,
        address to
    ) external returns (uint256 amount);

    /// @notice Claims for a payee and sends its whole credit to the receiver that the payee signed:
    ///         `ClaimTo(address account,address currency,address receiver,uint256 nonce,uint256 deadline)`.
    ///         Works all the same if somebody claimed for the payee in the meantime.
    /// @param signature Of the payee, a key (65 bytes) or a contract (ERC-1271).
    function claimTo(
        Currency currency,
        bytes32[] calldata proof,
        Earning calldata earning,
        address receiver,
        uint256 deadline,
        bytes calldata signature
    ) external returns (uint256 amount);

    /// @notice Sends the caller's whole credit in `currency` to `to`.
    function withdraw(Currency currency, address to) external returns (uint256 amount);

    // ------------------------------------------------------------------- views

    /// @notice Seconds from a proposal to the earliest activation.
    function activationDelay() external view returns (uint32);

    /// @notice Who says which committee is in office.
    function committees() external view returns (IOracleCommittee);

    /// @notice Sums of a currency: all that arrived, the active total, and what is unclaimed of it.
    function fundsOf(Currency currency)
        external
        view
        returns (uint128 funded, uint128 total, uint128 unclaimed);

    /// @notice The last epoch that was proposed, and the roots in force.
    function rootsOf(Currency currency) external view returns (uint64 epoch, bytes32[] memory roots);

    /// @notice The distribution that waits for its activation; all zero without one.
    function pendingOf(Currency currency)
        external
        view
        returns (uint128 total, uint40 activeAt, bytes32[] memory roots);

    /// @notice Whether `total` is a sum that had arrived after one of the deposits.
    function wasFunded(Currency currency, uint128 total) external view returns (bool);

    /// @notice What `account` has claimed since the beginning.
    function claimedOf(address account, Currency currency) external view returns (uint128);

    /// @notice What `account` may withdraw.
    function creditOf(address account, Currency currency) external view returns (uint256);

    /// @notice What the committee signs (EIP-712).
    function digestOf(Distribution calldata distribution) external view returns (bytes32);

    /// @notice keccak256(keccak256(abi.encode(earning))): hashed twice, so that no inner node of a
    ///         tree passes for a leaf.
    function leafOf(Earning calldata earning) external pure returns (bytes32);
}
