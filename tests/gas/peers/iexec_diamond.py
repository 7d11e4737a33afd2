"""Deploys iExec's contracts: three registries, and one proxy that sends calls on to facets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_abi_to_4byte_selector
from peer_package import Compiled, Stage, artifact
from web3.contract import Contract

from marketplace.protocol.terms import NATIVE

PACKAGE = "@iexec/poco"
LIBRARY = "IexecLibOrders_v5"
FACETS = (
    "IexecConfigurationFacet",
    "IexecCategoryManagerFacet",
    "IexecEscrowNativeFacet",
    "IexecPoco1Facet",
    "IexecPoco2Facet",
    "IexecPocoAccessorsFacet",
)
# The facet that names the proxy's owner comes from a dependency that is not on npm. Only
# set-up asks it; this one answers with one address.
OWNER: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "owner",
        "inputs": [],
        "outputs": [{"type": "address", "name": ""}],
        "stateMutability": "view",
    }
]
ADD = 0


def compiled(folder: str, name: str) -> Compiled:
    """Load one of iExec's contracts."""
    return artifact(PACKAGE, f"artifacts/contracts/{folder}{name}.sol/{name}")


def deploy_diamond(stage: Stage) -> Contract:
    """Deploy the facets and the proxy; the result has the functions of all facets."""
    # A library's ABI names enums, which web3 doesn't know.
    library = stage.deploy(replace(compiled("libs/", LIBRARY), abi=[])).address
    facets = [(compiled("facets/", name), {LIBRARY: library}) for name in FACETS]
    facets.append((answering(stage.deployer.address), {}))
    cut, abi = [], []
    for facet, libraries in facets:
        functions = [entry for entry in facet.abi if entry["type"] == "function"]
        selectors = [function_abi_to_4byte_selector(function) for function in functions]
        cut.append((stage.deploy(facet, **libraries).address, ADD, selectors))
        abi += functions
    nothing_to_call = (stage.deployer.address, NATIVE, b"")
    proxy = stage.deploy(compiled("", "Diamond"), cut, nothing_to_call)
    return stage.at(Compiled(abi, ""), proxy.address)


def answering(owner: str) -> Compiled:
    """Return a contract that answers each call with one address."""
    code = "73" + owner[2:].lower() + "5f5260205ff3"  # push it, store it, return 32 bytes
    size = len(code) // 2
    create = f"{0x5F + size:02x}{code}5f5260{size:02x}60{32 - size:02x}f3"
    return Compiled(OWNER, create)


class Registries:
    """Where apps, data sets and pools are registered, each as a contract of its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._of = {
            kind: stage.deploy(compiled(f"registries/{kind.lower()}s/", f"{kind}Registry"))
            for kind in ("App", "Dataset", "Workerpool")
        }

    @property
    def addresses(self) -> list[str]:
        """In the order in which the proxy is told of them."""
        return [registry.address for registry in self._of.values()]

    def register(self, kind: str, owner: LocalAccount, *described: Any) -> str:
        """Create an entry and return its address."""
        functions, what = self._of[kind].functions, (owner.address, *described)
        entry = str(functions[f"predict{kind}"](*what).call())
        self._stage.node.send(self._stage.deployer, functions[f"create{kind}"](*what))
        return entry
