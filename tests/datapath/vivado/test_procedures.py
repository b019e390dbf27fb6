"""The Tcl procedures that the scripts of a project share, under tclsh."""

import re
import subprocess
from dataclasses import replace

import pytest

from datapath.boards import load_board
from datapath.vivado.scripts import LONGEST_MADE, WINDOWS_PATH, first_release, render_procedures
from tests.datapath.vivado.projects import make_project
from tests.vendor_tools import TCLSH, needs_tclsh

pytestmark = pytest.mark.no_numpy2

LATER = {
    "lmap", "try", "throw", "tailcall", "coroutine", "yield", "string cat", "dict map", "file tempfile", "zlib",
}  # fmt: skip
"""Commands that Tcl 8.6 brought (its page of changes); the Tcl of the tools is 8.5 in some releases."""


def call(command: str, *, platform: str = "unix", board: str = "pynq-z2") -> str:
    """What a command prints on standard output, or its error after ``ERROR``."""
    script = f"{render_procedures(load_board(board))}\nset tcl_platform(platform) {platform}\n"
    script += f'if {{[catch {{{command}}} result]}} {{puts "ERROR $result"}} else {{puts $result}}\n'
    return tcl(script)


def tcl(script: str) -> str:
    """What a script prints on standard output."""
    done = subprocess.run([TCLSH], input=script, capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.rstrip("\n")


@needs_tclsh
@pytest.mark.parametrize("folder", ["/home/me/board", "/a/b-c_d.e~1/@f", "/x/.cache/y", "/" + 300 * "a"])
def test_a_folder_of_plain_letters_is_taken(folder):
    assert call(f"check_folder {{{folder}}} 200") == ""


@needs_tclsh
@pytest.mark.parametrize(
    "folder",
    ["/my project", "/a\tb", "/a$b", "/a[b]", "/a;b", "/a#b", "/a(b)", "/a&b", "/a'b", "/a,b", "/a=b", "/a+b", "/a:b",
     "/böard", "/板", "/a./b", "/..", "/a%b", "/a!b"],
)  # fmt: skip
def test_another_character_is_refused(folder):
    """UG895 lists the characters of files and folders; a make file has no way to write some of the others."""
    message = call(f"check_folder {{{folder}}} 100")
    assert message.startswith(f"ERROR The project's folder is '{folder}'; its path must be of ASCII letters, digits, ")


@needs_tclsh
def test_a_path_on_windows_has_a_longest_length():
    """By hand: 259 = 48 of the folder, 1, and 210 below it."""
    fits = "C:/" + 45 * "x"
    assert len(fits) == 48
    assert call(f"check_folder {fits} 210", platform="windows") == ""
    message = call(f"check_folder {fits}y 210", platform="windows")
    assert message.startswith(f"ERROR The project's folder is '{fits}y', 49 characters; it must have at most 48, ")
    assert "subst F:" in message
    assert call("check_folder F:/ 210", platform="windows") == ""  # as the message advises
    assert call(f"check_folder /{fits[3:]}y 210") == ""


@needs_tclsh
@pytest.mark.parametrize("folder", ["//server/share/board", "/board"])
def test_a_path_on_windows_begins_with_a_drive(folder):
    message = call(f"check_folder {folder} 100", platform="windows")
    assert message.startswith(f"ERROR The project's folder is '{folder}'; it must be on a drive with a letter")


def test_a_windows_path_leaves_room_for_a_folder():
    assert WINDOWS_PATH - 1 - LONGEST_MADE >= 100


@needs_tclsh
@pytest.mark.parametrize(
    ("text", "numbers"),
    [("2019.2", "2019 2 0"), ("2020.2.2", "2020 2 2"), ("2022.2.1_AR000_1", "2022 2 1"), ("Vivado v2024.2 (64-bit)", "2024 2 0"),
     ("2026.08", "2026 8 0"), ("no release", ""), ("2.1", "")],
)  # fmt: skip
def test_a_release_is_three_numbers(text, numbers):
    assert call(f"release_numbers {{{text}}}") == numbers


@needs_tclsh
@pytest.mark.parametrize(
    ("board", "text", "needed"),
    [("kv260", "2020.2.1", "2020.2.2"), ("kv260", "2020.1.3", "2020.2.2"), ("kv260", "2019.3", "2020.2.2"),
     ("pynq-z2", "2019.1", "2019.2"), ("pynq-z2", "2018.3.1", "2019.2")],
)  # fmt: skip
def test_an_older_release_is_refused_with_board_found_and_needed(board, text, needed):
    loaded = load_board(board)
    assert call(f"check_release {{Vivado HLS}} {text}", board=board) == (
        f"ERROR This is Vivado HLS {text}; {loaded.title} ({loaded.part}) needs Vivado HLS {needed} or later."
    )


@needs_tclsh
@pytest.mark.parametrize(
    ("board", "text"),
    [("kv260", "2020.2.2"), ("kv260", "2020.3"), ("kv260", "2021.1"), ("pynq-z2", "2019.2"), ("pynq-z2", "2020.1"),
     ("pynq-z2", "2024.2.1")],
)  # fmt: skip
def test_a_release_from_the_first_on_is_taken(board, text):
    assert call(f"check_release Vivado {text}", board=board) == ""


@needs_tclsh
def test_a_version_that_is_not_a_release_is_a_warning():
    """Such a text must not stop a build."""
    assert call("check_release Vivado {Engineering build}").startswith(
        "WARNING: Vivado says that its version is 'Engineering build', which is not a release such as 2019.2"
    )


def test_the_scripts_themselves_need_2019_2():
    board = load_board("pynq-z2")
    assert first_release(replace(board, first_release="2016.4")) == "2019.2"
    assert first_release(replace(board, first_release="2019.10")) == "2019.10"
    assert first_release(load_board("kv260")) == "2020.2.2"


@needs_tclsh
def test_files_below_a_folder_are_found_by_their_name(tmp_path):
    for path in ("a/x.hwh", "a/b/c/x.hwh", "a/b/y.hwh", "x.hwh"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    found = call(f"files_below {tmp_path} x.hwh").split()
    assert sorted(found) == sorted(f"{tmp_path}/{path}" for path in ("a/x.hwh", "a/b/c/x.hwh", "x.hwh"))
    assert call(f"read_file {tmp_path}/a/b/y.hwh") == "a/b/y.hwh"


@pytest.mark.parametrize(("kernel", "script"), [("hls", "build.tcl"), ("rtl", "build.tcl"), ("hls", "run_hls.tcl")])
def test_the_scripts_are_of_tcl_8_5(kernel, script, tmp_path):
    lines = (make_project(kernel, tmp_path / "project").folder / script).read_text(encoding="utf-8").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    assert not {word for word in LATER if re.search(rf"(?:^|[\[{{;]) *{re.escape(word)}\b", code, re.MULTILINE)}


@needs_tclsh
def test_names_in_the_core_of_hls_count_for_the_longest_path(tmp_path):
    """``check_tool`` of `build.tcl`, with procedures that print what they are given."""
    made = make_project("hls", tmp_path / "project")
    source = made.folder / "hls/solution1/impl/ip/hdl/verilog" / ("x" * 80 + ".v")
    text = (made.folder / "build.tcl").read_text(encoding="utf-8")
    procedures = "\n".join(
        re.search(rf"^proc {name} .*?^}}$", text, re.MULTILINE | re.DOTALL).group()
        for name in ("files_below", "kernel_files", "check_tool")
    )
    script = f"set here {made.folder}\nset core $here/hls/solution1/impl/ip\nset system overlay\n{procedures}\n"
    script += "proc check_folder {folder longest} {puts $longest}\nproc check_release {tool text} {}\n"
    script += "proc version {option} {}\nproc get_parts {option part} {return x}\nset part x\ncheck_tool\n"
    assert tcl(script) == str(LONGEST_MADE)
    source.parent.mkdir(parents=True)
    source.touch()
    copied = f"vivado/foldline.gen/sources_1/bd/overlay/ipshared/1a2b/hdl/verilog/{source.name}"
    assert len(copied) > LONGEST_MADE
    assert tcl(script) == str(len(copied))
