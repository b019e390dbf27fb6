"""Values of a small project, and its files with dummies for the C++."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from datapath import Folding, Precision
from datapath.architecture import Architecture
from datapath.boards import load_board
from hls_gen.project_scripts import ProjectFacts, render_scripts
from hls_gen.resources.fit import check_fits
from hls_gen.resources.kernel_memories import Memory

BOARDS = ("kv260", "pynq-z1", "pynq-z2", "ultra96-v2", "zcu104")
NAME = "QLSTM128_W2B8A4I8_FC_W8B8"
PIPELINES = (
    ("src/kernel.hpp", "WORDS"),
    ("src/hidden_layer.hpp", "PASS"),
    ("src/output_layer.hpp", "CLASSES"),
    ("src/join_directions.hpp", "HALVES"),
    ("src/labels.hpp", "COLUMNS"),
    ("src/labels.hpp", "IMAGE_ORDER"),
    ("src/labels.hpp", "RUNS"),
    ("src/labels.hpp", "LABELS"),
)
"""Loops of the sample reports in `tests/hls_gen/reports`: not the library's, which has none that HLS merges."""

FORMS = {"vivado_hls": "vivado-hls-2019.2", "vitis_hls": "vitis-hls-2022.2", "vitis-run": "vitis-2024.2"}
"""Sample reports by tool, folders in `SAMPLES`."""

SAMPLES = Path(__file__).with_name("reports")
"""Reports of a synthesis for 5 ns, by hand, after public ones of Vivado HLS 2018.2 and Vitis HLS 2020.2 to 2024.1."""

CORE = "hls/solution1/impl/ip"
COPIED = "hls/solution1/impl/foldline"


def example_memory(name: str, parallel: int, depth: int, width: int) -> Memory:
    """A memory that is only its shape."""
    return Memory(name=name, parallel=parallel, depth=depth, limb_widths=(width,))


def example_facts(board: str = "pynq-z1", **changes: object) -> ProjectFacts:
    """A project of three headers on a board, with its default clock."""
    loaded = load_board(board)
    facts = ProjectFacts(
        name=NAME,
        digest="0123456789abcdef",
        tool="foldline 0.1.0",
        board=loaded,
        clock_mhz=loaded.clock_mhz,
        architecture=Architecture(
            inputs=32,
            hidden=128,
            classes=82,
            precision=Precision(weight=2, bias=8, activation=4, fc_weight=8, fc_bias=8),
            folding=Folding(pe=2, simd_input=16, simd_recurrent=64, pe_out=3),
        ),
        sources=("src/top.cpp",),
        headers=("src/config.hpp", "src/top.hpp", "src/weights.hpp"),
        testbench=("tb/test_bench.cpp",),
        vectors="tb/vectors.txt",
        pipelines=PIPELINES,
        fit=check_fits([example_memory("input_weights", 2, 512, 64), example_memory("class_biases", 1, 56, 8)], loaded),
    )
    return replace(facts, **changes)


_scripts = cache(render_scripts)


def write_project(folder: Path, facts: ProjectFacts, *, core: bool = False) -> Path:
    """The rendered scripts, and empty files where the C++ and the manifest will be.

    With `core`, also where the exported core will be.
    """
    for path in (*facts.sources, *facts.headers, *facts.testbench, facts.vectors, facts.manifest):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    for path, text in _scripts(facts).items():
        (folder / path).write_text(text, encoding="utf-8")
    if core:
        (folder / CORE).mkdir(parents=True)
        (folder / CORE / "component.xml").touch()
        for path in ("run_hls.tcl", *facts.sources, *facts.headers):
            copy = folder / COPIED / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((folder / path).read_bytes())
    return folder
