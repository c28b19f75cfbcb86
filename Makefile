# Everything runs from a bare clone: the first call makes a virtual environment, with uv when it is
# there, else with venv and pip.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
READY := $(VENV)/.ready

.PHONY: demo test test-cluster lint typecheck format bench build constraints known-keys clean

demo: $(READY)
	$(BIN)/python example_project/demo.py

test: $(READY)
	$(BIN)/python -m pytest --cov --cov-report=term -p no:cacheprovider
	$(BIN)/python scripts/smoke_test_wheel.py

# On the cluster that the environment names: see tests/cluster/README.md.
test-cluster: $(READY)
	$(BIN)/python -m pytest -m cluster tests/cluster -p no:cacheprovider

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m benchmarks

build: $(READY)
	$(BIN)/python -m build

constraints:
	uv pip compile --universal --no-emit-index-url --no-header --all-extras --group dev \
		--python-version 3.11 --output-file constraints.txt pyproject.toml

# What the installed agent, dagster_k8s and Dagster+ read, and what is new of it: make constraints first.
known-keys: $(READY)
	$(BIN)/python scripts/generate_known_keys.py

clean:
	rm -rf $(VENV) dist build .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; call make PYTHON=/path/to/python3.12"; exit 1; }
ifdef UV
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[aws,vault,check,cloud,demo]' --group dev
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[aws,vault,check,cloud,demo]' --group dev
endif
	@touch $(READY)
