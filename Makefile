# make demo   pre-trains, fine-tunes and evaluates a small T5 on the offline suite, and prints a table
# make test   runs the tests, but for the slow ones: whole runs, meshes, published data
# make test-all runs every test: half an hour on two cores
# make lint   runs ruff and mypy
# make format lets ruff lay out the code and fix what it can
# make versions compares what `make demo` and `make test` would install: one set of versions, see constraints.txt
#
# Each makes its own environment in .venv first; a second call finds it made.

SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check

# The first of these that runs and is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

# Most of the tests' time is compiling small models, each once: less than half of it without XLA's optimizations of the
# machine code. `make test-all` compiles as a run does. Flags are those of the JAX in constraints.txt.
QUICK_TO_COMPILE := --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false

.PHONY: demo test test-all lint format versions clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/t5mix train --gin_file runs/offline.gin

test: $(VENV)/installed-dev
	XLA_FLAGS="$(QUICK_TO_COMPILE) $$XLA_FLAGS" $(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

test-all: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

versions: $(VENV)/installed-dev
	$(BIN)/python tests/repository/test_constraints.py

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "t5mix needs Python 3.11 or later: install it, or say PYTHON=/path/to/it" >&2; exit 2; }
	@echo "Making $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml setup.py constraints.txt | $(BIN)/python
	@echo "Installing t5mix into $(VENV); this takes a few minutes, once ..."
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml setup.py constraints.txt | $(BIN)/python
	@echo "Installing t5mix and what its tests need into $(VENV); this takes a few minutes, once ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev,hf,beam]'
	@touch $@ $(VENV)/installed
