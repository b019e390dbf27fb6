"""The cache of compiled programs: built once and atomically, by any number of processes. The compiler is a fake one."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datapath import Folding, Limits, Provenance
from datapath.build_cache import cache_folder
from datapath.errors import FileError, FoldlineError, ToolError
from hls_gen.csim import CSimProgram
from hls_gen.toolchain import Toolchain
from tests.builds import FakeCompiler
from tests.datapath.test_files import disk_of
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.hls_gen.test_toolchain import installation

DESIGN = random_design(1, inputs=4, hidden=4, classes=3)
PATIENCE_SECONDS = 60
"""Longer than any of these processes takes on a busy machine: what lasts longer hangs."""


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    """An empty cache, and types that are empty files."""
    monkeypatch.setenv("XILINX_HLS", str(installation(tmp_path / "tool")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "foldline" / "csim"


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Puts a fake compiler in place; called again, another behaviour of the same one."""

    def place(**behaviour) -> FakeCompiler:
        fake = FakeCompiler(tmp_path, **behaviour)
        monkeypatch.setenv("CXX", str(fake.path))
        return fake

    return place


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_a_second_time_nothing_is_compiled(cache, compiler):
    fake = compiler()
    first = CSimProgram(DESIGN)
    compiler(before="echo 'error: not again' >&2; exit 1")
    other = replace(DESIGN, provenance=Provenance(author="another", source="elsewhere", tool="none"))
    assert CSimProgram(DESIGN).program == CSimProgram(other).program == first.program
    assert len(fake.commands) == 1
    assert first.program.parent.parent == cache == cache_folder("csim")
    with pytest.raises(ToolError) as error:
        CSimProgram(replace(DESIGN, limits=Limits(columns=100)))
    assert str(error.value) == "fake-compiler failed: error: not again"


def test_whatever_changes_the_program_is_another_build(cache, compiler, monkeypatch, tmp_path):
    compiler()
    weights = DESIGN.fc_weights.copy()
    weights[0, 0, 0] ^= 1
    changed = (
        DESIGN,
        DESIGN.refolded(Folding(pe=2, simd_input=1, simd_recurrent=1)),
        DESIGN.refolded(replace(DESIGN.folding, pe_out=2)),
        replace(DESIGN, limits=Limits(columns=731)),
        replace(DESIGN, fc_weights=weights),
    )
    programs = {CSimProgram(design).program for design in changed}
    programs.add(CSimProgram(DESIGN, flags=("-O3",)).program)
    fake = compiler(version="fake 1.1")
    programs.add(CSimProgram(DESIGN).program)
    monkeypatch.setenv("XILINX_HLS", str(installation(tmp_path / "newer")))
    (tmp_path / "newer" / "include" / "ap_int.h").write_text("// newer\n")
    programs.add(CSimProgram(DESIGN).program)
    assert len(programs) == len(fake.commands) == len(entries(cache)) == 8


def test_a_build_holds_its_sources_and_what_it_was_compiled_with(cache, compiler, tmp_path):
    fake = compiler()
    kept = CSimProgram(DESIGN).program.parent
    assert (kept / "src" / "weights.hpp").is_file()
    assert (kept / "tb" / "test_bench.cpp").is_file()
    (command,) = fake.commands
    assert " -O2 -DFOLDLINE_OBSERVE " in command
    assert f" -isystem {tmp_path}/tool/include " in command


@pytest.mark.parametrize("error", [KeyboardInterrupt, ToolError("cl.exe failed: never heard of it")])
def test_an_interrupted_build_leaves_nothing(cache, compiler, monkeypatch, error):
    compiler()
    compile_ = Toolchain.compile

    def interrupted(self, sources, output, **options):
        compile_(self, sources, output, **options)
        assert output.exists()
        raise error

    monkeypatch.setattr(Toolchain, "compile", interrupted)
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        CSimProgram(DESIGN)
    assert entries(cache) == []
    monkeypatch.setattr(Toolchain, "compile", compile_)
    assert CSimProgram(DESIGN).program.is_file()


BUILD = """
from hls_gen.csim import CSimProgram
from tests.hls_gen.test_csim_cache import DESIGN
print(CSimProgram(DESIGN).program)
"""


def start() -> subprocess.Popen:
    command = [sys.executable, "-c", BUILD]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True)


def wait_for(condition) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_build_that_was_killed_is_made_anew(cache, compiler):
    fake = compiler(before="sleep 600")
    process = start()
    wait_for(lambda: fake.commands)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert [name.split(".")[1] for name in entries(cache)] == ["building"]
    compiler()
    program = CSimProgram(DESIGN).program
    assert program.is_file()
    assert entries(cache) == [program.parent.name]
    assert len(fake.commands) == 2


def test_processes_that_build_the_same_at_once_all_have_it(cache, compiler, tmp_path):
    """Both are within the compiler at the same time: each of them waits there until the other has come."""
    fake = compiler(before=f'while [ $(wc -l < "{tmp_path}/compiled") -lt 2 ]; do sleep 0.01; done')
    processes = [start(), start()]
    programs = {process.communicate(timeout=PATIENCE_SECONDS)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    (program,) = programs
    assert Path(program).is_file()
    assert len(fake.commands) == 2
    assert entries(cache) == [Path(program).parent.name]


def test_a_cache_that_cannot_be_written_is_named(cache, compiler, monkeypatch, tmp_path):
    compiler()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(FileError) as error:
        CSimProgram(DESIGN)
    folder = tmp_path / "file" / "foldline" / "csim"
    assert str(error.value).startswith(f"Cannot write a build to {folder}: Not a directory; set XDG_CACHE_HOME")


def test_a_program_that_cannot_start_is_compiled_again(cache, compiler):
    fake = compiler()
    program = CSimProgram(DESIGN).program
    text = program.read_bytes()
    program.parent.rename(cache / "away")
    compiler(program="exec no-such-program", before="exit 1")  # with a list that is right
    with pytest.raises(ToolError, match="fake-compiler failed: status 1"):
        CSimProgram(DESIGN)
    compiler(program="echo 'libgone.so.1: cannot open shared object file' >&2; exit 127")
    with pytest.raises(ToolError) as error:
        CSimProgram(DESIGN)
    reason = "libgone.so.1: cannot open shared object file"
    assert str(error.value) == f"The program that was built cannot start: {reason}."
    compiler()
    assert CSimProgram(DESIGN).program == program
    assert program.read_bytes() == text
    assert len(fake.commands) == 4


def test_a_program_that_is_gone_when_it_is_run_is_one_sentence(cache, compiler):
    compiler()
    built = CSimProgram(DESIGN)
    built.program.unlink()
    with pytest.raises(ToolError) as error:
        built.run(np.zeros((2, 4), dtype=np.int8))
    assert str(error.value) == f"Cannot run {built.program}: No such file or directory."


def test_a_full_disk_of_temporary_files_is_one_sentence(cache, compiler, monkeypatch, tmp_path):
    compiler()
    built = CSimProgram(DESIGN)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with disk_of(0), pytest.raises(FileError) as error:
        built.run(np.zeros((2, 4), dtype=np.int8))
    assert re.fullmatch(rf"Cannot write {tmp_path}/\S+/vectors\.txt: File too large\.", str(error.value))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(FileError) as error:
        built.run(np.zeros((2, 4), dtype=np.int8))
    reason = "No such file or directory"
    assert str(error.value) == f"Cannot make a temporary folder: {reason}; set TMPDIR to another folder."


# What the program says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("echo 'Out of luck.' >&2; exit 2", "The C simulation failed: Out of luck."),
        ("exit 3", "The C simulation failed: status 3"),
        ("kill -11 $$", "The C simulation failed: status -11"),
        (
            "echo \"WARNING: Hls::stream 'halves' contains leftover data\"; printf '' > \"$2\"",
            "The C simulation printed a warning: WARNING: Hls::stream 'halves' contains leftover data",
        ),
        ("printf '' > \"$2\"", "The test bench's results are cut off."),
    ],
)
def test_a_program_that_fails_is_quoted(cache, compiler, program, message):
    compiler(program=program)
    with pytest.raises(FoldlineError) as error:
        CSimProgram(DESIGN).run(np.zeros((2, 4), dtype=np.int8))
    assert str(error.value) == message
