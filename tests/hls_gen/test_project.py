"""A whole project: the committed one byte for byte, what belongs to it, and what is refused."""

import re

import numpy as np
import pytest

from datapath import Limits
from datapath.boards import load_board
from datapath.errors import ConfigError, DesignError, FileError
from datapath.kernel_result import KernelResult
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.vivado.project import MAX_ANSWERS, known_answers, write_project
from foldline.hardware.known_answer_lines import random_lines
from foldline.hardware.projects import expected_lines
from hls_gen.project import pipelined_loops, render
from hls_gen.sources import library_files
from tests.designs import random_design
from tests.hls_gen.project import FORMS
from tests.hls_gen.tiny_project import FOLDER, tiny_design, tiny_project
from tests.vendor_tools import needs_tclsh, run_script

COMMITTED = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def files():
    return tiny_project()


def test_the_committed_project_has_these_files(files):
    assert sorted(set(files) - set(library_files())) == COMMITTED
    assert len(COMMITTED) == 10


@pytest.mark.parametrize("path", COMMITTED)
def test_a_project_is_the_committed_one_byte_for_byte(files, path):
    assert files[path].encode() == (FOLDER / path).read_bytes(), "run `make golden` if that is on purpose"


def test_the_library_is_in_a_project_as_it_is(files):
    library = library_files()
    assert {path: files[path] for path in library} == library
    assert {"src/kernel.hpp", "src/hidden_layer.hpp", "tb/test_bench.cpp"} <= set(library)


def test_every_header_that_a_file_includes_is_in_the_project(files):
    included = set()
    for path, text in files.items():
        if path.endswith(("hpp", "cpp")):
            included |= set(re.findall(r'#include "([^"]+)"', text))
    assert {f"src/{name}" for name in included} <= set(files)
    assert {"config.hpp", "weights.hpp", "tables.hpp"} <= included


def test_pipelined_loops_are_found_in_the_library():
    library = library_files()
    loops = pipelined_loops(library)
    pragmas = sum(len(re.findall(r"#pragma HLS pipeline II = 1\n(?!.*return)", library[path])) for path in library)
    functions = sum(text.count("#pragma HLS inline off\n#pragma HLS pipeline II = 1") for text in library.values())
    assert ("src/hidden_layer.hpp", "PASS") in loops
    assert len(loops) == pragmas - functions
    assert len(loops) == len(set(loops))


def test_no_loop_has_a_name_that_a_report_could_give_to_a_pipelined_one():
    """A report has OUTER_INNER for nested loops that HLS merged, and `run_hls.tcl` takes that for INNER."""
    library = library_files()
    labels = {label for text in library.values() for label in re.findall(r"^ *([A-Z_]+):$", text, re.MULTILINE)}
    pipelined = {label for _, label in pipelined_loops(library)}
    assert len(labels) > len(pipelined) > 5
    assert not [(label, other) for label in pipelined for other in labels if other.endswith(f"_{label}")]


@pytest.mark.parametrize(
    ("board", "clock", "mhz"), [("pynq-z2", None, 100), ("kv260", None, 1000 / 7), ("kv260", 200, 200)]
)
def test_the_manifest_holds_board_clock_and_known_answers(board, clock, mhz, tmp_path):
    design, loaded = tiny_design(), load_board(board)
    lines = expected_lines(design, random_lines(design))
    files = render(design, loaded, lines=lines, clock_mhz=clock)
    path = tmp_path / "net.json"
    path.write_text(files[f"{design.experiment}.json"])
    assert Manifest.read(path) == Manifest.of(
        design,
        answers=(KnownAnswer(lines[0][0], lines[0][1].labels),),
        kernel=Kernel.HLS,
        part=loaded.part,
        clock_mhz=mhz,
        control_base=loaded.control_base,
    )


def test_a_design_of_any_folding_is_built_with_the_hls_kernel(tmp_path):
    design = random_design(1)
    files = render(design, load_board("pynq-z2"), lines=expected_lines(design, random_lines(design)))
    path = tmp_path / "net.json"
    path.write_text(files[f"{design.experiment}.json"])
    assert Manifest.read(path).kernel is Kernel.HLS


def _line(length: int, labels: tuple[int, ...], found: int | None = None) -> tuple[np.ndarray, KernelResult]:
    nothing = np.zeros(0)
    result = KernelResult(
        found=len(labels) if found is None else found,
        labels=np.array(labels, dtype=np.uint8),
        hidden=nothing,
        scores=nothing,
    )
    return np.zeros((length, 4), dtype=np.int8), result


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([_line(1, ()), _line(2, (1,)), _line(3, (1, 2))], [2, 3]),
        ([_line(1, ()), _line(2, ())], [1]),
        ([_line(n, (1,)) for n in range(1, 9)], [1, 2, 3]),
        ([_line(1, (1, 2), found=3), _line(2, ())], [2]),
        ([_line(1, (1, 2), found=3)], []),
    ],
    ids=["with-labels", "none-has-labels", "many", "one-is-cut-off", "all-are-cut-off"],
)
def test_known_answers_are_the_first_lines_that_tell_something(lines, chosen):
    assert [len(answer.columns) for answer in known_answers(lines)] == chosen
    assert len(chosen) <= MAX_ANSWERS


def test_a_project_without_lines_is_refused():
    with pytest.raises(ConfigError) as caught:
        render(tiny_design(), load_board("pynq-z2"), lines=[])
    assert str(caught.value) == "lines is empty; the test bench needs one line or more."


@pytest.mark.parametrize("name", ["columns", "labels"])
def test_limits_that_exceed_the_kernels_counters_are_refused(name):
    design = random_design(1, limits=Limits(**{name: 1 << 15}))
    with pytest.raises(DesignError) as caught:
        render(design, load_board("zcu104"), lines=expected_lines(design, random_lines(design)))
    assert str(caught.value).startswith(f"The limit of {name} is 32768; the kernel takes 1 to 32767: ")


def test_a_design_that_cannot_fit_is_refused():
    design = random_design(1, bits=(8, 8, 2, 8, 8), inputs=32, hidden=512, folding=(1, 32, 512))
    with pytest.raises(DesignError) as caught:
        render(design, load_board("pynq-z1"), lines=expected_lines(design, random_lines(design)))
    # recurrent_weights: words of 4 * 512 * 8 bits, 1024 deep: 256 limbs of 64 bits, each four RAMB18 of 1024 x 18.
    assert str(caught.value) == (
        "Weights and buffers need 548 BRAM36, most of them recurrent_weights with 512, and Digilent PYNQ-Z1 "
        "(xc7z020clg400-1) has 140; fewer bits per weight, a smaller network, less parallel computation or a larger "
        "board helps."
    )


def test_a_project_replaces_a_project_and_leaves_what_the_tools_made(files, tmp_path):
    folder = tmp_path / "project"
    write_project(folder, files, tiny_design())
    (folder / "hls").mkdir()
    (folder / "src" / "config.hpp").write_text("edited")
    with pytest.raises(FileError, match=r"^src/config\.hpp in .* is not as Foldline wrote it; .* with --force\.$"):
        write_project(folder, files, tiny_design())
    write_project(folder, files, tiny_design(), force=True)
    assert (folder / "hls").is_dir()
    assert {path: (folder / path).read_text(encoding="utf-8") for path in files} == files


def test_a_folder_that_holds_something_else_is_refused(files, tmp_path):
    (tmp_path / "README.md").write_text("# My thesis\n")
    with pytest.raises(FileError) as caught:
        write_project(tmp_path, files, tiny_design())
    assert str(caught.value) == (
        f"{tmp_path} holds README.md and is not a Foldline project; name a new or an empty folder."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_file_in_place_of_the_folder_is_refused(files, tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(FileError) as caught:
        write_project(tmp_path / "taken", files, tiny_design())
    assert str(caught.value) == f"Cannot use {tmp_path / 'taken'} as the folder of a project: Not a directory."


@needs_tclsh
@pytest.mark.parametrize("tool", FORMS)
def test_the_hls_script_of_a_real_project_runs_and_lists_every_file(files, tool, tmp_path):
    folder = tmp_path / "project"
    write_project(folder, files, tiny_design())
    run = run_script(folder, "run_hls.tcl", tool=tool)
    assert (run.status, run.errors) == (0, "")
    named = {word for words in run.named("add_files") for word in words if word.startswith(("src/", "tb/"))}
    assert named == {path for path in files if path.startswith(("src/", "tb/"))}


@needs_tclsh
def test_the_bitstream_script_of_a_real_project_runs(files, tmp_path):
    folder = tmp_path / "project"
    write_project(folder, files, tiny_design())
    assert run_script(folder, "run_hls.tcl", tool="vitis_hls").status == 0
    run = run_script(folder, "build.tcl", tool="vivado")
    assert (run.status, run.errors) == (0, "")
    name = str(tiny_design().experiment)
    assert (folder / f"{name}.bit").is_file()
    assert (folder / f"{name}.hwh").is_file()
