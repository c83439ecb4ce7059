# The only entry: `make` lists what it can do. It builds .venv by itself from requirements.lock.

PYTHON ?= python3
SERVE ?= 1
UV_VERSION := 0.13.9
BIN := .venv/bin
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE # set in many containers: every program that we start would compile all it imports anew
.DELETE_ON_ERROR:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/made ## Make a pump company, derive its tables, print a summary and serve it (SERVE=0: no serving)
	@$(BIN)/jovey demo $(if $(filter 0,$(SERVE)),--no-serve)

up: .venv/made ## Serve the company in .jovey (or DATABASE_URL) until Ctrl-C
	@$(BIN)/jovey up

test: .venv/made ## Run every test, with the coverage gates: rules 100 %, the rest 95 %
	@rm -f .coverage.json
	$(BIN)/python -m slipcover -m pytest -n 2 --dist worksteal -m "not proof and not whole"
	$(BIN)/python tests/coverage_gates.py .coverage.json
	$(BIN)/pytest -n 2 --dist worksteal -m "not proof and whole"

proofs: .venv/made ## Run the tests that take long: the same once more, larger or in more variants
	$(BIN)/pytest -n 2 --dist worksteal -m proof

check: .venv/made ## Format, lint, types, import rules, freshness of generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m orchestration.documents --check

audit: .venv/made ## Ask the advisory database about every locked package (needs a network, so no part of check)
	$(BIN)/uv tool run --from pip-audit==2.10.1 pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

bench: .venv/made ## Measure what the house promises (NAME=orders: one bench, JSON=file: also written there)
	@$(BIN)/jovey bench $(or $(NAME),all) $(if $(JSON),--json $(JSON))

soak: .venv/made ## Kill the database KILLS=500 times, then take orders for MINUTES=30: nothing may be lost or grow
	@$(BIN)/jovey soak $(if $(KILLS),--kills $(KILLS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JSON),--json $(JSON))

docs: .venv/made ## Write the documents that are generated from code
	@$(BIN)/python -m orchestration.documents
	@$(BIN)/python -m orchestration.golden

lock: .venv/made ## Bring requirements.lock in line with pyproject.toml (UPGRADE=1: newest versions)
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate --extra build --extra dev \
	  --python-version 3.11 --quiet $(if $(UPGRADE),--upgrade) --output-file requirements.lock

clean: ## Remove what was built (.venv, caches); .jovey, your data, stays
	rm -rf .venv .coverage.json .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || \
	  { echo "Jovey needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python -c '' 2>/dev/null && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help demo up test proofs check audit bench soak docs lock clean
