# SPDX-License-Identifier: Apache-2.0
# What each target does is said by `make help`. A second run of any of them does only what has
# changed: the environment by a stamp, the prover and the theory library by rocqgen itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SAY := @printf '==> %s\n'

.DEFAULT_GOAL := help
.PHONY: help setup prove test lint theories bench clean

help:
	@echo 'make prove      set up, then prove everything in examples/'
	@echo 'make test       set up, then ruff, mypy and the whole test suite'
	@echo 'make lint       ruff and mypy alone'
	@echo 'make theories   set up, which compiles the Rocq library'
	@echo 'make bench      set up, then print the measurements'
	@echo 'make clean      remove the environment and what tools left; keeps the prover in the cache'

$(INSTALLED): pyproject.toml rocqgen/__init__.py
	$(SAY) 'making $(VENV) and installing rocqgen in it'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo '$(PYTHON) is older than Python 3.11; write: make PYTHON=python3.11 ...' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo 'no environment without venv; write: apt-get install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(INSTALLED)
	$(SAY) 'a Rocq prover'
	@$(BIN)/rocqgen toolchain install
	$(SAY) 'the theory library'
	@$(BIN)/rocqgen library

prove: setup
	$(SAY) 'rocqgen prove examples/'
	@$(BIN)/rocqgen prove examples/

lint: $(INSTALLED)
	$(SAY) 'ruff and mypy'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

test: setup lint
	$(SAY) 'pytest'
	@$(BIN)/python -m pytest

theories: setup

bench: setup
	$(SAY) 'the measurements'
	@$(BIN)/python -m bench
	$(SAY) 'page walks beside an emulator and two other tools, which are installed for it'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@$(BIN)/python -m bench.mmu
	$(SAY) 'instruction forms against an emulator, the processor and the theories'
	@$(BIN)/python -m bench.agreement --rocq 100

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis _build build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
