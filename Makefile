# Everything a newcomer needs: `make demo`, `make test`, `make serve`. Needs Python >= 3.11, git, make and a package index.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Groups are read from pyproject.toml, so that every version stands in one place.
GROUP  := $(BIN)/python -m pip install -q --disable-pip-version-check --group
# setuptools warns a newcomer of folders that are named like a package; ours are meant to be.
EDITABLE := PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install -q --disable-pip-version-check
BENCH  := $(BIN)/python -m benchmarks

# Tests start hundreds of programs: each begins in half the time where Python may keep what it compiled.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo serve test test-long test-clients laws golden crash storm failover backups bench bench-quick bench-growth bench-stages bench-instructions bench-attack bench-docs soak
.PHONY: check format stubs check-stubs image release clean

help: ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

$(VENV)/installed: pyproject.toml clients/python/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Telwerk needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	$(EDITABLE) -e 'clients/python[cli]' -e .
	@touch $@
	@echo 'Telwerk is installed in $(VENV). To type `telwerk` and `telwerkd` as they are:  export PATH="$(CURDIR)/$(BIN):$$PATH"'

$(VENV)/tested: $(VENV)/installed clients/bridges/pyproject.toml
	$(GROUP) test
	$(EDITABLE) -e 'clients/bridges[serve,import]'
	@touch $@

$(VENV)/checked: $(VENV)/tested
	$(GROUP) check
	@touch $@

$(VENV)/stubs/installed: pyproject.toml $(VENV)/installed
	$(PYTHON) -m venv $(VENV)/stubs
	$(VENV)/stubs/bin/python -m pip install -q --disable-pip-version-check 'pip>=25.1'
	$(VENV)/stubs/bin/python -m pip install -q --disable-pip-version-check --group stubs
	@touch $@

demo: $(VENV)/installed ## run simulated chats on a server of its own, and show the answer of each KPI
	$(BIN)/python clients/python/examples/demo

serve: $(VENV)/installed page-where-node-is ## run a server on 127.0.0.1:50051 with the SQLite file telwerk.db; its page is on port 50080
	@echo 'Next, in another terminal:  $(BIN)/telwerk simulate --conversations 300  and then open the page at the address below'
	$(BIN)/telwerkd serve

# Most tests wait for servers of their own: four at a time keep two cores busy. A file stays together, and those that
# take longest come first (tests/conftest.py).
ALL_TESTS := $(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/tested ## run every test, with a part of the random and repeated work
	$(ALL_TESTS)
	@echo 'Next:  make check, before a commit;  make demo or make serve, to see it run'

test-long: $(VENV)/tested ## run every test with all examples, kills and damages, and start each program as its users do
	TELWERK_LAWS=1 TELWERK_TEST_EXEC=1 $(ALL_TESTS)

test-clients: $(VENV)/browsing browser ## test the clients of all languages, the gRPC tools and the page; needs go, node with npm, java with mvn
	$(BIN)/python -m pytest -q tests/tools $(addprefix --ignore=,$(RELEASE_TESTS))
	$(MAKE) -s test-page PAGE_TESTS='$(PAGE_IN_SHORT)'

$(VENV)/browsing: $(VENV)/checked
	$(GROUP) page
	@touch $@

# What is tried with every change: that it loads, its numbers, keys, live, addresses. All of it takes minutes more.
PAGE_IN_SHORT := $(addprefix tests/page/test_,addresses.py frame.py keys.py live.py overview.py)
PAGE_TESTS    := tests/page

.PHONY: test-page browser
# By themselves: Playwright has an event loop of its own, which tests that are coroutines cannot share.
test-page: $(VENV)/browsing browser ## test the page in Chromium; needs node with npm
	$(BIN)/python -m pytest -q $(PAGE_TESTS)
	@if command -v npm >/dev/null; then $(MAKE) -s $(PAGE_NODE)/installed && cd clients/page && npm test --silent; fi

# Debian's, where there is none and we may. Playwright drives it as it is; browsers of its own are not fetched.
browser:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get; then apt-get update -qq && apt-get install -qq --no-install-recommends chromium; \
	else echo 'There is no Chromium here: the tests of the page are skipped. Debian has it: sudo apt-get install chromium' >&2; \
	fi >/dev/null

# Minutes, most of them to compile Helm and to build what is handed out.
RELEASE_TESTS := tests/tools/test_release.py tests/tools/test_helm.py
.PHONY: test-release
test-release: $(VENV)/checked ## test the files of a release and the chart; use it before a release or a change of deploy/
	$(BIN)/python -m pytest -q $(RELEASE_TESTS)

laws: $(VENV)/tested ## run the property tests with sixteen times the examples of test-long
	TELWERK_LAWS=16 $(BIN)/python -m pytest -q tests/laws

golden: $(VENV)/tested ## record the golden replies again, after an intended change of what clients see
	$(BIN)/python -m tests.golden.record

crash: $(VENV)/tested ## kill -9 a busy server or its writer 50 times: no acknowledged event is lost, every counter is right
	$(BIN)/python -m tests.programs.crash 50

storm: $(VENV)/tested ## run four server processes on one PostgreSQL for a minute: no deadlock, every counter is right
	$(BIN)/python -m tests.programs.storm 60

# How many; one takes some 30 ms.
DAYS := 1000
.PHONY: bridge-days
bridge-days: $(VENV)/tested ## compare simulated days of Chatwoot, shuffled, late and repeated, with their stories; DAYS=1000
	$(BIN)/python -m tests.programs.many_days $(DAYS)

# Worlds of so many seeds, from one on.
SEEDS := 1000
FROM := 0
.PHONY: simulate simulate-day simulate-mutations
simulate: $(VENV)/tested ## simulate worlds from seeds, with faults of every kind at any step; SEEDS=1000 FROM=0
	$(BIN)/python -m tests.simulation $(SEEDS) $(FROM)

simulate-day: $(VENV)/tested ## simulate a day of a server without a fault: it holds no more at the end; an hour of CPU at most
	$(BIN)/python -m tests.simulation.day

simulate-mutations: $(VENV)/tested ## break concurrent code in ten ways: simulated worlds find each of them
	$(BIN)/python -m tests.simulation.mutations

backups: $(VENV)/tested ## back up a busy server 20 times, killing backups and servers: every backup that exists verifies
	$(BIN)/python tests/programs/backups.py 20

failover: $(VENV)/tested ## kill PostgreSQL 20 times under a busy server: no acknowledged event is lost, SERVING again
	$(BIN)/python -m tests.programs.failover 20

# How many cases of each target; TARGET= names one (`.venv/bin/python -m tests.fuzz --help` lists them), SEED= its seed.
CASES := 2000
.PHONY: fuzz histories
fuzz: $(VENV)/tested ## give random input to everything that reads input from others; CASES=2000 of each kind, TARGET=, SEED=
	$(BIN)/python -m tests.fuzz --cases $(CASES) $(addprefix --target ,$(TARGET)) $(addprefix --seed ,$(SEED))

histories: $(VENV)/tested ## run clients of two servers on one PostgreSQL for two minutes, break connections, and check what they saw
	$(BIN)/python -m tests.programs.histories 120

# How long, in hours.
HOURS := 2
.PHONY: long-life
long-life: $(VENV)/tested ## run a real server at half its peak, purged every minute: its memory and times do not grow; HOURS=2
	$(BIN)/python -m tests.programs.long_life $(HOURS)

.PHONY: faults
faults: $(VENV)/tested ## fail system calls, disks, networks and PostgreSQL; write what callers see into docs/reliability.md
	$(BIN)/python -m tests.programs.faults

$(VENV)/benchable: $(VENV)/tested
	$(GROUP) bench
	@touch $@

bench: $(VENV)/benchable ## measure speed against floors and peers, with the bars (R1 to R11); takes a quarter of an hour
	$(BENCH) run

bench-quick: $(VENV)/benchable ## measure the same with fewer events, in a few minutes
	$(BENCH) run --quick

bench-growth: $(VENV)/benchable ## measure curves up to 5 million events, 1,000 operators, 4,000 events in a conversation
	$(BENCH) growth --full

bench-stages: $(VENV)/benchable ## measure where the time of one event and of one query goes
	$(BENCH) stages

bench-instructions: $(VENV)/benchable ## count the instructions of one event and of one query with valgrind: the same on every machine
	$(BENCH) instructions

bench-attack: $(VENV)/benchable ## measure an attacker and a victim side by side: latency, how long the event loop stood still, memory
	$(BENCH) attack

bench-docs: $(VENV)/benchable ## write the last results into docs/performance.md, and draw the curves
	$(BENCH) document

soak: $(VENV)/benchable ## run 30 minutes of live traffic at 70% of its peak: the last five minutes must be like the first five
	$(BENCH) soak

check: $(VENV)/checked check-stubs check-page ## check format, lint, types, the import ladder, the contract, the Dockerfiles and the Compose file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd protos && ../$(BIN)/buf lint && ../$(BIN)/buf format --diff --exit-code
	$(MAKE) -s breaking
	$(BIN)/hadolint Dockerfile clients/bridges/Dockerfile
	$(BIN)/check-jsonschema -q --builtin-schema vendor.compose-spec deploy/compose.yaml

# Whether the contract breaks those who use the last release; before the first there is nothing to break.
# `REPOSITORY` says whose.
REPOSITORY := .
.PHONY: breaking
breaking: $(VENV)/checked
	@tag=$$(git -C $(REPOSITORY) describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null) || \
	  { echo 'buf breaking: no release tag yet'; exit 0; }; \
	git=$$(git -C $(REPOSITORY) rev-parse --path-format=absolute --git-common-dir) && \
	$(BIN)/buf breaking $(REPOSITORY)/protos --against "$$git#format=git,tag=$$tag,subdir=protos"

format: $(VENV)/checked ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only -q .
	cd protos && ../$(BIN)/buf format -w

stubs: $(VENV)/stubs/installed ## generate the Python stubs from the contract
	$(MAKE) -s stubs-in STUBS=clients/python

# `STUBS` says where to.
.PHONY: stubs-in
stubs-in: $(VENV)/stubs/installed
	PATH=$(CURDIR)/$(VENV)/stubs/bin:$$PATH python -m grpc_tools.protoc -I protos \
	  --python_out=$(STUBS) --mypy_out=quiet:$(STUBS) --grpc_python_out=$(STUBS) --mypy_grpc_out=quiet:$(STUBS) protos/telwerk/v1/*.proto
	rm -f $(STUBS)/telwerk/v1/event_pb2_grpc.py* $(STUBS)/telwerk/v1/display_name_pb2_grpc.py*

check-stubs: $(VENV)/stubs/installed
	rm -rf $(VENV)/stubs/made && mkdir -p $(VENV)/stubs/made
	$(MAKE) -s stubs-in STUBS=$(VENV)/stubs/made
	diff -r -x __init__.py -x __pycache__ $(VENV)/stubs/made/telwerk/v1 clients/python/telwerk/v1

# --- clients in other languages, and tools: what `make test-clients` builds ---

TOOLS := $(VENV)/tools
NODE  := clients/typescript/node_modules
# The plugins that buf finds are the pinned ones.
PLUGINS := PATH=$(CURDIR)/$(TOOLS):$(CURDIR)/$(NODE)/.bin:$$PATH

.PHONY: tools client-go client-typescript client-java client-stubs client-stubs-in check-client-stubs java-digest check-java-stubs

# One at a time and into one folder: grpcurl, grpc-health-probe, ghz and the plugins of Go, at the versions of go.mod.
$(TOOLS)/installed: tests/tools/go.mod tests/tools/go.sum
	cd tests/tools && GOBIN=$(CURDIR)/$(TOOLS) go install tool
	@touch $@

$(NODE)/installed: clients/typescript/package-lock.json
	cd clients/typescript && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# --- the page: telwerkd serves what is built of it, and does without where it was not built ---

BUILT_PAGE   := service/telwerkd/page/index.html
PAGE_NODE    := clients/page/node_modules
PAGE_SOURCES := $(shell find clients/page clients/typescript/src/gen clients/python/telwerk/cli/presentation.json \
  \( -name node_modules -o -name test \) -prune -o -type f -print)
.PHONY: page page-where-node-is check-page

page: $(BUILT_PAGE) ## build the page that telwerkd serves to browsers; needs node with npm

$(PAGE_NODE)/installed: clients/page/package-lock.json
	cd clients/page && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(BUILT_PAGE): $(PAGE_NODE)/installed $(PAGE_SOURCES)
	cd clients/page && npm run --silent build

# Nobody who wants a server alone has to have node.
page-where-node-is:
	@if ! command -v npm >/dev/null; then \
	  test -f $(BUILT_PAGE) || echo 'There is no node with npm here: the server runs without its page, which  make page  builds.'; \
	elif ! $(MAKE) -s page; then \
	  echo 'The page could not be built, see above: the server runs without the newest one.'; \
	fi

check-page:
	@if command -v npm >/dev/null; then $(MAKE) -s $(PAGE_NODE)/installed && cd clients/page && npm run --silent check; \
	else echo 'The types of the page are not checked: there is no node with npm here.'; fi

tools: $(TOOLS)/installed ## install grpcurl, grpc-health-probe and ghz into .venv/tools; needs go
	@echo 'Next:  make serve, and then  $(TOOLS)/grpcurl -plaintext 127.0.0.1:50051 list'

# Helm and kubeconform, in a module of their own: what they need of each other's packages is not what the others need.
CLUSTER := tests/tools/kubernetes
.PHONY: cluster-tools
$(TOOLS)/schemas/made: $(CLUSTER)/go.mod $(CLUSTER)/go.sum $(wildcard $(CLUSTER)/schemas/*.go)
	cd $(CLUSTER) && GOBIN=$(CURDIR)/$(TOOLS) go install tool
	rm -rf $(@D) && mkdir -p $(@D) && cd $(CLUSTER) && go run ./schemas $(CURDIR)/$(@D)
	@touch $@

cluster-tools: $(TOOLS)/schemas/made

# Prometheus's own judge of configuration and alarms: where it is not on the PATH, out of Debian's package, which is not installed.
.PHONY: promtool
promtool: $(TOOLS)/promtool
$(TOOLS)/promtool:
	@mkdir -p $(TOOLS)/debian && cd $(TOOLS)/debian && \
	  { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } >&2 && \
	  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool > promtool && \
	  chmod +x promtool && mv promtool $(CURDIR)/$@ && rm -f prometheus_*.deb

client-go:
	cd clients/go && gofmt -l . | (! grep .) && go vet ./... && go build -o $(CURDIR)/$(TOOLS)/ ./internal/conformance ./examples/sendandquery

client-typescript: $(NODE)/installed
	cd clients/typescript && npm run --silent build

client-java:
	cd clients/java && mvn -q -B package >&2

client-stubs: ## generate the stubs of the other languages from the contract
	rm -rf clients/go/telwerkv1 clients/typescript/src/gen
	$(MAKE) -s client-stubs-in STUBS=clients
	for client in go typescript; do cp clients/service_config.json clients/$$client/; done
	$(MAKE) -s java-digest > clients/java/stubs.sha256

# `STUBS` says where to. The details of errors are Google's contract; it comes with the package that has its Python stubs.
client-stubs-in: $(VENV)/checked $(VENV)/stubs/installed $(TOOLS)/installed $(NODE)/installed
	$(PLUGINS) $(BIN)/buf generate protos --template clients/buf.gen.yaml -o $(STUBS)
	rpc=$$($(VENV)/stubs/bin/python -c 'import google.rpc; print(google.rpc.__path__[0])') && \
	  $(PLUGINS) $(BIN)/buf generate $${rpc%/google/rpc} --path $$rpc/status.proto --path $$rpc/error_details.proto \
	  --template clients/buf.gen.rpc.yaml -o $(STUBS)

check-client-stubs:
	rm -rf $(VENV)/stubs/clients
	$(MAKE) -s client-stubs-in STUBS=$(VENV)/stubs/clients
	diff -r $(VENV)/stubs/clients/go/telwerkv1 clients/go/telwerkv1
	diff -r $(VENV)/stubs/clients/typescript/src/gen clients/typescript/src/gen

# Java's stubs are made by each build, and too large to be committed; a digest of all of them is.
java-digest: client-java
	@cd clients/java/target/generated-sources/protos && find . -name '*.java' | LC_ALL=C sort | xargs sha256sum | sha256sum

check-java-stubs:
	$(MAKE) -s java-digest | diff - clients/java/stubs.sha256

# --- the image: what it is built from is pinned ---

# The Python of the image's base.
IMAGE_PYTHON := 3.13
LOCK := $(BIN)/uv pip compile - --quiet --python-version $(IMAGE_PYTHON) --python-platform linux --generate-hashes --upgrade \
  --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package telwerk --no-emit-package telwerkd --no-emit-package telwerk-bridges \
  --custom-compile-command 'make image-lock'

.PHONY: image-lock image-digest
image-lock: $(VENV)/checked ## lock what the images install, with hashes, at the newest versions allowed
	printf '%s\n' ./clients/python '.[otlp,jwt]' | $(LOCK) -o deploy/image.lock
	printf '%s\n' ./clients/python './clients/bridges[serve,import]' | $(LOCK) -o deploy/bridge.lock
	printf '%s\n' 'setuptools>=77' wheel | $(LOCK) -o deploy/image-build.lock

image-digest: ## pin the base images to the current digests of their tags; needs docker and a registry
	@for name in BASE NODE; do \
	  base=$$(sed -n "s/^ARG $$name=\([^@]*\).*/\1/p" Dockerfile) && \
	  digest=$$(docker buildx imagetools inspect "$$base" --format '{{.Manifest.Digest}}') && \
	  sed -i "s|^ARG $$name=.*|ARG $$name=$$base@$$digest|" Dockerfile clients/bridges/Dockerfile && grep "^ARG $$name=" Dockerfile \
	    || exit; \
	done

image: ## build the images of the server and of the bridge; needs docker
	docker build --build-arg REVISION=$$(git rev-parse --short HEAD) -t telwerk .
	docker build --build-arg REVISION=$$(git rev-parse --short HEAD) -t telwerk-bridge -f clients/bridges/Dockerfile .

# --- a release ---

# `DIST` says where to; what is in it is removed.
DIST := dist

$(VENV)/releasing: $(VENV)/checked
	$(GROUP) release
	@touch $@

release: $(VENV)/releasing $(NODE)/installed $(PAGE_NODE)/installed ## build wheels, sdists, tarball, jar, bills of materials and checksums into dist; needs node with npm, java with mvn
	$(BIN)/python deploy/release.py $(DIST)

clean: ## remove everything that make created
	rm -rf $(VENV) dist $(NODE) $(PAGE_NODE) $(dir $(BUILT_PAGE)) clients/typescript/dist clients/java/target demo.db* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
