# `make help` lists the targets. Everything happens in .venv; nothing is installed outside it.
PYTHON ?= python3
CONFIG ?= $(or $(MILLRACE_CONFIG),feeds.yaml)
PORT ?= $(or $(MILLRACE_PORT),8080)
DATA ?= $(or $(MILLRACE_DATA),data)
BIN := .venv/bin

# Why the .venv that is there cannot be used: its Python is gone or has no pip, or it was made for
# another folder (its scripts hold the path). Asked before the targets, so that it is made again.
UNSOUND := $(shell test -e .venv -o -L .venv || exit 0; \
	$(BIN)/python -c 'import pip' 2>/dev/null || { echo "its Python does not start or has no pip"; exit; }; \
	test ! -e .venv/.installed || grep -qF "$(CURDIR)/.venv/" $(BIN)/millrace 2>/dev/null \
		|| echo "it was made for another folder")

.DEFAULT_GOAL := all
.PHONY: rebuild all help run test test-browser demo check format bench bench-docs bench-smoke chaos fuzz docs lock clean

all: check test ## What CI runs: format check, lint, types, tests

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# pip before 24.2 installs a trafilatura that cannot be imported, hence the first line.
.venv/.installed: pyproject.toml $(if $(UNSOUND),rebuild)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: run make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv; this takes a minute."
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=24.2'
	@$(BIN)/python -m pip install -qq --editable '.[embedded,fast]'
# One of three votes on where a page's article is; where it has no wheel the other two decide.
	@$(BIN)/python -m pip install -qq --only-binary fastwarc,resiliparse --editable '.[pages]' 2>/dev/null \
		|| echo "resiliparse has no wheel for this machine; pages are read without it."
	@touch $@

rebuild:
	@echo "Making .venv again: $(UNSOUND)."
	@rm -rf .venv

# What only tests and checks need is no part of a first start.
.venv/.tools: .venv/.installed
	@$(BIN)/python -m pip install -qq --editable '.[embedded,fast,dev]'
	@touch $@

run: .venv/.installed ## Start everything; make run CONFIG=x.yaml PORT=9000 DATA=dir
	$(BIN)/millrace run --config "$(CONFIG)" --port $(PORT) --data "$(DATA)"

test: .venv/.tools ## Run the tests
	$(BIN)/python -m pytest -m "not browser" $(ARGS)

test-browser: .venv/.tools ## Page tests in Chromium and real feed readers (must be installed)
	$(BIN)/python -m pip install -qq --editable '.[browser]'
	$(BIN)/python -m pytest -m browser $(ARGS)

demo: .venv/.installed ## Offline: seed articles and reposts of them, merged; make demo PORT=9000
	$(BIN)/python -m tests.demo --port $(PORT) $(if $(filter command environment,$(origin DATA)),--data "$(DATA)")

check: .venv/.tools ## Format check, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.tools ## Rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.tools ## The benchmarks: tables on the screen, JSON beside them
	$(BIN)/python -m benchmarks

bench-docs: .venv/.tools ## The same, and write the figures to docs/performance.md
	$(BIN)/python -m benchmarks --docs $(SUBJECTS)

SUBJECTS ?=
bench-smoke: .venv/.tools ## Each benchmark once, small; make bench-smoke SUBJECTS="clean window"
	$(BIN)/python -m benchmarks --smoke $(SUBJECTS)

docs: .venv/.installed ## Write the schema and the reference pages
	$(BIN)/python -m docs.reference

lock: .venv/.installed ## Write requirements.lock (what the image installs)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--extra fast --extra pages --custom-compile-command "make lock" pyproject.toml -o requirements.lock

SEEDS ?= 1
MINUTES ?= 10
HARM ?= all
chaos: .venv/.tools ## Kill, cut and stall everything, then count; make chaos SEEDS=10 MINUTES=10
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) --minutes $(MINUTES) --harm $(HARM)

TIMES ?= 50
fuzz: .venv/.tools ## Try random input for longer than the tests do; make fuzz TIMES=500
	MILLRACE_FUZZ=$(TIMES) $(BIN)/python -m pytest -q tests/core/test_fuzz.py tests/service/test_fuzz.py \
		tests/workers/http/test_fuzz.py $(ARGS)

clean: ## Remove what make made (not the data folder)
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
