"""The stage that adds the halves of a score: what it computes, and in which order it uses its memory."""

import os
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from datapath import Design
from datapath.errors import ToolError
from foldline.golden import DEFAULT_FOLDER
from hls_gen.resources.kernel_memories import PAGE
from hls_gen.toolchain import Toolchain
from tests.builds import SANITIZED, write_sources

LIBRARY = files("hls_gen").joinpath("library")
SMALL = [(columns, blocks) for columns in range(1, 10) for blocks in (1, 2, 3, 5)]


@pytest.mark.no_numpy2
def test_it_adds_the_halves_of_each_column_whatever_the_pages_of_its_memory(tmp_path):
    write_sources(Design.load(DEFAULT_FOLDER / "designs" / "stress_w1a1_narrow.npz"), tmp_path)
    try:
        toolchain = Toolchain.find()
    except ToolError as error:
        pytest.skip(str(error))
    program = tmp_path / "join"
    toolchain.compile([Path(__file__).with_name("join.cpp")], program, include=tmp_path / "src", flags=SANITIZED)
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}  # which needs rights that a container may lack
    done = subprocess.run([program], capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("99 lines\n", "", 0)


def addresses(columns: int, blocks: int) -> tuple[list[int], list[int]]:
    """Addresses in the order of writing and in that of reading, by the rules of the C++."""
    stored = columns * blocks
    read, address, block = [], stored - blocks, 0
    for _ in range(stored):
        read.append(address)
        ends = block == blocks - 1
        address += 1 - 2 * blocks if ends else 1
        block = 0 if ends else block + 1
    return list(range(stored)), read


def half_scores(columns: int, blocks: int) -> list[tuple[int, int, int]]:
    """Column, direction and block of all half scores in the order in which they come."""
    return [
        (step if direction == 0 else columns - 1 - step, direction, block)
        for step in range(columns)
        for direction in range(2)
        for block in range(blocks)
    ]


@pytest.mark.parametrize(("columns", "blocks"), SMALL)
def test_what_is_read_is_the_other_half_of_what_comes(columns, blocks):
    written, read = addresses(columns, blocks)
    coming = half_scores(columns, blocks)
    memory = dict(zip(written, coming[: len(written)], strict=True))
    for address, (column, direction, block) in zip(read, coming[len(written) :], strict=True):
        assert memory.pop(address) == (column, 1 - direction, block)
    assert not memory


@pytest.mark.parametrize(("columns", "blocks"), SMALL)
def test_in_a_single_loop_a_word_would_be_read_as_soon_as_its_block_comes_again(columns, blocks):
    """Why there are two loops: the distance from a write to the read of the same address is down to one iteration, less
    than the cycles that a pipeline takes from its reads to its writes. C simulation cannot see that."""
    written, read = addresses(columns, blocks)
    times = {address: n for n, address in enumerate(written)}
    assert min(len(written) + n - times[address] for n, address in enumerate(read)) == blocks


def test_no_loop_both_writes_and_reads_the_memory():
    """So that no iteration waits for another one, and no pragma has to deny a dependence."""
    text = LIBRARY.joinpath("join_directions.hpp").read_text(encoding="utf-8")
    body = text[text.index("void join_directions") :]
    before, storing, adding = re.split(r"^STORE_HALVES:|^ADD_HALVES:", body, flags=re.MULTILINE)
    assert "Memory::store(" in storing and "Memory::load(" not in storing
    assert "Memory::load(" in adding and "Memory::store(" not in adding
    assert "Memory::" in before and "::load" not in before and "::store" not in before
    assert "HLS dependence" not in text


def test_the_pages_of_the_estimate_are_those_of_the_library():
    text = LIBRARY.joinpath("join_directions.hpp").read_text(encoding="utf-8")
    (bits,) = re.findall(r"OFFSET_BITS = (\d+);", text)
    assert 1 << int(bits) == PAGE
