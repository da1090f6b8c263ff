# Everything here sets itself up: nothing but Python (3.11 or newer) and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint benchmark docs published clean

demo: $(VENV)/.installed
	@echo "== the demo: three rendered street scenes, clean and degraded, seven methods, fusion metrics and detection."
	@echo "== About two minutes on one core, the first time included. Ctrl-C stops it, and the same command goes on."
	$(BIN)/python run_bench.py

docs: $(VENV)/.installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "== the site: build/site/index.html"

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks.degradation
	$(BIN)/python -m benchmarks.metrics
	$(BIN)/python -m benchmarks.classical
	$(BIN)/python -m benchmarks.detection bootstrap
	$(BIN)/python -m benchmarks.harness
	$(BIN)/python -m benchmarks.survival
	$(BIN)/python -m benchmarks.cluster
	$(BIN)/python -m benchmarks

# make published SUITE=tno: repeats results/published/tno from its record, and lays what comes out in its place.
published: $(VENV)/.installed
	@test -f "results/published/$(SUITE)/run.json" || \
	    { echo "make published SUITE=NAME: NAME is one of $$(ls results/published | tr '\n' ' ')"; exit 2; }
	$(BIN)/python run_bench.py --from results/published/$(SUITE)/run.json --panels 0 --out build/published/$(SUITE)
	$(BIN)/python run_bench.py publish build/published/$(SUITE)/*/latest --out results/published/$(SUITE)
	@git diff --stat -- results/published/$(SUITE)

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is no Python 3.11 or newer: name one, as in: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@echo "== setting up $(VENV), once: Python packages, 7 GB on the disk with the CUDA libraries of torch. Every package is"
	@echo "== named as it is fetched (some minutes, as fast as the connection); then all of them are unpacked without a word,"
	@echo "== which takes one to three minutes more."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo "== adding what tests, docs and linters need to $(VENV), once: one to three minutes without a word."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
