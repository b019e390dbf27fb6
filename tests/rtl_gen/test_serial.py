"""The project of the serial board as text: clock, rate, pace, files."""

import re
from dataclasses import replace

import pytest

from datapath import Limits
from datapath.errors import ConfigError, FoldlineError
from datapath.serial_frames import ANSWER_START, REQUEST_START, VERSION, Command, LinkStatus
from rtl_gen.serial import (
    OSCILLATOR_RANGE_MHZ,
    Pll,
    SerialSettings,
    clocks_per_column,
    render_serial,
    require_pace,
)
from rtl_gen.sources import parameters
from tests.designs import random_design
from tests.rtl_gen.sources import LIBRARY

pytestmark = pytest.mark.no_numpy2


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
