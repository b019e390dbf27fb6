"""A whole project of the RTL kernel: the committed one byte for byte, its README and its Makefile."""

import re
import subprocess

import pytest

from datapath.boards import load_board
from datapath.errors import ConfigError, DesignError
from datapath.manifest import Kernel, Manifest
from datapath.vivado.project import write_project
from foldline.hardware.known_answer_lines import random_lines
from foldline.hardware.projects import expected_lines
from rtl_gen.project import render_project
from rtl_gen.sources import render_rtl
from tests.designs import random_design
from tests.hls_gen.test_project_scripts import needs_make
from tests.hls_gen.tiny_project import tiny_design
from tests.rtl_gen.tiny_project import FOLDER, committed, tiny_project

pytestmark = pytest.mark.no_numpy2

COMMITTED = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())
NAME = str(tiny_design().experiment)


@pytest.fixture(scope="module")
def files():
    return tiny_project()


def test_the_committed_project_has_these_files(files):
    assert sorted(path for path in files if committed(path)) == COMMITTED
    assert [
        "Makefile",
        f"{NAME}.json",
        "README.md",
        "build.tcl",
        "rtl/bounds.json",
        "rtl/topLevel_BLSTM_CTC.v",
    ] == COMMITTED


@pytest.mark.parametrize("path", COMMITTED)
def test_a_project_is_the_committed_one_byte_for_byte(files, path):
    assert files[path].encode() == (FOLDER / path).read_bytes(), "run `make golden` if that is on purpose"


def test_the_sources_are_those_of_the_design_and_the_script_names_each(files):
    assert {f"rtl/{name}": text for name, text in render_rtl(tiny_design()).items()}.items() <= files.items()
    named = re.findall(r"^    (rtl/\S+)$", files["build.tcl"], re.MULTILINE)
    assert sorted([*named, "rtl/bounds.json"]) == sorted(path for path in files if path.startswith("rtl/"))


@pytest.mark.parametrize(("board", "clock", "mhz"), [("pynq-z2", None, 100), ("kv260", None, 150), ("kv260", 200, 200)])
def test_the_manifest_has_kernel_board_and_clock(board, clock, mhz, tmp_path):
    design, loaded = tiny_design(), load_board(board)
    lines = expected_lines(design, random_lines(design))
    files = render_project(design, loaded, lines=lines, clock_mhz=clock)
    (tmp_path / "net.json").write_text(files[f"{NAME}.json"])
    manifest = Manifest.read(tmp_path / "net.json")
    assert (manifest.kernel, manifest.part, manifest.clock_mhz) == (Kernel.RTL, loaded.part, mhz)
    assert manifest.control_base == loaded.control_base
    assert f"set clock_mhz {mhz}\n" in files["build.tcl"]


def test_the_readme_lists_files_registers_and_what_was_not_checked(files):
    readme = files["README.md"]
    assert "**No project of this kind has been run through Vivado, or on a board, by Foldline's authors**" in readme
    for suffix in ("json", "npz"):
        assert f"| `{NAME}.{suffix}` | " in readme
    for offset in ("0x00", "0x10", "0x18", "0x20", "0x28", "0x34", "0x40"):
        assert f"| {offset} | " in readme
    for path in (path for path in files if path.endswith(".mem")):
        words = files[path].splitlines()
        assert f"| `{path}` | {len(words)} | {4 * len(words[0])} |\n" in readme
    assert f"foldline run {NAME}.npz line.png --bitstream {NAME}.bit --device board" in readme
    for text in files.values():
        assert text.endswith("\n")
    for path in ("README.md", "Makefile", "build.tcl"):
        assert not re.search(r"[ \t]+$|\n\n\n|[{]%|[{][{] ", files[path], re.MULTILINE), path


@needs_make
def test_make_rebuilds_the_bitstream_when_the_weights_change(files, tmp_path):
    write_project(tmp_path, files, tiny_design())

    def dry_run(*words: str) -> str:
        command = ["make", "-n", "bitstream", "VIVADO=/opt/vivado", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "/opt/vivado -mode batch -source build.tcl\n" in dry_run()
    (tmp_path / f"{NAME}.bit").touch()
    assert "vivado" not in dry_run()
    assert "/opt/vivado -mode batch -source build.tcl\n" in dry_run("-W", "rtl/class_weights.mem")


def test_a_project_without_lines_is_refused():
    with pytest.raises(ConfigError, match=r"^lines is empty; the manifest needs one known-answer line or more\.$"):
        render_project(tiny_design(), load_board("pynq-z2"), lines=[])


def test_a_limit_that_exceeds_the_counters_is_refused():
    from datapath import Limits

    design = random_design(1, limits=Limits(columns=1 << 16))
    lines = expected_lines(design, random_lines(design))
    with pytest.raises(DesignError, match=r"^The limit of columns is 65536"):
        render_project(design, load_board("zcu104"), lines=lines)
