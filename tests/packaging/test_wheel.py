"""The wheel works away from the checkout: no sources, no compiler, no Node.js."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

DEPLOY = """
from pathlib import Path
from web3 import EthereumTesterProvider, Web3
import marketplace
from marketplace.chain.artifacts import CHECKOUT, load_artifact

assert not CHECKOUT.has_sources
artifact = load_artifact("ParticipantRegistry")
native, delays = "0x" + 40 * "0", (1, 1, 1, 1)
web3 = Web3(EthereumTesterProvider())
account = web3.eth.accounts[0]
factory = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
sent = factory.constructor(native, delays).transact({"from": account})
created = web3.eth.wait_for_transaction_receipt(sent)
registry = web3.eth.contract(created["contractAddress"], abi=artifact.abi)
registry.functions.publishEncryptionKey(bytes(31) + b"*").transact({"from": account})
print(Path(marketplace.__file__).parents[1])
print(registry.functions.encryptionKeyOf(account).call()[-1])
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run Python with nothing on PATH: neither node, nor npm, nor solc."""
    nowhere = cwd / "empty"
    nowhere.mkdir(exist_ok=True)
    result = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | {"PATH": str(nowhere), "HOME": str(nowhere)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build(kind: str, source: Path, output: Path) -> Path:
    """Build an sdist or a wheel with the build tools of this environment."""
    run("-m", "build", f"--{kind}", "--no-isolation", "--outdir", output, source, cwd=output.parent)
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from marketplace.chain.artifacts import compile_contracts

    compile_contracts()
    return build("sdist", CHECKOUT, tmp_path_factory.mktemp("sdist") / "dist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from the sdist, as pip does where there is no wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return build("wheel", folder / sdist.name.removesuffix(".tar.gz"), folder / "dist")


def test_sdist_ships_solidity_sources_and_what_they_compile_to(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for source in (CHECKOUT / "contracts" / "src").rglob("*.sol"):
        assert source.relative_to(CHECKOUT).as_posix() in names
    assert "contracts/package-lock.json" in names
    assert "marketplace/chain/artifacts/manifest.json" in names
    assert not any("node_modules" in name for name in names)


def test_wheel_holds_the_two_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"marketplace", "offchain"}
    for package in ("marketplace", "offchain"):
        assert f"{package}/py.typed" in names
        for path in (CHECKOUT / package).rglob("*.py"):
            assert path.relative_to(CHECKOUT).as_posix() in names


def test_installed_wheel_deploys_a_contract(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = ["install", "--quiet", "--no-index", "--no-deps", "--target", site, wheel]
    run("-m", "pip", *install, cwd=tmp_path)
    told = run("-c", DEPLOY, cwd=tmp_path, PYTHONPATH=str(site))
    assert told.split() == [str(site), str(ord("*"))]
