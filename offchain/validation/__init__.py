"""Numbers that pay: the sealed validation set, quantised votes, exact scores and their margin."""

from offchain.validation.commitment import (
    Commitment,
    Opening,
    commit,
    decode_openings,
    encode_openings,
    opened_labels,
    opens,
    root_of,
)
from offchain.validation.evidence import Evidence, decode_evidence, encode_evidence
from offchain.validation.ladder import is_ladder_answer, ladder_answer, ladder_answers
from offchain.validation.margin import validation_margin
from offchain.validation.quantise import (
    SCALE,
    decide,
    quantise_gate,
    quantise_probabilities,
    vote,
)
from offchain.validation.score import (
    Score,
    class_weights,
    gini,
    score_decisions,
    score_votes,
)

__all__ = [
    "SCALE",
    "Commitment",
    "Evidence",
    "Opening",
    "Score",
    "class_weights",
    "commit",
    "decide",
    "decode_evidence",
    "decode_openings",
    "encode_evidence",
    "encode_openings",
    "gini",
    "is_ladder_answer",
    "ladder_answer",
    "ladder_answers",
    "opened_labels",
    "opens",
    "quantise_gate",
    "quantise_probabilities",
    "root_of",
    "score_decisions",
    "score_votes",
    "validation_margin",
    "vote",
]
