# A fresh machine needs Python 3.11 to 3.13 (with venv), git and make; everything else goes to .venv.
PYTHON ?= python3
BIN := .venv/bin
# The packages that run the pipeline, those that also test it, and those of the documentation.
# TensorFlow imports jax if it is there, which takes a second per start, so the first one has none.
INSTALLED := .venv/.installed
WITH_DEV := .venv/.installed-with-dev
WITH_DOCS := .venv/.installed-with-docs

SYNC := UV_PROJECT_ENVIRONMENT=.venv $(BIN)/uv sync --frozen --quiet --python $(BIN)/python

.PHONY: help demo test test-team test-ci test-all lint docs clean

help:  ## this list
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(INSTALLED)  ## the whole pipeline on a synthetic station, in demo/
	@$(BIN)/jena-etl demo

# The tests start Python hundreds of times. Without bytecode, TensorFlow takes twice as long to import;
# the first import writes it, which is less than half of what uv would compile beforehand.
PYTEST := PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 2

test: $(WITH_DEV)  ## the tests to run while you work
	@$(PYTEST) -m "not slow and not nightly" --hypothesis-profile=quick --cov --ignore=tests/team

test-team: $(WITH_DEV)  ## two colleagues sharing data and models, as docs/team.md tells it
	@$(PYTEST) tests/team

test-ci: $(WITH_DEV)  ## all but those marked nightly, as CI does
	@$(PYTEST) -m "not nightly" --cov --cov-fail-under=93

test-all: $(WITH_DEV)  ## all, with Ray on two nodes and builds killed halfway: half an hour
	@$(PYTEST) --cov

lint: $(WITH_DEV)  ## ruff and mypy
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

docs: $(WITH_DOCS)  ## docs/ as a site, in site/
	@PYTHONDONTWRITEBYTECODE= NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --quiet --strict

clean:  ## remove the demo, the site and the environment
	rm -rf demo site .venv

# uv installs exactly what uv.lock pins; it is itself installed in the environment.
$(INSTALLED): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "error: $(PYTHON) is not Python 3.11 to 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.13" >&2; \
	  exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "installing TensorFlow, DVC, Polars and the rest into .venv" >&2
	@$(SYNC) --no-dev --inexact
	@touch $@

$(WITH_DEV): $(INSTALLED)
	@$(SYNC)
	@touch $@

$(WITH_DOCS): $(WITH_DEV)
	@$(SYNC) --group docs
	@touch $@
