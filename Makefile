# `make` alone lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-cluster test-gpu slurm check lint format bench docs tensorboard lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.run ## set everything up, train on MNIST, and say what to try next
	$(BIN)/python run.py
	@echo "next:        $(BIN)/python run.py model=cnn device=virtual"
	@echo "all keys:    $(BIN)/python run.py --help"

# The tests of a file share runs, and so stay in one process (tests/support/scheduling.py); the longest come first.
PYTEST = $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.dev ## set everything up and run the tests: some 6 minutes on 2 cores
	$(PYTEST) -m "not slow and not cluster and not gpu"

test-all: $(VENV)/.dev $(VENV)/.docs ## run all tests, also those that need minutes: about 20 minutes
	$(PYTEST) -m "not cluster and not gpu"

test-cluster: $(VENV)/.dev slurm ## sweeps on a Slurm of their own on this machine (Debian, as root): about 5 minutes
	$(BIN)/python -m pytest -m cluster tests/cluster

test-gpu: $(VENV)/.dev ## every mode and layout on a GPU
	$(BIN)/python -m pytest -m gpu tests/gpu

slurm:
	@export PATH="$$PATH:/usr/sbin"; \
	{ command -v slurmctld && command -v slurmd && command -v munged && command -v sbatch; } >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null; } || { \
	  echo "test-cluster needs slurm-wlm and munge, and root to run them" >&2; exit 1; }

check: lint test ## everything that must hold before a change lands

lint: $(VENV)/.dev ## formatting, lint, types, and the order of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## measure a step and a sweep beside Keras, PyTorch, Lightning, Ray and others: about 80 minutes
	PYTHONPATH=$(VENV)/bench $(BIN)/python -m benchmarks.speed
	PYTHONPATH=$(VENV)/bench $(BIN)/python -m benchmarks.sweep_speed

docs: $(VENV)/.docs ## build the documentation as a site, in English and Chinese: site/index.html
	rm -rf site
	PYTHONPATH=$(VENV)/docs $(BIN)/python docs/site/build.py site

tensorboard: $(VENV)/.run ## look at all runs, on this machine only
	$(BIN)/tensorboard --logdir outputs --host localhost

lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --no-header --no-annotate --upgrade -q \
	  -o requirements.lock
	uv pip compile pyproject.toml --extra optuna --extra slurm --extra submitit --universal --python-version 3.11 --no-header \
	  --no-annotate --upgrade -q -c requirements.lock | grep -vxFf requirements.lock > requirements-plugins.lock
	uv pip compile pyproject.toml --extra mlflow --group mlflow-server --universal --python-version 3.11 --no-header \
	  --no-annotate --upgrade -q -c requirements.lock | grep -vxFf requirements.lock > requirements-mlflow.lock
	sed -n 's/^mlflow-skinny==/mlflow==/p' requirements-mlflow.lock >> requirements-mlflow.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --no-header --no-annotate --upgrade -q \
	  -c requirements.lock -o requirements-dev.lock
	uv pip compile --group docs --universal --python-version 3.11 --no-header --no-annotate --upgrade -q \
	  -c requirements.lock -o requirements-docs.lock

clean: ## remove the environment and caches, not the runs
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "exp needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

# Hydra imports its installed plugins at every start. The tests that want them add this folder to their path.
$(VENV)/.plugins: requirements-plugins.lock $(VENV)/.run
	$(BIN)/python -m pip install -q --no-deps --target $(VENV)/plugins --upgrade -r requirements-plugins.lock
	@touch $@

# A server and its client, for tests. What only models need of MLflow is left out, and what it shares with us is ours.
$(VENV)/.mlflow: requirements-mlflow.lock $(VENV)/.run
	$(BIN)/python -m pip install -q --no-deps --target $(VENV)/mlflow --upgrade -r requirements-mlflow.lock
	@touch $@

# Sphinx reads our docstrings, and lies in a folder of its own, so that the environment does not get it.
$(VENV)/.docs: requirements-docs.lock $(VENV)/.run
	$(BIN)/python -m pip install -q --no-deps --target $(VENV)/docs --upgrade -r requirements-docs.lock
	@touch $@

# Not pinned: which build of PyTorch fits depends on the machine. The results name the versions. Hydra imports every
# plugin on its path, and so the joblib launcher has a folder of its own, which only the rival that uses it gets.
$(VENV)/.bench: $(VENV)/.run
	$(BIN)/python -m pip install -q --target $(VENV)/bench --upgrade -c requirements.lock \
	  'torch>=2.9,<3' 'lightning>=2.5,<3' 'keras-tuner>=1.4,<2' 'ray[tune]>=2.50,<3' 'optuna>=4.4,<6'
	$(BIN)/python -m pip install -q --no-deps --target $(VENV)/bench-joblib --upgrade \
	  'hydra-joblib-launcher>=1.2,<2' 'joblib>=1.4,<2'
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run $(VENV)/.plugins $(VENV)/.mlflow
	$(BIN)/python -m pip install -q -r requirements-dev.lock
	@touch $@
