"""What a result was computed with: version of the code, libraries, processor, threads."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import marketplace.protocol
import offchain
from offchain.arithmetic import arithmetic
from offchain.compute import device

LIBRARIES = ("torch", "numpy", "lightgbm", "scikit-learn")
_PACKAGES = (offchain, marketplace.protocol)


@cache
def code_version() -> str:
    """Return the sha2-256 (hex) of the sources that decide a result, names and contents."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            content = path.read_bytes()
            name = f"{package.__name__}/{path.relative_to(root).as_posix()}"
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def environment() -> dict[str, str]:
    """Describe this process: what besides code and inputs the bits of a result may depend on."""
    found = {
        "python": platform.python_version(),
        **{name: _installed(name) for name in LIBRARIES},
        "processor": _processor(),
        "simd": torch.backends.cpu.get_cpu_capability(),
        "device": str(device()),
        "threads": str(torch.get_num_threads()),
        "arithmetic": arithmetic().name,
    }
    return dict(sorted(found.items()))


@cache
def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


@cache
def _processor() -> str:
    """Return the processor's name; Linux tells more than Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
