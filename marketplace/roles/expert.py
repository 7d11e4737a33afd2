"""The expert's owner: trains on the subset it is given and signs for the model."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.documents import Training
from marketplace.protocol.terms import TrainingCommitment
from marketplace.protocol.typed_data import sign
from offchain.exchange import Exchange
from offchain.oracle.experts import TrainedModel, TrainingJob
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
        """Open the subset, train, seal the model for its readers and sign the commitment."""
        subset = decode_subset(
            self.exchange.unseal(job.subset, job.trade_id, f"subset/{self.address}"), job.task
        )
        model = train_expert(self.kind, subset, job.task, job.seed, job.attempt)
        purpose = f"model/{self.address}/{job.attempt}"
        commitment = TrainingCommitment(
            trade_id=job.trade_id,
            expert=self.address,
            attempt=job.attempt,
            subset=digest_of(job.subset.ciphertext),
            model=digest_of(cid_of(model)),
        )
        signature = sign(self.market.domain, commitment, self.account)
        return TrainedModel(
            self.exchange.seal(model, job.trade_id, purpose, job.readers),
            Training(
                expert=self.address,
                attempt=job.attempt,
                subset="0x" + commitment.subset.hex(),
                model="0x" + commitment.model.hex(),
                signature="0x" + signature.hex(),
            ),
        )
