# make practice   install, then let the virtual car practise a race track (a few minutes)
# make test       install, then run every test
# make check      lint, types, import layers
# make bench      the benchmarks

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# The compiler and the emulator that exported C is proved with, and OpenGL without a screen, which simulated cameras are compared with;
# tests that need them are skipped without.
TOOLS := gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm clang libegl1 libgl1 libgl1-mesa-dri
APT_INSTALL = DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends
TOOL_PROGRAMS := arm-none-eabi-gcc qemu-system-arm clang

.PHONY: practice test tests check bench install tools clean
unexport PYTHONDONTWRITEBYTECODE  # some machines set it: each of the many processes would compile all it imports again
MAKEFLAGS += --jobs=3  # what has nothing to wait for: the tools beside Python's packages, the checks beside the tests

practice: install
	$(BIN)/robot practice --task race_track --minutes 6 --clock lockstep

test: check tests

tests: install tools
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install tools
	$(BIN)/robot bench all

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: found $(PYTHON):" \
	"$$($(PYTHON) --version 2>&1 | tail -n 1), needed: Python 3.10 or newer; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "make: needs Python's venv (Debian: apt-get install python3-venv)"; exit 1; }
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt torch
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	touch $@

tools:
	@for program in $(TOOL_PROGRAMS); do command -v $$program >/dev/null || missing=1; done; \
	arm-none-eabi-gcc -print-file-name=nano.specs 2>/dev/null | grep -q / || missing=1; \
	/sbin/ldconfig -p | grep -q libEGL.so.1 || missing=1; \
	test -z "$$missing" && exit 0; \
	echo "make: installing $(TOOLS)"; \
	test "$$(id -u)" = 0 || as_root="sudo -n"; \
	{ $(APT_INSTALL) $(TOOLS) || { $$as_root apt-get update -qq; $(APT_INSTALL) $(TOOLS); }; } >/dev/null 2>&1 || \
	echo "make: skipping the tests of exported C on an emulated Cortex-M4, or beside OpenGL; to have them: apt-get install $(TOOLS)"

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .benchmarks
