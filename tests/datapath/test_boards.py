"""Boards: values of the files, and errors of invalid ones."""

import json
from dataclasses import fields, replace
from fractions import Fraction
from importlib.resources import files

import pytest

from datapath.boards import OPTIONAL, Family, TargetBoard, board_names, load_board
from datapath.boards.clocks import clock_text
from datapath.errors import ConfigError, FileError
from tests.golden_data import REPOSITORY

BOARDS = ("kv260", "pynq-z1", "pynq-z2", "ultra96-v2", "zcu104")


def _values(board: str = "pynq-z1", /, **changes: object) -> dict[str, object]:
    return json.loads((files("datapath") / "boards" / f"{board}.json").read_text(encoding="utf-8")) | changes


def test_the_five_boards_are_known():
    assert board_names() == BOARDS


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_is_its_file(name):
    board = load_board(name)
    assert board.name == name
    assert [one.name for one in fields(board) if one.name != "path"] == list(_in_order(_values(name)))


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
        ({"first_release": 2019.2}, "first_release is 2019.2; it must be text such as '2019.2' or '2020.2.2'."),
        ({"first_release": "v2019.2"}, "first_release is 'v2019.2'; it must be text such as '2019.2' or '2020.2.2'."),
        ({"first_release": "2019"}, "first_release is '2019'; it must be text such as '2019.2' or '2020.2.2'."),
        (
            {"first_release": "2020.2.2.1"},
            "first_release is '2020.2.2.1'; it must be text such as '2019.2' or '2020.2.2'.",
        ),
        ({"family": "versal"}, "x.json: family is 'versal'; it must be 'zynq7000' or 'zynqmp'."),
        ({"clock_mhz": 251}, "x.json: clock_mhz is 251; it must be 10 to 250 MHz."),
        ({"clock_mhz": "100"}, "x.json: clock_mhz is '100'; it must be 10 to 250 MHz."),
        ({"clock_mhz": True}, "x.json: clock_mhz is True; it must be 10 to 250 MHz."),
        ({"ps_clock_mhz": 26.9}, "x.json: ps_clock_mhz is 26.9; it must be 27 to 60 MHz."),
        ({"bram36": 0}, "x.json: bram36 is 0; it must be an integer of 1 to 100000000."),
        ({"uram": -1}, "x.json: uram is -1; it must be an integer of 0 to 100000000."),
        ({"luts": 1.5}, "x.json: luts is 1.5; it must be an integer of 1 to 100000000."),
        ({"luts": 10**20}, f"x.json: luts is {10**20}; it must be an integer of 1 to 100000000."),
        ({"dsps": 10**5000}, "x.json: dsps is an integer of 5001 digits; it must be an integer of 1 to 100000000."),
        ({"ps_clock_mhz": float("nan")}, "x.json: ps_clock_mhz is nan; it must be 27 to 60 MHz."),
        ({"io_pll_mhz": 10**5000}, "x.json: io_pll_mhz is an integer of 5001 digits; it must be 100 to 3000 MHz."),
        ({"part": "x" * 65}, "x.json: part has 65 characters; it must have at most 64."),
        ({"board_part": "x" * 129}, "x.json: board_part has 129 characters; it must have at most 128."),
        ({"sources": "x" * 4001}, "x.json: sources has 4001 characters; it must have at most 4000."),
        ({"family": ["zynqmp"]}, "x.json: family is ['zynqmp']; it must be 'zynq7000' or 'zynqmp'."),
        (
            {"memory_base": 1 << 70},
            f"x.json: memory_base is {1 << 70}; it must be text such as '0x43C00000', up to 0xffffffffff.",
        ),
        (
            {"memory_bytes": "0x" + "1" * 5000},
            "x.json: memory_bytes is '0x"
            + "1" * 198
            + "'... (4802 more characters); it must be text such as '0x43C00000', up to 0xffffffffff.",
        ),
        (
            {"control_base": "43C0"},
            "x.json: control_base is '43C0'; it must be text such as '0x43C00000', up to 0xffffffffff.",
        ),
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
    assert str(caught.value) == f"x.json: {message.removeprefix('x.json: ')}"


@pytest.mark.parametrize("name", [one.name for one in fields(TargetBoard) if one.name not in {"path", *OPTIONAL}])
def test_a_missing_field_is_refused(name):
    values = _values()
    del values[name]
    with pytest.raises(ConfigError) as caught:
        TargetBoard.from_dict(values, source="x.json")
    assert str(caught.value) == f"x.json: the field {name!r} is missing."


def test_a_board_without_a_first_release_takes_that_of_the_scripts():
    values = _values("kv260")
    assert TargetBoard.from_dict(values, source="x.json").first_release == "2020.2.2"
    del values["first_release"]
    assert TargetBoard.from_dict(values, source="x.json").first_release == "2019.2"


@pytest.mark.parametrize(
    ("name", "release"),
    [
        ("pynq-z1", "2019.2"),
        ("pynq-z2", "2019.2"),
        ("ultra96-v2", "2019.2"),
        ("zcu104", "2019.2"),
        ("kv260", "2020.2.2"),
    ],
)
def test_the_first_release_of_a_board_is_in_its_sources(name, release):
    board = load_board(name)
    assert board.first_release == release
    assert "First release:" in board.sources


def test_registers_of_a_zynqmp_are_in_its_window():
    with pytest.raises(ConfigError) as caught:
        replace(load_board("zcu104"), control_base=0x43C0_0000)
    assert str(caught.value) == "control_base is 0x43c00000; on zynqmp it must lie in 0xa0000000 to 0xafffffff."


def test_the_clocks_of_a_zynq_7000_are_1000_mhz_by_two_dividers():
    """By hand: 1000 / 4 is the fastest of at most 250 MHz. Below come 1000 / 5, / 6, / 7; 1000 / 67 is none, 67 is a prime."""
    clocks = load_board("pynq-z2").clocks
    assert clocks[-4:] == (Fraction(1000, 7), Fraction(1000, 6), 200, 250)
    assert clocks[0] == 10 and Fraction(1000, 100) == 10
    assert Fraction(1000, 67) not in clocks and Fraction(1000, 66) in clocks


@pytest.mark.parametrize(
    ("board", "asked", "made"),
    [
        ("pynq-z2", None, 100),
        ("kv260", None, Fraction(1000, 7)),
        ("pynq-z2", 142.857, Fraction(1000, 7)),  # 142.857142...
        ("pynq-z2", 142.9, Fraction(1000, 7)),
        ("pynq-z2", 33.3, Fraction(1000, 30)),
        ("pynq-z2", 1000 / 7, Fraction(1000, 7)),  # a float with all its digits
        ("ultra96-v2", 214.286, Fraction(1500, 7)),
        ("zcu104", 62.5, Fraction(1500, 24)),
    ],
)
def test_a_clock_with_decimals_means_the_board_s_clock_that_rounds_to_it(board, asked, made):
    assert load_board(board).clock(asked) == float(made)


@pytest.mark.parametrize(
    ("board", "asked", "nearest"),
    [
        ("pynq-z2", 175, "The nearest clocks are 166.667 and 200 MHz."),  # 1000 / 6 and 1000 / 5
        ("pynq-z2", 175.0, "clock_mhz is 175; "),
        ("pynq-z2", 143, "The nearest clocks are 142.857 and 166.667 MHz."),  # a whole number is meant exactly
        ("pynq-z2", 142.856, "The nearest clocks are 125 and 142.857 MHz."),  # 1000 / 8
        ("kv260", 150, "AMD Kria KV260 makes 1000 MHz / (d0 * d1) with dividers of 1 to 63."),
        ("zcu104", 240, "The nearest clocks are 214.286 and 250 MHz."),  # 1500 / 7 and 1500 / 6
    ],
)
def test_a_clock_that_the_board_cannot_make_is_refused_with_the_two_nearest(board, asked, nearest):
    with pytest.raises(ConfigError) as caught:
        load_board(board).clock(asked)
    assert nearest in str(caught.value)


@pytest.mark.parametrize("board", BOARDS)
def test_every_clock_is_taken_as_a_message_shows_it(board):
    """What an error names can be typed."""
    loaded = load_board(board)
    for clock in loaded.clocks:
        assert loaded.clock(float(clock_text(clock))) == float(clock)


def _own(tmp_path, **changes: object):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(_values(name="mine") | changes), encoding="utf-8")
    return path


def test_a_user_s_own_board_is_read_from_its_file(tmp_path):
    path = _own(tmp_path, io_pll_mhz=1600, clock_mhz=160, pl_dividers=[63, 31])
    board = load_board(path)
    assert (board.name, board.option, board.io_pll_mhz, board.pl_dividers) == ("mine", str(path), 1600, (63, 31))
    assert TargetBoard.from_dict(board.to_dict(), source="again") == board
    with pytest.raises(ConfigError, match=r"1600 MHz / \(d0 \* d1\) with dividers of 1 to 31 and 1 to 63"):
        board.clock(150)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bord_part": "x"}, "there is no field 'bord_part'; did you mean 'board_part'?"),
        ({"path": "x"}, "there is no field 'path'"),
        ({"name": "pynq-z2"}, "name is 'pynq-z2', which is a board of Foldline; give yours another name."),
        ({"name": "my board"}, "name is 'my board'; it must be 1 to 64 letters, digits, '.', '_' and '-'."),
        ({"title": "a [exit]"}, "title is 'a [exit]'; it must be one line without brackets"),
        ({"title": "a" * 101}, "title has 101 characters; it must have at most 100."),
        ({"title": "a\nexit"}, "title is 'a\\nexit'; it must be one line without brackets"),
        ({"io_pll_mhz": 99}, "io_pll_mhz is 99; it must be 100 to 3000 MHz."),
        ({"pl_dividers": [64, 63]}, "pl_dividers is [64, 63]; it must be one or two integers of 1 to 63."),
        ({"pl_dividers": 63}, "pl_dividers is 63; it must be one or two integers of 1 to 63."),
        ({"pl_dividers": []}, "pl_dividers is []; it must be one or two integers of 1 to 63."),
        ({"pl_dividers": [2]}, "1000 MHz / (d0) with dividers of 1 to 2 gives no clock of 10 to 250 MHz."),
        ({"clock_mhz": 150}, "clock_mhz is 150; Digilent PYNQ-Z1 makes 1000 MHz / (d0 * d1)"),
    ],
)
def test_a_file_of_a_board_is_checked_field_by_field(tmp_path, changes, message):
    with pytest.raises(ConfigError) as caught:
        load_board(_own(tmp_path, **changes))
    assert message in str(caught.value) and "mine.json" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "it must hold one JSON object."),
        (b"{", "line 1 column 2 is not JSON"),
        (b"\xff", "is not a UTF-8 text file"),
        (b'{"luts": 1, "luts": 2}', "'luts'"),
        (b" " * 70_000, "has 70000 bytes; at most 65536 bytes are read"),
        (b'{"luts": ' + b"9" * 5000 + b"}", "digits"),
    ],
)
def test_a_file_that_is_no_board_is_refused(tmp_path, content, message):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises((ConfigError, FileError)) as caught:
        load_board(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_a_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(FileError, match=r"mine\.json: no such file"):
        load_board(tmp_path / "mine.json")


def test_the_board_on_the_documentation_s_page_is_one(tmp_path):
    page = (REPOSITORY / "docs" / "hardware.md").read_text(encoding="utf-8")
    path = tmp_path / "zybo.json"
    path.write_text(page.partition("```json\n")[2].partition("```")[0], encoding="utf-8")
    board = load_board(path)
    assert (board.name, board.clock(142.857)) == ("zybo-z7-20", 1000 / 7)
