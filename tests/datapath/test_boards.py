"""Boards: values of the files, and errors of invalid ones."""

import json
from dataclasses import fields, replace
from importlib.resources import files

import pytest

from datapath.boards import Family, TargetBoard, board_names, load_board
from datapath.errors import ConfigError

BOARDS = ("kv260", "pynq-z1", "pynq-z2", "ultra96-v2", "zcu104")


def _values(board: str = "pynq-z1", /, **changes: object) -> dict[str, object]:
    return json.loads((files("datapath") / "boards" / f"{board}.json").read_text(encoding="utf-8")) | changes


def test_the_five_boards_are_known():
    assert board_names() == BOARDS


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_its_file(name):
    board = load_board(name)
    assert board.name == name
    assert [one.name for one in fields(board)] == list(_in_order(_values(name)))


def _in_order(values: dict[str, object]) -> list[str]:
    return sorted(values, key=[one.name for one in fields(TargetBoard)].index)


@pytest.mark.parametrize("name", ["pynq-z1", "pynq-z2"])
def test_the_published_boards_have_the_published_overlay_s_part_clock_and_address(name):
    board = load_board(name)
    assert (board.part, board.family, board.clock_mhz) == ("xc7z020clg400-1", Family.ZYNQ7000, 100)
    assert (board.luts, board.ffs, board.bram36, board.dsps, board.uram) == (53200, 106400, 140, 220, 0)
    assert (board.control_base, board.control_bytes) == (0x43C0_0000, 0x1_0000)
    assert (board.memory_base, board.memory_bytes) == (0, 512 << 20)


@pytest.mark.parametrize(
    ("name", "part", "resources"),
    [
        ("ultra96-v2", "xczu3eg-sbva484-1-i", (70560, 141120, 216, 360, 0)),
        ("zcu104", "xczu7ev-ffvc1156-2-e", (230400, 460800, 312, 1728, 96)),
        ("kv260", "xck26-sfvc784-2LV-c", (117120, 234240, 144, 1248, 64)),
    ],
)
def test_the_larger_boards(name, part, resources):
    board = load_board(name)
    assert (board.part, board.family, board.control_base) == (part, Family.ZYNQMP, 0xA000_0000)
    assert (board.luts, board.ffs, board.bram36, board.dsps, board.uram) == resources


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pynq-z3", "There is no board 'pynq-z3'; did you mean 'pynq-z2'?"),
        ("PYNQ-Z1", "There is no board 'PYNQ-Z1'; did you mean 'pynq-z1'?"),
        (
            "../boards/pynq-z1",
            "There is no board '../boards/pynq-z1'; known are kv260, pynq-z1, pynq-z2, ultra96-v2, zcu104.",
        ),
        ("vck5000", "There is no board 'vck5000'; known are kv260, pynq-z1, pynq-z2, ultra96-v2, zcu104."),
    ],
)
def test_an_unknown_board_is_refused_with_the_nearest(name, message):
    with pytest.raises(ConfigError) as caught:
        load_board(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"brams": 3}, "x.json: there is no field 'brams'; did you mean 'bram36'?"),
        ({"name": ""}, "x.json: name is ''; it must be a text that is not empty."),
        ({"part": "xc7z020]"}, "x.json: part is 'xc7z020]'; it must be letters, digits and hyphens."),
        ({"board_part": "[exit]"}, "x.json: board_part is '[exit]'; it must be an id like *:pynq-z1:part0:*."),
        ({"family": "versal"}, "x.json: family is 'versal'; it must be 'zynq7000' or 'zynqmp'."),
        ({"clock_mhz": 251}, "x.json: clock_mhz is 251; it must be 10 to 250 MHz."),
        ({"clock_mhz": "100"}, "x.json: clock_mhz is '100'; it must be 10 to 250 MHz."),
        ({"clock_mhz": True}, "x.json: clock_mhz is True; it must be 10 to 250 MHz."),
        ({"ps_clock_mhz": 26.9}, "x.json: ps_clock_mhz is 26.9; it must be 27 to 60 MHz."),
        ({"bram36": 0}, "x.json: bram36 is 0; it must be an integer of 1 or more."),
        ({"uram": -1}, "x.json: uram is -1; it must be an integer of 0 or more."),
        ({"luts": 1.5}, "x.json: luts is 1.5; it must be an integer of 1 or more."),
        ({"control_base": "43C0"}, "x.json: control_base is '43C0'; it must be an integer of 0 or more."),
        (
            {"control_bytes": "0x18000"},
            "x.json: control_bytes is 0x18000; it must be a power of two of 0x1000 or more.",
        ),
        (
            {"control_base": "0x43C08000"},
            "x.json: control_base is 0x43c08000; it must be a multiple of control_bytes, 0x10000.",
        ),
        (
            {"control_base": "0x80000000"},
            "x.json: control_base is 0x80000000; on zynq7000 it must lie in 0x40000000 to 0x7fffffff.",
        ),
        (
            {"memory_bytes": "0x200000000"},
            "x.json: memory_bytes is 0x200000000; the range must end below 4 GiB.",
        ),
    ],
)
def test_a_wrong_field_is_refused_by_name(changes, message):
    with pytest.raises(ConfigError) as caught:
        TargetBoard.from_dict(_values(**changes), source="x.json")
    assert str(caught.value) == message


@pytest.mark.parametrize("name", [one.name for one in fields(TargetBoard)])
def test_a_missing_field_is_refused(name):
    values = _values()
    del values[name]
    with pytest.raises(ConfigError) as caught:
        TargetBoard.from_dict(values, source="x.json")
    assert str(caught.value) == f"x.json: the field {name!r} is missing."


def test_registers_of_a_zynqmp_are_in_its_window():
    with pytest.raises(ConfigError) as caught:
        replace(load_board("zcu104"), control_base=0x43C0_0000)
    assert str(caught.value) == "control_base is 0x43c00000; on zynqmp it must lie in 0xa0000000 to 0xafffffff."
