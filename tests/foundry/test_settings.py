"""Foundry compiles as the project does, and searches as much as was promised."""

from __future__ import annotations

import tomllib
from pathlib import Path

from marketplace.chain.client import DEVNET_CHAIN_ID
from marketplace.chain.compilation import SETTINGS

CONTRACTS = Path(__file__).parents[2] / "contracts"
PROFILES = tomllib.loads((CONTRACTS / "foundry.toml").read_text())["profile"]


def test_compiler_settings_are_equal() -> None:
    default = PROFILES["default"]
    assert {
        "optimizer": {"enabled": default["optimizer"], "runs": default["optimizer_runs"]},
        "viaIR": default["via_ir"],
        "evmVersion": default["evm_version"],
        "metadata": {
            "bytecodeHash": default["bytecode_hash"],
            "appendCBOR": default["cbor_metadata"],
        },
    } == SETTINGS
    assert default["chain_id"] == DEVNET_CHAIN_ID


def test_no_profile_compiles_differently() -> None:
    decisive = {"optimizer", "optimizer_runs", "via_ir", "evm_version", "bytecode_hash", "solc"}
    for name, profile in PROFILES.items():
        assert name == "default" or not decisive & profile.keys()


def test_compiler_is_the_front_of_the_npm_build() -> None:
    front = CONTRACTS / PROFILES["default"]["solc"]
    assert front.resolve() == CONTRACTS.parent / "marketplace" / "chain" / "solc_front.js"


def test_ci_searches_enough() -> None:
    assert PROFILES["ci"]["fuzz"]["runs"] >= 1_000
    invariant = PROFILES["ci"]["invariant"]
    assert (invariant["runs"], invariant["depth"]) >= (1_000, 64)
    assert PROFILES["night"]["fuzz"]["runs"] > PROFILES["ci"]["fuzz"]["runs"]
