# One word per habit. Every word first sets up what it needs: a virtual environment with pinned packages, of which `run`
# and `demo` need about a third.
# Settings are environment variables (README.md), so `PORT=8000 make run` works as it reads.

VENV ?= .venv
PY := $(VENV)/bin/python
SETUP := VENV="$(VENV)" ./.ci/setup
# Processes that run tests side by side: more than two cores, since most wait. 0 runs them in one, for a debugger.
WORKERS ?= 3
# Each of these processes reads all test modules: without stored bytecode it would compile them again every time.
unexport PYTHONDONTWRITEBYTECODE
SOURCES := manage.py accounts bingproject chat creator tests

.PHONY: help install run demo test test-all test-browser test-live screenshots bench chaos lint format types check

help:
	@echo "make demo          the whole server against its built-in sandbox: no account, no other server"
	@echo "make run           the same server against the real Bing"
	@echo "make test          the fast tests; make test-all runs the slow ones too (test-browser, test-live: those alone)"
	@echo "make screenshots   the browser tests' pictures of the demo and the operators' pages, into docs/images"
	@echo "make check         lint, types and migrations; make format rewrites"
	@echo "make bench chaos   figures; kill tests"

install:
	@$(SETUP)

# Python's own start would answer Ctrl-C with a stack, so where env can hold it back (GNU) it waits for manage.py.
HOLD_INTERRUPT = $(shell env --block-signal=INT true 2>/dev/null && echo --block-signal=INT)

# exec: the supervisor takes the shell's place, so Ctrl-C and SIGTERM reach it and not a shell in between.
run:
	@$(SETUP) run
	@exec env $(HOLD_INTERRUPT) $(PY) manage.py serve

# The demo keeps to its own folder and sees no real account, database or queue, whatever the shell has set.
demo:
	@SANDBOX=1 $(SETUP) run
	@exec env $(HOLD_INTERRUPT) -u BING_COOKIE_U -u DATABASE_URL -u DATABASE_URL_FILE -u REDIS_URL -u REDIS_URL_FILE \
		SANDBOX=1 DATA_DIR="$(CURDIR)/data/demo" $(PY) manage.py serve --demo

test: install
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-all: install
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal -m "not live and not foreign" $(ARGS)

test-browser: install
	@$(PY) -m pytest -m browser $(ARGS)

screenshots: install
	@$(PY) -m pytest -m browser tests/browser/test_screenshots.py tests/browser/test_demo_picture.py --screenshots $(ARGS)

test-live: install
	@$(PY) -m pytest -m live $(ARGS)

bench: install
	@exec $(PY) -m tests.benchmarks $(ARGS)

chaos: install
	@exec $(PY) -m tests.chaos $(ARGS)

lint: install
	@$(PY) -m ruff format --check $(SOURCES) .ci
	@$(PY) -m ruff check $(SOURCES) .ci

format: install
	@$(PY) -m ruff format $(SOURCES) .ci
	@$(PY) -m ruff check --fix $(SOURCES) .ci

types: install
	@$(PY) -m mypy $(SOURCES)

check: lint types
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) manage.py check
