"""What a stranger needs, beside the labels, to recompute a score and every share."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.protocol.errors import UnreadableDataset
from marketplace.protocol.foreign_json import parse_json
from offchain.validation.quantise import SCALE

MAX_EVIDENCE_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Evidence:
    """One attempt's votes, quantised.

    Parameters
    ----------
    experts
        Names of the E experts, in the order of the arrays.
    predictions
        Int16 of shape (E, n, C), 0 to 2047.
    gates
        Int16 of shape (n, E), 0 to 2047.
    """

    experts: tuple[str, ...]
    predictions: NDArray[np.int16]
    gates: NDArray[np.int16]


def encode_evidence(evidence: Evidence) -> bytes:
    """Serialise evidence; equal evidence gives equal bytes."""
    names = json.dumps(list(evidence.experts), separators=(",", ":")).encode()
    return save(
        {
            "experts": np.frombuffer(names, np.uint8),
            "gates": np.ascontiguousarray(evidence.gates, np.int16),
            "predictions": np.ascontiguousarray(evidence.predictions, np.int16),
        }
    )


def decode_evidence(data: bytes) -> Evidence:
    """Read stored evidence and check that its arrays fit each other.

    Raises
    ------
    UnreadableDataset
        If the bytes are not evidence, or a value is out of range.
    """
    if len(data) > MAX_EVIDENCE_BYTES:
        raise _unreadable(f"{len(data)} bytes are too many")
    try:
        arrays: dict[str, NDArray[Any]] = load(data)
        names = parse_json(arrays["experts"].tobytes())
        predictions, gates = arrays["predictions"], arrays["gates"]
    except (SafetensorError, KeyError, ValueError, TypeError, struct.error) as error:
        raise _unreadable(str(error)) from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _unreadable("the experts are not a list of names")
    if any(array.dtype != np.int16 for array in (predictions, gates)):
        raise _unreadable("its arrays are not int16")
    if predictions.ndim != 3 or gates.shape != (predictions.shape[1], len(names)):
        raise _unreadable(f"shapes {predictions.shape} and {gates.shape} do not fit")
    if len(names) != predictions.shape[0] or len(set(names)) < len(names) or not names:
        raise _unreadable(f"{predictions.shape[0]} predictions are not those of {names}")
    for array in (predictions, gates):
        if array.size == 0 or array.min() < 0 or array.max() > SCALE:
            raise _unreadable(f"a value is outside 0 to {SCALE}")
    return Evidence(tuple(names), predictions, gates)


def _unreadable(why: str) -> UnreadableDataset:
    return UnreadableDataset(
        f"the evidence is not readable: {why}", "fetch it again, or ask the oracle for it"
    )
