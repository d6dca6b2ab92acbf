.DEFAULT_GOAL := help
.PHONY: help setup demo test check format soak bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SEED ?= 1

help:
	@echo "make demo [SEED=7]  see it work offline on a generated market"
	@echo "make test           run every test"
	@echo "make check          format, lint, types, import contracts"
	@echo "make soak           the long crash, rate and fault runs"
	@echo "make bench          benchmarks, each against a named baseline"

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(STAMP)

setup: $(STAMP)

demo: $(STAMP)
	@$(BIN)/evertape demo --seed $(SEED)

test: $(STAMP)
	$(BIN)/python -m pytest -q -n auto

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(STAMP)
	$(BIN)/python -m pytest -q -m soak --override-ini addopts="-ra -s"

bench: $(STAMP)
	@for b in benchmarks/bench_*.py; do PYTHONPATH=. $(BIN)/python $$b || exit 1; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
