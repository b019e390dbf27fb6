"""Kernels that processes compile apart and in any order, kept in one place, stay the kernels that they are."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from datapath.compiled import compiled
from tests.golden_data import REPOSITORY

KERNELS = """
import os, sys
from json import dumps

import numpy as np
from datapath.compiled import compiled

if "FOLDLINE_TEST_FULL_DISK" in os.environ:
    def full(*paths):
        raise OSError(28, "No space left on device")
    os.replace = full

def adder(step):
    @compiled()
    def add(values, out):
        for n in range(values.size):
            out[n] = values[n] + step
    return add

add_1, add_2, add_half = adder(1), adder(2), adder(0.5)

@compiled()
def add_3(values, out):
    add_1(values, out)
    add_2(out, out)

results = {}
for call in sys.argv[1:]:
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
    """Call kernels in a process of its own, whose cache is the folder: what they gave, and how many it compiled."""
    module = tmp_path / "kernels.py"
    module.write_text(KERNELS)

    def run_(cache, *calls):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cache), "PYTHONPATH": str(REPOSITORY)}
        done = subprocess.run([sys.executable, module, *calls], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        results, compiled_here = json.loads(done.stdout)
        assert results == {call: EXPECTED[call] for call in calls}
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


def test_a_changed_source_is_compiled_again(run, tmp_path):
    run("cache", "add_1:int16")
    source = tmp_path / "kernels.py"
    source.write_text(source.read_text().replace("values[n] + step", "step + values[n]"))
    assert run("cache", "add_1:int16") == 1


@pytest.mark.parametrize("left", [0, 1000])
def test_a_kernel_that_was_cut_off_is_compiled_again(run, tmp_path, left):
    run("cache", "add_1:int16")
    (kept,) = (tmp_path / "cache").rglob("*.nbc")
    kept.write_bytes(kept.read_bytes()[:left])
    assert run("cache", "add_1:int16") == 1
    assert run("cache", "add_1:int16") == 0


def test_a_kernel_that_cannot_be_kept_is_computed_with(run, monkeypatch):
    monkeypatch.setenv("FOLDLINE_TEST_FULL_DISK", "1")
    assert run("cache", "add_1:int16") == 1
    monkeypatch.delenv("FOLDLINE_TEST_FULL_DISK")
    assert run("cache", "add_1:int16") == 1


def test_a_kernel_closes_over_numbers_alone():
    steps = [1, 2]
    with pytest.raises(TypeError, match=r"add closes over steps, which is no number\."):

        @compiled()
        def add(value):
            return value + steps[0]
