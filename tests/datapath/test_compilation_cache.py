"""Kernels that processes compile apart and in any order, kept in one place, stay the kernels that they are."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from numba.core.caching import NullCache

from datapath.compilation_cache import cached_njit
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.slow

KERNELS = """
import os, sys
from json import dumps

import numba
import numpy as np

exec(sys.argv[1])

from datapath.compilation_cache import cached_njit

OFFSET = 0

def adder(step):
    @cached_njit()
    def add(values, out):
        for n in range(values.size):
            out[n] = values[n] + step + OFFSET
    return add

add_1, add_2, add_half = adder(1), adder(2), adder(0.5)

@cached_njit()
def add_3(values, out):
    add_1(values, out)
    add_2(out, out)

results = {}
for call in sys.argv[2:]:
    name, dtype = call.split(":")
    out = np.zeros(3, dtype=dtype)
    globals()[name](np.arange(3, dtype=dtype), out)
    results[call] = out.tolist()
compiled_here = sum(sum(kernel.stats.cache_misses.values()) for kernel in (add_1, add_2, add_half, add_3))
print(dumps([results, compiled_here]))
"""

EXPECTED = {
    "add_1:int16": [1, 2, 3],
    "add_2:int16": [2, 3, 4],
    "add_3:int16": [3, 4, 5],
    "add_1:int8": [1, 2, 3],
    "add_half:float64": [0.5, 1.5, 2.5],
}


@pytest.fixture
def run(tmp_path):
    """Call kernels in a process of its own, whose cache is the folder, require what they give, and return how many it
    compiled. `first` is done there beforehand."""
    module = tmp_path / "kernels.py"
    module.write_text(KERNELS)

    def run_(cache, *calls, first="", offset=0):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cache), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run([sys.executable, module, first, *calls], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        results, compiled_here = json.loads(done.stdout)
        assert results == {call: [value + offset for value in EXPECTED[call]] for call in calls}
        return compiled_here

    return run_


def test_processes_that_compile_in_other_orders_share_a_cache(run):
    """With `njit(cache=True)` the third process computes add_1 for add_2: each was its process's first compilation."""
    assert run("cache", "add_1:int16") == 1
    assert run("cache", "add_2:int16") == 1
    assert run("cache", "add_1:int16", "add_2:int16", "add_3:int16") == 1
    assert run("cache", "add_3:int16", "add_2:int16", "add_1:int16") == 0


def test_processes_that_fill_a_cache_at_the_same_time_lose_nothing(run, tmp_path):
    """Two caches filled apart and laid together: what two processes leave that both found an empty one."""
    calls = [*EXPECTED]
    together = tmp_path / "together"
    for number, call in enumerate(calls):
        run(f"cache{number}", call)
        shutil.copytree(tmp_path / f"cache{number}", together, dirs_exist_ok=True)
    for order in (calls, calls[::-1]):
        assert run("together", *order) == 0


def test_a_change_of_what_a_kernel_uses_compiles_it_again(run, tmp_path):
    """Its own bytecode stays the same."""
    run("cache", "add_3:int16")
    source = tmp_path / "kernels.py"
    source.write_text(source.read_text().replace("OFFSET = 0", "OFFSET = 5"))
    assert run("cache", "add_1:int16", offset=5) == 1
    assert run("cache", "add_3:int16", offset=10) == 2


@pytest.mark.parametrize("module", ["np", "numba"])
def test_another_version_compiles_again(run, module):
    assert run("cache", "add_1:int16") == 1
    assert run("cache", "add_1:int16", first=f"{module}.__version__ = '1.99.9'") == 1
    assert run("cache", "add_1:int16") == 0


@pytest.mark.parametrize("damage", ["empty", "cut off", "zeros"])
def test_a_damaged_kernel_is_compiled_again(run, tmp_path, damage):
    run("cache", "add_1:int16")
    (kept,) = (tmp_path / "cache").rglob("*.nbc")
    code = kept.read_bytes()
    middle = len(code) // 2
    kept.write_bytes(
        {"empty": b"", "cut off": code[:middle], "zeros": code[:middle] + bytes(64) + code[middle + 64 :]}[damage]
    )
    assert run("cache", "add_1:int16") == 1
    assert run("cache", "add_1:int16") == 0


def test_a_kernel_of_another_key_is_not_taken(run, tmp_path):
    run("cache", "add_1:int16", "add_1:int8")
    one, other = (tmp_path / "cache").rglob("*.nbc")
    one.write_bytes(other.read_bytes())
    assert run("cache", "add_1:int16", "add_1:int8") == 1


def test_a_kernel_that_cannot_be_kept_is_computed_with(run, tmp_path):
    full = "def full(*paths): raise OSError(28, 'No space left on device')\nos.replace = full"
    assert run("cache", "add_1:int16", first=full) == 1
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_of_one_function_with_other_options_each_is_its_own():
    def total(values):
        found = values[0]
        for n in range(1, values.size):
            found += values[n]
        return found

    values = np.array([1.0, 2.0**-53, 2.0**-53] * 100)
    in_order, in_any_order = cached_njit()(total), cached_njit(sums_in_any_order=True)(total)
    expected = 0.0
    for value in values:
        expected += value
    assert in_order(values) == expected
    assert in_order._cache._cache_file._name(()) != in_any_order._cache._cache_file._name(())


def test_a_numba_that_keeps_its_files_otherwise_compiles_for_each_process(monkeypatch):
    monkeypatch.setattr("datapath.compilation_cache.IndexDataCacheFile", dict)

    @cached_njit()
    def add(value):
        return value + 1

    assert add(1) == 2
    assert type(add._cache) is NullCache


def test_a_kernel_closes_over_numbers_alone():
    steps = [1, 2]
    with pytest.raises(TypeError, match=r"add closes over steps, which is no number\."):

        @cached_njit()
        def add(value):
            return value + steps[0]
