"""Where tensors live and how many threads work on them, decided in one place."""

from __future__ import annotations

import os
from functools import cache

import torch

DEVICE_VARIABLE = "MOEMARKET_DEVICE"


@cache
def device() -> torch.device:
    """Return the device for all training and prediction: a GPU if there is one, else the CPU.

    The environment variable ``MOEMARKET_DEVICE`` (``cpu``, ``cuda``, ``cuda:1``) overrides it.
    """
    wish = os.environ.get(DEVICE_VARIABLE)
    return torch.device(wish or ("cuda" if torch.cuda.is_available() else "cpu"))


def work_on_one_core() -> None:
    """Keep torch to one thread in this process.

    The models are small: a second OpenMP thread gains little on an idle machine and costs
    a factor of ten and more on a busy one, and the bits of a result depend on the count.
    """
    torch.set_num_threads(1)
