# Every target sets up what it needs; `make demo` and `make test` each work alone on a fresh machine.
SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?=# the interpreter to use; when empty, tools/find_python.sh looks for one

.PHONY: help demo test check lint types slow spark laws recovery lock clean

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

demo: $(STAMP)   ## run the main job on the synthetic Norwegian lists and say where the report is
	$(BIN)/mse demo

test: $(STAMP)   ## pass the tests
	sh tools/test.sh

check: lint types test   ## ruff, mypy, tests

lint: $(STAMP)   ## ruff
	$(BIN)/ruff check src tests tools benchmarks simulations
	$(BIN)/ruff format --check src tests tools benchmarks simulations

types: $(STAMP)  ## mypy
	$(BIN)/mypy

slow: $(STAMP)   ## recovery simulations and the whole kill test
	$(BIN)/python -m pytest -m slow

spark: $(STAMP)  ## install PySpark (needs Java 17) and hold the links it finds against those of DuckDB
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-spark.lock
	$(BIN)/python -m pytest -m slow tests/unit/test_linkage_spark.py

laws: $(STAMP)   ## look for new counterexamples to the laws (hypothesis), five hundred a law
	$(BIN)/python -m pytest -q --hypothesis-profile new tests/laws tests/unit

recovery: $(STAMP)  ## complete the recovery studies and write their tables (hours; goes on where it stopped)
	$(BIN)/python -m simulations coverage
	$(BIN)/python -m simulations threshold
	$(BIN)/python -m simulations linkage
	$(BIN)/python -m simulations groups
	$(BIN)/python -m simulations strata
	$(BIN)/python -m simulations calibration
	$(BIN)/python -m simulations thresholding
	$(BIN)/python -m simulations febrl
	$(BIN)/python -m simulations tables

BENCH ?= benchmarks
bench: $(STAMP)  ## measure speed and memory and write benchmarks/README.md; BENCH= a file, or "-k name", for some
	$(BIN)/python -m pytest -q -c benchmarks/pytest.ini --rootdir=. $(if $(filter -%,$(BENCH)),benchmarks) $(BENCH)

lock:            ## pin the dependencies anew (needs uv)
	uv pip compile --universal --python-version 3.12 --generate-hashes --no-header --no-annotate \
	  --group dev pyproject.toml -o requirements.lock

$(STAMP): requirements.lock pyproject.toml tools/find_python.sh
	rm -rf $(VENV)
	python="$(PYTHON)"; : "$${python:=$$(sh tools/find_python.sh)}"; test -n "$$python" && "$$python" -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

clean:           ## remove what the other targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
