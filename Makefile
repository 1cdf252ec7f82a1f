# `make demo` and `make test` do everything, set-up included. `make help` lists the rest.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/ready: pyproject.toml constraints.txt ui/package-lock.json
	@test -n "$(PYTHON)" || { echo "Brickyard needs Python 3.11 or newer; none was found on the PATH."; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON): 1.2 GB of packages, about a minute …"
	@$(PYTHON) -m venv $(VENV) || { echo "This Python has no venv. On Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off -c constraints.txt -e . \
		| sed -u -n -E 's/^Collecting ([^ ]+).*/  \1/p; /^(Installing|Successfully)/s/^(Installing|Successfully)( [a-z]+)?.*/  installing …/p'
	@$(BIN)/brickyard version >/dev/null
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@echo "Adding what tests need …"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-input -q -c constraints.txt -e '.[dev]'
	@touch $@

# The wheel has the page built into it; here it is built anew whenever its source is newer.
ui: $(VENV)/ready-dev ## build Echo's page from ui/, where it is newer than what was built
	@$(BIN)/python ui/build.py

api: $(VENV)/ready-dev ## the types of the API for Echo's page, from the server's OpenAPI
	@$(BIN)/brickyard openapi >ui/openapi.json
	@cd ui && npm run --silent api

setup: $(VENV)/ready ## make .venv

demo: $(VENV)/ready ## start everything, transcribe a dialogue, show the result, say where the app is
	@$(BIN)/brickyard demo

up: $(VENV)/ready ## run the platform on this machine until Ctrl-C
	@$(BIN)/brickyard up

test: ui ## all tests, on a real PostgreSQL that they bring themselves
	@$(BIN)/python -m pytest tests/unit -n logical --maxprocesses 8 --dist loadfile
	@$(BIN)/python -m pytest tests --ignore tests/unit

unit: ui ## the fast tests alone
	@$(BIN)/python -m pytest tests/unit -m "not slow" -n logical --maxprocesses 8 --dist loadfile

lint: $(VENV)/ready-dev ## style, types and the courses
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python ui/build.py --check

bench: $(VENV)/ready-dev ## all benchmarks in full, but those of a card
	@$(BIN)/python bench/accuracy.py
	@$(BIN)/python bench/throughput.py
	@$(BIN)/python bench/lease.py
	@$(BIN)/python bench/scheduler.py
	@$(BIN)/python bench/ocr.py
	@$(BIN)/python bench/gateway.py
	@$(BIN)/python bench/crypto.py
	@$(BIN)/python bench/ui.py
	@$(BIN)/python bench/users.py
	@$(BIN)/python bench/upload.py

bench-gpu: $(VENV)/ready-dev ## speed and memory on an NVIDIA card; needs PyTorch and transformers in .venv too
	@$(BIN)/python bench/gpu.py

screenshots: ui ## the pictures in docs/images, from a running platform
	@$(BIN)/python -m tests.screenshots

chaos: $(VENV)/ready-dev ## kill -9 of every part in the middle of jobs, again and again
	@for round in 1 2 3 4 5; do echo "round $$round"; $(BIN)/python -m pytest -q tests/integration -k "kill or crash" || exit 1; done

fuzz: $(VENV)/ready-dev ## 2,000 mutated media files against a running platform; 60 requests to every route as every role
	@$(BIN)/python -m tests.fuzz.run --count 2000 --seed 1
	@$(BIN)/python -m pytest -q tests/unit/cli/test_any_request.py --requests 60

clean: ## remove .venv and what tools left
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-output

.PHONY: help ui api setup demo up test unit lint bench bench-gpu screenshots chaos fuzz clean
