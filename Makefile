# Everything runs from a bare clone: the first call makes a virtual environment, with uv when it is
# there, else with venv and pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
READY := $(VENV)/.ready
# Twice as many as cores: tests/conftest.py. `make test WORKERS=0` keeps everything in one process.
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
PARALLEL := $(PYTEST) -n $(WORKERS)
# Counting what is covered takes as long as the tests themselves, so CI does it: `make test COVER=1`.
COVERAGE := $(if $(COVER),--cov --cov-report=term)
# What Material says of a later MkDocs is nothing that a build is about.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
MIKE := NO_MKDOCS_2_WARNING=1 $(BIN)/mike
# Without bytecode every worker, and every process that a test starts, would compile Dagster anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-quick test-cluster lint format bench fuzz docs docs-serve docs-version build matrix sbom \
	constraints known-keys clean

demo: $(READY)
	$(BIN)/python example_project/demo.py

test: $(READY)
	$(PARALLEL) $(COVERAGE)
	$(BIN)/python scripts/smoke_test_wheel.py

# The inner loop: what starts no server, no browser and no process.
test-quick: $(READY)
	$(PARALLEL) --quick -q

# On the cluster that the environment names: see tests/cluster/README.md.
test-cluster: $(READY)
	$(PYTEST) -m cluster tests/cluster

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# One of them: make bench PART=executor. The largest sizes: make bench FULL=1.
bench: $(READY)
	$(BIN)/python -m benchmarks $(PART) $(if $(FULL),--full)

# Inputs that a parser neither takes nor refuses: make fuzz SECONDS=1800 TARGETS="values yaml"; fuzz/__main__.py says more.
fuzz: $(READY)
	$(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet) --group fuzz \
		|| echo "Atheris cannot be installed here"
	$(BIN)/python -m fuzz --seconds $(or $(SECONDS),60) $(TARGETS)

# Into site/. A link that leads nowhere, and a page that is in no menu, is an error.
docs: $(READY)
	$(MKDOCS) build

docs-serve: $(READY)
	$(MKDOCS) serve

# The docs of a version beside those of others, as a commit on the branch gh-pages; nothing is pushed.
# make docs-version VERSION=0.1
docs-version: $(READY)
	PATH="$(abspath $(BIN)):$$PATH" $(MIKE) deploy --alias-type=copy --update-aliases $(VERSION) latest
	PATH="$(abspath $(BIN)):$$PATH" $(MIKE) set-default latest

build: $(READY)
	$(BIN)/python -m build

# The wheel and the sdist, on every Python at hand, with the lowest and the newest Dagster: make matrix PYTHONS="3.12 3.13"
matrix: $(READY)
	$(BIN)/python scripts/matrix.py $(PYTHONS)

# What an installation is made of, as CycloneDX, beside the wheel in dist/.
sbom: $(READY)
	$(BIN)/python scripts/sbom.py

constraints:
	uv pip compile --universal --no-emit-index-url --no-header --all-extras --group dev \
		--python-version 3.11 --output-file constraints.txt pyproject.toml

# What the installed agent, dagster_k8s and Dagster+ read, and what is new of it: make constraints first.
known-keys: $(READY)
	$(BIN)/python scripts/generate_known_keys.py

clean:
	rm -rf $(VENV) dist build site .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Every package is pinned, so that nothing is left to resolve; what pyproject.toml wants besides, the check
# names: make constraints.
PINNED := --no-deps -r constraints.txt -e .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; call make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Installing what constraints.txt pins into $(VENV): about a minute with pip, on a busy machine more"
ifdef UV
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --python $(BIN)/python $(PINNED)
	$(UV) pip check --python $(BIN)/python
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --no-compile $(PINNED)
	$(BIN)/python -m pip check
endif
	@touch $(READY)
