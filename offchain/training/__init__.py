"""The oracle's pipeline, one function per party and step: pool, probe, route, train, compose."""

from offchain.training.acceptance import Acceptance, examine, require_agreeing, require_usable
from offchain.training.composite import Composite, compose
from offchain.training.copies import Copy, find_copies
from offchain.training.journal import Journal, Step
from offchain.training.local import Trained, run_local
from offchain.training.pool import Pool, pool
from offchain.training.probe import probe_subset
from offchain.training.roster import default_roster
from offchain.training.route import Routing, route
from offchain.training.subset import (
    Subset,
    checked_subset,
    decode_subset,
    encode_subset,
    fit_subset,
    train_expert,
)
from offchain.training.work import train_batch, train_experts, training_inputs, training_job

__all__ = [
    "Acceptance",
    "Composite",
    "Copy",
    "Journal",
    "Pool",
    "Routing",
    "Step",
    "Subset",
    "Trained",
    "checked_subset",
    "compose",
    "decode_subset",
    "default_roster",
    "encode_subset",
    "examine",
    "find_copies",
    "fit_subset",
    "pool",
    "probe_subset",
    "require_agreeing",
    "require_usable",
    "route",
    "run_local",
    "train_batch",
    "train_expert",
    "train_experts",
    "training_inputs",
    "training_job",
]
