# One word per habit. Every word sets up what it needs first: a virtual environment with the pinned requirements.
# Settings are environment variables (README.md), so `PORT=8000 make run` works as it reads.

VENV ?= .venv
PY := $(VENV)/bin/python
SETUP := VENV="$(VENV)" ./.ci/setup
SOURCES := manage.py accounts bingproject chat creator tests

.PHONY: help install run demo test test-browser test-live screenshots bench chaos lint format types check

help:
	@echo "make demo          the whole server against its built-in sandbox: no account, no other server"
	@echo "make run           the same server against the real Bing"
	@echo "make test          the tests (test-browser, test-live: those alone)"
	@echo "make screenshots   the browser tests' pictures of the operators' pages, into docs/images"
	@echo "make check         lint, types and migrations; make format rewrites"
	@echo "make bench chaos   figures; kill tests"

install:
	@$(SETUP)

# exec: the supervisor takes the shell's place, so Ctrl-C and SIGTERM reach it and not a shell in between.
run: install
	@exec $(PY) manage.py serve

# The demo keeps to its own folder and sees no real account, database or queue, whatever the shell has set.
demo: install
	@exec env -u BING_COOKIE_U -u DATABASE_URL -u DATABASE_URL_FILE -u REDIS_URL -u REDIS_URL_FILE \
		SANDBOX=1 DATA_DIR="$(CURDIR)/data/demo" $(PY) manage.py serve --demo

test: install
	@$(PY) -m pytest $(ARGS)

test-browser: install
	@$(PY) -m pytest -m browser $(ARGS)

screenshots: install
	@$(PY) -m pytest -m browser tests/browser/test_screenshots.py --screenshots $(ARGS)

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
