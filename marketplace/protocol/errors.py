"""Every error a user can meet, in one tree.

    MarketError
    ├── ConfigurationError        exit 3    a setting, path or argument is unusable
    ├── ToolchainError            exit 4    compiler or artifacts are missing
    ├── ChainError                exit 10   anything said by, or about, a node
    │   ├── NodeUnreachable       exit 11
    │   ├── WrongChain            exit 12
    │   ├── InsufficientFunds     exit 13
    │   ├── TransactionReverted   exit 14
    │   ├── NoContract            exit 15
    │   ├── NodeRefused           exit 16
    │   └── ReorganisedTooDeep    exit 17
    ├── StorageError              exit 20   anything about content-addressed blocks
    │   ├── InvalidCid            exit 21
    │   ├── MissingContent        exit 22
    │   ├── CorruptContent        exit 23
    │   └── StoreUnreachable      exit 24
    ├── EnvelopeError             exit 25   a key does not open what it should
    ├── DataError                 exit 30   anything about a dataset
    │   ├── UnreadableDataset     exit 31
    │   ├── WrongShape            exit 32
    │   ├── LabelOutsideRequest   exit 33
    │   ├── NotFinite             exit 34
    │   └── UnusableData          exit 35
    ├── UnreadableModel           exit 36   bytes are not a model of this market
    ├── WorkLost                  exit 37   a cluster lost a piece of work for good
    ├── ProtocolError             exit 40   a message breaks the rules of the trade
    │   ├── BadSignature          exit 41
    │   ├── QuorumNotReached      exit 42
    │   └── TradeRefused          exit 43
    ├── AuditFailed               exit 50   at least one check of the audit failed
    ├── IndexDiffers              exit 51   an index says something else than the audit
    └── ExpertError               exit 60   an expert behind HTTP refuses
        ├── ExpertUnreachable     exit 61
        └── BadAnswer             exit 62

Each carries a cause (what is wrong, with the offending value) and a remedy (what
to do now). ``str(error)`` is the one line that a user sees: ``cause; remedy``.
Exit codes 0 to 2 keep their usual meaning: success, crash, bad usage.
"""

from __future__ import annotations

from typing import ClassVar


class MarketError(Exception):
    """Base of all errors raised on purpose.

    Parameters
    ----------
    cause
        One clause without a final stop: what is wrong, with the offending value.
    remedy
        One clause without a final stop: what the reader can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause = cause
        self.remedy = remedy
        super().__init__(f"{cause}; {remedy}")

    def __reduce__(self) -> tuple[type[MarketError], tuple[str, str]]:
        # Raised in a worker, it arrives whole where the work was asked for.
        return type(self), (self.cause, self.remedy)


class ConfigurationError(MarketError):
    """A setting, path or argument is unusable."""

    exit_code = 3


class ToolchainError(MarketError):
    """The Solidity compiler, npm packages or compiled artifacts are missing or wrong."""

    exit_code = 4


class ChainError(MarketError):
    """A node said no, or said something that can't be used."""

    exit_code = 10


class NodeUnreachable(ChainError):
    """No node answers at the given endpoint."""

    exit_code = 11


class WrongChain(ChainError):
    """The node is on another chain than the caller expects."""

    exit_code = 12


class InsufficientFunds(ChainError):
    """The account can't pay for the value or the gas of a transaction."""

    exit_code = 13


class TransactionReverted(ChainError):
    """A contract refused a call.

    Attributes
    ----------
    reason
        The decoded custom error, e.g. ``OverBudget(7, 5)``.
    transaction
        Hash of the mined transaction (0x-hex), or None when the refusal was
        seen before sending.
    """

    exit_code = 14

    def __init__(
        self, cause: str, remedy: str, *, reason: str = "", transaction: str | None = None
    ) -> None:
        super().__init__(cause, remedy)
        self.reason = reason
        self.transaction = transaction


class NoContract(ChainError):
    """There is no marketplace contract at the given address."""

    exit_code = 15


class NodeRefused(ChainError):
    """A node doesn't offer what it is asked for, or has forgotten so old a state."""

    exit_code = 16


class ReorganisedTooDeep(ChainError):
    """The chain replaced more blocks than can be undone."""

    exit_code = 17


class StorageError(MarketError):
    """Content-addressed storage failed."""

    exit_code = 20


class InvalidCid(StorageError):
    """A string is not a CID that this project can resolve."""

    exit_code = 21


class MissingContent(StorageError):
    """A well-formed CID is not in the store."""

    exit_code = 22


class CorruptContent(StorageError):
    """Stored bytes do not hash to their CID."""

    exit_code = 23


class StoreUnreachable(StorageError):
    """The IPFS daemon does not answer."""

    exit_code = 24


class EnvelopeError(MarketError):
    """A key does not open an envelope or a ciphertext."""

    exit_code = 25


class DataError(MarketError):
    """A dataset can't be used for this request."""

    exit_code = 30


class UnreadableDataset(DataError):
    """The bytes are not a dataset in the agreed format."""

    exit_code = 31


class WrongShape(DataError):
    """Arrays have another shape or dtype than the request asks for."""

    exit_code = 32


class LabelOutsideRequest(DataError):
    """A label is not one of the classes in the request."""

    exit_code = 33


class NotFinite(DataError):
    """A feature is NaN or infinite."""

    exit_code = 34


class UnusableData(DataError):
    """Well-formed rows teach nothing: their labels do not follow from their features."""

    exit_code = 35


class UnreadableModel(MarketError):
    """The bytes are not a model that this market can load."""

    exit_code = 36


class WorkLost(MarketError):
    """A cluster lost a piece of work each time that it was tried."""

    exit_code = 37


class ProtocolError(MarketError):
    """A message breaks the rules of the trade."""

    exit_code = 40


class BadSignature(ProtocolError):
    """A signature is malformed or not by the account it should be."""

    exit_code = 41


class QuorumNotReached(ProtocolError):
    """Fewer oracle signers agree than the committee's threshold asks for."""

    exit_code = 42


class TradeRefused(ProtocolError):
    """A party will not take part under the given terms."""

    exit_code = 43


class AuditFailed(MarketError):
    """At least one check of the audit failed."""

    exit_code = 50


class IndexDiffers(MarketError):
    """An index says something else than the audit's replay of the log."""

    exit_code = 51


class ExpertError(MarketError):
    """An expert behind HTTP refuses what it is asked for."""

    exit_code = 60


class ExpertUnreachable(ExpertError):
    """An expert behind HTTP does not answer, or not in time."""

    exit_code = 61


class BadAnswer(ExpertError):
    """An expert behind HTTP answers with something that nobody asked for."""

    exit_code = 62
