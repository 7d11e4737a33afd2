// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Checks signatures by keys and by contract wallets (ERC-1271)
library Signatures {
    /// @notice The signature is not this account's.
    error BadSignature(address signer);

    /// @dev A key's signature is tried first: that needs no look at the account's code.
    function requireSigned(address signer, bytes32 digest, bytes calldata signature) internal view {
        (address recovered, ECDSA.RecoverError problem,) =
            ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == signer) return;
        if (!SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature)) {
            revert BadSignature(signer);
        }
    }
}
