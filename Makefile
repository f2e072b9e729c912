# Each target sets up what it needs, in .venv of this tree. A machine needs make, Python 3.11 or
# later, pip and git; a uv on PATH makes it faster.
#
#   PYTHON=python3.12   the interpreter that a new environment is made from
#   UV=                 do without uv (empty), or name the one to use; see scripts/env.sh

PYTHON ?= python3
export PYTHON

VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
DEV := $(VENV)/.installed-dev
# The demo needs a tenth of the packages; where all of them are there already, it uses those.
DEMO := $(if $(wildcard $(DEV)),$(DEV),$(VENV)/.installed-demo)

# pyright asks the package index whether it is the newest one; the lock says which one it is.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-header $(if $(UPGRADE),--upgrade)

.DEFAULT_GOAL := help
.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(DEV): requirements/dev.lock pyproject.toml scripts/env.sh
	scripts/env.sh $(VENV) --require-hashes -r requirements/dev.lock
	scripts/env.sh $(VENV) --no-deps -e .
	@touch $@

$(VENV)/.installed-demo: requirements/demo.lock pyproject.toml scripts/env.sh
	scripts/env.sh $(VENV) --require-hashes -r requirements/demo.lock
	scripts/env.sh $(VENV) --no-deps -e .
	@touch $@

.PHONY: demo
demo: $(DEMO) ## score, value and tag a real shop, bind the channels of another, into demo_output/
	$(BIN)/python -m userops rfm --value-weeks 52 --out demo_output
	$(BIN)/python -m userops tags --out demo_output
	$(BIN)/python scripts/three_channels.py --out demo_output

.PHONY: test
test: $(DEV) ## the test suite, with the code blocks of the documents
	$(BIN)/python -m pytest

.PHONY: test-long
test-long: $(DEV) ## the long property runs and the large data
	$(BIN)/python -m pytest -m "slow or scale" --timeout 3600

.PHONY: lint
lint: $(DEV) ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: types
types: $(DEV) ## mypy on the library, pyright on a user's subclasses
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

.PHONY: layers
layers: $(DEV) ## what may import what
	$(BIN)/lint-imports --no-logo

# All of it each time: a page that is not read again does not repeat its warnings.
.PHONY: docs
docs: $(DEV) ## the documentation, tutorials executed, into docs/_build/html/
	$(BIN)/sphinx-build -E -a -n -W --keep-going -b html docs docs/_build/html

.PHONY: wheel-check
wheel-check: $(DEV) ## build the wheel and use it where nothing else is installed
	scripts/wheel_check.sh $(BIN)/python

# The peers of the benchmarks.
$(VENV)/.installed-bench: $(DEV) requirements/bench.lock
	scripts/env.sh $(VENV) --no-deps --require-hashes -r requirements/bench.lock
	@touch $@

.PHONY: bench
bench: $(VENV)/.installed-bench ## the benchmarks at a small size
	$(BIN)/python -m benchmarks

.PHONY: bench-full
bench-full: $(VENV)/.installed-bench ## the benchmarks at full size
	$(BIN)/python -m benchmarks --full

# Deprecations of releases that old are not ours to mend, so warnings are no errors here.
.PHONY: lowest
lowest: $(DEV) ## the test suite against the lowest versions that pyproject.toml allows
	mkdir -p $(LOWEST)
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group test \
		--resolution lowest-direct --python $(BIN)/python -o $(LOWEST)/requirements.txt
	PYTHON=$(BIN)/python scripts/env.sh $(LOWEST) -r $(LOWEST)/requirements.txt
	PYTHON=$(BIN)/python scripts/env.sh $(LOWEST) --no-deps -e .
	$(LOWEST)/bin/python -m pytest -W default

.PHONY: lock
lock: $(DEV) ## compile the locks again (UPGRADE=1: to the newest versions)
	$(COMPILE) --all-extras --group dev -o requirements/dev.lock
	$(COMPILE) --extra plot -c requirements/dev.lock -o requirements/demo.lock
	$(BIN)/uv pip compile --quiet --group bench --no-deps --generate-hashes --no-header \
		--universal --python-version 3.11 -o requirements/bench.lock

.PHONY: clean
clean: ## remove the environments and everything that was made
	rm -rf $(VENV) $(LOWEST) build dist demo_output docs/_build spark-warehouse .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
