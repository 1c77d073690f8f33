# `make test` and `make demo` set up all they need: Python 3.11 or newer and make are enough to begin with.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

BIN := .venv/bin
UV_RANGE := uv>=0.13,<0.14
WORKERS ?= 2
TESTS ?= tests
BENCHMARKS ?= $(filter-out benchmarks/measure.py,$(sort $(wildcard benchmarks/[a-z]*.py)))
DEMO ?= telecom

# uv works in our own environment, whatever environment the caller is in, and fetches no interpreter.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
UV_SYNC := unset VIRTUAL_ENV; $(BIN)/uv sync --quiet --locked --python $(BIN)/python

.PHONY: help test demo check bench docs chaos format lint types imports tidy docs-check clean

help: ## this list
	@sed -n 's|^\([a-z-]*\):.*## |  make \1\t|p' $(MAKEFILE_LIST)

test: .venv/.tests-ready ## run the tests (TESTS=tests/rules for some)
	$(BIN)/pytest -n $(WORKERS) $(TESTS)

demo: .venv/.demo-ready ## a small operator's world: events in, decisions out (DEMO=telecom)
	@rm -rf var/demo var/demo-truth.json && mkdir -p var
	$(BIN)/opportune demo $(DEMO) --folder var/demo

check: lint types imports docs-check test ## all that CI runs

chaos: .venv/.tests-ready ## the deep tests: thousands of crashes and generated rules (long)
	$(BIN)/pytest -n $(WORKERS) -m deep --timeout 3600 $(TESTS)

bench: .venv/.tests-ready ## the benchmarks, each a table and JSON lines (BENCHMARKS=benchmarks/x.py for one)
	@$(UV_SYNC) --inexact --group bench || echo "no peers could be installed: benchmarks/matching.py leaves them out" >&2
	@for script in $(BENCHMARKS); do \
	  echo "== $$script"; module=$${script%.py}; $(BIN)/python -m "$${module//\//.}"; \
	done

docs: .venv/.tests-ready ## write docs/reference/ anew from the code
	$(BIN)/python docs/build_reference.py

docs-check: .venv/.tests-ready ## fail where docs/reference/ is stale
	$(BIN)/python docs/build_reference.py --check

format: .venv/.tests-ready ## format the code and sort the imports
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

lint: .venv/.tests-ready ## format and lint, changing nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: .venv/.tests-ready ## mypy, strict
	$(BIN)/mypy

imports: .venv/.tests-ready ## the floors and the heavy libraries' homes
	$(BIN)/lint-imports --no-logo

tidy: .venv/.tests-ready ## the house in figures, and what breaks its rules
	$(BIN)/python -m tests.house.tidy

clean: ## remove the environment and all caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build

# The environment. A stamp says that it fits the lock, so that the next run starts at once.

.venv/.tests-ready: pyproject.toml uv.lock | $(BIN)/uv
	@echo "setting up .venv for tests"
	@$(UV_SYNC) --all-extras --group clients
	@touch .venv/.demo-ready $@

.venv/.demo-ready: pyproject.toml uv.lock | $(BIN)/uv
	@echo "setting up .venv"
	@$(UV_SYNC) --no-dev --inexact
	@touch $@

$(BIN)/uv: | $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null 2>&1 || true
	@pip=($(BIN)/python -m pip); \
	"$${pip[@]}" --version >/dev/null 2>&1 || pip=(python3 -m pip --python $(BIN)/python); \
	"$${pip[@]}" --version >/dev/null 2>&1 || { \
	  echo "Python has neither ensurepip nor pip; run: apt-get install python3-venv" >&2; exit 1; }; \
	"$${pip[@]}" install --quiet --disable-pip-version-check '$(UV_RANGE)'

# A name on the path may be a shim of an interpreter that is not there: each is asked for its version.
$(BIN)/python:
	@for python in $${PYTHON:-python3.13 python3.12 python3.11 python3}; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making .venv with $$("$$python" --version)"; \
	    "$$python" -m venv --without-pip .venv; exit; \
	  fi; \
	done; \
	echo "no Python 3.11 or newer found; run: apt-get install python3 python3-venv (or set PYTHON)" >&2; exit 1
