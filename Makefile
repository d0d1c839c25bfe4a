# Needs Python 3.11 or newer and make; nothing else.

VENV := .venv
FUZZ_SECONDS := 300
PY := $(VENV)/bin/python
# The first Python that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev run test lint production fuzz prove bench attack python

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup  ## everything on http://127.0.0.1:8000 with demo accounts; Ctrl-C ends it (PORT=8001: another port)
	@exec $(PY) -m scripts.run

test: setup-dev  ## all tests: PostgreSQL, what asks the engine on SQLite, without wecom, in Chromium (5 min)
	@exec $(PY) -m scripts.test

lint: setup-dev  ## ruff, mypy, import contract, missing migrations, check --deploy, ESLint where Node.js is
	@exec $(PY) -m scripts.lint

production: setup-dev  ## docs/production.md in a temporary folder: PostgreSQL, nginx, both programs, WeCom last (2 min)
	@exec $(PY) -m scripts.production

fuzz: setup-dev  ## coverage-guided random input for what reads a WeCom callback (FUZZ_SECONDS=300)
	@$(PY) -c 'import atheris' 2>/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	@exec $(PY) fuzz/fuzz_callback.py -max_total_time=$(FUZZ_SECONDS)

prove: setup-dev  ## the longest tests, small in `make test`, in full size: four workers within 20 in any 60 s, 50 kills… (20 min)
	@exec $(PY) -m scripts.test --prove

bench: setup-dev  ## the figures of docs/performance.md, on SQLite and on PostgreSQL (five minutes)
	@exec $(PY) -m benchmarks

attack: setup-dev  ## what a visitor and WeCom notice while a stranger attacks, beside a quiet moment (20 min)
	@exec $(PY) -m benchmarks.attacks

setup: $(VENV)/.installed  ## the virtual environment .venv with all that the product needs
	@:

setup-dev: $(VENV)/.installed-dev  ## the same, with what tests and lint need
	@:

# The stamps make this run again when the requirements change, and only then.
$(VENV)/.installed: requirements.txt
	@$(MAKE) --no-print-directory python
	@$(PY) -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "安装依赖… Installing what Jiayi needs into $(VENV)…"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "需要 Python 3.11 或更新版本。Jiayi needs Python 3.11 or newer; found: $$("$(or $(PYTHON),python3)" --version 2>&1 || true)."; \
		echo "Debian, Ubuntu: apt-get install python3 python3-venv    macOS: brew install python"; \
		echo "Or name one: make run PYTHON=/path/to/python3.11"; exit 1; } >&2
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "缺少 Python 的 venv 模块。$(PYTHON) lacks the venv module."; \
		echo "Debian, Ubuntu: apt-get install python3-venv"; exit 1; } >&2
