"""Every deliberate fault of the library in mutations.py is seen by a test, or is shown to be without effect.

A fault of the datapath is simulated in Icarus with the lines of mutation_cases.py: it is seen where a hidden output, a
score, a label or their count differs from the simulator, or the clocks from datapath.rtl_cycles, or a value is unknown,
or a line does not end.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from datapath.tables import SIGMOID, TANH
from rtl_gen import serial
from rtl_gen.sources import SERIAL_MODULES, SIGMOID_BITS, TANH_BITS, memory_words
from tests.rtl_gen import test_buses
from tests.rtl_gen.mutation_cases import CASES, difference
from tests.rtl_gen.mutations import BUSES, DATAPATH, FORMAL, SERIAL, Judge, Mutation
from tests.rtl_gen.serial_scenario import (
    files_of,
    first_difference,
    fold_design,
    lines_and_faults,
    overflow,
    slow_design,
)
from tests.rtl_gen.sources import BUS_MODULES, LIBRARY, SHAPES, write_top
from tests.rtl_gen.test_reading import path_tool
from tests.rtl_gen.test_units import CELL_FORMS, PEEPHOLE_FORMS, SPECIFICATION, prove, rounding_goal

pytestmark = pytest.mark.no_numpy2

QUICK = {
    "column 0 is missing",
    "a pass waits one clock too long",
    "the label is not kept",
    "the longest line is refused",
    "-BOUND is clipped, too",
    "no checksum is looked at",
}
"""Faults that are tried in every run, to test that they are seen; the others only in `make test-all`."""

BUS_LIMIT_NS = 1_000_000
"""Time at which a simulation of the buses ends; without a fault it takes a quarter of it."""


def each(mutations: list[Mutation], *judges: Judge):
    chosen = [mutation for mutation in mutations if mutation.judge in judges]
    values = [
        pytest.param(
            mutation,
            id=f"{mutation.module}: {mutation.fault}",
            marks=[] if mutation.fault in QUICK else [pytest.mark.exhaustive],
        )
        for mutation in chosen
    ]
    return pytest.mark.parametrize("mutation", values)


def changed_library(mutation: Mutation, folder: Path) -> Path:
    """A copy of the library with a fault."""
    library = folder / "library"
    shutil.copytree(LIBRARY, library)
    (library / f"{mutation.module}.sv").write_text(mutation.changed_text())
    return library


def test_there_are_enough_faults_and_each_is_quoted_once():
    assert len(DATAPATH + BUSES + SERIAL + FORMAL) >= 100
    for mutation in DATAPATH + BUSES + SERIAL + FORMAL:
        assert mutation.changed_text() != (LIBRARY / f"{mutation.module}.sv").read_text()
    assert {path.stem for path in LIBRARY.glob("*.sv")} - {"delay"} == {
        mutation.module for mutation in DATAPATH + BUSES + SERIAL + FORMAL
    }


@pytest.mark.parametrize("name", CASES)
def test_the_library_has_no_fault(name, tmp_path):
    assert difference(name, sorted(LIBRARY.glob("*.sv")), tmp_path) == ""


@each(DATAPATH, Judge.LINES)
def test_a_fault_of_the_datapath_is_seen(mutation, tmp_path):
    library = sorted(changed_library(mutation, tmp_path).glob("*.sv"))
    assert any(difference(name, library, tmp_path) for name in CASES)


BANK_FAULTS = [
    (".CLOCKS(BEFORE + 2)", ".CLOCKS(BEFORE + 1)"),
    ("write_bank[k] <= write_then && write_to", "write_bank[k] <= write_to"),
    ("== BANK_BITS'(k)", "== BANK_BITS'(k ^ 1)"),
    ("choices[selected]", "choices[0]"),
]


def small_banks(folder: Path, *fault: str) -> list[Path]:
    """The library with banks of 8 words, of which a case needs several, and with a fault."""
    library = changed_library(Mutation("deep_ram", "BANK = 16384", "BANK = 8", "small banks", Judge.LINES), folder)
    if fault:
        memory = library / "deep_ram.sv"
        assert memory.read_text().count(fault[0]) == 1
        memory.write_text(memory.read_text().replace(*fault))
    return sorted(library.glob("*.sv"))


SEVERAL_BANKS = "a full queue"
"""A case whose halves fill nine banks of 8 words."""


def test_the_size_of_a_bank_changes_nothing(tmp_path):
    assert difference(SEVERAL_BANKS, small_banks(tmp_path), tmp_path) == ""


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", BANK_FAULTS)
def test_a_fault_of_the_banks_is_seen(fault, tmp_path):
    assert difference(SEVERAL_BANKS, small_banks(tmp_path, *fault), tmp_path)


BUS_WORDS = sorted((words for words in SHAPES if words < 16), reverse=True)
"""Words of a column for which the buses are simulated until a fault is seen."""


def seen_on_buses(library: Path, words: int, folder: Path) -> bool:
    """Whether the bench of the buses fails in Icarus, whose simulation also ends after `BUS_LIMIT_NS`."""
    folder.mkdir()
    limit = folder / "limit.sv"
    limit.write_text(f"`timescale 1ns / 1ps\nmodule limit;\n  initial #{BUS_LIMIT_NS} $finish;\nendmodule\n")
    modules = [library / path.name if path.parent == LIBRARY else path for path in BUS_MODULES]
    top = write_top(folder, observed=True, **SHAPES[words])
    runner = test_buses.cocotb_runner.get_runner("icarus")
    runner.build(
        sources=[top, *modules, *sorted(test_buses.BENCH.glob("*.sv")), limit],
        hdl_toplevel="bench",
        build_args=["-g2012", "-s", "limit"],
        build_dir=folder / "build",
        timescale=("1ns", "1ps"),
        log_file=folder / "build.log",
    )
    try:
        test_buses.run(test_buses.Built(runner, words, folder), thorough=False, seed=1)
    except (AssertionError, pytest.fail.Exception):
        return True
    return False


@pytest.mark.exhaustive
def test_the_buses_of_the_library_have_no_fault(tmp_path):
    """Nor does their simulation end too early."""
    path_tool("iverilog")
    assert not seen_on_buses(LIBRARY, BUS_WORDS[0], tmp_path / "bench")


@each(BUSES, Judge.BUSES)
def test_a_fault_of_the_buses_is_seen(mutation, tmp_path):
    path_tool("iverilog")
    library = changed_library(mutation, tmp_path)
    assert any(seen_on_buses(library, words, tmp_path / str(words)) for words in BUS_WORDS)


@each(FORMAL, Judge.PROOF)
def test_yosys_finds_an_input_that_shows_the_fault(mutation, tmp_path):
    library = changed_library(mutation, tmp_path)
    goals = [rounding_goal(*form) for form in (*CELL_FORMS, *PEEPHOLE_FORMS)]
    done = prove(tmp_path, goals, SPECIFICATION, library=library)
    assert done.returncode != 0
    assert "proof did fail" in done.stderr


PARAMETERS = {
    "activation": ["", "-chparam BOUND 3 -chparam SHIFT 2 -chparam ENTRY_BITS 8"],
    "write_output": ["", "-chparam MAX_LABELS 1 -chparam LABEL_INDEX_BITS 1"],
}
"""Parameters with which a module with states is compared."""

TABLES = ((SIGMOID, SIGMOID_BITS), (TANH, TANH_BITS))
COMPARISONS = {
    "activation": "miter -equiv -flatten gold gate miter; hierarchy -top miter; opt -full; "
    "sat -verify -tempinduct -prove trigger 0 -seq 3 -maxsteps 8 -set-init-undef",
    "write_output": "equiv_make gold gate equal; hierarchy -top equal; "
    "equiv_simple -undef; equiv_induct -undef; equiv_status -assert",
}
"""Commands of yosys: outputs of a pipeline, 3 clocks after any state; outputs and next states, from equal states."""


def equivalent(mutation: Mutation, number: int, folder: Path) -> bool:
    """Whether yosys proves that a module has the same outputs with the fault.

    :param number: of its parameters in `PARAMETERS`.
    """
    table, bits = TABLES[number]
    (folder / "sigmoid.mem").write_text(
        memory_words(table.entries[:, None], bits)
    )  # what `activation` reads by default
    library = changed_library(mutation, folder)
    commands = []
    for name, source in (("gold", LIBRARY), ("gate", library)):
        commands += [
            f"read_verilog -sv -defer {source / mutation.module}.sv {LIBRARY / 'rom.sv'}",
            f"hierarchy -top {mutation.module} {PARAMETERS[mutation.module][number]}",
            *("proc", "flatten", "memory_map", "opt -full", f"rename -top {name}", f"design -stash {name}"),
        ]
    commands += [f"design -copy-from {name} -as {name} {name}" for name in ("gold", "gate")]
    commands += COMPARISONS[mutation.module].split("; ")
    (folder / "equivalent.ys").write_text("\n".join(commands) + "\n")
    command = [path_tool("yosys"), "-q", "equivalent.ys"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        assert re.search("proof did fail|induction failed|unproven", done.stderr), done.stderr
    return done.returncode == 0


@each([mutation for mutation in FORMAL if mutation.module in PARAMETERS], Judge.WITHOUT_EFFECT)
@pytest.mark.parametrize("number", [0, 1])
def test_yosys_proves_that_a_change_of_a_module_is_without_effect(mutation, number, tmp_path):
    assert equivalent(mutation, number, tmp_path)


@each([mutation for mutation in FORMAL if mutation.module not in PARAMETERS], Judge.WITHOUT_EFFECT)
def test_yosys_proves_that_a_change_of_a_limit_is_without_effect(mutation, tmp_path):
    library = changed_library(mutation, tmp_path)
    goals = [rounding_goal(*form) for form in (*CELL_FORMS, *PEEPHOLE_FORMS)]
    done = prove(tmp_path, [*goals, "sum_rule"], SPECIFICATION, library=library)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "fault",
    [
        "the index is twice as large",
        "values above the bound are not clipped",
        "only the last word of a line ends a burst",
    ],
)
def test_a_fault_is_not_without_effect(fault, tmp_path):
    (mutation,) = (mutation for mutation in DATAPATH + BUSES if mutation.fault == fault)
    assert not equivalent(mutation, 0, tmp_path)


@pytest.fixture
def unpaced(monkeypatch):
    """Projects are rendered whatever their pace."""
    monkeypatch.setattr(serial, "require_pace", lambda *_: None)


def serial_difference(library: Path, folder: Path) -> str:
    """The first thing that a host sees of a fault on a serial board; "" if there is none."""
    design, columns = fold_design()
    scenarios = [(lines_and_faults, design, columns), (overflow, slow_design())]
    for number, (steps, simulated, *more) in enumerate(scenarios):
        place = folder / str(number)
        place.mkdir()
        files = files_of(simulated) | {name: (library / name).read_text() for name in SERIAL_MODULES}
        if found := first_difference(files, place, steps, simulated, *more):
            return found
    return ""


@pytest.mark.exhaustive
def test_the_serial_board_has_no_fault(unpaced, tmp_path):
    assert serial_difference(LIBRARY, tmp_path) == ""


@each(SERIAL, Judge.SERIAL)
def test_a_fault_of_the_serial_board_is_seen(mutation, unpaced, tmp_path):
    assert serial_difference(changed_library(mutation, tmp_path), tmp_path) != ""
