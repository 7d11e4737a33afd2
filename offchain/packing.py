"""Named arrays and a little JSON in one safetensors file: how models travel without pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.protocol.errors import UnreadableModel
from marketplace.protocol.foreign_json import parse_json

MAX_BYTES = 512 * 1024 * 1024
_HEADER = "header"


def pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays and a JSON header; equal content gives equal bytes."""
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    files = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save({**files, _HEADER: np.frombuffer(text, np.uint8)})


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what :func:`pack` wrote.

    Raises
    ------
    UnreadableModel
        If the bytes are too many or in another format.
    """
    if len(data) > MAX_BYTES:
        raise unreadable(f"{len(data)} bytes are more than the {MAX_BYTES} allowed")
    try:
        arrays = load(data)
        header = parse_json(arrays.pop(_HEADER).tobytes())
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise unreadable(str(error)) from error
    if not isinstance(header, dict):
        raise unreadable("its header is not an object")
    return header, arrays


def unreadable(why: str) -> UnreadableModel:
    """Return the error for a model that cannot be read, with its one remedy."""
    return UnreadableModel(
        f"the bytes are not a model of this market: {why}",
        "ask its owner to send it again as to_bytes writes it",
    )
