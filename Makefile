# One set of commands; run.py does the work, on Windows too, and sets up what a fresh machine lacks.
SHELL := /bin/bash
PYTHON ?= python3
PY := .venv/bin/python
RUN := $(PYTHON) run.py

.PHONY: help setup demo test lint ui server gpu-check clean
.DEFAULT_GOAL := help

help: ## show these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## make .venv and install everything (does nothing when nothing changed)
	$(RUN) setup

demo: ## the whole job on the packaged demo voice: prepare, train, go on, compare, its sound
	$(RUN) demo

test: ## every test
	$(RUN) test

lint: setup ## style and formatting
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

ui: ## MLflow over mlruns/, opened at the list of runs
	$(RUN) ui

server: setup ## an MLflow server for tracking=server, on this machine alone (docs/tracking.md)
	$(PY) -m xttslab.tracking.server

gpu-check: setup ## on a machine with a card: does all work on it, how fast, beside Coqui's recipe
	$(PY) -m xttslab.prepare dataset=demo_milliomos
	$(PY) -m experiments.gpu_check.run

clean: ## remove what the commands made, except recordings, models and runs
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
