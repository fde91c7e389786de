# Every recipe needs only python3 (3.11 or newer), git and make: uv is put into .venv by the first one that runs.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
JOBS ?= auto
export UV_PROJECT_ENVIRONMENT := .venv
# What the first command imports is compiled by set-up and not meanwhile.
export UV_COMPILE_BYTECODE := 1
# Images often set it; without compiled files every test process compiles half a second of imports and all tests anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: check-types check-tests costs vendor conformance conformance-clean changelog dist help demo test check fix golden bench coverage mutants fresh setup clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: setup  ## the main job, end to end, on the embedded emulator
	@$(BIN)/python docs/demo.py

test: setup  ## the whole suite
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(ARGS)

# Types beside tests: where mypy has seen nothing of the tree yet, it takes one core for as long as they take the other.
check: setup  ## format, lint, import contracts, types, the tests that cost least: 90 s on two cores
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory -j 2 check-types check-tests

check-types: setup
	$(BIN)/mypy

check-tests: setup
	$(BIN)/pytest -q -n $(JOBS) --dist worksteal --quick $(ARGS)

costs: setup  ## measure what tests cost (Linux): it decides what `check` runs
	$(BIN)/python -m tests.costs $(ARGS)

fix: setup  ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: setup  ## rewrite golden files; review the diff
	$(BIN)/pytest -q --update-golden tests/golden tests/specs/test_examples.py -k 'recorded'
	$(BIN)/python -m reconciler.cli schema --output schemas/mlservice.schema.json
	$(BIN)/python -m schemas.reference

bench: setup  ## every number we claim
	$(BIN)/python -m benchmarks

coverage: setup  ## lines that the fast tests miss, and the floor of what they reach
	$(BIN)/pytest -q -n $(JOBS) -m "not slow" --cov --cov-report=term $(ARGS)

mutants: setup  ## small mistakes in core, engine, batching and features that no test notices
	$(UV) sync --locked --all-extras --no-extra torch --group mutants --quiet
	$(BIN)/python -m tests.mutants $(ARGS)

fresh:  ## demo and test on bare Debian machines; needs root and mmdebstrap
	$(PYTHON) -m tests.fresh $(ARGS)

# Two builds of one commit are the same bytes: hatchling sorts, and takes the time from here.
dist: setup  ## wheel and sdist of this commit, in dist/
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(UV) build --quiet --out-dir dist
	@ls -l dist

changelog: setup  ## the notes of changes/ go into CHANGELOG.md as a release: VERSION=...
	@test -n "$(VERSION)" || { echo "no version is named: make changelog VERSION=0.2.0" >&2; exit 1; }
	@$(BIN)/python ci/release.py
	$(BIN)/towncrier build --yes --version "$(VERSION)" $(ARGS)

REGION ?= europe-west1
conformance: setup  ## every kind against a project of yours: PROJECT=... [REGION=...] [KINDS=a,b]; shows what it may cost, and asks
	$(BIN)/python -m tests.conformance run --project "$(PROJECT)" --region "$(REGION)" --kinds "$(KINDS)" $(ARGS)

conformance-clean: setup  ## take away what runs of `conformance` left in a project that were killed: PROJECT=... [REGION=...]
	$(BIN)/python -m tests.conformance clean --project "$(PROJECT)" --region "$(REGION)" $(ARGS)

vendor: setup  ## what the page has of others, fetched from npm and checked
	$(BIN)/python ci/vendor.py

setup: .venv/.synced
.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --all-extras --no-extra torch --quiet
	@touch $@
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("mlservice needs Python 3.11 to 3.14; this is " + sys.version.split()[0]) if not (3, 11) <= sys.version_info[:2] <= (3, 14) else None'
	@$(PYTHON) -m venv .venv || { echo "python3 cannot make virtual environments here; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

clean:  ## forget the environment and the emulator's state
	rm -rf .venv .mlservice
