# Everything starts from python3 (3.11 or later, with venv and pip), git and make. `make help` lists what there is.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := UV_PYTHON_DOWNLOADS=never .uv/bin/uv
BIN := .venv/bin

# What decides the contents of the environment; nothing is done while it is unchanged.
LOCKED := uv.lock $(shell find . -name pyproject.toml -not -path './.*')

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: run
run: .venv/synced ## Start the whole system on this machine; Ctrl-C stops it
	@exec $(BIN)/mailstead up

.PHONY: test
test: .venv/synced ## The whole test suite
	@exec $(BIN)/pytest -n auto --dist loadgroup

.PHONY: fuzz
fuzz: .venv/synced ## Mutate the corpus of tests/fuzz for some minutes, against what parses what SMTP brings in
	@exec $(BIN)/pytest -n auto --timeout=1200 --hypothesis-profile=fuzz tests/fuzz

.PHONY: lint
lint: .venv/synced ## Style, types and the floors of the architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: .venv/synced ## Rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: reference
reference: .venv/synced ## Write docs/reference, the table of the chart and its dashboards from the code
	@PYTHONPATH=tests $(BIN)/python -m kit.reference
	@PYTHONPATH=tests $(BIN)/python -m kit.chart
	@PYTHONPATH=deploy/dashboards $(BIN)/python -m mailstead_dashboards

.PHONY: screenshots
screenshots: .venv/synced ## Take the pictures of the console in docs/images; needs Chromium
	@PYTHONPATH=tests $(BIN)/python -m browser.screenshots

.PHONY: environment
environment: .venv/synced ## Only make or refresh .venv

.PHONY: clean
clean: ## Remove environments and caches, never the data folder
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.uv/$(UV_VERSION):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is missing or older than 3.11: give another one, as in make PYTHON=python3.12 run" >&2; exit 1; }
	@echo "installing uv $(UV_VERSION) into .uv"
	@rm -rf .uv
	@$(PYTHON) -m venv .uv || { echo "$(PYTHON) has no venv: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/synced: .uv/$(UV_VERSION) $(LOCKED)
	@echo "installing what uv.lock names into .venv"
	@$(UV) sync --quiet --frozen --python .uv/bin/python
	@touch $@
