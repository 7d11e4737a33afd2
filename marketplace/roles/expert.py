"""The expert's owner: trains on the subset it is given and signs for the model."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.documents import GateManifest, Training
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import TrainingCommitment
from marketplace.protocol.typed_data import sign
from offchain.exchange import Exchange
from offchain.oracle.case import require_due
from offchain.oracle.experts import TrainedModel, TrainingJob
from offchain.oracle.numerics import refusing
from offchain.storage.cid import cid_of, digest_of
from offchain.training import decode_subset, train_expert


class Expert:
    """One owner with its account and one kind of expert."""

    def __init__(self, market: Market, exchange: Exchange, kind: str) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self.kind = kind

    @property
    def address(self) -> str:
        """The owner's account, checksummed."""
        return self.account.address

    def train(self, job: TrainingJob) -> TrainedModel:
        """Open the subset, train, seal the model for the committee and sign the commitment.

        Raises
        ------
        TradeRefused
            If the trade's gate did not give this very subset to this expert: such work is
            never paid.
        UnusableData
            If this kind can't be fitted to the subset.
        EnvelopeError, StorageError, DataError
            If the subset can't be opened or read.
        """
        trade = require_due(self.market, job.trade_id, State.GATED)
        self._require_given(job)
        subset = decode_subset(
            self.exchange.unseal(job.subset, job.trade_id, f"subset/{self.address}"), job.task
        )
        with refusing(f"{self.kind} can't be fitted to this subset", "go on without this expert"):
            model = train_expert(self.kind, subset, job.task, job.seed, job.attempt)
        members, _ = self.market.committee_of(trade.committee_version)
        purpose = f"model/{self.address}/{job.attempt}"
        return TrainedModel(
            self.exchange.seal(model, job.trade_id, purpose, members), self._signed(job, model)
        )

    def _require_given(self, job: TrainingJob) -> None:
        digest = bytes(self.market.event(job.trade_id, "GateCommitted")["evidence"])
        manifest = self.exchange.read(GateManifest, digest)
        if (self.address, job.subset) not in [(s.expert, s.sealed) for s in manifest.subsets]:
            raise TradeRefused(
                f"the gate did not give this subset to {self.address}", "don't train on it"
            )

    def _signed(self, job: TrainingJob, model: bytes) -> Training:
        commitment = TrainingCommitment(
            trade_id=job.trade_id,
            expert=self.address,
            attempt=job.attempt,
            subset=digest_of(job.subset.ciphertext),
            model=digest_of(cid_of(model)),
        )
        signature = sign(self.market.domain, commitment, self.account)
        return Training(
            expert=self.address,
            attempt=job.attempt,
            subset="0x" + commitment.subset.hex(),
            model="0x" + commitment.model.hex(),
            signature="0x" + signature.hex(),
        )
