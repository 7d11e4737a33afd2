"""Values the same game with pyDVL; runs in an environment of its own, never in the project's.

Arguments: a file of votes, how many experts of it, and after how many updates of each value to
stop; 0 goes through all coalitions. Prints one line of JSON. The utility reads cached votes and
tallies a coalition with one NumPy sum.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402  # after the filter: pyDVL warns when it is imported
from pydvl import __version__  # noqa: E402  # after the filter: pyDVL warns when it is imported
from pydvl.valuation import (  # noqa: E402  # after the filter: pyDVL warns when it is imported
    Dataset,
    DeterministicUniformSampler,
    MaxUpdates,
    NoStopping,
    ShapleyValuation,
    UniformSampler,
)
from pydvl.valuation.utility.base import UtilityBase  # noqa: E402  # after the filter: pyDVL warns when it is imported


class Votes(UtilityBase):
    """v(S): the share of rows in which the coalition's vote is right."""

    def __init__(self, votes, labels) -> None:
        self.votes, self.labels, self.calls = votes, labels, 0

    def with_dataset(self, data, copy=True):
        """Keep this object, which counts its calls."""
        self._training_data = data
        return self

    def __call__(self, sample) -> float:
        """Tally the votes of a coalition."""
        if sample is None or len(sample.subset) == 0:
            return 0.0
        self.calls += 1
        votes = self.votes[list(sample.subset)].sum(axis=0)
        right = (votes.argmax(axis=1) == self.labels) & (votes.max(axis=1) > 0)
        return float(right.mean())


def main() -> None:
    """Value the experts and print what it took."""
    file, experts, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with np.load(file) as stored:
        votes = stored["predictions"].astype(np.int32) * stored["gates"].T[:, :, None]
        labels = stored["labels"]
    utility = Votes(votes[:experts], labels)
    data = Dataset(np.arange(experts)[:, None].astype(float), np.zeros(experts, int))
    if most:
        valuation = ShapleyValuation(utility, UniformSampler(seed=0), MaxUpdates(most))
    else:
        valuation = ShapleyValuation(utility, DeterministicUniformSampler(), NoStopping())
    wall, cpu = time.perf_counter(), time.process_time()
    valuation.fit(data)
    sys.stdout.write(
        json.dumps(
            {
                "version": __version__,
                "experts": experts,
                "evaluations": utility.calls,
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.process_time() - cpu,
                "values": valuation.result.values.tolist(),
            }
        )
    )


if __name__ == "__main__":
    main()
