"""The ways in which ``mutate_contracts.py`` breaks the sources, one entry each.

To add one: name it, quote a fragment that occurs exactly once in the file, say what to
put in its place, and which tests should notice. Tests are named as on the command line
of the runner: ``forge`` takes a file of ``contracts/test/forge``
without ``.t.sol``, ``pytest`` a path.
A survivor that is right to survive gets an `explained`.
"""

from __future__ import annotations

from mutation import Mutation
from mutations_around import AROUND
from mutations_court import COURT
from mutations_market import MARKET

_SPLIT = "src/libraries/LargestRemainder.sol"
_CURRENCY = "src/types/Currency.sol"
_DEV = "src/tokens/DevToken.sol"

MUTATIONS = [
    Mutation(
        "split-without-check-for-zero",
        _SPLIT,
        "if (sum == 0) revert NoWeights();",
        "",
        "LargestRemainder",
    ),
    Mutation(
        "split-keeps-one-unit",
        _SPLIT,
        "for (; left > 0; --left)",
        "for (; left > 1; --left)",
        "LargestRemainder",
    ),
    Mutation(
        "split-keeps-what-is-left-over",
        _SPLIT,
        "for (; left > 0; --left)",
        "for (; left > type(uint128).max; --left)",
        "LargestRemainder",
    ),
    Mutation(
        "split-favours-the-higher-address",
        _SPLIT,
        "remainders[i] > remainders[best]",
        "remainders[i] >= remainders[best]",
        "LargestRemainder",
    ),
    Mutation(
        "split-favours-the-smallest-remainder",
        _SPLIT,
        "remainders[i] > remainders[best]",
        "remainders[i] < remainders[best]",
        "LargestRemainder",
    ),
    Mutation(
        "split-passes-over-the-second-payee",
        _SPLIT,
        "for (uint256 i = 1; i < count; ++i)",
        "for (uint256 i = 2; i < count; ++i)",
        "LargestRemainder",
    ),
    Mutation(
        "split-gives-all-units-to-one",
        _SPLIT,
        "remainders[best] = 0;",
        "",
        "LargestRemainder",
    ),
    Mutation(
        "split-gives-two-units-at-once",
        _SPLIT,
        "++amounts[best];",
        "amounts[best] += 2;",
        "LargestRemainder",
    ),
    Mutation(
        "split-forgets-remainders",
        _SPLIT,
        "remainders[i] = product % sum;",
        "",
        "LargestRemainder",
    ),
    Mutation(
        "split-divides-by-one-more",
        _SPLIT,
        "amounts[i] = uint128(product / sum);",
        "amounts[i] = uint128(product / (sum + 1));",
        "LargestRemainder",
    ),
    Mutation(
        "split-multiplies-in-128-bits",
        _SPLIT,
        "uint256 product = uint256(total) * weights[i];",
        "uint256 product; unchecked { product = uint128(total * weights[i]); }",
        "LargestRemainder",
    ),
    Mutation(
        "pull-accepts-more-native-coin",
        _CURRENCY,
        "if (msg.value != amount) revert",
        "if (msg.value < amount) revert",
        "Currency",
    ),
    Mutation(
        "pull-accepts-less-native-coin",
        _CURRENCY,
        "if (msg.value != amount) revert",
        "if (msg.value > amount) revert",
        "Currency",
    ),
    Mutation(
        "pull-accepts-native-coin-beside-a-token",
        _CURRENCY,
        "if (msg.value != 0) revert WrongValue(msg.value, 0);",
        "",
        "Currency",
    ),
    Mutation(
        "pull-accepts-what-arrived",
        _CURRENCY,
        "if (received != amount) revert InexactTransfer(currency, received, amount);",
        "",
        "Currency",
    ),
    Mutation(
        "pull-accepts-less-than-asked",
        _CURRENCY,
        "if (received != amount)",
        "if (received > amount)",
        "Currency",
    ),
    Mutation(
        "pull-measures-the-whole-balance",
        _CURRENCY,
        "currency.held() - before",
        "currency.held()",
        "Currency",
    ),
    Mutation(
        "pull-moves-nothing",
        _CURRENCY,
        "IERC20(Currency.unwrap(currency)).safeTransferFrom(from, address(this), amount);",
        "",
        "Currency",
    ),
    Mutation(
        "pull-takes-from-the-caller",
        _CURRENCY,
        "safeTransferFrom(from,",
        "safeTransferFrom(msg.sender,",
        "Currency",
    ),
    Mutation(
        "push-ignores-a-refusal",
        _CURRENCY,
        "if (!sent) revert NativeTransferFailed(to, amount);",
        "sent;",
        "Currency",
    ),
    Mutation(
        "push-sends-no-native-coin",
        _CURRENCY,
        "to.call{value: amount}",
        "to.call{value: 0}",
        "Currency",
    ),
    Mutation(
        "push-ignores-what-the-token-returns",
        _CURRENCY,
        "IERC20(Currency.unwrap(currency)).safeTransfer(to, amount);",
        "IERC20(Currency.unwrap(currency)).transfer(to, amount);",
        "Currency",
    ),
    Mutation(
        "native-coin-has-another-address",
        _CURRENCY,
        "== address(0);",
        "== address(1);",
        "Currency",
    ),
    Mutation(
        "token-on-every-chain",
        _DEV,
        "if (block.chainid != DEVNET_CHAIN_ID) revert DevnetOnly(block.chainid);",
        "",
        "DevToken",
    ),
    Mutation(
        "token-mints-to-the-caller",
        _DEV,
        "_mint(to, amount);",
        "_mint(msg.sender, amount); to;",
        "DevToken",
    ),
    *MARKET,
    *COURT,
    *AROUND,
]
