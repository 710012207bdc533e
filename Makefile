# Everything a newcomer needs: `make demo`, `make test`, `make serve`. Needs Python >= 3.11, git, make and a package index.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Groups are read from pyproject.toml, so that every version stands in one place.
GROUP  := $(BIN)/python -m pip install -q --disable-pip-version-check --group

.DEFAULT_GOAL := help
.PHONY: help demo serve test laws crash check format stubs check-stubs image clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

$(VENV)/installed: pyproject.toml clients/python/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Telwerk needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install -q --disable-pip-version-check -e 'clients/python[cli]' -e .
	@touch $@

$(VENV)/tested: $(VENV)/installed clients/bridges/pyproject.toml
	$(GROUP) test
	$(BIN)/python -m pip install -q --disable-pip-version-check -e 'clients/bridges[serve]'
	@touch $@

$(VENV)/checked: $(VENV)/tested
	$(GROUP) check
	@touch $@

$(VENV)/stubs/installed: pyproject.toml $(VENV)/installed
	$(PYTHON) -m venv $(VENV)/stubs
	$(VENV)/stubs/bin/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	$(VENV)/stubs/bin/python -m pip install -q --disable-pip-version-check --group stubs
	@touch $@

demo: $(VENV)/installed ## simulated chats on a server of its own: the answer of each of the ten KPIs
	$(BIN)/python clients/python/examples/demo.py

serve: $(VENV)/installed ## a server on 127.0.0.1:50051, on the SQLite file telwerk.db
	$(BIN)/telwerkd serve

test: $(VENV)/tested ## every test
	$(BIN)/python -m pytest -q

laws: $(VENV)/tested ## the property tests, with ten times the examples
	TELWERK_LAWS=10 $(BIN)/python -m pytest -q tests/laws

crash: $(VENV)/tested ## kill -9 a busy server 50 times: nothing acknowledged is lost, every counter is right
	$(BIN)/python tests/crash.py 50

check: $(VENV)/checked check-stubs ## format, lint, types, the import ladder, the contract, the Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	$(BIN)/hadolint Dockerfile

format: $(VENV)/checked ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only -q .
	cd protos && ../$(BIN)/buf format -w

stubs: $(VENV)/stubs/installed ## make the Python stubs from the contract
	$(MAKE) -s stubs-in STUBS=clients/python

# `STUBS` says where to.
.PHONY: stubs-in
stubs-in: $(VENV)/stubs/installed
	PATH=$(CURDIR)/$(VENV)/stubs/bin:$$PATH python -m grpc_tools.protoc -I protos \
	  --python_out=$(STUBS) --mypy_out=quiet:$(STUBS) --grpc_python_out=$(STUBS) --mypy_grpc_out=quiet:$(STUBS) protos/telwerk/v1/*.proto
	rm -f $(STUBS)/telwerk/v1/event_pb2_grpc.py*

check-stubs: $(VENV)/stubs/installed
	rm -rf $(VENV)/stubs/made && mkdir -p $(VENV)/stubs/made
	$(MAKE) -s stubs-in STUBS=$(VENV)/stubs/made
	diff -r -x __init__.py -x __pycache__ $(VENV)/stubs/made/telwerk/v1 clients/python/telwerk/v1

clean: ## remove what make made
	rm -rf $(VENV) demo.db* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
