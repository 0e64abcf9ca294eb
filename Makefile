.DEFAULT_GOAL := help
.PHONY: help setup deps run test test-slow chaos bench bench-compare bench-queue bench-engine bench-long bench-transfer fidelity seams loadtest lint format check-deploy clean

BIN := .venv/bin

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Create or renew the environment, with the tools for developing
	@scripts/setup.sh all

deps: ## Install what the tests need from the system (ffmpeg, flac, Chromium)
	@scripts/deps.sh

run: ## Start the service at http://127.0.0.1:5000 (ARGS="--port 8080 --workers 2")
	@scripts/setup.sh service
	@exec $(BIN)/soundmill serve $(ARGS)

test: deps lint ## Check everything: style, types, imports, tests (ARGS="-k storage"; ARGS=--cov for coverage, a tenth slower)
	$(BIN)/pytest -n auto --dist worksteal -m "not slow" $(ARGS)

test-slow: deps setup ## Check the large matrices of formats and files
	$(BIN)/pytest -n auto --dist worksteal -m slow $(ARGS)

chaos: deps setup ## Break a whole fleet in every way and check that nothing is lost (ARGS="Redis")
	$(BIN)/python -W ignore -m tests.chaos $(ARGS)

bench: setup ## Measure everything side by side in 15 minutes and write docs/reports (ARGS="--long", ARGS="service rows")
	@scripts/deps.sh ab nginx
	$(BIN)/python -W ignore -m benchmarks $(ARGS)

bench-compare: setup ## Measure everything and say what got slower than docs/reports by more than noise (ARGS="rows")
	@scripts/deps.sh ab nginx
	$(BIN)/python -W ignore -m benchmarks --compare $(ARGS)

bench-queue: deps setup ## Measure what the queue costs, up to 100,000 waiting tasks
	$(BIN)/python -W ignore -m benchmarks.queue

bench-engine: deps setup ## Measure the engine beside the machine's ffmpeg in 25 minutes (ARGS="--only songs --rounds 1")
	$(BIN)/python -m benchmarks.engine $(ARGS)

bench-long: deps setup ## Measure memory over files of up to 24 hours (ARGS="--hours 0.05 1 --rate 16000 --channels 1")
	$(BIN)/python -W ignore -m benchmarks.longfile $(ARGS)

fidelity: deps setup ## Check every kind of source into every target with tools that aren't ours (ARGS="mp3 flac24")
	$(BIN)/python -m tests.fidelity $(ARGS)

seams: deps setup ## Check sounds that are encoded in pieces beside their serial encodes, with the errors (ARGS="mp3 ogg")
	$(BIN)/python -W ignore -m tests.seams $(ARGS)

loadtest: setup ## Load a fleet of our own with Apache Benchmark and write docs/reports (ARGS="--url http://…")
	@scripts/deps.sh ab
	$(BIN)/python -W ignore -m loadtest $(ARGS)

bench-transfer: setup ## Measure uploads and downloads beside nginx (ARGS="--pairs 5")
	@scripts/deps.sh ab nginx
	$(BIN)/python -W ignore -m benchmarks.transfer $(ARGS)

lint: setup ## Check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## Format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check-deploy: setup ## Check what is in deploy/ with the real tools, as far as they are to be had here
	@scripts/check-deploy.sh $(ARGS)

clean: ## Remove the environment and all caches; data/ stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* dist
	find src tests -name __pycache__ -prune -exec rm -rf {} +
