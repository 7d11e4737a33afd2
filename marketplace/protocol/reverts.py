"""What each Solidity error means to a user, and what to do about it.

The catalogue the chain client looks a revert up in; a test walks every error in the
compiled ABIs and fails on one without an entry.
"""

from __future__ import annotations

from typing import NamedTuple


class Explanation(NamedTuple):
    """Cause and remedy, one clause each."""

    cause: str
    remedy: str


EXPLANATIONS: dict[str, Explanation] = {
    # the market's own
    "RequestsArePaused": Explanation(
        "new requests are paused", "wait for the operator; running trades go on"
    ),
    "InvalidRequest": Explanation(
        "the request has an unusable field", "mend the field that the error names"
    ),
    "NoCommittee": Explanation(
        "no oracle committee is in office", "ask the operator to appoint one"
    ),
    "TradeExists": Explanation("this very request was made before", "choose another salt"),
    "NotAllowed": Explanation(
        "this step belongs to another account", "send it from the account that the error names"
    ),
    "WrongState": Explanation(
        "the trade is in another state", "look at the trade's state before the next step"
    ),
    "NotFinal": Explanation("the trade is still running", "open the scores once it has ended"),
    "DeadlinePassed": Explanation(
        "the time for this step is over", "end the trade with a timeout; it pays or refunds"
    ),
    "DeadlineNotReached": Explanation(
        "it is too early for this step", "wait for the deadline that the error names"
    ),
    "QuoteExpired": Explanation("a quote has expired", "ask for a fresh quote"),
    "WrongTrade": Explanation("a quote is for another trade", "ask for a quote for this trade"),
    "BadSignature": Explanation(
        "a signature is not by the account it should be", "ask that account to sign again"
    ),
    "PriceChanged": Explanation(
        "the price differs from the one agreed to", "look at the quote again before accepting"
    ),
    "OverBudget": Explanation("the price is above the budget", "decline, or ask for less"),
    "NotAscending": Explanation(
        "accounts are not in ascending order, or one is named twice", "sort them by address"
    ),
    "ConflictOfRoles": Explanation(
        "one account holds two roles that conflict", "give one of them to another party"
    ),
    "TooMany": Explanation("a list is too long", "keep to the limit that the error names"),
    "QuotesMismatch": Explanation(
        "these are not the accepted data quotes", "pass them as they were accepted"
    ),
    "GateMismatch": Explanation(
        "these are not the committed gate weights", "pass them as they were committed"
    ),
    "UnknownDelivery": Explanation(
        "a delivery is marked for a quote that does not exist", "mark accepted quotes only"
    ),
    "WeightsMismatch": Explanation(
        "gate weights are zero or don't sum to one million", "leave out zeros and renormalise"
    ),
    "LengthMismatch": Explanation("two lists differ in length", "give one entry per item"),
    "ModelAlreadyScored": Explanation(
        "this model was scored before", "submit another model; no attempt was used"
    ),
    "InvalidDelivery": Explanation(
        "a delivery must come with a pass and only with a pass", "mend the report"
    ),
    "AllocationMismatch": Explanation(
        "the shares don't sum to the expert pool", "recompute the allocation"
    ),
    "AlreadyAttested": Explanation("the auditor has attested already", "nothing is left to do"),
    "SealsMismatch": Explanation(
        "an opening does not match the seals of this attempt", "give all seals in report order"
    ),
    "FeeTooHigh": Explanation("the protocol fee is above 10 %", "set 1,000 basis points at most"),
    # the ledger and its currencies
    "NothingToWithdraw": Explanation("the account has no credit", "wait until a trade pays it"),
    "ZeroReceiver": Explanation("the receiver is the zero address", "name a receiver"),
    "WrongValue": Explanation(
        "the native coin sent is not what is needed", "send exactly the price, or none for tokens"
    ),
    "InexactTransfer": Explanation(
        "the token delivered another amount than asked", "use a token without transfer fees"
    ),
    "NativeTransferFailed": Explanation(
        "the receiver refuses the native coin", "withdraw to another address"
    ),
    "NoWeights": Explanation("there is no weight to divide by", "commit a gate first"),
    # the committee and the registry
    "InvalidMembers": Explanation(
        "the committee's members are empty, too many or unsorted", "give 1 to 16, ascending"
    ),
    "InvalidThreshold": Explanation(
        "the threshold is no majority of the members", "use more than half, at most all"
    ),
    "QuorumNotReached": Explanation(
        "too few oracles signed", "collect signatures up to the threshold"
    ),
    "NotAMember": Explanation(
        "a signer is not in this trade's committee", "use the committee of the trade's version"
    ),
    "SignersNotAscending": Explanation(
        "signatures are not in ascending order of their signers", "sort them by signer"
    ),
    "ZeroKey": Explanation("the encryption key is zero", "publish a real X25519 key"),
    "DevnetOnly": Explanation(
        "the development token lives on the devnet only", "use a real token on this chain"
    ),
    # OpenZeppelin's
    "ECDSAInvalidSignature": Explanation(
        "a signature is malformed", "ask its signer for a new one"
    ),
    "ECDSAInvalidSignatureLength": Explanation("a signature is not 65 bytes", "send r, s and v"),
    "ECDSAInvalidSignatureS": Explanation(
        "a signature has a high s value", "sign with a current library"
    ),
    "ERC2612ExpiredSignature": Explanation("the permit has expired", "sign a new permit"),
    "ERC2612InvalidSigner": Explanation("the permit is by another account", "sign it as the owner"),
    "ERC20InsufficientAllowance": Explanation(
        "the allowance is below the price", "approve the market for the price first"
    ),
    "ERC20InsufficientBalance": Explanation(
        "the token balance is below the price", "get more of the token first"
    ),
    "ERC20InvalidApprover": Explanation("the approver is invalid", "approve from a real account"),
    "ERC20InvalidReceiver": Explanation("the receiver is invalid", "name a real account"),
    "ERC20InvalidSender": Explanation("the sender is invalid", "send from a real account"),
    "ERC20InvalidSpender": Explanation("the spender is invalid", "name the market"),
    "InvalidAccountNonce": Explanation("the permit's nonce was used", "sign with the next nonce"),
    "InvalidShortString": Explanation("a name is empty or too long", "use 1 to 31 characters"),
    "StringTooLong": Explanation("a name is too long", "use 31 characters at most"),
    "OwnableInvalidOwner": Explanation("the owner is invalid", "name a real account"),
    "OwnableUnauthorizedAccount": Explanation(
        "only the operator may do this", "send it from the owner's account"
    ),
    "ReentrancyGuardReentrantCall": Explanation(
        "a token or receiver called back into the market", "use another token or receiver"
    ),
    "SafeERC20FailedOperation": Explanation(
        "the token refused the transfer", "check balance, allowance and the token's rules"
    ),
    # sealed bids
    "InvalidTender": Explanation(
        "the tender has an unusable field", "mend the field that the error names"
    ),
    "TenderExists": Explanation("this very tender was opened before", "choose another salt"),
    "UnknownTender": Explanation(
        "no tender was opened on these terms", "pass the terms as they were opened"
    ),
    "AlreadySealed": Explanation(
        "the account has sealed a price in this tender", "reveal that one in the reveal window"
    ),
    "EmptySeal": Explanation("the seal is empty", "seal a price with a random salt"),
    "NothingSealed": Explanation(
        "the account has no closed seal in this tender", "name an account that sealed a price"
    ),
    "SealMismatch": Explanation(
        "price and salt are not those of the seal", "give both as they were sealed"
    ),
    "NothingToSeize": Explanation("no seal of this tender stayed closed", "nothing is left to do"),
    # payouts
    "NothingArrived": Explanation(
        "no funds arrived", "deposit something, or collect once the ledger owes something"
    ),
    "UnexpectedCoin": Explanation(
        "coins sent by hand would belong to nobody", "call deposit instead"
    ),
    "WrongCommittee": Explanation(
        "this committee is not in office", "have the committee in office sign"
    ),
    "WrongEpoch": Explanation(
        "epochs ascend by one, vetoed ones included", "sign for the epoch that the error names"
    ),
    "WrongNumberOfTrees": Explanation(
        "the number of roots is no power of two from 1 to 256", "deal the leaves again"
    ),
    "TotalNotFunded": Explanation(
        "the funds never stood at this total", "divide a sum that stood after some deposit"
    ),
    "NothingNew": Explanation(
        "this total was distributed before", "wait until more funds have arrived"
    ),
    "ProposalPending": Explanation(
        "another distribution is pending", "wait until it is activated or vetoed"
    ),
    "NothingProposed": Explanation("no distribution is pending", "propose one first"),
    "InvalidProof": Explanation(
        "the proof leads to no root in force", "use the proof from the latest distribution"
    ),
    "NothingToClaim": Explanation(
        "everything this payee has earned is claimed", "wait for the next distribution"
    ),
    "TotalExceeded": Explanation(
        "the claims would exceed the distributed total", "ask the committee to mend the trees"
    ),
    "SignatureExpired": Explanation("the signature's deadline is over", "sign a later deadline"),
    "UnknownSigner": Explanation(
        "the bitmap names a signer that the committee doesn't have", "set members' bits only"
    ),
    "SafeCastOverflowedUintDowncast": Explanation(
        "an amount is too large to be booked", "use a token whose amounts fit 128 bits"
    ),
    "AccessManagedInvalidAuthority": Explanation(
        "the new authority has no code", "name an AccessManager contract"
    ),
    "AccessManagedRequiredDelay": Explanation(
        "this call must be scheduled first", "schedule it with the AccessManager and wait"
    ),
    "AccessManagedUnauthorized": Explanation(
        "the account's role doesn't allow this call", "send it from an account with the role"
    ),
}
