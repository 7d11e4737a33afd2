"""Gates as files: named arrays whose shapes are checked against each other before use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offchain.compute import device
from offchain.packing import unreadable

MAX_EXPERTS = 1_000


def arrays_of(parts: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the tensors of named dataclasses as arrays ``part.field``."""
    return {
        f"{part}.{name}": value.cpu().numpy()
        for part, whole in parts.items()
        for name, value in vars(whole).items()
    }


def tensors_of(arrays: Mapping[str, NDArray[Any]], part: str) -> dict[str, Tensor]:
    """Return the fields of one part, on the device."""
    return {
        name.partition(".")[2]: torch.from_numpy(array).to(device())
        for name, array in arrays.items()
        if name.partition(".")[0] == part
    }


def check(arrays: Mapping[str, NDArray[Any]], dimensions: Mapping[str, str]) -> None:
    """Refuse arrays that are not those of a gate or do not fit each other.

    Parameters
    ----------
    dimensions
        Array name to one letter per axis. Axes of one letter have one length, E is ``e``, and
        a digit is the length itself.

    Raises
    ------
    UnreadableModel
        If a name is missing or too many, or a dtype, a shape or a value won't do.
    """
    if arrays.keys() != dimensions.keys():
        raise unreadable("its arrays are not those of a gate")
    sizes = {str(digit): digit for digit in range(1, 10)}
    for name, letters in dimensions.items():
        array = arrays[name]
        if array.dtype != np.float32 or array.ndim != len(letters):
            raise unreadable(f"{name} of the gate has dtype {array.dtype}, shape {array.shape}")
        if not np.isfinite(array).all():
            raise unreadable(f"{name} of the gate is not finite")
        for letter, size in zip(letters, array.shape, strict=True):
            if sizes.setdefault(letter, size) != size or size < 1:
                raise unreadable(f"{name} of the gate has shape {array.shape}")
    if sizes["e"] > MAX_EXPERTS:
        raise unreadable(f"it is a gate over {sizes['e']} experts")
