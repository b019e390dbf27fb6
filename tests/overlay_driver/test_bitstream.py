"""Bitstreams: reading headers and names, and refusing unfit ones before they are loaded."""

import os
from dataclasses import replace

import pynq
import pytest

from datapath.errors import BoardError, DesignError, FileError
from datapath.manifest import Kernel, Manifest
from foldline.hardware.board import manifest_for, open_driver, simulated_core
from overlay_driver import Driver, read_bit_file
from overlay_driver.bitstream import require_named, require_part
from overlay_driver.board import Board
from overlay_driver.virtual.device import VirtualBoard
from tests.designs import random_design
from tests.overlay_driver.bit_files import bit_file, write_bit_file
from tests.overlay_driver.boards import TRAINED, golden_answer, golden_design, golden_lines

WIDTHS = {"W2A2": "W2B8A2", "W2A4": "W2B8A4", "W4A4": "W4B8A4", "W4A8": "W4B8A8"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plain-W2A4-pynq.bit"


@pytest.fixture
def design():
    return golden_design(TRAINED)


def test_the_header_is_read(path):
    bit = read_bit_file(write_bit_file(path))
    assert (bit.part, bit.date, bit.time) == ("7z020clg400", "2018/03/07", "12:00:00")
    assert bit.design == "blstm;UserID=0XFFFFFFFF;Version=2017.4"
    assert bit.handoff is None
    assert bit.manifest is None


def test_pynqs_own_parser_reads_the_same(path):
    """pynq accepts the bitstreams of these tests."""
    from pynq.pl_server.embedded_device import parse_bit_header

    data = bytes(range(64))
    parsed = parse_bit_header(bit_file(data=data))
    bit = read_bit_file(write_bit_file(path, data=data))
    assert (parsed["part"], parsed["date"], parsed["time"], parsed["data"]) == (bit.part, bit.date, bit.time, data)
    assert parsed["design"] == bit.design.partition(";")[0]


def test_files_of_the_same_name_are_found(path):
    bit = read_bit_file(write_bit_file(path))
    path.with_suffix(".hwh").write_text("")
    path.with_suffix(".json").write_text("")
    assert bit.handoff == path.with_suffix(".hwh")
    assert bit.manifest == path.with_suffix(".json")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileError, match=r"^Cannot read .*none\.bit: no such file\.$"):
        read_bit_file(tmp_path / "none.bit")


@pytest.mark.parametrize(
    "contents", [b"", b"\0", b"PK\3\4" + bytes(500), bit_file()[:20], bit_file()[:60], bytes(9000)]
)
def test_other_files_are_not_bitstreams(path, contents):
    path.write_bytes(contents)
    with pytest.raises(FileError, match=r"pynq\.bit is not a bitstream: "):
        read_bit_file(path)


@pytest.mark.parametrize(("contents", "actual"), [(bit_file()[:-1], 63), (bit_file() + b"\0", 65)])
def test_a_truncated_or_too_long_bitstream_is_refused(path, contents, actual):
    path.write_bytes(contents)
    expected = rf"pynq\.bit is damaged: its header states 64 bytes of data, the file holds {actual}\.$"
    with pytest.raises(FileError, match=expected):
        read_bit_file(path)


def test_a_truncated_header_is_refused_at_every_length(path):
    whole = bit_file()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError):
            read_bit_file(path)


@pytest.mark.parametrize("part", ["xc7z020clg400-1", "xc7z020clg400-3", "7z020clg400"])
def test_the_speed_grade_of_a_part_may_differ(path, part):
    require_part(read_bit_file(write_bit_file(path)), part)


@pytest.mark.parametrize("part", ["7z010clg400", "7z020clg484", "xczu3eg-sbva484-1-e"])
def test_a_bitstream_for_another_part_is_refused(path, design, part):
    write_bit_file(path, part=part)
    expected = rf"pynq\.bit is for the part {part}; this board has xc7z020clg400-1\.$"
    with pytest.raises(BoardError, match=expected):
        open_driver(design, bitstream=path)


def test_parts_of_ultrascale_boards_differ(path):
    bit = read_bit_file(write_bit_file(path, part="xczu3eg-sbva484-1-e"))
    require_part(bit, "xczu3eg-sbva484-1-i")
    with pytest.raises(BoardError, match="this board has xczu7ev-ffvc1156-2-e"):
        require_part(bit, "xczu7ev-ffvc1156-2-e")


# Options of the header ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option",
    ["COMPRESS=TRUE", "SW_CRC=450de744", "HW_TIMEOUT=FALSE", "PARTIAL=FALSE", "ENCRYPT=NO", "UserID=0xFFFFFFFF", ""],
)
def test_options_that_change_nothing_for_the_driver_are_taken(path, option):
    design = f"top_wrapper;{option};UserID=0XFFFFFFFF;Version=2022.2"
    bit = read_bit_file(write_bit_file(path, design=design))
    assert bit.options["VERSION"] == "2022.2"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("PARTIAL=TRUE", "configures a part of the logic: its header has 'PARTIAL=TRUE'"),
        ("partial = true", "configures a part of the logic: its header has 'PARTIAL=true'"),
        ("CLEAR=TRUE", "configures a part of the logic: its header has 'CLEAR=TRUE'"),
        ("PARTIAL", "configures a part of the logic"),
        ("ENCRYPT=YES", "is encrypted: its header has 'ENCRYPT=YES'"),
        ("BITSTREAM.ENCRYPTION.ENCRYPT=TRUE", "is encrypted"),
    ],
)
@pytest.mark.parametrize(
    "place", ["top;{};UserID=0XFFFFFFFF;Version=2018.3", "top;UserID=0XFFFFFFFF;Version=2022.2;{}"]
)
def test_a_bitstream_that_is_not_loaded_as_a_whole_is_refused(path, design, option, message, place):
    write_bit_file(path, design=place.format(option))
    with pytest.raises(FileError) as caught:
        open_driver(design, bitstream=path)
    assert str(caught.value).startswith(f"{path} {message}")


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "widths"), WIDTHS.items())
def test_a_published_name_accepts_only_its_network(path, network, widths):
    fitting = f"QLSTM128_{widths}I8_FC_W8B8"
    for name in (f"QLSTM128_{other}I8_FC_W8B8" for other in WIDTHS.values()):
        bitstream = path.with_name(f"plain-{network}-pynq.bit")
        if name == fitting:
            require_named(bitstream, golden_design(name))
        else:
            with pytest.raises(
                DesignError, match=rf"^plain-{network}-pynq\.bit is the published bitstream with .* bits \d, the "
            ):
                require_named(bitstream, golden_design(name))


def test_dimensions_are_checked_against_a_published_name(path):
    small = random_design(0, bits=(2, 8, 4, 8, 8))
    expected = (
        r"^plain-W2A4-pynq\.bit is the published bitstream with inputs 32, the design has 4; hidden 128, the design has 4; "
        r"classes 82, the design has 3\.$"
    )
    with pytest.raises(DesignError, match=expected):
        require_named(path, small)


def test_the_fraktur_network_has_peepholes(path):
    plain = random_design(0, bits=(5, 8, 5, 8, 8), inputs=25, hidden=100, classes=110)
    with pytest.raises(DesignError, match=r"with peepholes True, the design has False\.$"):
        require_named(path.with_name("fraktur-W5A5-pynq.bit"), plain)
    require_named(
        path.with_name("fraktur-W5A5-pynq.bit"),
        random_design(0, bits=(5, 8, 5, 8, 8), inputs=25, hidden=100, classes=110, peepholes=(5, 2)),
    )


@pytest.mark.parametrize("name", ["mine.bit", "plain-W2A4.bit", "plain-W2A4-pynq.bit.bit", "W8A8-pynq.bit"])
def test_another_name_is_not_checked(path, design, name):
    require_named(path.with_name(name), design)


def test_for_an_unknown_dataset_only_widths_are_checked(path):
    require_named(path.with_name("mine-W4A4-pynq.bit"), random_design(0, bits=(4, 8, 4, 8, 8)))
    with pytest.raises(DesignError, match=r"with weight bits 2, the design has 4\.$"):
        require_named(path.with_name("mine-W2A4-pynq.bit"), random_design(0, bits=(4, 8, 4, 8, 8)))


# Loading --------------------------------------------------------------------------------------------------------------


@pytest.mark.pynq_versions
def test_a_bitstream_without_handoff_is_loaded_by_pynq(path, design):
    write_bit_file(path)
    columns, labels = golden_lines(TRAINED)[0]
    with open_driver(design, bitstream=path) as driver:
        assert driver.board.device.downloads == [str(path)]
        assert driver.read_columns(columns).labels.tolist() == labels.tolist()


def test_after_a_hang_the_bitstream_is_loaded_again(path, design):
    write_bit_file(path)
    columns, labels = golden_lines(TRAINED)[0]
    with open_driver(design, bitstream=path) as driver:
        driver.board.faults.done_never_rises = True
        with pytest.raises(BoardError):
            driver.read_columns(columns)
        assert driver.board.device.downloads == [str(path)] * 2
        driver.board.faults.done_never_rises = False
        assert driver.read_columns(columns).labels.tolist() == labels.tolist()


def test_a_bitstream_that_is_missing_after_a_hang_is_in_the_message(path, design):
    write_bit_file(path)
    with open_driver(design, bitstream=path) as driver:
        driver.board.faults.done_never_rises = True
        path.unlink()
        expected = r"^The accelerator did not finish .* Recovery failed: Cannot load .*pynq\.bit: OSError: "
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(golden_lines(TRAINED)[0][0])


def test_a_relative_path_is_loaded_from_here(path, design, monkeypatch):
    write_bit_file(path)
    monkeypatch.chdir(path.parent)
    bitstream = path.relative_to(path.parent)
    with open_driver(design, bitstream=bitstream) as driver:
        assert driver.board.device.downloads == [str(path)]


def test_the_manifest_of_the_same_name_gives_address_and_clock(path, design):
    write_bit_file(path)
    answers = (golden_answer(TRAINED),)
    manifest = Manifest.of(design, answers=answers, kernel=Kernel.HLS, clock_mhz=50, control_base=0x43C1_0000)
    manifest.write(path.with_suffix(".json"))
    assert manifest_for(design, read_bit_file(path)) == manifest
    with open_driver(design, bitstream=path) as driver:
        assert driver.manifest == manifest
        assert driver.board.device.clock_mhz == 50
        assert driver._accelerator.base == 0x43C1_0000


def test_a_given_manifest_takes_precedence(path, design, tmp_path):
    write_bit_file(path)
    path.with_suffix(".json").write_text("{}")
    named = tmp_path / "other.json"
    Manifest.of(design, answers=(golden_answer(TRAINED),), clock_mhz=50).write(named)
    with open_driver(design, bitstream=path, manifest=named) as driver:
        assert driver.manifest.clock_mhz == 50
    with pytest.raises(FileError, match=r"pynq\.json is not a manifest: it has no format 'foldline manifest'\.$"):
        open_driver(design, bitstream=path)


def test_a_manifest_of_other_weights_is_refused(path, design):
    write_bit_file(path)
    other = golden_design("QLSTM128_W2B8A4I8_FC_W8B8")
    weights = other.fc_biases.copy()
    weights[0, 0] ^= 1
    Manifest.of(replace(other, fc_biases=weights), answers=()).write(path.with_suffix(".json"))
    expected = (
        r"pynq\.bit holds other weights, or another alphabet, than the design: its network has digest \w{12}, the "
    )
    with pytest.raises(DesignError, match=expected):
        open_driver(design, bitstream=path)


def test_a_board_without_bitstream_is_refused(design):
    manifest = Manifest.of(design, answers=())
    device = VirtualBoard(simulated_core(design, Kernel.PUBLISHED), manifest).device
    driver = Driver(design, board=Board(device, part=None), manifest=manifest)
    with pytest.raises(BoardError, match=r"^A board needs a bitstream: give --bitstream FILE\.bit\.$"), driver:
        pass


def test_no_board_here(path, design, monkeypatch):
    write_bit_file(path)
    monkeypatch.delattr(type(pynq.Device), "_active_device", raising=False)
    for name in ("_active_device", "_devices"):
        if name in vars(pynq.Device):
            monkeypatch.delattr(pynq.Device, name)
    with pytest.raises(
        BoardError, match=r"^pynq finds no board here\. On a board, run as root in pynq's own environment "
    ):
        open_driver(design, bitstream=path, device="board")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.bit")
    with pytest.raises(FileError, match="it is a pipe"):
        read_bit_file(tmp_path / "x.bit")
