# make practice   install, then let the virtual car practise a race track (a few minutes)
# make test       install, then run every test
# make check      lint, types, import layers
# make bench      the benchmarks

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: practice test check bench install clean

practice: install
	$(BIN)/robot practice --task race_track --minutes 6 --clock lockstep

test: install check
	$(BIN)/python -m pytest -n 2

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/robot bench all

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV) || { echo "make: needs Python 3.11 with venv (Debian: apt-get install python3-venv); or set PYTHON=..."; exit 1; }
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .benchmarks
