# demo   install, start the stack, make a video from the sample portrait
# test   everything; check   the quick part of it, under three minutes
# notebooks  executed copies of the notebooks, as pages
# engines  the environment of the engine torch, whose tests make test runs there
# pins  requirements*.txt from the bounds in pyproject.toml
# bench  the measurements in benchmarks/; faults  the whole fault suite, about half an hour

# The first Python that is new enough; another one: make demo PYTHON=/path/to/python
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
	$(if $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(name))))
BIN := .venv/bin
# Three processes on two cores, as some tests wait more than they compute; tests/sharing.py says what shares a stack
SHARED := -n 3 --dist loadscope --no-loadscope-reorder
PROMPT ?= Explain in three short sentences why the sky is blue.
export GRADIO_ANALYTICS_ENABLED ?= False
export HF_HUB_OFFLINE ?= 1
# Roles start often: without compiled files each start takes 4 s of CPU instead of 1.6.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check faults bench notebooks engines pins lint javascript node environment environment-dev browser fault-tools python

help:
	@echo "make demo    install into .venv, start the stack, make a talking-head video"
	@echo "make test    run everything: lint, types, layers, all tests"
	@echo "make check   the quick part of it"
	@echo "make faults  kill, stop, cut and fill, as often as promised"
	@echo "make bench   measure speed"
	@echo "make notebooks  run the notebooks and write them as pages to build/notebooks"

demo: environment
	@$(BIN)/workbench run talking_head --portrait sample --prompt "$(PROMPT)"

test: environment-dev engines browser fault-tools lint
	@$(BIN)/pytest $(SHARED)

check: environment-dev lint
	@$(BIN)/pytest -q $(SHARED) -m "chain or not (slow or stack or models)"

faults: environment-dev fault-tools
	@WORKBENCH_FAULTS=long $(BIN)/pytest -s --timeout 1200 tests/faults tests/simulation

bench: environment-dev
	@$(BIN)/python -m benchmarks

# Only with a build of torch for CPUs: the one for CUDA would be a download of several GiB for tests that need none of it.
engines: environment-dev
	@WORKBENCH_ENGINES=$(CURDIR)/.engines $(BIN)/workbench engines install torch --cpu --with pytest --with pytest-timeout > /dev/null \
		|| echo "Nodes on torch are not tested; to include them, follow the remedy above and run make engines." >&2

notebooks: environment
	@$(BIN)/python tools/render_notebooks.py

# The versions that fit pyproject.toml; UPGRADE=all or names: newer ones.
pins: environment-dev
	@$(BIN)/python tools/pins.py $(if $(UPGRADE),--upgrade $(filter-out all,$(UPGRADE)))

lint:
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@$(MAKE) --no-print-directory javascript

# TypeScript checks the modules against types of the HTTP API, oxlint their style; tools/js pins both.
javascript: node
	@if test "$$(node -p 'parseInt(process.versions.node) >= 20' 2> /dev/null)" != true || ! command -v npm > /dev/null; then \
		echo "JavaScript is not checked: it needs npm and Node 20 or newer." >&2; \
	elif $(MAKE) --no-print-directory $(NPM); then $(MAKE) --no-print-directory build/js/checked; \
	else echo "JavaScript is not checked." >&2; fi

JS_MODULES := $(wildcard workbench/web/*.js workbench/web/*/*.js workbench/notebook/widgets/*.js)
NPM := tools/js/node_modules/.package-lock.json

build/js/checked: $(JS_MODULES) $(wildcard tests/web/*.mjs) tools/js/tsconfig.json tools/js/types.d.ts tools/js/oxlint.json build/js/schema.d.ts
	@tools/js/node_modules/.bin/oxlint --config tools/js/oxlint.json --silent workbench/web workbench/notebook/widgets tests/web
	@node tools/js/node_modules/typescript-7/bin/tsc --project tools/js
	@touch $@

build/js/schema.d.ts: $(NPM) tools/js/describe.py $(wildcard schemas/*.py workbench/app/api/*.py)
	@mkdir -p build/js
	@$(BIN)/python tools/js/describe.py > build/js/openapi.json
	@tools/js/node_modules/.bin/openapi-typescript build/js/openapi.json --output $@ > /dev/null 2>&1

$(NPM): tools/js/package-lock.json
	@npm ci --prefix tools/js --no-audit --no-fund --loglevel error || { \
		echo "The tools that check JavaScript cannot be installed: npm needs a registry that answers (npm config set registry …)." >&2; exit 1; }
	@touch $@

environment: python
	@$(PYTHON) tools/environment.py

environment-dev: python
	@$(PYTHON) tools/environment.py --dev

python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found."; \
		echo "  seen: $$(python3 --version 2>&1)"; \
		echo "  remedy: install python3.11 or newer, or say where it is: make demo PYTHON=/path/to/python"; exit 1; } >&2

# Pages are tested in a real browser. Where it cannot be installed, those tests say so themselves.
browser:
	@command -v chromium > /dev/null || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends chromium > /dev/null; } \
		|| echo "There is no chromium here, so pages are not tested: install it (Debian: apt-get install chromium; macOS: brew install chromium)." >&2

# JavaScript is checked, and its reducers are tested, with Node 20 or newer. Where it cannot be installed, both say so.
node:
	@command -v npm > /dev/null || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends nodejs npm > /dev/null; } \
		|| echo "There is no npm here, so JavaScript is not checked: install Node 20 or newer (Debian: apt-get install nodejs npm)." >&2

# Faults of clocks and networks need libfaketime and iproute2. Where they cannot be installed, those tests say so.
fault-tools:
	@ls /usr/lib/*/faketime/libfaketime.so.1 > /dev/null 2>&1 && command -v ip > /dev/null \
		|| { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends faketime iproute2 > /dev/null; } \
		|| echo "There is no libfaketime or iproute2 here, so clocks and networks are not tested." >&2
