# What a person needs: `make run` (the playground, no account), `make test` (everything). Both set up what they need.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup run test chaos lint bench eval docs lock audit clean

help: ## List what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.ready ## Make the environment in .venv (pinned by hash)

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Rondan needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: making .venv (first time: about a minute)"
	@$(PYTHON) -m venv .venv \
	  || { echo "python3 can't make environments: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: ready"

run: setup ## Start the playground with a sample publication; no token needed
	@echo "run: starting the playground (Ctrl-C stops it)"
	@exec $(BIN)/rondan playground

# The tests bring their own PostgreSQL, unless RONDAN_TEST_POSTGRES names one whose user may create databases.
test: setup ## Run all tests, the page in a real browser too
	@tests/get-browser
	@echo "test: running all tests"
	@$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

chaos: setup ## Kill the program and take its network, disk and time away; then four over PostgreSQL; a JSON line each
	@$(BIN)/python -m tests.chaos --kills 10 --events 2000 --seconds 60
	@$(BIN)/python -m tests.chaos --processes 4 --kills 10 --events 2000 --seconds 60

lint: setup ## Check style, types and the arrows between rooms
	@echo "lint: ruff"; $(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .
	@echo "lint: mypy"; $(BIN)/mypy
	@echo "lint: rooms"; $(BIN)/lint-imports

bench: setup ## Measure; one JSON line a figure
	@$(BIN)/python -m bench

eval: setup ## Measure how well texts are read, on the labelled data in RONDAN_EVAL
	@$(BIN)/rondan eval all $(or $(RONDAN_EVAL),../shared/eval)

docs: setup ## Write what is generated of the docs (settings, commands, .env.example)
	@$(BIN)/python -m docs.make

lock: ## Pin the newest versions that pyproject.toml allows
	@$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install --quiet uv
	@.venv/lock/bin/uv pip compile pyproject.toml --extra model --extra postgres --group dev --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --quiet -o /tmp/rondan-lock
	@{ grep '^#' requirements.lock | head -3; cat /tmp/rondan-lock; } > requirements.new && mv requirements.new requirements.lock
	@.venv/lock/bin/uv pip compile pyproject.toml --extra model --extra postgres -c requirements.lock --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --quiet -o /tmp/rondan-lock
	@{ grep '^#' requirements.run.lock; cat /tmp/rondan-lock; } > requirements.new && mv requirements.new requirements.run.lock

audit: ## Ask whether anything that is pinned has a known hole (needs the network; skipped without)
	@$(PYTHON) -m venv .venv/audit && .venv/audit/bin/pip install --quiet --disable-pip-version-check --retries 0 pip-audit \
	  || { echo "audit: SKIPPED, no index of packages can be reached"; rm -rf .venv/audit; }
	@test ! -x .venv/audit/bin/pip-audit || .venv/audit/bin/pip-audit --disable-pip --require-hashes -r requirements.lock

clean: ## Remove the environment and caches; keeps data/
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
