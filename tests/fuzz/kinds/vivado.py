"""What the vendor's tools reported of a built project."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from datapath.vivado.results import read_hls_results, read_results
from tests.datapath.vivado.built import CORE, hls_results_of, results_of
from tests.fuzz.formats import Format
from tests.fuzz.kinds.checks import decoded, plain, require, require_equal, written
from tests.fuzz.kinds.networks import designs
from tests.fuzz.mutations import JSON, TEXT

RESOURCES = ("luts", "ffs", "bram36", "dsps")


def _as_file(values: Mapping[str, object]) -> bytes:
    return json.dumps(values, indent=1).encode() + b"\n"


def _results() -> Sequence[bytes]:
    missed = {"wns": -1.25, "whs": -0.01, "reachable_mhz": 88.8}
    return [
        _as_file(results_of(designs()[0])),
        _as_file(results_of(designs()[1], "hls", "kv260") | CORE),
        _as_file(results_of(designs()[0], "hls") | missed),
    ]


def _read_results(data: bytes, folder: Path) -> object:
    found = read_results(written(folder, "results.json", data))
    entries = json.loads(decoded(data))
    require_equal("kernel", found.kernel.value, entries["kernel"])
    for name in ("design", "board", "part", "vivado"):
        require_equal(name, getattr(found, name), entries[name])
    for name in ("clock_mhz", "period_ns", "wns", "whs", "reachable_mhz", "power_w"):
        require_equal(name, getattr(found, name), float(entries[name]))
    for prefix, resources in (("", found.resources), ("core_", found.core)):
        for name in RESOURCES if resources else ():
            value = entries[f"{prefix}{name}"]
            require_equal(
                prefix + name, plain(getattr(resources, name)), plain(float(value) if name == "bram36" else value)
            )
    require_equal("core", found.core is not None, "core_luts" in entries)
    require(10 <= found.clock_mhz <= 250 and found.wns < found.period_ns <= 1000, "range", found)
    return None


def _hls_results() -> Sequence[bytes]:
    return [
        _as_file(hls_results_of(designs()[0])),
        _as_file(hls_results_of(designs()[1], "kv260") | {"loops": {}, "estimated_ns": 6.5}),
    ]


def _read_hls_results(data: bytes, folder: Path) -> object:
    found = read_hls_results(written(folder, "hls_results.json", data))
    entries = json.loads(decoded(data))
    require_equal("kernel", "hls", entries["kernel"])
    for name in ("design", "board", "part", "hls"):
        require_equal(name, getattr(found, name), entries[name])
    for name in ("period_ns", "uncertainty_ns", "estimated_ns"):
        require_equal(name, getattr(found, name), float(entries[name]))
    require_equal("loops", list(found.loops), list(entries["loops"]))
    for name, loop in found.loops.items():
        require_equal(
            name, (loop.ii, loop.depth or 0), (entries["loops"][name]["ii"], entries["loops"][name].get("depth", 0))
        )
    require_equal("bram18", found.resources.bram36 * 2, float(entries["bram18"]))
    for name in ("luts", "ffs", "dsps"):
        require_equal(name, getattr(found.resources, name), entries[name])
    return None


FORMATS = (
    Format(name="vivado-results", untouched=_results, read=_read_results, mutators=(*JSON, *TEXT)),
    Format(name="hls-results", untouched=_hls_results, read=_read_hls_results, mutators=(*JSON, *TEXT)),
)
