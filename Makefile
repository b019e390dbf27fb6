# `make demo` and `make test` do everything on a machine with Python 3.10 or newer; the rest is for people at work.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: setup demo test test-all smoke lint format bench golden clean

setup: $(INSTALLED)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Foldline needs Python 3.10 or newer; this is %d.%d. Name another: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,sim,hls,csim,dev]'
	@touch $@

demo: setup
	$(BIN)/foldline demo

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not exhaustive"

test-all: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

smoke: setup
	$(BIN)/python -m pytest -q -m "not slow" tests/datapath tests/fixedpoint_sim

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --style=file:hls_gen/library/.clang-format --dry-run -Werror hls_gen/library/*pp tests/hls_gen/*.cpp

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format --style=file:hls_gen/library/.clang-format -i hls_gen/library/*pp tests/hls_gen/*.cpp

bench: setup
	$(BIN)/python -m benchmarks.simulator
	$(BIN)/python -m benchmarks.training

golden: setup
	$(BIN)/foldline golden make
	$(BIN)/python -m tests.hls_gen.tiny_project

clean:
	rm -rf .venv demo-run *.egg-info
