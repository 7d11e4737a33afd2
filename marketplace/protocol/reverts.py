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
    "RuleChanged": Explanation(
        "a rule of the market is another now than the request names",
        "read the rules in force and make the request anew",
    ),
    "NotBacked": Explanation(
        "committee or panel has nobody in office, or stakes back fewer members than a quorum needs",
        "wait for a rotation, or for somebody to stake for the members with too little",
    ),
    "ReviewTooShort": Explanation(
        "a budget of this size needs a longer review window",
        "choose a window of at least the seconds that the error names",
    ),
    "TradeTooLong": Explanation(
        "the windows add up to more than the committee's stakes stay bonded",
        "choose shorter windows or fewer attempts",
    ),
    "ZeroTreasury": Explanation("the treasury is the zero address", "name an account"),
    "AgreementMismatch": Explanation(
        "what was passed is not what this trade agreed on",
        "read the agreement from the log of this trade",
    ),
    "UnknownVerdicts": Explanation(
        "a verdict is counted for a seat that didn't sign",
        "set verdict bits for signers only",
    ),
    "AlreadyAnnounced": Explanation(
        "this seal was announced before", "go on; it counts from its first announcement"
    ),
    "NotAnnounced": Explanation(
        "the challenge was not announced, or too short a time ago",
        "announce its seal, and wait until the time that the error names",
    ),
    "AlreadyChallenged": Explanation(
        "this trade was challenged before", "wait for its settlement; there is one challenge"
    ),
    "SealsClosed": Explanation(
        "some signers have not opened their scores",
        "open them all, or wait until the time that the error names",
    ),
    "SealMismatch": Explanation(
        "an opening doesn't match what was sealed", "give the value and the salt that were sealed"
    ),
    "OpeningsMismatch": Explanation(
        "there are more or fewer openings than seals", "give one for each signer, in their order"
    ),
    "WrongPath": Explanation(
        "the path doesn't lead to the next free place in the trade's history",
        "compute it from all attempts in the log",
    ),
    "NothingOpened": Explanation("no seal was opened", "give at least one salt"),
    "NotAuthorized": Explanation(
        "the signature under the withdrawal is not the account's",
        "ask the account to sign it with its next nonce",
    ),
    "AuthorizationExpired": Explanation(
        "the signature under the withdrawal has expired", "ask the account for a new one"
    ),
    "NotFinal": Explanation("the trade is still running", "wait until it has ended"),
    "NoModel": Explanation(
        "the report names no model", "give the commitment to the composite that was scored"
    ),
    "TradeExists": Explanation("this very request was made before", "choose another salt"),
    "NotAllowed": Explanation(
        "this step belongs to another account", "send it from the account that the error names"
    ),
    "WrongState": Explanation(
        "the trade is in another state", "look at the trade's state before the next step"
    ),
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
    "PriceTooHigh": Explanation("the price doesn't fit into 128 bits", "ask for less"),
    "NotAscending": Explanation(
        "accounts are not in ascending order, or one is named twice", "sort them by address"
    ),
    "ConflictOfRoles": Explanation(
        "one account holds two roles that conflict", "give one of them to another party"
    ),
    "TooMany": Explanation("a list is too long", "keep to the limit that the error names"),
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
    "NotCounterparts": Explanation(
        "committee and panel don't name each other", "deploy both with the other's address"
    ),
    "FeeTooHigh": Explanation("the protocol fee is above 10 %", "set 1,000 basis points at most"),
    # the ledger and its currencies
    "NothingToWithdraw": Explanation("the account has no credit", "wait until a trade pays it"),
    "InvalidReceiver": Explanation(
        "the receiver is the zero address or the contract itself", "name an account"
    ),
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
    "NoSuchSeat": Explanation(
        "the signers' bitmap names a seat that the committee does not have",
        "set bits of its members only",
    ),
    "SignaturesLengthMismatch": Explanation(
        "the signatures are not 64 bytes for each signer", "pack compact signatures by seat"
    ),
    "BadSeatSignature": Explanation(
        "a signature is not by the member in its seat", "order signatures by seat, or sign again"
    ),
    "StakeTooLow": Explanation(
        "a member has less at stake than a seat needs", "let it stake before the appointment"
    ),
    "SharedMember": Explanation(
        "a member sits in the other committee, or is about to",
        "appoint somebody else to one of them",
    ),
    "NoRotationScheduled": Explanation("no committee is scheduled", "nothing is left to cancel"),
    "OnlyArbiter": Explanation(
        "only the arbiter may take a stake", "challenge the verdict, or penalise the silence"
    ),
    "NotStaked": Explanation(
        "the member has less at stake than it wants back", "ask for what is bonded at most"
    ),
    "InOffice": Explanation(
        "the member sits in a committee", "wait until a rotation has ended its term"
    ),
    "StillBonded": Explanation(
        "the stake still backs past work", "wait for the time that the error names"
    ),
    "NothingToUnstake": Explanation(
        "nothing of the stake is on its way out", "ask to unstake first"
    ),
    # challenges
    "InvalidTerms": Explanation(
        "a share is above the whole, or bond or window is zero", "deploy with other terms"
    ),
    "CommitteeMismatch": Explanation(
        "this is not the committee that was agreed on", "pass the committee with that digest"
    ),
    "UnknownDecision": Explanation(
        "this is not what the trade was decided on",
        "pass deal, gate and record of the last attempt",
    ),
    "ConflictedJurors": Explanation(
        "a juror has an interest in such a ruling, or is of one party with the challenger",
        "let the other seats of the panel sign, or challenge from an account of no juror's party",
    ),
    "NoChallenge": Explanation("the trade has no open challenge", "look at how the last one ended"),
    "RulingTooLate": Explanation("the time for a ruling is over", "let the challenge lapse"),
    "RulingPending": Explanation(
        "the panel may still rule", "wait for the deadline that the error names"
    ),
    "UnknownAttempt": Explanation(
        "the trade has no such attempt", "pass the attempt's record as it was reported"
    ),
    "NotDecisive": Explanation(
        "this attempt does not decide the trade", "rule on the attempt that passed"
    ),
    "NotSilent": Explanation(
        "the trade did not end for want of a judgement", "nothing is to be penalised"
    ),
    "AlreadyPenalised": Explanation("this was penalised before", "nothing is left to do"),
    "UnexpectedCoins": Explanation(
        "the contract takes no coins that it did not ask for", "send a bond with a challenge"
    ),
    # penalties
    "ContradictsVerdict": Explanation(
        "a score lies on the other side of the threshold than its signer's verdict",
        "leave this seal closed; its signer pays for it",
    ),
    "SealsStillDue": Explanation(
        "the seals may still be opened", "wait for the time that the error names"
    ),
    "SealsWereDue": Explanation(
        "the time to open the seals is over", "leave them closed; their signers pay for it"
    ),
    "NoClosedSeals": Explanation(
        "every seal of this attempt was opened, or penalised", "nothing is left to do"
    ),
    "WindowTooShort": Explanation(
        "the request left its judges too little time to be blamed", "give them longer windows"
    ),
    # development rounds
    "NotSponsor": Explanation(
        "only the sponsor opens a series", "send it from the account that the error names"
    ),
    "InvalidStep": Explanation(
        "the step does not divide one million", "choose a divisor, e.g. 50,000"
    ),
    "InvalidDevelopment": Explanation(
        "the series has an unusable field", "mend the field that the error names"
    ),
    "DevelopmentExists": Explanation("this very series was opened before", "choose another salt"),
    "UnknownDevelopment": Explanation("the series was never opened", "open it first"),
    "OutOfRounds": Explanation("all rounds of the series are used", "open another series"),
    "AlreadyReleased": Explanation(
        "this model was answered before", "submit another model; no round was used"
    ),
    "NotOnTheLadder": Explanation(
        "the answer is neither the best so far nor a higher step",
        "release what the Ladder mechanism answers",
    ),
    "ZeroKey": Explanation("the encryption key is zero", "publish a real X25519 key"),
    # the registry of participants
    "UnknownDomain": Explanation(
        "the set names a domain that there is not", "use the domains that the registry lists"
    ),
    "DomainsFixedUntil": Explanation(
        "domains were declared too short ago", "wait for the time that the error names"
    ),
    "ZeroAmount": Explanation("the amount is zero", "name an amount"),
    "StakeTooSmall": Explanation("the stake is less than that", "ask for what is staked at most"),
    "StakeLockedUntil": Explanation(
        "the stake is still locked", "wait for the time that the error names"
    ),
    "NoStakeToWithdraw": Explanation("no stake is on its way out", "unlock it first"),
    "GroupExists": Explanation("the group was founded before", "found one with another content"),
    "AlreadyAffiliated": Explanation(
        "the account belongs to a group, or is joining or leaving one", "leave it and wait"
    ),
    "NotAffiliated": Explanation("the account belongs to no group", "found or join one first"),
    "AlreadyLeaving": Explanation(
        "the account is leaving already", "wait for the time that the error names"
    ),
    "NotTheFounder": Explanation(
        "only a group's founder invites", "send it from the founder's account"
    ),
    "NotInvited": Explanation(
        "the group has not invited the account", "ask its founder for an invitation"
    ),
    "GroupClosed": Explanation(
        "the group's founder has left, so nobody joins it", "found another group"
    ),
    "DevnetOnly": Explanation(
        "the development token lives on the devnet only", "use a real token on this chain"
    ),
    # the licence token, consent and governance
    "NotSettled": Explanation(
        "the trade has not been settled", "settle it first; other ends leave no model to license"
    ),
    "NothingDelivered": Explanation(
        "the trade runs, or delivered no model",
        "wait for its end; a failed one has no model to link",
    ),
    "RecordMismatch": Explanation(
        "these are not the terms and records that the trade ended with", "take them from the log"
    ),
    "TransferNotAllowed": Explanation(
        "the licence does not move in this way", "look at the transfer rule of its trade"
    ),
    "ConsentExpired": Explanation("the licensor's consent has expired", "ask for a new one"),
    "NotTheLicensor": Explanation(
        "the consent is not signed by the licensor for this transfer",
        "have the licensor sign token, both parties, the present nonce and the deadline",
    ),
    "EndInThePast": Explanation(
        "consent can't end in the past", "name a later second, or withdraw it now"
    ),
    "ConsentHasEnded": Explanation(
        "consent to this dataset has ended, which is final", "offer it under a new commitment"
    ),
    "AlreadyLinked": Explanation("the dataset is linked to the trade", "nothing is left to do"),
    "NoSuchQuote": Explanation(
        "the quote has no dataset at this position", "count from zero in the accepted quote"
    ),
    "NotDelivered": Explanation(
        "the dataset was quoted and not delivered", "link those that the report accepted"
    ),
    "QuoteMismatch": Explanation(
        "the quote is not the one that the buyer accepted", "pass the accepted quote"
    ),
    "NotTheMaintainer": Explanation(
        "only the trade's broker reports a new validation", "send it from the broker's account"
    ),
    "WrongStanding": Explanation(
        "the model's standing towards the dataset is another", "ask for it before the next step"
    ),
    "ZeroReport": Explanation("the report's digest is zero", "name a report"),
    "DelayTooShort": Explanation(
        "a governor can't have less than the least delay", "grant the role with that delay"
    ),
    # OpenZeppelin's
    "AccessManagedInvalidAuthority": Explanation(
        "the new authority is no contract", "name an access manager"
    ),
    "AccessManagedRequiredDelay": Explanation(
        "the call has to be announced", "schedule it, wait and send it again"
    ),
    "AccessManagedUnauthorized": Explanation(
        "the account has no role for this call", "see docs/governance.md for who has"
    ),
    "AccessManagerAlreadyScheduled": Explanation(
        "the very same call is announced already", "wait for its time"
    ),
    "AccessManagerBadConfirmation": Explanation(
        "a role is given up by its holder only", "name the sender's own address"
    ),
    "AccessManagerExpired": Explanation(
        "the announcement is more than a week past its time", "announce the call again"
    ),
    "AccessManagerInvalidInitialAdmin": Explanation(
        "there is no administrator to begin with", "name the deployer"
    ),
    "AccessManagerLockedFunction": Explanation(
        "this function's role can't be changed", "leave it as it is"
    ),
    "AccessManagerLockedRole": Explanation("this role can't be changed", "leave it as it is"),
    "AccessManagerNotReady": Explanation(
        "the announced call's time has not come", "wait for the delay to pass"
    ),
    "AccessManagerNotScheduled": Explanation(
        "the call was not announced", "schedule it and wait for the delay to pass"
    ),
    "AccessManagerUnauthorizedAccount": Explanation(
        "the account may not administer this role", "see docs/governance.md for who may"
    ),
    "AccessManagerUnauthorizedCall": Explanation(
        "the account may not make this call, or not so soon", "see docs/governance.md"
    ),
    "AccessManagerUnauthorizedCancel": Explanation(
        "only who announced a call takes it back", "send it from that account"
    ),
    "AccessManagerUnauthorizedConsume": Explanation(
        "only the called contract uses up an announcement", "call that contract instead"
    ),
    "AddressEmptyCode": Explanation("there is no contract at the address", "check the address"),
    "FailedCall": Explanation("a call failed without a reason", "check target and arguments"),
    "InsufficientBalance": Explanation(
        "the contract has too little native coin for the call", "send the value along"
    ),
    "SafeCastOverflowedUintDowncast": Explanation(
        "a number is too large for its field", "use a smaller one"
    ),
    "StringsInsufficientHexLength": Explanation(
        "a number does not fit the hexadecimal text", "report this; it can't happen"
    ),
    "ERC721IncorrectOwner": Explanation(
        "the token belongs to another account", "name its present holder"
    ),
    "ERC721InsufficientApproval": Explanation(
        "the sender neither holds the token nor is approved", "have the holder approve it"
    ),
    "ERC721InvalidApprover": Explanation(
        "the approver does not hold the token", "approve from the holder's account"
    ),
    "ERC721InvalidOperator": Explanation("the operator is invalid", "name a real account"),
    "ERC721InvalidOwner": Explanation("the zero address holds no tokens", "name a real account"),
    "ERC721InvalidReceiver": Explanation(
        "the receiver can't hold the token", "name an account that can"
    ),
    "ERC721InvalidSender": Explanation("the token was minted before", "nothing is left to do"),
    "ERC721NonexistentToken": Explanation(
        "there is no such token", "mint it once its trade has been settled"
    ),
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
}
