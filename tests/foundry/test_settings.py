"""Foundry compiles as the project does, and searches as much as was promised."""

from __future__ import annotations

import re
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


def test_only_the_plain_profile_compiles_differently() -> None:
    decisive = {"optimizer", "optimizer_runs", "via_ir", "evm_version", "bytecode_hash", "solc"}
    less_optimized = {"optimizer_details", "dynamic_test_linking"}
    for name, profile in PROFILES.items():
        assert name == "default" or not decisive & profile.keys()
        assert name == "plain" or not less_optimized & profile.keys()


def test_ci_runs_every_test_in_one_profile_or_the_other() -> None:
    makefile = (CONTRACTS.parent / "Makefile").read_text()
    _, optimized = re.findall(r"OPTIMIZED :?= ?(test/forge/\{(.+)\}\.t\.sol)\n", makefile)[0]
    there = {
        path.name.removesuffix(".t.sol") for path in (CONTRACTS / "test/forge").glob("*.t.sol")
    }
    assert set(optimized.split(",")) < there
    recipe = makefile.partition("\nforge:")[2].partition("\n\n")[0]
    assert "FOUNDRY_PROFILE=ci forge test --match-path '$(OPTIMIZED)'" in recipe
    assert "FOUNDRY_PROFILE=plain forge test --no-match-path '$(OPTIMIZED)'" in recipe


def test_compiler_is_the_front_of_the_npm_build() -> None:
    front = CONTRACTS / PROFILES["default"]["solc"]
    assert front.resolve() == CONTRACTS.parent / "marketplace" / "chain" / "solc_front.js"


def test_ci_searches_enough() -> None:
    assert PROFILES["ci"]["fuzz"]["runs"] >= 1_000
    for profile in (PROFILES["ci"], PROFILES["plain"]):
        assert profile["invariant"] == {"runs": 1_000, "depth": 64}
    assert PROFILES["default"]["invariant"]["fail_on_revert"]
    assert PROFILES["night"]["fuzz"]["runs"] > PROFILES["ci"]["fuzz"]["runs"]
