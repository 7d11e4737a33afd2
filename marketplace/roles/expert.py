"""The expert's owner: trains on the subset it is given and signs for the model."""

from __future__ import annotations

from pathlib import Path

from marketplace.chain.market import Market
from marketplace.protocol.documents import (
    Execution,
    GateManifest,
    RecordedModel,
    Specification,
    Training,
)
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.ids import seed_of
from marketplace.protocol.states import State
from marketplace.protocol.terms import TrainingCommitment
from marketplace.protocol.typed_data import sign
from marketplace.protocol.units import PARTS
from offchain.data import Task
from offchain.engines import engine
from offchain.exchange import Exchange
from offchain.experts import Expert as Offered
from offchain.experts import expert
from offchain.oracle.case import require_due
from offchain.oracle.execution import execution
from offchain.oracle.experts import TrainedModel, TrainingJob
from offchain.oracle.numerics import refusing
from offchain.storage.cid import cid_of, digest_of
from offchain.training import (
    Journal,
    Subset,
    decode_subset,
    fit_subset,
    train_batch,
    training_inputs,
    training_job,
)


class Expert:
    """One owner with its account and one kind of expert.

    Parameters
    ----------
    offered
        What trains, where that is not in this process
        (:class:`offchain.serving.client.RemoteExpert`); by default the kind itself.
    folder
        Where it keeps finished models, so that none is trained twice after it was killed.
    """

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        kind: str,
        offered: Offered | None = None,
        folder: Path | None = None,
    ) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self.kind = kind
        self.folder = folder
        self._offered = offered

    @property
    def offered(self) -> Offered:
        """What trains."""
        return self._offered or expert(self.kind)

    @property
    def address(self) -> str:
        """The owner's account, checksummed."""
        return self.account.address

    def own_job(self, trade_id: bytes) -> TrainingJob:
        """Return the work that the gate gave to this expert for the attempt that is due.

        Who waits for a silent committee finds its work by itself.

        Raises
        ------
        TradeRefused
            If the gate chose others, or no attempt is due.
        """
        number = require_due(self.market, trade_id, State.GATED).attempts + 1
        request = self.market.agreement(trade_id).request
        task = Task.from_json(self.exchange.read(Specification, request.spec).task)
        for subset in self._gate(trade_id).subsets:
            if subset.expert == self.address:
                return TrainingJob(trade_id, number, task, seed_of(trade_id), subset.sealed)
        raise TradeRefused(f"the gate did not choose {self.address}", "train nothing")

    def train(self, job: TrainingJob) -> TrainedModel:
        """Open the subset, train, seal the model for the committee and sign the commitment.

        Raises
        ------
        TradeRefused
            If the trade's gate did not give this very subset to this expert: such work is
            never paid. If its part of the pool, by the gate's weights, is below its price.
        UnusableData
            If this kind can't be fitted to the subset.
        EnvelopeError, StorageError, DataError
            If the subset can't be opened or read.
        """
        require_due(self.market, job.trade_id, State.GATED)
        self._require_given(job)
        given = self.exchange.unseal(job.subset, job.trade_id, f"subset/{self.address}")
        subset, journal = decode_subset(given, job.task), Journal(self.folder)
        self._require_worth(job, subset)
        inputs = training_inputs(self.kind, given, job.task, job.seed, job.attempt)
        with refusing(f"{self.kind} can't be fitted to this subset", "go on without this expert"):
            model = journal.do(
                f"train {self.kind}", inputs, lambda: self._fitted(job, given, subset)
            )
        request = self.market.agreement(job.trade_id).request
        members = self.market.committee_of(request.committee).members
        readers = (*members, self.address)  # its own, so that it can show the model to others
        purpose = f"model/{self.address}/{job.attempt}"
        return TrainedModel(
            self.exchange.seal(model, job.trade_id, purpose, readers),
            self._signed(job, model, execution(job.seed, journal.steps)),
        )

    def _fitted(self, job: TrainingJob, given: bytes, subset: Subset) -> bytes:
        if self._offered is not None:
            return fit_subset(self._offered, subset, job.task, job.seed, job.attempt)
        work = training_job(self.kind, [given], job.task, job.seed, job.attempt)
        ((_, made),) = engine().each(train_batch, [work])
        (model,) = made()
        return model

    def record_delivery(self, trade_id: bytes, trained: TrainedModel) -> None:
        """Put on record what was trained: should the committee stay silent, it is paid.

        The record names where the model lies, sealed for committee and panel, and from then
        on the expert is judged by that alone. Worth its gas only when the time to train runs
        out and nothing was reported.

        Raises
        ------
        TransactionReverted
            If the time to train is over.
        EnvelopeError
            If the model was not sealed by this owner.
        """
        request = self.market.agreement(trade_id).request
        judges = (
            *self.market.committee_of(request.committee).members,
            *self.market.panel_of(request.panel).members,
        )
        record = RecordedModel(
            trade="0x" + trade_id.hex(),
            attempt=trained.training.attempt,
            sealed=self.exchange.share(trained.sealed, judges),
            training=trained.training,
        )
        self.market.send(self.account, "recordDelivery", trade_id, self.exchange.publish(record))

    def _gate(self, trade_id: bytes) -> GateManifest:
        digest = bytes(self.market.event(trade_id, "DataReported")["report"]["gateEvidence"])
        return self.exchange.read(GateManifest, digest)

    def _require_given(self, job: TrainingJob) -> None:
        given = [(subset.expert, subset.sealed) for subset in self._gate(job.trade_id).subsets]
        if (self.address, job.subset) not in given:
            raise TradeRefused(
                f"the gate did not give this subset to {self.address}", "don't train on it"
            )

    def _require_worth(self, job: TrainingJob, subset: Subset) -> None:
        price = self.offered.quote(len(subset), job.attempt)
        agreed = self.market.agreement(job.trade_id)
        weights = dict(zip(agreed.gate.experts, agreed.gate.weights, strict=True))
        due = agreed.deal.expert_pool * weights[self.address] // PARTS
        if price > due:
            raise TradeRefused(
                f"{self.kind} asks {price} wei, its part of the pool is {due} wei by the gate",
                "offer a larger pool",
            )

    def _signed(self, job: TrainingJob, model: bytes, made: Execution | None = None) -> Training:
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
            execution=made,
        )
