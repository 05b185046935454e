# `make results` regenerates, `make test` tests; both make the environment first if it is missing.
SCALE ?= smoke
PAPERS ?=
PYTHON ?= python3
BIN := .venv/bin
CONFIG := --config scale=$(SCALE) $(if $(PAPERS),papers=$(PAPERS)) $(if $(from_record),from_record=$(from_record)) $(if $(train),train=$(train))

.PHONY: results environment plan claim audit compare record data bench battery new-paper \
        test test-all lint lock help

results: environment  ## regenerate tables, figures, audit and report (SCALE=smoke PAPERS=)
	$(BIN)/python -m common.go $(CONFIG)
	@$(BIN)/python -m common.show $(CONFIG)

environment: .venv/.made  ## make .venv from requirements.lock

.venv/.made: requirements.lock
	test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv; }
	$(BIN)/uv pip sync --quiet --compile-bytecode requirements.lock
	touch $@

plan: environment  ## what would run at SCALE, how long it takes here, what it can decide
	@$(BIN)/python -m common.plan $(CONFIG)

claim: environment  ## plan, run and judge what one claim needs: ID=SNIP-05 SCALE=cpu
	@test -n "$(ID)" || { echo "error: say which claim, such as ID=SNIP-05" >&2; exit 2; }
	@$(BIN)/python -m common.plan $(CONFIG) claim=$(ID)
	$(BIN)/python -m common.go $(CONFIG) claim=$(ID)
	@$(BIN)/python -m common.show $(CONFIG) claim=$(ID)

audit: environment  ## judge a run table of your own: TABLE=my.csv PAPER=snip
	@$(BIN)/python -m common.audit --table "$(TABLE)" --paper "$(PAPER)"

compare: environment  ## set results/SCALE beside results/record/SCALE
	@$(BIN)/python -m common.compare --scale $(SCALE)

record: environment  ## keep what is finished at SCALE, and what it makes, in results/record/SCALE
	$(BIN)/python -m common.go $(CONFIG) train=0 from_record=1 --forcerun run
	@$(BIN)/python -m common.record $(CONFIG) train=0 from_record=1

data: environment  ## download data sets into DATA_ROOT: NAMES="mnist cifar10"
	@$(BIN)/python -m common.fetch $(NAMES)

bench: environment  ## measure the engine: results/bench.csv
	$(BIN)/python -m common.bench

battery: environment  ## what the papers taught, asked of CRITERION=name or file.py:function
	@test -n "$(CRITERION)" || { echo "error: say which, such as CRITERION=my.py:my_score" >&2; exit 2; }
	@$(BIN)/python -m common.battery --criterion "$(CRITERION)"

new-paper: environment  ## copy papers/_template: NAME=my_paper
	@$(BIN)/python -m common.new_paper "$(NAME)"

test: environment  ## the default tests
	$(BIN)/python -m pytest -n 2 --dist loadfile -rfEs

test-all: environment  ## every test, the slow ones too
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or not slow"

lint: environment  ## ruff, mypy, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile
	$(BIN)/snakemake --lint

lock: environment  ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-annotate \
	  --no-header --no-emit-index-url --quiet --output-file requirements.lock

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
