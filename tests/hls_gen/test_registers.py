"""What the accelerator does with registers that are wrong, and with those that two kinds of drivers write.

Built as a synthesis sees the sources, without what the test bench observes, and with sanitizers: nothing is read or
written where it must not be.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from datapath import Design
from datapath.errors import ToolError
from datapath.packing import pack_columns
from fixedpoint_sim import simulate
from foldline.golden import DEFAULT_FOLDER
from hls_gen.toolchain import Toolchain
from tests.builds import SANITIZED, builds_folder, random_columns, write_sources
from tests.golden_data import lines

pytestmark = pytest.mark.no_numpy2

NAME = "stress_w3a5_odd"  # 10 pixels of 5 bits: 7 bytes of a column in a word of 8; at most 3 labels
T = 30  # columns of its first golden line
REFUSED, UNTOUCHED = (1 << 64) - 1, 0x5A5A5A5A5A5A5A5A


@pytest.fixture(scope="module")
def design() -> Design:
    return Design.load(DEFAULT_FOLDER / "designs" / f"{NAME}.npz")


@pytest.fixture(scope="module")
def program(design, tmp_path_factory) -> Path:
    """Built once for a run of the tests, but for two workers that begin it at the same time."""
    kept = builds_folder(tmp_path_factory.getbasetemp()) / "registers"
    if not kept.is_file():
        folder = tmp_path_factory.mktemp("registers")
        write_sources(design, folder)
        try:
            toolchain = Toolchain.find()
        except ToolError as error:
            pytest.skip(str(error))
        source = folder / "src"
        flags = tuple(flag for flag in SANITIZED if flag != "-DFOLDLINE_OBSERVE")
        main = Path(__file__).with_name("registers.cpp")
        toolchain.compile([source / "top.cpp", main], folder / "registers", include=source, flags=flags)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (folder / "registers").replace(kept)
    return kept


def call(program: Path, words: np.ndarray, *registers: tuple[int, int, int]) -> subprocess.CompletedProcess:
    with tempfile.TemporaryDirectory() as folder:
        pixels = Path(folder) / "pixels.txt"
        pixels.write_text(" ".join(f"{word:x}" for word in words.tolist()))
        arguments = [str(number) for triple in registers for number in triple]
        environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}  # which needs rights that a container may lack
        command = [program, pixels, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def outputs(program: Path, words: np.ndarray, *registers: tuple[int, int, int]) -> list[list[int]]:
    """The output buffer after each call; the program prints nothing else."""
    done = call(program, words, *registers)
    assert (done.returncode, done.stderr) == (0, "")
    assert "WARNING" not in done.stdout  # of a stream in which something is left
    return [[int(word, 16) for word in line.split()] for line in done.stdout.splitlines()]


def expected_output(design: Design, columns: np.ndarray) -> list[int]:
    trace = simulate(design, columns, ignore_limits=True)
    written = [trace.found, *trace.labels.tolist()]
    return written + [UNTOUCHED] * (design.limits.labels + 1 - len(written))


def golden_lines() -> list[np.ndarray]:
    return [line.pixels for line in lines(DEFAULT_FOLDER / "vectors" / f"{NAME}.npz")]


def test_golden_odd_and_short_lines_give_the_simulators_labels(design, program):
    cut = 0
    for columns in (*golden_lines(), *(random_columns(design, length, seed=length) for length in (1, 2, 3, 101))):
        length = len(columns)
        (words,) = outputs(program, pack_columns(columns, 5), (length, 2 * length, 16 * length))
        assert words == expected_output(design, columns)
        cut += words[0] > 3
    assert cut  # one count exceeds the buffer


@pytest.mark.parametrize("bytes_of_a_column", [7, 8])
def test_padded_and_unpadded_byte_counts_are_both_taken(design, program, bytes_of_a_column):
    columns = golden_lines()[0]
    assert len(columns) == T
    (words,) = outputs(program, pack_columns(columns, 5), (T, 2 * T, 2 * T * bytes_of_a_column))
    assert words == expected_output(design, columns)


WRONG = {
    "no columns": (0, 0, 0),
    "one column too many for the buffers": (733, 1466, 16 * 733),
    "a count that 16 bits would cut to the line's": (65536 + T, 2 * (65536 + T), 16 * (65536 + T)),
    "a doubled count that 32 bits would cut to it": (2**31 + T, 2 * T, 16 * T),
    "the most columns there are": (2**32 - 1, 2**32 - 2, 2**32 - 1),
    "less than twice the columns": (T, 2 * T - 1, 16 * T),
    "more than twice the columns": (T, 2 * T + 1, 16 * T),
    "twice the columns left out": (T, 0, 16 * T),
    "a byte too few": (T, 2 * T, 14 * T - 1),
    "a byte too many": (T, 2 * T, 16 * T + 1),
    "bytes left out": (T, 2 * T, 0),
    "the bytes of half the line": (T, 2 * T, 8 * T),
}


@pytest.mark.parametrize("registers", WRONG.values(), ids=WRONG)
def test_wrong_registers_are_refused_and_the_next_line_is_right(design, program, registers):
    columns = golden_lines()[0]
    good = (T, 2 * T, 16 * T)
    before, refused, after = outputs(program, pack_columns(columns, 5), good, registers, good)
    assert refused == [REFUSED] + [UNTOUCHED] * design.limits.labels
    assert before == after == expected_output(design, columns)


def test_the_sanitizer_sees_a_read_behind_the_input_buffer(program):
    """One column more than the buffer holds, which the accelerator cannot know: what this file's tests rely on."""
    done = call(program, pack_columns(golden_lines()[0], 5), (T + 1, 2 * (T + 1), 16 * (T + 1)))
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr
