# One word per task. Each target first does the set-up that it needs, once:
# the files named .ready remember that it was done, and are older than what they
# were made from when it must be done again.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON   ?= python3
SCENARIO ?= credit
WORKERS  ?= 2
PIP_ARGS ?=

BIN    := .venv/bin
SOLC   := contracts/node_modules
TOOLS  := contracts/.venv
STD    := contracts/lib/forge-std
DAEMON := tests/offchain/storage/ipfs-daemon/node_modules
PEERS  := tests/gas/peers/node_modules
# Executables that come in packages, and find each other by name.
BESIDE := PATH="$(CURDIR)/$(TOOLS)/bin:$(CURDIR)/$(SOLC)/.bin:$$PATH"
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error

# Tests of the campaign and the libraries, compiled as it is deployed; all others compile in minutes
# by the profile `plain`, and as it is deployed by night.
OPTIMIZED := test/forge/{Attempts,Currency,DevToken,Digests,LargestRemainder,ModelMarket,Payments,Quorum,Seals,Status}.t.sol

# A comma that make doesn't take for the end of an argument.
, := ,
say     = printf '==> %s\n' "$(1)"
refuse  = { printf 'error: %s\n' "$(1)" >&2; exit 1; }

.PHONY: help demo test test-slow test-ipfs test-index setup compile check lint typecheck format \
        forge forge-night coverage prove slither mutate mutate-audit mutants-state benchmark gas \
        wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  make demo SCENARIO=digits    another trade; \`.venv/bin/moemarket scripts\` lists them"
	@echo "  make test WORKERS=4          with four processes"
	@echo "  make setup PYTHON=python3.12 PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu'"
	@echo "                               with another Python, and torch without CUDA"

demo: setup compile ## watch a whole trade on a local chain, then audit it
	@$(BIN)/moemarket demo $(SCENARIO)

test: setup compile $(PEERS)/.ready ## run the tests and report coverage
	@$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term

test-slow: setup compile $(PEERS)/.ready ## run the tests that take more than 5 seconds each
	@$(BIN)/pytest -m slow

test-ipfs: setup $(DAEMON)/.ready ## run the storage tests against a real IPFS daemon
	@$(BIN)/pytest -m ipfs tests/offchain/storage

test-index: setup compile ## run the tests in which the index is killed, on SQLite and PostgreSQL
	@$(BIN)/pytest -m slow tests/marketplace/index

setup: .venv/.ready $(SOLC)/.ready ## install Python and npm packages

compile: setup ## compile the contracts, if they changed
	@$(BIN)/python -m marketplace.chain.artifacts

check: lint typecheck test ## lint, typecheck and test

lint: .venv/.ready ## check style with ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

typecheck: .venv/.ready ## check types with mypy --strict
	@$(BIN)/mypy

format: .venv/.ready ## let ruff mend style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

forge: $(SOLC)/.ready $(STD)/.ready ## run all tests in Solidity, as CI does
	@cd contracts && $(BESIDE) FOUNDRY_PROFILE=ci forge test --match-path '$(OPTIMIZED)'
	@cd contracts && $(BESIDE) FOUNDRY_PROFILE=plain forge test --no-match-path '$(OPTIMIZED)'

coverage: $(SOLC)/.ready $(STD)/.ready ## count the branches that tests in Solidity take; fail below 95 %
	@$(BESIDE) FOUNDRY_FUZZ_RUNS=64 $(PYTHON) scripts/check_coverage.py

forge-night: $(SOLC)/.ready $(STD)/.ready ## run all tests in Solidity optimized, longer and with other seeds
	@cd contracts && $(BESIDE) FOUNDRY_PROFILE=night forge test

prove: $(SOLC)/.ready $(TOOLS)/.ready ## prove what is proven about the contracts
	@$(BESIDE) $(TOOLS)/bin/python scripts/prove.py

slither: $(SOLC)/.ready $(TOOLS)/.ready ## fail on a finding of slither without a reviewed reason
	@$(BESIDE) $(TOOLS)/bin/python scripts/review_slither.py

mutate: setup $(STD)/.ready ## break the contracts and see that the tests notice
	@$(BESIDE) $(BIN)/python scripts/mutate_contracts.py

mutate-audit: setup compile ## switch the audit's checks off and see that the tests notice
	@PYTHONPATH="$(CURDIR)" nice -n 15 $(BIN)/python scripts/mutate_audit.py

mutants-state: .venv/.ready ## count the mutants of contracts and audit by outcome, and those due
	@$(BIN)/python scripts/mutate_contracts.py --state
	@PYTHONPATH="$(CURDIR)" $(BIN)/python scripts/mutate_audit.py --state

benchmark: setup compile ## compare the composite with single experts, over seeds
	@$(BIN)/python scripts/benchmark_gate.py

gas: setup compile $(PEERS)/.ready ## write the snapshots of gas, ours and the peers'
	@MOEMARKET_UPDATE_GAS=1 $(BIN)/pytest -q -m "" tests/gas

wheel: setup compile ## build an sdist and a wheel into dist/
	@$(BIN)/python -m build --no-isolation

clean: ## remove all that make made
	@rm -rf .venv $(TOOLS) $(SOLC) $(DAEMON) $(PEERS) contracts/lib contracts/out contracts/cache \
	        marketplace/chain/artifacts build dist \
	        .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) > /dev/null || \
	    $(call refuse,$(PYTHON) is missing; install Python 3.11 or newer$(,) or name one: make PYTHON=…)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    $(call refuse,$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12)
	@$(call say,installing Python packages (one to three minutes$(,) once))
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check $(PIP_ARGS) \
	    -c constraints.txt -e '.[all,dev]'
	@touch $@

$(TOOLS)/.ready: contracts/requirements.txt
	@$(call say,installing provers and slither (a minute$(,) once))
	@test -x $(TOOLS)/bin/pip || $(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

$(STD)/.ready: scripts/fetch_forge_std.py
	@$(call say,fetching forge-std (seconds$(,) once))
	@$(PYTHON) scripts/fetch_forge_std.py
	@touch $@

%/node_modules/.ready: %/package.json %/package-lock.json
	@command -v node > /dev/null && command -v npm > /dev/null || \
	    $(call refuse,node or npm is missing; install Node.js 18 or newer from https://nodejs.org)
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || \
	    $(call refuse,node is older than 18; install a newer one from https://nodejs.org)
	@$(call say,installing npm packages in $* (seconds to minutes$(,) once))
	@$(NPM_CI) --prefix $* > /dev/null
	@touch $@
