"""A newcomer's exam: rows that were committed before anybody knew who would come.

The examiner publishes the root of a commitment to labelled rows, and the digest of a seed.
Newcomers then hand in the digests of their models. Only after that the seed is opened: it, the
root and a model's digest draw the rows of that model's exam, so nobody chose them, and a digest
can't be tried out until it draws easy ones. Rows whose labels an earlier round has opened are
spent: no later exam draws them, so who saw a round gains nothing from it in the next.

What the exam showed is judged by :mod:`offchain.gating.marks`.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from marketplace.protocol.errors import ConfigurationError, TradeRefused
from offchain.validation.commitment import SECRET_BYTES, Opening, opens
from offchain.validation.quantise import decide


@dataclass(frozen=True)
class Announcement:
    """What is public before the first newcomer hands in a model.

    Parameters
    ----------
    root
        Of the commitment to the pool's rows (:func:`offchain.validation.commit`).
    rows
        Number of rows in the pool.
    questions
        Rows of one exam.
    seed_digest
        keccak256 of the 32-byte seed.
    """

    root: bytes
    rows: int
    questions: int
    seed_digest: bytes

    @classmethod
    def of(cls, root: bytes, rows: int, questions: int, seed: bytes) -> Announcement:
        """Announce exams over a pool, keeping the seed back.

        Raises
        ------
        ConfigurationError
            If the seed is not 32 bytes, or the pool has fewer rows than one exam asks.
        """
        if len(seed) != SECRET_BYTES:
            raise ConfigurationError(f"the seed has {len(seed)} bytes", "draw 32 random bytes")
        if not 0 < questions <= rows:
            raise ConfigurationError(
                f"an exam of {questions} rows can't be drawn from {rows}",
                "commit to more rows or ask fewer",
            )
        return cls(root, rows, questions, keccak(seed))

    def draw(self, seed: bytes, model: bytes, spent: Set[int] = frozenset()) -> NDArray[np.int64]:
        """Return the rows of one model's exam, int64 (questions,), in the order of the draw.

        Each row's ticket is a keccak256; the lowest win. Any program draws the same.

        Parameters
        ----------
        seed
            The opened seed.
        model
            Digest of the newcomer's model.
        spent
            Rows that earlier rounds have opened.

        Raises
        ------
        TradeRefused
            If the seed is not the announced one, or too few rows are unspent.
        """
        if keccak(seed) != self.seed_digest:
            raise TradeRefused("the seed is not the one announced", "open the announced seed")
        unspent = [row for row in range(self.rows) if row not in spent]
        if len(unspent) < self.questions:
            raise TradeRefused(
                f"{len(unspent)} rows are unspent, an exam asks {self.questions}",
                "commit to a new pool",
            )
        head = keccak(b"exam" + self.root + seed + model)
        tickets = sorted((keccak(head + row.to_bytes(32, "big")), row) for row in unspent)
        return np.array([row for _, row in tickets[: self.questions]], np.int64)

    def marked(
        self,
        seed: bytes,
        model: bytes,
        answers: NDArray[np.int16],
        openings: Sequence[Opening],
        proofs: Sequence[Sequence[bytes]],
        spent: Set[int] = frozenset(),
    ) -> NDArray[np.bool_]:
        """Check an exam as a stranger would, and mark it.

        Parameters
        ----------
        answers
            The model's quantised probabilities (questions, C), in the order of the draw.
        openings, proofs
            What opens the labels of the drawn rows.

        Returns
        -------
        NDArray[np.bool_]
            (questions,): which rows are decided rightly, the lowest class winning ties.

        Raises
        ------
        TradeRefused
            If the seed, the rows or a label are not what was committed to.
        """
        drawn = self.draw(seed, model, spent)
        if len(answers) != len(drawn) or [each.index for each in openings] != drawn.tolist():
            raise TradeRefused("these are not the rows of this model's exam", "draw them again")
        pairs = zip(openings, proofs, strict=True)
        if not all(opens(self.root, opening, proof) for opening, proof in pairs):
            raise TradeRefused(
                "a label is not the one committed to", "open it as the commitment has it"
            )
        labels = np.array([opening.label for opening in openings], np.int64)
        right: NDArray[np.bool_] = decide(answers.astype(np.int64)) == labels
        return right
