"""Compile Solidity sources through py-solc-x, reproducibly and without a warning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from solcx import compile_standard
from solcx.exceptions import SolcError

from marketplace.chain.solc import Compiler
from marketplace.protocol.errors import ToolchainError

if TYPE_CHECKING:
    from eth_typing import ABI

# bytecodeHash "none": a comment or a path can't change the byte code, nor its gas.
# evmVersion: the newest that py-evm runs; solc's own default is newer.
SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "viaIR": True,
    "evmVersion": "prague",
    "metadata": {"bytecodeHash": "none", "appendCBOR": True},
}
OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.methodIdentifiers",
    "storageLayout",
]

_PLACE = re.compile(r"--> (\S+:\d+:\d+)")


@dataclass(frozen=True)
class Artifact:
    """One compiled contract, library or interface.

    Attributes
    ----------
    name
        The contract's name, e.g. ``Ledger``.
    source
        Name of the file that defines it, e.g. ``src/Ledger.sol``.
    abi
        Functions, events and errors, as web3 takes them.
    bytecode
        Creation code; empty for an interface or an abstract contract.
    deployed_bytecode
        Code on chain, its immutable values still zero.
    immutables
        Where in it the constructor writes each of them, by name: the first of 32 bytes.
    storage_layout
        Slots and types of the state variables, as solc writes them.
    method_identifiers
        Four-byte selector (hex) by function signature.
    compiler
        Release and commit, e.g. ``0.8.37+commit.f401782d``.
    settings
        Compiler settings of the standard JSON input.
    """

    name: str
    source: str
    abi: ABI
    bytecode: bytes
    deployed_bytecode: bytes
    immutables: dict[str, list[int]]
    storage_layout: dict[str, Any]
    method_identifiers: dict[str, str]
    compiler: str
    settings: dict[str, Any]


def compile_sources(
    own: dict[str, str], packaged: dict[str, str], compiler: Compiler, *, strict: bool = True
) -> list[Artifact]:
    """Compile our own sources.

    Parameters
    ----------
    own
        Text by name, of the files whose contracts are wanted.
    packaged
        Text by name, of the files of npm packages that they import.
    compiler
        What `marketplace.chain.solc.find_solc` found.
    strict
        Whether a warning about our own sources is refused.

    Returns
    -------
    list of Artifact
        One for each contract in `own`, sorted by name.

    Raises
    ------
    ToolchainError
        If the sources don't compile, one of our own draws a warning, two contracts
        share a name, or one must be linked to a deployed library. The compiler's full
        messages are the error's notes.
    """
    output = _run(_standard_input(own, packaged), compiler)
    _refuse_messages(output.get("errors", []), own if strict else {})
    variables = _variables(output["sources"].values())
    artifacts: dict[str, Artifact] = {}
    for source in own:
        for name, contract in output["contracts"].get(source, {}).items():
            if name in artifacts:
                raise ToolchainError(
                    f"{name} is defined in {artifacts[name].source} and in {source}",
                    "rename one of the two",
                )
            artifacts[name] = _artifact(name, source, contract, variables, compiler.version)
    return sorted(artifacts.values(), key=lambda artifact: artifact.name)


def _standard_input(own: dict[str, str], packaged: dict[str, str]) -> dict[str, Any]:
    # Those of packages, too, have the names of variables that our contracts inherit.
    outputs = {"*": {"": ["ast"]}} | {name: {"": ["ast"], "*": OUTPUTS} for name in own}
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sorted((own | packaged).items())},
        "settings": SETTINGS | {"outputSelection": outputs},
    }


def _run(standard_input: dict[str, Any], compiler: Compiler) -> dict[str, Any]:
    try:
        return compile_standard(standard_input, solc_binary=compiler.path)
    except SolcError as error:
        if error.error_dict:
            return {"errors": error.error_dict}
        last = (error.stderr_data or "").strip().rpartition("\n")[2]
        cause = f"{compiler.path} failed with exit status {error.return_code} {last}".strip()
    except json.JSONDecodeError:
        cause = f"{compiler.path} answered something other than JSON"
    raise ToolchainError(cause, "run `npm ci` in contracts, or use another compiler")


def _refuse_messages(messages: list[dict[str, Any]], own: dict[str, str]) -> None:
    """Refuse errors anywhere, and warnings unless they are about a package's file."""
    refused = [
        message
        for message in messages
        if message["severity"] == "error"
        or (
            message["severity"] == "warning"
            and message.get("sourceLocation", {}).get("file", "") in {"", *own}
        )
    ]
    if not refused:
        return
    first = refused[0]
    place = _PLACE.search(first["formattedMessage"])
    where = f"{place[1]}: " if place else ""
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    problem = " ".join(first["message"].split())
    error = ToolchainError(
        f"{where}{first['type']}: {problem}{more}", "correct the Solidity source"
    )
    for message in refused:
        error.add_note(message["formattedMessage"])
    raise error


def _variables(sources: Iterable[dict[str, Any]]) -> dict[int, str]:
    """Return the names of all contracts' state variables, by the ids of one compilation."""
    return {
        part["id"]: part["name"]
        for source in sources
        for definition in source["ast"]["nodes"]
        if definition["nodeType"] == "ContractDefinition"
        for part in definition["nodes"]
        if part["nodeType"] == "VariableDeclaration"
    }


def _artifact(
    name: str, source: str, contract: dict[str, Any], variables: dict[int, str], version: str
) -> Artifact:
    evm = contract["evm"]
    if evm["bytecode"]["linkReferences"]:
        raise ToolchainError(
            f"{name} calls a public function of a library and would have to be linked",
            "make the library's functions internal",
        )
    return Artifact(
        name=name,
        source=source,
        abi=contract["abi"],
        bytecode=bytes.fromhex(evm["bytecode"]["object"]),
        deployed_bytecode=bytes.fromhex(evm["deployedBytecode"]["object"]),
        immutables=_immutables(evm["deployedBytecode"]["immutableReferences"], variables),
        storage_layout=contract["storageLayout"],
        method_identifiers=evm["methodIdentifiers"],
        compiler=version,
        settings=SETTINGS,
    )


def _immutables(
    references: dict[str, list[dict[str, int]]], variables: dict[int, str]
) -> dict[str, list[int]]:
    # By name, as ids depend on what else is compiled; of one name there is one (no shadowing).
    places = {variables[int(of)]: sorted(p["start"] for p in at) for of, at in references.items()}
    return dict(sorted(places.items()))
