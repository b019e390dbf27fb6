"""A project with results, as the vendor's tools leave it: what `read_project` needs of it, without the sources."""

from __future__ import annotations

import json
from pathlib import Path

from datapath import Design
from datapath.boards import load_board
from datapath.manifest import Kernel
from datapath.vivado.project import board_manifest, design_digest

FIGURES = {
    "vivado": "2022.2",
    "clock_mhz": 100,
    "period_ns": 10.0,
    "wns": 0.412,
    "whs": 0.02,
    "reachable_mhz": 104.2,  # 1000 / (10 - 0.412) = 104.297, rounded down
    "luts": 26423,
    "ffs": 39703,
    "bram36": 119.5,
    "dsps": 180,
    "power_w": 1.737,
}
CORE = {"core_luts": 20000, "core_ffs": 30000, "core_bram36": 100.5, "core_dsps": 180}
HLS_FIGURES = {
    "hls": "2022.2 (Build 3670227)",
    "period_ns": 5.0,
    "uncertainty_ns": 0.625,
    "estimated_ns": 4.302,
    "loops": {"PASS": {"ii": 1, "depth": 31}, "CLASSES": {"ii": 1, "depth": 44}, "RUNS": {"ii": 1}},
    "luts": 30000,
    "ffs": 35000,
    "bram18": 201,
    "dsps": 180,
}


def results_of(design: Design, kernel: str = "rtl", board: str = "pynq-z2") -> dict[str, object]:
    """The values of ``results.json``."""
    place = {"kernel": kernel, "design": design_digest(design), "board": board, "part": load_board(board).part}
    return place | FIGURES


def hls_results_of(design: Design, board: str = "pynq-z2") -> dict[str, object]:
    """The values of ``hls_results.json``."""
    place = {"kernel": "hls", "design": design_digest(design), "board": board, "part": load_board(board).part}
    return place | HLS_FIGURES


def write_json(path: Path, values: object) -> None:
    """One key per line, as the scripts write it."""
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def write_built(
    folder: Path,
    design: Design,
    *,
    kernel: str = "rtl",
    board: str = "pynq-z2",
    hls: dict[str, object] | None = None,
    name: str = "net",
    **changes: object,
) -> Path:
    """Write the folder of a built project.

    :param hls: changes of ``hls_results.json``; None for a project without the file.
    :param name: of its design file and its manifest.
    :param changes: of ``results.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = results_of(design, kernel, board) | changes
    manifest = board_manifest(
        design, load_board(board), answers=(), kernel=Kernel(kernel), clock_mhz=results["clock_mhz"]
    )
    manifest.write(folder / f"{name}.json")
    design.save(folder / f"{name}.npz")
    (folder / "build.tcl").touch()
    write_json(folder / "results.json", results)
    if hls is not None:
        write_json(folder / "hls_results.json", hls_results_of(design, board) | hls)
    return folder
