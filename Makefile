# `make demo` and `make test` do everything on a machine with Python 3.10 or newer; the rest is for people at work.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := $(BIN)/python -m pytest
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Laid over the environment, one at a time: numpy 2, which pynq does not allow beside it, and other versions of pynq.
NUMPY2 := 'numpy==2.4.6 ; python_version >= "3.11"' 'numpy==2.2.6 ; python_version < "3.11"'
NUMPY2_LEAVES_OUT := $(addprefix --ignore=tests/, benchmarks test_docs.py test_layering.py \
	train/test_distributed.py $(addprefix hls_gen/, test_header_csim.py test_header_fuzz.py test_operators.py test_registers.py) \
	$(addprefix foldline/, test_bench_line.py test_demo.py test_explore_command.py test_explore_study.py \
	test_explore_training.py test_explore_workers.py test_export_project.py test_killed_training.py test_streaming.py))
PYNQ_VERSIONS := 3.0.1 4.0.0

.PHONY: setup demo test test-all test-numpy2 test-pynq smoke lint format bench golden wheel clean

setup: $(INSTALLED)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Foldline needs Python 3.10 or newer; this is %d.%d. Name another: make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) -c constraints.txt -e '.[all]'
	@touch $@

demo: setup
	$(BIN)/foldline demo

test: lint
	$(PYTEST) -n 2 --dist worksteal -m "not exhaustive"

test-all: lint
	$(PYTEST) -n 2 --dist worksteal

# Left out is what takes long and whose numbers other tests see: C++ compilers, processes that are killed or work together.
test-numpy2: .numpy2/.installed
	PYTHONPATH=$(CURDIR)/.numpy2 $(PYTEST) -n 2 --dist worksteal \
		-m "not slow and not exhaustive and not compiles" $(NUMPY2_LEAVES_OUT)

.numpy2/.installed: $(INSTALLED) Makefile
	rm -rf .numpy2
	$(PIP_INSTALL) --no-deps --target .numpy2 $(NUMPY2)
	@touch $@

test-pynq: $(PYNQ_VERSIONS:%=.pynq/%/.installed)
	for version in $(PYNQ_VERSIONS); do PYTHONPATH=$(CURDIR)/.pynq/$$version $(PYTEST) -m pynq_versions tests/overlay_driver || exit 1; done

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

# What a board without internet installs. Setuptools would pack whatever an older build left in build/.
wheel: setup
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w dist .
	rm -rf build

clean:
	rm -rf .venv .numpy2 .pynq build dist demo-run *.egg-info
	find . -name '*.nb[ci]' -delete
