# `make demo` and `make test` each do all of their own set-up on a machine with Python 3.11+, git and make.
PYTHON ?= python3
BIN := .venv/bin
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=600 -p no:cacheprovider
SPEED ?=
MINUTES ?= 60
COMPAT ?= tests
LOWEST := diffusers==0.36.0 transformers==4.57.1 tokenizers==0.22.1 huggingface_hub==0.36.0 numpy==2.1.3 pillow==11.3.0
MUTANTS ?=
RECIPES ?=
TWO := -n 2 --dist loadfile

.PHONY: help web sums torture mutants compat inputs recipes speed e2e demo test notebooks site slides docs scripts check format lab train clean

help:
	@echo "make demo   install, then a full MAG-Edit on the shipped model; names the pictures it writes"
	@echo "make test   install, then the tests"
	@echo "make notebooks  run the notebooks anew, from notebooks/source"
	@echo "make site   the notebooks as web pages that need no network and no kernel: out/site/index.html"
	@echo "make slides the notebooks as slides: out/slides"
	@echo "make docs   guides, reference and those pages as one site: out/docs/index.html"
	@echo "make web    the page that edits live in a browser's tab, for any static server: out/web/index.html"
	@echo "make e2e    widgets in a real JupyterLab and Chromium, with screenshots"
	@echo "make check  formatting, lint and types; of the scripts too, where there is npm"
	@echo "make lab    JupyterLab"
	@echo "make speed  MAG-Edit against a literal Algorithm 1: seconds and memory, here or on the GPU there is"
	@echo "make inputs pictures and masks of all kinds through every reader: docs/inputs.md"
	@echo "make recipes  the training recipe against its alternatives on a small budget (wants a GPU)"
	@echo "make torture  faults of every kind for MINUTES (60): the table of docs/reliability.md"
	@echo "make mutants  changes of the formulas, each of which a test must notice: MUTANTS='--most 50'"
	@echo "make compat  the tests on the lowest and the newest versions that are supported (needs a package index)"
	@echo "make sums   checksums of the shipped models, after one was changed"
	@echo "make train  train the room's models on the CPU (about 20 hours of two cores; resumes)"

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer, got " + sys.version.split()[0] + "; call make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[docs]'
	touch $@

.venv/installed-web: .venv/installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[web]'
	touch $@

node_modules/installed: package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	touch $@

demo: .venv/installed
	$(BIN)/magedit-lab demo

test: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWO)
	OMP_NUM_THREADS=1 MAGEDIT_LAB_PROFILE=ci $(BIN)/python -m pytest $(TWO) $(NBVAL) notebooks/solutions

e2e: .venv/installed web
	@bash tests/e2e/ready.sh
	$(BIN)/python -m pip install -q -c constraints.txt playwright
	$(BIN)/python -m pytest tests/e2e -s

notebooks: .venv/installed
	$(BIN)/python notebooks/build.py
	$(BIN)/python -m pytest tests/course/test_notebooks.py

site: .venv/installed
	$(BIN)/python -m notebooks.site

docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q
	$(BIN)/python -m notebooks.site --out out/docs/gallery
	$(BIN)/python docs/site/check.py

out/recorded/index.json: .venv/installed web/record.py
	$(BIN)/python web/record.py out/recorded

out/models/tabletop/manifest.json: .venv/installed-web $(wildcard magedit_lab/export/*.py)
	$(BIN)/magedit-lab export web out/models/tabletop

web: node_modules/installed out/recorded/index.json out/models/tabletop/manifest.json
	node web/build.mjs out/web out/recorded out/models/tabletop
	@echo "out/web/index.html: on any static server, or: $(BIN)/magedit-lab web"

slides: .venv/installed
	$(BIN)/python -m notebooks.site slides

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory scripts; \
	else echo "no npm on this machine: the scripts' format and lint were left out"; fi

scripts: node_modules/installed
	node_modules/.bin/biome check --error-on-warnings .

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory node_modules/installed && \
	node_modules/.bin/biome check --write .; fi

lab: .venv/installed
	$(BIN)/jupyter lab

torture: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python tests/torture --minutes $(MINUTES)

mutants: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants $(MUTANTS)

compat: .venv/installed
	$(BIN)/python -m pip install -q --upgrade --no-deps --target out/lowest $(LOWEST)
	OMP_NUM_THREADS=1 PYTHONPATH=out/lowest $(BIN)/python -m pytest -W ignore $(COMPAT)
	$(BIN)/python -m pip install -q --upgrade --no-deps --target out/newest diffusers transformers tokenizers pillow ipywidgets
	OMP_NUM_THREADS=1 PYTHONPATH=out/newest $(BIN)/python -m pytest $(COMPAT)

sums:
	cd magedit_lab/models && find . -type f \( -name '*.safetensors' -o -name '*.json' -o -name '*.txt' \) ! -name training.json | sort | xargs sha256sum > SHA256SUMS

train: .venv/installed
	MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=8000000000 $(BIN)/magedit-lab train all --out work --resume

speed: .venv/installed
	$(BIN)/magedit-lab bench speed $(SPEED)

inputs: .venv/installed
	PYTHONPATH=tests $(BIN)/python -m benchmarks.inputs

recipes: .venv/installed
	PYTHONPATH=tests $(BIN)/python tests/benchmarks/recipes.py $(RECIPES)

clean:
	rm -rf .venv node_modules build out *.egg-info
