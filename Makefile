# The commands of this project. `make run` and `make test` work on a machine with python3.11 (venv), make and git.

PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(name))))
ADDRESS ?= 127.0.0.1:8000

.DEFAULT_GOAL := help
.PHONY: help run install install-dev install-clients test clients plans replay authority faults hostile operations release bench quick lint format typecheck screenshots lock

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "make %-12s %s\n", $$1, $$2}'

run: install  ## Install, load the demo and serve it (ADDRESS=127.0.0.1:8000)
	@exec .venv/bin/python manage.py demo $(ADDRESS)

install: .venv/.runtime-set  ## Make .venv with what the server needs

install-dev: .venv/.development-set  ## The same with what the tests need

test: install-dev install-clients  ## Check style and types, then run all tests on SQLite and PostgreSQL
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest

quick: install-dev  ## The tests without browser, on SQLite only
	.venv/bin/pytest -n0 -m "not browser" --ignore=tests/clients

clients: install-clients .clients/airflow/.installed  ## The stories of all clients, Airflow's included, against a live server
	.venv/bin/pytest -n0 -m "clients or not clients" tests/clients

plans: install-dev  ## Explain every query of every page and call on 100,000 versions, on both databases
	.venv/bin/pytest -m plans tests/plans

replay: install-dev  ## Walk at random through every door for long, and compare a replay of the log with the tables
	.venv/bin/pytest -m replay

authority: install-dev  ## Ask every list, search and call about a limited group, before and after it is there
	.venv/bin/pytest -m "authority or not authority" tests/authority

faults: install-dev  ## Kill, freeze, lock and fill under load, on both databases (FAULT_ROUNDS=20)
	.venv/bin/pytest -n0 -m faults tests/faults
	TEST_DB=postgresql .venv/bin/pytest -n0 -m faults tests/faults

operations: install-dev  ## Stopping, metrics, migrating, nginx, roles of PostgreSQL, upgrades from the last release
	.venv/bin/pytest -m "operations or not operations" tests/operations tests/upgrades

release: install-dev  ## Tag VERSION=v0.2 and keep a database made by it (registry/deploy/RELEASING.md)
	@echo "$(VERSION)" | grep -qE '^v[0-9]+\.[0-9]+$$' || { echo "Say which: make release VERSION=v0.2"; exit 1; }
	@test -z "$$(git status --porcelain)" || { echo "Commit first: the tag is of what is committed."; exit 1; }
	@grep -q '^version = "$(VERSION:v%=%).0"$$' pyproject.toml || { echo "pyproject.toml has another version."; exit 1; }
	git tag $(VERSION)
	.venv/bin/python -m tests.upgrades.keep $(VERSION) "$$PWD/tests/upgrades"
	@echo "Now commit tests/upgrades, and push commit and tag."

hostile: install-dev  ## Hostile texts through every form and call, then every page in Chromium
	.venv/bin/pytest -n0 -m hostile tests/browser tests/test_production.py
	.venv/bin/pytest -m hostile tests/hostile

bench: install-dev  ## Measure this registry beside moto's and MLflow's servers (BENCH=--quick for minutes)
	@$(MAKE) --no-print-directory .clients/mlflow/.installed || echo "MLflow's server cannot be installed here; it is left out."
	.venv/bin/python -m tests.benchmarks.run $(BENCH)

lint: install-dev  ## Check the style and mend what can be mended
	.venv/bin/ruff check --fix .

format: install-dev  ## Format the code
	.venv/bin/ruff format .

typecheck: install-dev  ## Check the types
	.venv/bin/mypy

screenshots: install-dev  ## Take the README's pictures anew
	.venv/bin/python -m tests.screenshots

# uv where it is on PATH, else venv and pip; both check the hashes.
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
INSTALL = $(UV) pip install --quiet --python .venv/bin/python --require-hashes -r
else
INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r
endif

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, with its venv module."; exit 1; }
	@echo "Making .venv …"
	@$(if $(UV),$(UV) venv --quiet --seed --no-python-downloads --python $$(command -v $(PYTHON)) .venv,$(PYTHON) -m venv .venv)

.venv/.runtime-set: requirements.txt | .venv/bin/python
	@echo "Installing …"
	@$(INSTALL) requirements.txt
	@touch $@

.venv/.development-set: requirements-dev.txt | .venv/bin/python
	@echo "Installing the development set …"
	@$(INSTALL) requirements-dev.txt
	@touch $@ .venv/.runtime-set

# Clients of other makers stand in folders of their own: each pins a botocore of its own.
CLIENTS = aws-cli sdk-v2 sdk-v3

install-clients: install-dev $(CLIENTS:%=.clients/%/.installed)

.clients/%/.installed: tests/clients/requirements/%.txt | .venv/bin/python
	@echo "Installing the client $* …"
	@rm -rf .clients/$*
	@$(if $(UV),$(UV) venv --quiet --no-python-downloads --python .venv/bin/python .clients/$*,.venv/bin/python -m venv .clients/$*)
	@$(subst .venv/,.clients/$*/,$(INSTALL)) $<
	@touch $@

# The extra s3 is not held to the other pins: what reads S3 there works with older botocores only.
lock:  ## Pin the dependencies of pyproject.toml anew (needs uv)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --extra s3 -o requirements-s3.txt
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --extra sagemaker -c requirements.txt -o requirements-sagemaker.txt
	for name in aws-cli sdk-v2 sdk-v3 airflow mlflow; do \
	    uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	        tests/clients/requirements/$$name.in -o tests/clients/requirements/$$name.txt || exit 1; \
	done
