"""Processes that compile kernels in any order and share a cache compute with the kernels of their sources."""

import importlib
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys

import numba
import numpy as np
import pytest
from numba import njit

import datapath
from datapath import compilation_cache
from datapath.compilation_cache import CachedKernel, cached_njit
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.slow

HELPERS = """
from typing import NamedTuple

import numpy as np
from numba import njit

from datapath.compilation_cache import cached_njit

BASE = 0
TABLE = np.array([0, 0])

class Pair(NamedTuple):
    one: int
    other: int

@njit(inline="always")
def inlined(value):
    return value + 0

@cached_njit()
def called(value):
    return value + 0

@cached_njit()
def calling(value):
    return called(value)
"""

KERNELS = """
import os, sys
from json import dumps

import numba
import numpy as np

exec(sys.argv[1])

from datapath.compilation_cache import cached_njit
from helpers import BASE, TABLE, Pair, called, calling, inlined

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

@cached_njit()
def add_base(values, out):
    for n in range(values.size):
        out[n] = values[n] + BASE

@cached_njit()
def add_table(values, out):
    for n in range(values.size):
        out[n] = values[n] + TABLE[1]

@cached_njit()
def add_inlined(values, out):
    for n in range(values.size):
        out[n] = values[n] + inlined(0)

@cached_njit()
def add_calling(values, out):
    for n in range(values.size):
        out[n] = values[n] + calling(0)

@cached_njit()
def add_one_of(values, out, pair):
    for n in range(values.size):
        out[n] = values[n] + pair.one

def add_one(values, out):
    add_one_of(values, out, Pair(one=1, other=2))
add_one.stats = add_one_of.stats

KERNELS = (add_1, add_2, add_half, add_3, add_base, add_table, add_inlined, add_calling, add_one, called, calling)

results = {}
for call in sys.argv[2:]:
    name, dtype = call.split(":")
    out = np.zeros(3, dtype=dtype)
    globals()[name](np.arange(3, dtype=dtype), out)
    results[call] = out.tolist()
compiled_here = sum(sum(kernel.stats.cache_misses.values()) for kernel in KERNELS)
print(dumps([results, compiled_here]))
"""

EXPECTED = {
    "add_1:int16": [1, 2, 3],
    "add_2:int16": [2, 3, 4],
    "add_3:int16": [3, 4, 5],
    "add_1:int8": [1, 2, 3],
    "add_half:float64": [0.5, 1.5, 2.5],
    "add_one:int16": [1, 2, 3],
    **{f"add_{name}:int16": [0, 1, 2] for name in ("base", "table", "inlined", "calling")},
}


@pytest.fixture
def run(tmp_path):
    """Call kernels in a process of its own, whose cache is the folder, require their results, and return how many it
    compiled. `first` is executed there before them."""
    module = tmp_path / "kernels.py"
    module.write_text(KERNELS)
    (tmp_path / "helpers.py").write_text(HELPERS)

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
    """Two caches filled separately and merged: the files of two processes that both found an empty one."""
    calls = [call for call in EXPECTED if call.startswith(("add_1", "add_2", "add_3", "add_half"))]
    together = tmp_path / "together"
    for number, call in enumerate(calls):
        run(f"cache{number}", call)
        shutil.copytree(tmp_path / f"cache{number}", together, dirs_exist_ok=True)
    for order in (calls, calls[::-1]):
        assert run("together", *order) == 0


def test_a_change_of_a_constant_in_its_file_compiles_a_kernel_again(run, tmp_path):
    """Its bytecode stays the same."""
    run("cache", "add_3:int16")
    source = tmp_path / "kernels.py"
    source.write_text(source.read_text().replace("OFFSET = 0", "OFFSET = 5"))
    assert run("cache", "add_1:int16", offset=5) == 1
    assert run("cache", "add_3:int16", offset=10) == 2


@pytest.mark.parametrize(
    ("kernel", "line", "changed", "kernels"),
    [
        ("add_base", "BASE = 0", "BASE = 5", 1),
        ("add_table", "TABLE = np.array([0, 0])", "TABLE = np.array([0, 5])", 1),
        ("add_inlined", "def inlined(value):\n    return value + 0", "def inlined(value):\n    return value + 5", 1),
        ("add_calling", "def called(value):\n    return value + 0", "def called(value):\n    return value + 5", 3),
    ],
)
def test_a_change_in_another_file_compiles_a_kernel_again(run, tmp_path, kernel, line, changed, kernels):
    """Of a constant, of an array, of a helper that is inlined, and of one that another helper calls."""
    assert run("cache", f"{kernel}:int16") == kernels
    assert run("cache", f"{kernel}:int16") == 0
    helpers = tmp_path / "helpers.py"
    assert line in HELPERS
    helpers.write_text(HELPERS.replace(line, changed))
    assert run("cache", f"{kernel}:int16", offset=5) == kernels
    helpers.write_text(HELPERS)
    assert run("cache", f"{kernel}:int16") == 0


def test_other_fields_of_a_named_tuple_compile_a_kernel_again(run, tmp_path):
    """Neither the bytecode nor the name of the argument's type shows their order."""
    assert run("cache", "add_one:int16") == 1
    swapped = HELPERS.replace("    one: int\n    other: int", "    other: int\n    one: int")
    assert swapped != HELPERS
    (tmp_path / "helpers.py").write_text(swapped)
    assert run("cache", "add_one:int16") == 1


def test_a_change_elsewhere_in_the_file_compiles_nothing_again(run, tmp_path):
    run("cache", "add_1:int16")
    source = tmp_path / "kernels.py"
    source.write_text("# A comment.\n" + source.read_text())
    assert run("cache", "add_1:int16") == 0


@pytest.mark.parametrize("module", ["np", "numba"])
def test_another_version_compiles_again(run, module):
    assert run("cache", "add_1:int16") == 1
    assert run("cache", "add_1:int16", first=f"{module}.__version__ = '1.99.9'") == 1
    assert run("cache", "add_1:int16") == 0


@pytest.mark.parametrize("damage", ["empty", "cut off", "zeros"])
def test_a_damaged_kernel_is_compiled_again(run, tmp_path, damage):
    run("cache", "add_1:int16")
    (file,) = (tmp_path / "cache").rglob("*.nbc")
    code = file.read_bytes()
    middle = len(code) // 2
    file.write_bytes(
        {"empty": b"", "cut off": code[:middle], "zeros": code[:middle] + bytes(64) + code[middle + 64 :]}[damage]
    )
    assert run("cache", "add_1:int16") == 1
    assert run("cache", "add_1:int16") == 0


def test_a_kernel_of_another_key_is_not_taken(run, tmp_path):
    run("cache", "add_1:int16", "add_1:int8")
    one, other = (tmp_path / "cache").rglob("*.nbc")
    one.write_bytes(other.read_bytes())
    assert run("cache", "add_1:int16", "add_1:int8") == 1


# Who may write, and what does not load, within this process -----------------------------------------------------------


def triple(number):
    return 3 * number


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A function that calls a kernel anew, with a cache in a folder; it returns whether the kernel was compiled, and the file."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    compiled = []
    compile_ = numba.core.registry.CPUDispatcher.compile

    def counted(self, signature):
        compiled.append(signature)
        return compile_(self, signature)

    monkeypatch.setattr(numba.core.registry.CPUDispatcher, "compile", counted)

    def call():
        before = len(compiled)
        assert cached_njit()(triple)(4) == 12
        (file,) = [*tmp_path.rglob("*.nbc")] or [None]
        return len(compiled) > before, file

    return call


def whole(code):
    """A file with the right checksum for `triple` of an integer."""
    kernel = cached_njit()(triple)
    key = kernel._key((numba.int64, None))
    return compilation_cache._checksum(key, code) + code


class Planted:
    """What a planted file runs when it is unpickled."""

    ran = False

    def __reduce__(self):
        return setattr, (Planted, "ran", True)


def test_a_planted_file_would_run(files):
    """As the tests below mean it: it has the right checksum, in the right place."""
    _, file = files()
    file.write_bytes(whole(pickle.dumps(Planted())))
    files()
    assert Planted.ran


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_loaded_and_replaced(files, monkeypatch, mode):
    monkeypatch.setattr(Planted, "ran", False)
    _, file = files()
    file.write_bytes(whole(pickle.dumps(Planted())))
    file.chmod(mode)
    assert files() == (True, file)
    assert not Planted.ran
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert files() == (False, file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_loaded_and_replaced(files, monkeypatch):
    monkeypatch.setattr(Planted, "ran", False)
    _, file = files()
    file.write_bytes(whole(pickle.dumps(Planted())))
    os.chown(file, 65534, 65534)
    assert files() == (True, file)
    assert not Planted.ran
    assert file.stat().st_uid == 0
    assert files() == (False, file)


def test_a_link_is_not_followed(files, tmp_path):
    _, file = files()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert files() == (True, file)
    assert not file.is_symlink()


@pytest.mark.parametrize("umask", [0, 0o002])
def test_the_folder_is_for_this_user_alone(files, umask):
    before = os.umask(umask)
    try:
        _, file = files()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)] == [0o700, 0o600]
    file.parent.chmod(0o777)
    assert files() == (False, file)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("planted", ["of another user", "a link"])
def test_a_folder_that_is_not_this_users_is_not_used(files, tmp_path, planted):
    _, file = files()
    folder = file.parent
    if planted == "a link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    elif os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    else:
        pytest.skip("only root can give a folder away")
    assert files()[0]
    assert files()[0]


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"no pickle",
        pickle.dumps((1, 2)),
        pickle.dumps({"library": None}),
        b"cno_such_module\nname\n.",
        b"\x80\x05N.",
    ],
)
def test_a_whole_file_that_does_not_load_is_replaced(files, code):
    """Of another build of numba or LLVM, whose version is the same."""
    _, file = files()
    content = file.read_bytes()
    file.write_bytes(whole(code))
    assert files() == (True, file)
    assert files() == (False, file)
    assert len(file.read_bytes()) > len(content) / 2


def test_damage_anywhere_compiles_again(files):
    _, file = files()
    content = file.read_bytes()
    random = np.random.default_rng(3)
    for place in [0, 31, 32, len(content) - 1, *random.integers(len(content), size=4)]:
        damaged = bytearray(file.read_bytes())
        damaged[place % len(damaged)] ^= 1 << random.integers(8)
        file.write_bytes(damaged)
        assert files() == (True, file)
        assert files() == (False, file)


def test_a_kernel_that_cannot_be_written_is_compiled_all_the_same(run, tmp_path):
    full = "def full(*paths): raise OSError(28, 'No space left on device')\nos.replace = full"
    assert run("cache", "add_1:int16", first=full) == 1
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_kernels_of_one_function_with_other_options_differ():
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
    assert in_order.digest != in_any_order.digest


def test_where_nothing_can_be_written_kernels_are_compiled_for_each_process(monkeypatch):
    def no_place(function):
        raise RuntimeError("no locator available")

    monkeypatch.setattr("datapath.compilation_cache.CompileResultCacheImpl", no_place)

    @cached_njit()
    def add(value):
        return value + 1

    assert add(1) == 2


STEPS = [1, 2]


@njit
def compiled_elsewhere(value):
    return value


def test_a_kernel_may_use_only_what_a_key_can_hold():
    steps = {1: 2}

    @cached_njit()
    def closes_over(value):
        return value + steps[0]

    @cached_njit()
    def reads(value):
        return value + STEPS[0]

    @cached_njit()
    def calls(value):
        return compiled_elsewhere(value)

    @cached_njit()
    def looks_into(value):
        return value + datapath.LIMIT

    for kernel, used in [
        (closes_over, r"\{1: 2\}"),
        (reads, r"\[1, 2\]"),
        (calls, "elsewhere"),
        (looks_into, "datapath"),
    ]:
        with pytest.raises(TypeError, match=rf"{kernel.py_func.__name__} uses .*{used}.* cannot be part of its key"):
            kernel(1)


KERNEL_MODULES = [
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    for package in ("fixedpoint_sim", "train")
    for path in sorted((REPOSITORY / package).rglob("*.py"))
    if "@cached_njit(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", KERNEL_MODULES)
def test_every_kernel_of_ours_has_a_key(module):
    """And is compiled through the cache, or inlined into one that is."""
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, CachedKernel):
            assert len(value.digest) == 64
        elif hasattr(value, "targetoptions"):
            assert value.targetoptions.get("inline") == "always", value
