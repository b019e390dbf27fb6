"""Programs in place of yosys and nextpnr-ecp5: they write files that the test gives, and log their runs."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rtl_gen.synthesis.targets import target_of
from tests.rtl_gen.synthesis.netlists import cell, netlist_json

PROGRAM = """#!{python}
import json, re, shutil, sys, time
from pathlib import Path

if sys.argv[1] in ("-V", "--version"):
    print({version!r})
    sys.exit()
with open({log!r}, "a") as log:
    print(json.dumps({{"arguments": sys.argv[1:], "files": sorted(path.name for path in Path(".").iterdir())}}), file=log)
for line in {lines!r}:
    print(line, flush=True)
time.sleep({seconds})
if {error!r}:
    sys.exit(1)
written = {written!r} or re.search(r"write_json (\\S+)", Path("synthesise.ys").read_text())[1]
shutil.copy({result!r}, written)
"""

WRITTEN_BY_SCRIPT = ""


@dataclass
class StandIns:
    """yosys and nextpnr-ecp5 of a test, in a folder; `YOSYS` and `NEXTPNR_ECP5` name them."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def yosys(self, netlist: str, *, version: str = "Yosys 9.9 (git sha1 0)", **settings: object) -> None:
        self._write("yosys", "YOSYS", netlist, WRITTEN_BY_SCRIPT, version, **settings)

    def nextpnr(self, report: str, *, version: str = '"nextpnr" (Version nextpnr-8.8)', **settings: object) -> None:
        self._write("nextpnr", "NEXTPNR_ECP5", report, "report.json", version, **settings)

    def runs(self, name: str) -> list[dict]:
        """Arguments of each run of a program, and the files that were in its folder."""
        log = self.folder / f"{name}.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def _write(
        self,
        name: str,
        variable: str,
        result: str,
        written: str,
        version: str,
        *,
        lines: tuple[str, ...] = (),
        error: bool = False,
        seconds: float = 0,
    ) -> None:
        program, file = self.folder / name, self.folder / f"{name}.json"
        file.write_text(result)
        values = {"log": str(self.folder / f"{name}.log"), "result": str(file), "written": written}
        text = PROGRAM.format(
            python=sys.executable, version=version, lines=lines, error=error, seconds=seconds, **values
        )
        program.write_text(text)
        program.chmod(0o700)
        self.monkeypatch.setenv(variable, str(program))


def small_netlist(target: str) -> str:
    """Three look-up tables, two of them on one path, and two flip-flops, in the hidden layer and outside it."""
    lut, inputs, output, flip_flop = {
        "xc7": ("LUT2", ("I0", "I1"), "O", "FDRE"),
        "ecp5": ("LUT4", "AB", "Z", "TRELLIS_FF"),
    }[target]
    cells = {
        "accelerator_i.recognise_i.hidden_layer.fold_TRELLIS_FF_Q": cell(flip_flop, D=12, Q=10),
        "accelerator_i.rst_TRELLIS_FF_Q": cell(flip_flop, D=13, Q=20),
        "accelerator_i.recognise_i.hidden_layer.fold_TRELLIS_FF_Q_DI_LUT4_Z": cell(lut, **{inputs[0]: 11, output: 12}),
        "accelerator_i.recognise_i.hidden_layer.unit[0].gate_sum[0].multiply.sum_LUT4_Z": cell(
            lut, **{inputs[0]: 10, output: 11}
        ),
        "accelerator_i.rst_TRELLIS_FF_Q_DI_LUT4_Z": cell(lut, **{inputs[1]: 10, output: 13}),
    }
    names = {"accelerator_i.recognise_i.hidden_layer.fold": [10], "accelerator_i.rst": [20]}
    return netlist_json(cells, top=target_of(target).top, names=names)


FROM, TO = "accelerator_i.recognise_i.hidden_layer.fold_TRELLIS_FF_Q", "accelerator_i.rst_TRELLIS_FF_Q"


def step(kind: str, delay: float, start: str, end: str, net: str | None = None) -> dict:
    """A step of a path in the report of nextpnr."""
    place = {"from": {"cell": start, "loc": [1, 2], "port": "Q"}, "to": {"cell": end, "loc": [3, 4], "port": "D"}}
    return {"type": kind, "delay": delay, **place, **({"net": net} if net else {})}


def report_json(*, mhz: float = 80.0) -> str:
    """A report of nextpnr with one path between registers, 12.5 ns long, and one from a pin."""
    through = "accelerator_i.rst_TRELLIS_FF_Q_DI_LUT4_Z"
    path = [
        step("clk-to-q", 0.5, FROM, FROM),
        step("routing", 7.0, FROM, through, "accelerator_i.recognise_i.hidden_layer.fold"),
        step("logic", 0.25, through, through),
        step("routing", 4.5, through, TO, "accelerator_i.rst_TRELLIS_FF_Q_DI"),
        step("setup", 0.25, TO, TO),
    ]
    clock = "posedge $glbnet$clk$TRELLIS_IO_IN"
    return json.dumps(
        {
            "critical_paths": [
                {"from": "<async>", "to": clock, "path": [step("routing", 99.0, "pin$tr_io", TO, "pin")]},
                {"from": clock, "to": clock, "path": path},
            ],
            "fmax": {"$glbnet$clk$TRELLIS_IO_IN": {"achieved": mhz, "constraint": 100}},
            "utilization": {"TRELLIS_COMB": {"available": 83640, "used": 3}, "GSR": {"available": 1, "used": 0}},
        }
    )
