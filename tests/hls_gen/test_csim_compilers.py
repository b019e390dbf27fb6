"""The same sources under other compilers, and with sanitizers that stop at whatever C++ leaves undefined."""

import os
import re
import shutil
from dataclasses import replace

import pytest

from datapath import Design, Limits
from datapath.errors import ToolError
from fixedpoint_sim import simulate
from foldline.golden import DEFAULT_FOLDER
from foldline.hardware.csim import BACKEND
from foldline.hardware.mismatch import first_mismatch
from hls_gen.csim import CSimProgram
from tests.builds import SANITIZED, patch_sources, random_columns
from tests.golden_data import lines
from tests.hls_gen.test_csim import FOLDINGS, ODD_AND_SHORT, golden_design


@pytest.fixture(params=["clang++", "g++"])
def compiler(request, csim_builds, monkeypatch) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed.")
    monkeypatch.setenv("CXX", request.param)
    # Leaks are of no matter to a program that ends after a line; looking for them needs rights that a container lacks.
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")
    return request.param


def assert_equal_on_golden_odd_and_short_lines(design: Design, name: str, program: CSimProgram) -> int:
    """How many of the lines have more labels than the output buffer holds."""
    golden = [line.pixels for line in lines(DEFAULT_FOLDER / "vectors" / f"{name}.npz")]
    cut = 0
    for columns in (*golden, *(random_columns(design, length, seed=length) for length in ODD_AND_SHORT)):
        expected = simulate(design, columns, ignore_limits=True)
        assert first_mismatch(design, columns, expected, program.run(columns), backend=BACKEND) == ""
        cut += expected.found > design.limits.labels
    return cut


@pytest.mark.parametrize("compiler", ["clang++"], indirect=True)
def test_clang_takes_the_sources_without_a_warning_and_computes_the_same(compiler):
    design = golden_design("stress_w3a5_odd")
    program = CSimProgram(design)
    assert os.environ["CXX"] == "clang++"
    assert assert_equal_on_golden_odd_and_short_lines(design, "stress_w3a5_odd", program) > 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FOLDINGS)
def test_sanitizers_report_nothing(compiler, name):
    design = golden_design(name)
    cut = assert_equal_on_golden_odd_and_short_lines(design, name, CSimProgram(design, flags=SANITIZED))
    assert (cut > 0) == (name == "stress_w3a5_odd")


@pytest.mark.exhaustive
def test_sanitizers_stop_at_an_overrun(compiler, monkeypatch):
    """A memory that is too small for the last half column of the longest line."""
    words, fewer = "Net::max_columns * OutputLayer", "(Net::max_columns - 1) * OutputLayer"
    patch_sources(monkeypatch, "src/join_directions.hpp", lambda text: text.replace(words, fewer))
    design = replace(golden_design("stress_w1a1_narrow"), limits=Limits(columns=31))
    program = CSimProgram(design, flags=SANITIZED)
    columns = random_columns(design, 30)
    assert first_mismatch(design, columns, simulate(design, columns), program.run(columns), backend=BACKEND) == ""
    with pytest.raises(ToolError, match=r"runtime error: index|AddressSanitizer: (global|stack)-buffer-overflow"):
        program.run(random_columns(design, 31))


@pytest.mark.exhaustive
def test_what_is_left_in_a_stream_is_an_error(csim_builds, monkeypatch):
    """One word too many behind the halves: the line comes out as it should, and hardware would hang in the next."""
    call = "output_layer<Net>(columns, hidden, halves);"
    patch_sources(monkeypatch, "src/kernel.hpp", lambda text: text.replace(call, f"{call}\n  halves.write(0);"))
    design = golden_design("stress_w1a1_narrow")
    with pytest.raises(ToolError) as error:
        CSimProgram(design).run(random_columns(design, 4))
    assert re.fullmatch(
        r"The C simulation printed a warning: WARNING: Hls::stream 'hls::stream<.*>\.\d+' contains leftover data, "
        r"which may result in RTL simulation hanging\.",
        str(error.value),
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("flags", [("-O0",), ("-O3",), ("-O2", "-std=c++17")], ids=" ".join)
def test_neither_optimiser_nor_standard_changes_a_bit(csim_builds, flags):
    design = golden_design("stress_w4a8_round")
    program = CSimProgram(design, flags=(*flags, "-DFOLDLINE_OBSERVE"))
    assert_equal_on_golden_odd_and_short_lines(design, "stress_w4a8_round", program)
