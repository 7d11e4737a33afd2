"""The oracle's pipeline, one function per party and step: pool, probe, route, train, compose."""

from offchain.training.acceptance import Acceptance, examine, require_usable
from offchain.training.composite import Composite, compose
from offchain.training.local import Step, Trained, run_local
from offchain.training.pool import Pool, pool
from offchain.training.probe import probe_subset
from offchain.training.roster import default_roster
from offchain.training.route import Routing, route
from offchain.training.subset import Subset, decode_subset, encode_subset, train_expert

__all__ = [
    "Acceptance",
    "Composite",
    "Pool",
    "Routing",
    "Step",
    "Subset",
    "Trained",
    "compose",
    "decode_subset",
    "default_roster",
    "encode_subset",
    "examine",
    "pool",
    "probe_subset",
    "require_usable",
    "route",
    "run_local",
    "train_expert",
]
