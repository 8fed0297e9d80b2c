# The commands of this project. `make` alone explains them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := include:plugins

LOCKS := requirements.txt requirements-dev.txt
COMPILE := $(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
           --python-version 3.11

.PHONY: help venv site image demo test test-full test-frameworks chaos chaos-long bench lint check fmt lock down clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: $(LOCKS) include/local_site/bootstrap.py
	@$(PYTHON) include/local_site/bootstrap.py $(VENV) $(LOCKS)
	@touch $@

venv: $(VENV)/.ready ## Make the Python environment of Airflow, the checks and the tests

site: $(VENV)/.ready ## Start a whole site on this machine: blob store, VM, registry, model registry
	@$(BIN)/python -m local_site up

image: $(VENV)/.ready ## Build a training image of your own for the site on this machine; NAME=folder in include/images
	@$(BIN)/python -m local_site image $(NAME)

demo: $(VENV)/.ready ## Everything: the site, Airflow, three partitions trained, served and shown; REGISTRY=azureml for that
	@$(if $(REGISTRY),EDGE_MODEL_REGISTRY=$(REGISTRY) )$(BIN)/python -m local_site.demo

test: $(VENV)/.ready ## All tests, on a site of their own that is stopped afterwards
	@status=0; $(BIN)/python -m pytest || status=$$?; \
	$(BIN)/python -m local_site --test down || status=$$?; exit $$status

test-full: test chaos ## All tests, then every fault of make chaos; make test has a few of them

test-frameworks: $(VENV)/.ready ## Train with XGBoost, LightGBM, PyTorch and ONNX; not part of make test: an image of 2 GB
	@status=0; $(BIN)/python -m pytest -m frameworks || status=$$?; \
	$(BIN)/python -m local_site --test down || status=$$?; exit $$status

chaos: $(VENV)/.ready ## Break the pipeline in every way we know; FAULT=name for one, PEER=1 for SSHRemoteJobOperator
	@$(BIN)/python -m tests.chaos $(if $(PEER),--peer) $(if $(FAULT),--fault $(FAULT))

chaos-long: $(VENV)/.ready ## The faults that take more than half an hour
	@$(BIN)/python -m tests.chaos --long

bench: $(VENV)/.ready ## Measure beside Airflow's SSH operators, on the tests' site; ONLY=name for one part
	@status=0; $(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) || status=$$?; \
	$(BIN)/python -m local_site --test down || status=$$?; exit $$status

lint: $(VENV)/.ready ## Style, format, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint ## What lint says, and the fast tests
	@$(BIN)/python -m pytest -m "not integration and not e2e" -q

fmt: $(VENV)/.ready ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(VENV)/.ready ## Write every requirements*.txt from its .in file
	@$(COMPILE) --universal requirements.in -o requirements.txt
	@$(COMPILE) --universal requirements-dev.in -c requirements.txt -o requirements-dev.txt
	@$(COMPILE) --universal requirements-local-site.in -o requirements-local-site.txt
	@$(COMPILE) --universal requirements-datacontract.in -o requirements-datacontract.txt
	@{ grep '^#' requirements-azureml.in; $(COMPILE) --universal requirements-azureml.in; } > requirements-azureml.new
	@mv requirements-azureml.new requirements-azureml.txt
	@for image in training serving; do $(COMPILE) --python-platform linux include/images/$$image/requirements.in \
	  -c requirements.txt -c requirements-dev.txt -o include/images/$$image/requirements.txt; done
	@$(COMPILE) --python-platform linux include/images/frameworks/requirements.in \
	  --excludes include/images/frameworks/excludes.txt \
	  -c include/images/training/requirements.txt -o include/images/frameworks/requirements.txt

down: ## Stop everything this project started, and nothing else
	@status=0; if [ -x $(BIN)/python ]; then \
	  $(BIN)/python -m local_site down || status=$$?; \
	  $(BIN)/python -m local_site --test down || status=$$?; \
	  $(BIN)/python -m tests.chaos --down || status=$$?; \
	fi; exit $$status

clean: down ## Remove everything that make made
	@rm -rf .local_site build .cache $(VENV) $(VENV)-tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
