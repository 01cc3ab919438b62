# Each target makes .venv itself on a fresh machine with Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A machine with an NVIDIA GPU gets PyTorch's own build; any other takes the CPU build of constraints.txt.
CONSTRAINT := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi >/dev/null 2>&1 || echo "-c constraints.txt")
PIP := $(BIN)/python -m pip install --disable-pip-version-check -q $(CONSTRAINT)

.PHONY: help demo study test oldest wheel lint docs bench screenshots clean
help:
	@echo "make demo   install, and open the window with a sampled brain (pictures in demo-output/ without a display)"
	@echo "make study  make a small reader study (real or synthetic?) and read it; DATA=folder of real heads"
	@echo "make test   install, and run the tests"
	@echo "make oldest install the oldest versions that are admitted, and run the engine's tests"
	@echo "make wheel  build the wheel, install it into an empty environment and use it from an empty folder"
	@echo "make lint   formatting, linting, types, import contracts, spelling"
	@echo "make docs   build the documentation into site/"
	@echo "make bench  measure speed and memory side by side"

$(BIN)/python:
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# One stamp for each set of extras, so that a later target adds what it needs.
$(VENV)/.%: $(BIN)/python pyproject.toml constraints.txt napari.yaml hatch_build.py
	@echo "Installing napari-medgen with the extras: $*"
	@bash scripts/system-packages.sh
	@$(PIP) -e ".[$*]"
	@touch $@

demo: $(VENV)/.all
	@bash scripts/demo.sh $(BIN)/python

study: $(VENV)/.all
	@bash scripts/study.sh $(BIN)/python

test: $(VENV)/.test
	@bash scripts/test.sh $(BIN)/python

# The engine alone: a window needs what napari needs, and napari has bounds of its own.
oldest:
	@$(PYTHON) -m venv .venv-oldest
	@$(PYTHON) scripts/oldest.py > .venv-oldest/oldest.txt
	@.venv-oldest/bin/python -m pip install --disable-pip-version-check -q -r .venv-oldest/oldest.txt "hypothesis>=6.100" "pytest>=8" "nilearn>=0.11"
	@.venv-oldest/bin/python -m pip install --disable-pip-version-check -q --no-deps -e .
	@NAPARI_MEDGEN_NO_WINDOWS=1 .venv-oldest/bin/python -m pytest -W ignore::DeprecationWarning

wheel:
	@bash scripts/check_wheel.sh "$$(mktemp -d)"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml

docs: $(VENV)/.docs
	$(BIN)/python scripts/model_pages.py
	$(BIN)/python scripts/command_page.py
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

screenshots: $(VENV)/.test
	QT_SCALE_FACTOR=1 xvfb-run -a -s "-screen 0 1366x768x24" $(BIN)/python scripts/user_films.py docs/images

clean:
	rm -rf $(VENV) .venv-oldest site demo-output
