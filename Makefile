# `make` alone lists what there is. Every target below uses .venv, which is made when it is missing
# and brought up to date when pyproject.toml or constraints.txt changed.

PYTHON ?= python3

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo label test test-all soak check check-rest lint types wheel

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## Install prefgym into .venv, editable, in the tested versions

demo: $(INSTALLED) ## Train HalfCheetah from 500 simulated preferences; ends with the path of the report
	$(VENV)/bin/prefgym train --env prefgym/HalfCheetah-v0 --rater oracle --agent ppo \
		--budget 500 --steps 1_000_000 --seed 0 --out "runs/demo-$$(date +%Y-%m-%d-%H%M%S)"

label: $(INSTALLED) ## Serve a demonstration of the labelling page; ends with Ctrl-C
	$(VENV)/bin/prefgym label --demo

# SEED=7 runs the tests in an order of its own, the same one for the same number. Generators are left alone.
ORDER = $(if $(SEED),-p randomly --randomly-seed=$(SEED) --randomly-dont-reset-seed)
PYTEST = $(PY) -m pytest -q -n auto --maxprocesses 8 --dist worksteal $(ORDER)

test: $(INSTALLED) ## Run the tests and the examples in docstrings, on all cores, but for the slow ones
	$(PYTEST) -m "not slow"

test-all: $(INSTALLED) ## Run the slow tests as well
	$(PYTEST)

soak: $(INSTALLED) ## Run what takes long by nature: kill 120 trainings and 100 labelling servers; fuzz flags, folders and the API; load a server
	$(PY) scripts/kill_and_resume.py
	$(PY) scripts/fuzz_flags.py
	$(PY) scripts/fuzz_folders.py
	$(PY) scripts/fuzz_label_api.py
	$(PY) scripts/kill_store.py
	$(PY) scripts/kill_server.py --postgres
	$(PY) scripts/load_server.py --postgres

check: test-all check-rest ## Run everything that must hold before a change is taken

check-rest: lint types wheel ## Run what `make check` has beside the tests

lint: $(INSTALLED) ## Check style, format and spelling
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(VENV)/bin/codespell

types: $(INSTALLED) ## Check types
	$(PY) -m pyright --project pyproject.toml

wheel: $(INSTALLED) ## Build a wheel from the sdist, install it in an environment of its own and try it there
	$(PY) .ci/check_wheel.py

# pip is made last, so an environment that was left half made is made again.
$(VENV)/bin/pip:
	@for python in "$(PYTHON)" python3.12 python3.13 python3.11; do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then \
			echo "Creating $(VENV) with $$("$$python" -V)" && exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "prefgym needs Python 3.11, 3.12 or 3.13, and none was found." \
		"Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

$(INSTALLED): pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(PY) -m pip install -c constraints.txt -e ".[dev]"
	@touch $@
