"""Counters and the shift register of types.hpp, compiled: widths, order, and what is reported with the last value."""

import subprocess
from pathlib import Path

import pytest

from datapath.errors import ToolError
from hls_gen.toolchain import Toolchain
from tests.builds import write_sources
from tests.designs import random_design

pytestmark = pytest.mark.no_numpy2


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> list[str]:
    """The lines of the program counters.cpp."""
    folder = tmp_path_factory.mktemp("counters")
    write_sources(random_design(1), folder)
    try:
        toolchain = Toolchain.find()
    except ToolError as error:
        pytest.skip(str(error))
    program = folder / "counters"
    toolchain.compile([Path(__file__).with_name("counters.cpp")], program, include=folder / "src", flags=("-O1",))
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_counter_is_as_wide_as_its_last_value_and_starts_again_behind_it(printed):
    for line, values in zip(printed, (1, 2, 3, 4, 5, 128, 129), strict=False):
        steps = [n % values for n in range(2 * values + 1)]
        counted = "".join(f" {value}{'.' if value == values - 1 else ''}" for value in steps)
        assert line == f"{values} {max(1, (values - 1).bit_length())}:{counted}"


def test_the_cycles_of_the_longest_line_fit_their_counter(printed):
    assert printed[7] == "24"  # 32767 columns of 2 * 256 class blocks: 16776704 < 2**24


def test_blocks_enter_a_word_at_the_top_and_the_first_one_ends_at_the_bottom(printed):
    # 0b00011_00010_00001 is 0xc41.
    assert printed[8:] == ["12 4: 321", "15 5: c41", "8 8: 1"]
