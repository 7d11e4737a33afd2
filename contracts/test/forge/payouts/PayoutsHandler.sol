// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPayouts} from "../../../src/interfaces/IPayouts.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Earning} from "../../../src/types/Distribution.sol";
import {Paying} from "./Paying.sol";
import {Trees} from "./Trees.sol";

/// @title Deposits, distributions and claims in any order, in two currencies
/// @dev Half of the trees that the committee signs here are wrong: their leaves sum to more or less
///      than the total, and fall from one distribution to the next. What should be refused, a step
///      expects to be.
contract PayoutsHandler is Paying {
    bytes32 private constant CLAIM_TO = keccak256(
        "ClaimTo(address account,address currency,address receiver,uint256 nonce,uint256 deadline)"
    );
    uint256 private constant PAYEES = 4;
    uint128 private constant MOST = 1e24;

    /// @notice What one currency's books should say.
    struct Books {
        uint128 deposited;
        uint128 total; // in force
        uint128 claimed;
        uint256 withdrawn;
        uint256 gifts;
        uint64 epoch;
        uint128 proposed; // zero without a proposal
    }

    Currency[2] private _currencies;
    address[PAYEES] private _payees;
    mapping(Currency currency => Books) private _books;
    mapping(Currency currency => mapping(address payee => uint128)) private _claimed;
    mapping(Currency currency => mapping(address payee => uint256)) private _credit;
    mapping(bytes32 outcome => uint256) public done;

    mapping(Currency currency => Earning[]) private _active;
    mapping(Currency currency => Earning[]) private _pending;
    mapping(Currency currency => uint256) private _activeTrees;
    mapping(Currency currency => uint256) private _pendingTrees;

    constructor() {
        setUp();
        (_currencies[0], _currencies[1]) = (NATIVE, _tokens);
        for (uint256 n = 0; n < PAYEES; ++n) {
            _payees[n] = vm.addr(11 + n);
            _keyOf[_payees[n]] = 11 + n;
        }
    }

    /// @notice Whether the contract's books are these.
    /// @dev What was sent by hand is left out on both sides: it is nobody's. These books only ever
    ///      add to what a payee has claimed, so what equals them never falls.
    function check() external view {
        for (uint256 i = 0; i < 2; ++i) {
            Currency currency = _currencies[i];
            Books memory b = _books[currency];
            (uint128 funded, uint128 total, uint128 unclaimed) = _payouts.fundsOf(currency);
            assertEq(funded, b.deposited, "funded");
            assertEq(total, b.total, "total");
            assertLe(total, funded, "given out");
            (uint256 sum, uint256 owed) = (unclaimed, unclaimed);
            for (uint256 n = 0; n < PAYEES; ++n) {
                address payee = _payees[n];
                uint128 claimed_ = _payouts.claimedOf(payee, currency);
                uint256 credit_ = _payouts.creditOf(payee, currency);
                assertEq(claimed_, _claimed[currency][payee], "claim");
                assertEq(credit_, _credit[currency][payee], "credit");
                (sum, owed) = (sum + claimed_, owed + credit_);
            }
            assertEq(sum, total, "claimed");
            uint256 held = _held(currency, address(_payouts)) - b.gifts;
            assertEq(held, b.deposited - b.withdrawn, "held");
            assertGe(held, owed, "owed");
        }
    }

    // ------------------------------------------------------------------ funds

    function deposit(uint256 pick, uint128 amount) external {
        Currency currency = _currencies[pick % 2];
        amount = uint128(bound(amount, 1, MOST));
        _deposit(currency, amount);
        _books[currency].deposited += amount;
        ++done["deposit"];
    }

    /// @notice Somebody sends money past the books.
    function give(uint256 pick, uint128 amount) external {
        Currency currency = _currencies[pick % 2];
        amount = uint128(bound(amount, 1, MOST));
        if (pick % 2 == 0) vm.deal(address(_payouts), address(_payouts).balance + amount);
        else _token.mint(address(_payouts), amount);
        _books[currency].gifts += amount;
        ++done["give"];
    }

    // ---------------------------------------------------------- distributions

    function propose(uint256 pick, uint256 seed) external {
        Currency currency = _currencies[pick % 2];
        Books storage b = _books[currency];
        vm.assume(b.proposed == 0 && b.deposited > b.total);
        Earning[] memory earnings = seed % 2 == 0 ? _right(currency, seed) : _wrong(seed);
        uint256 trees = 1 << (seed >> 8) % 3;
        b.proposed = b.deposited;
        ++b.epoch;
        delete _pending[currency];
        for (uint256 n = 0; n < PAYEES; ++n) {
            _pending[currency].push(earnings[n]);
        }
        _pendingTrees[currency] = trees;
        _propose(_distribution(currency, b.epoch, b.proposed, Trees.rootsOf(earnings, trees)));
        ++done["propose"];
    }

    function veto(uint256 pick) external {
        Currency currency = _currencies[pick % 2];
        vm.assume(_books[currency].proposed != 0 && pick % 8 < 2);
        vm.prank(GUARDIAN);
        _payouts.veto(currency);
        _books[currency].proposed = 0;
        ++done["veto"];
    }

    function activate(uint256 pick, uint32 time) external {
        Currency currency = _currencies[pick % 2];
        Books storage b = _books[currency];
        vm.assume(b.proposed != 0);
        (, uint40 activeAt,) = _payouts.pendingOf(currency);
        skip(bound(time, 0, 2 * DELAY));
        if (_now() < activeAt) {
            vm.expectRevert(abi.encodeWithSelector(IPayouts.DeadlineNotReached.selector, activeAt));
            _payouts.activate(currency);
            ++done["refuse to activate early"];
            return;
        }
        _payouts.activate(currency);
        (b.total, b.proposed) = (b.proposed, 0);
        _active[currency] = _pending[currency];
        _activeTrees[currency] = _pendingTrees[currency];
        ++done["activate"];
    }

    // ------------------------------------------------------------------ claims

    function claim(uint256 pick, uint256 n, uint256 way) external {
        Currency currency = _currencies[pick % 2];
        vm.assume(_active[currency].length != 0);
        n %= PAYEES;
        Earning memory earning = _active[currency][n];
        bytes32[] memory proof = Trees.proofOf(_active[currency], _activeTrees[currency], n);
        if (way % 8 == 7) {
            ++earning.cumulative; // more than was signed
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPayouts.InvalidProof.selector, earning.account, earning.cumulative
                )
            );
            _payouts.claim(currency, proof, earning);
            ++done["refuse a wrong proof"];
            return;
        }
        uint128 before = _claimed[currency][earning.account];
        uint128 rise = earning.cumulative > before ? earning.cumulative - before : 0;
        Books storage b = _books[currency];
        if (rise > b.total - b.claimed) {
            vm.expectRevert(
                abi.encodeWithSelector(IPayouts.TotalExceeded.selector, rise, b.total - b.claimed)
            );
            _payouts.claim(currency, proof, earning);
            ++done["refuse more than the total"];
            return;
        }
        if (rise == 0) {
            vm.expectRevert(
                abi.encodeWithSelector(IPayouts.NothingToClaim.selector, earning.account, currency)
            );
            _payouts.claim(currency, proof, earning);
            ++done["refuse to claim nothing"];
            return;
        }
        b.claimed += rise;
        _claimed[currency][earning.account] += rise;
        _credit[currency][earning.account] += rise;
        if (way % 3 == 0) {
            _payouts.claim(currency, proof, earning);
            ++done["claim"];
            return;
        }
        if (way % 3 == 1) {
            vm.prank(earning.account);
            _payouts.claimAndWithdraw(currency, proof, earning, HOME);
        } else {
            _payouts.claimTo(currency, proof, earning, HOME, _now(), _order(earning.account, currency));
        }
        _bookWithdrawal(currency, earning.account);
        ++done["claim and withdraw"];
    }

    function withdraw(uint256 pick, uint256 n) external {
        Currency currency = _currencies[pick % 2];
        address account = _payees[n % PAYEES];
        if (_credit[currency][account] == 0) {
            vm.expectRevert(
                abi.encodeWithSelector(IPayouts.NothingToWithdraw.selector, account, currency)
            );
            vm.prank(account);
            _payouts.withdraw(currency, HOME);
            ++done["refuse to withdraw nothing"];
            return;
        }
        vm.prank(account);
        _payouts.withdraw(currency, HOME);
        _bookWithdrawal(currency, account);
        ++done["withdraw"];
    }

    function _bookWithdrawal(Currency currency, address account) private {
        _books[currency].withdrawn += _credit[currency][account];
        _credit[currency][account] = 0;
        assertEq(_held(currency, HOME), _books[currency].withdrawn);
    }

    // ---------------------------------------------------------------- private

    /// @dev Nobody has less than it claimed or was given before, and all is given.
    function _right(Currency currency, uint256 seed) private view returns (Earning[] memory earnings) {
        earnings = new Earning[](PAYEES);
        uint128 left = _books[currency].deposited - _books[currency].claimed;
        for (uint256 n = 0; n < PAYEES; ++n) {
            uint128 share = n + 1 == PAYEES ? left : uint128(_draw(seed, n) % (uint256(left) + 1));
            left -= share;
            earnings[n] = Earning(_payees[n], _claimed[currency][_payees[n]] + share, bytes16(uint128(seed)));
        }
    }

    /// @dev Anything.
    function _wrong(uint256 seed) private view returns (Earning[] memory earnings) {
        earnings = new Earning[](PAYEES);
        for (uint256 n = 0; n < PAYEES; ++n) {
            earnings[n] = Earning(_payees[n], uint128(_draw(seed, n) % (2 * MOST)), bytes16(uint128(seed)));
        }
    }

    function _draw(uint256 seed, uint256 n) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, n)));
    }

    function _order(address account, Currency currency) private view returns (bytes memory) {
        bytes32 message =
            keccak256(abi.encode(CLAIM_TO, account, currency, HOME, _payouts.nonces(account), _now()));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(_keyOf[account], _digest("Payouts", address(_payouts), message));
        return abi.encodePacked(r, s, v);
    }
}
