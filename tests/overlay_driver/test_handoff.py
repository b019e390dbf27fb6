"""A bitstream with its .hwh file, which pynq's parser reads, on the virtual board as on a real one."""

import hashlib
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pynq
import pytest
from pynq.pl_server import embedded_device, global_state

from datapath import Design
from datapath.errors import BoardError, FileError
from datapath.manifest import Kernel, Manifest
from datapath.registers import CONTROL_BASE, CONTROL_BYTES, TOP, Register
from fixedpoint_sim import simulate
from foldline.hardware.board import open_driver, simulated_core
from foldline.hardware.projects import export_project
from overlay_driver import Driver, read_bit_file
from overlay_driver.handoff import MAX_BYTES, require_handoff
from overlay_driver.virtual.device import VirtualBoard
from tests.overlay_driver.bit_files import write_bit_file
from tests.overlay_driver.boards import SMALL, TRAINED, golden_answer, golden_design, golden_lines, random_line
from tests.overlay_driver.handoff import KERNEL, MODULE_REFERENCE, write_handoff

pytestmark = [pytest.mark.pynq, pytest.mark.pynq_versions]

ELSEWHERE = 0x43C1_0000
"""Address of the registers on the board and in the .hwh file, but not in the manifest."""


@pytest.fixture
def bitstream(tmp_path):
    return write_bit_file(tmp_path / "net.bit")


def driver_with(bitstream: Path, name: str = SMALL, *, base: int = ELSEWHERE) -> Driver:
    """A driver whose manifest has the published register base, on a virtual board that has another."""
    design = golden_design(name)
    manifest = Manifest.of(design, answers=(golden_answer(name),), kernel=Kernel.PUBLISHED)
    board = VirtualBoard(simulated_core(design, Kernel.PUBLISHED), replace(manifest, control_base=base))
    return Driver(design, board=board, manifest=manifest, bitstream=bitstream)


def refusal(bitstream: Path) -> str:
    driver = driver_with(bitstream)
    with pytest.raises(BoardError) as caught, driver:
        pass
    assert driver.board.device.memory.allocations == []
    return str(caught.value)


@pytest.mark.parametrize("name", [SMALL, TRAINED])
def test_the_handoff_s_address_is_used_for_golden_lines(bitstream, name):
    write_handoff(bitstream, base=ELSEWHERE)
    with driver_with(bitstream, name) as driver:
        for columns, labels in golden_lines(name):
            assert np.array_equal(driver.read_columns(columns).labels, labels)
        assert driver.notes[-1:] == (
            f"{bitstream.with_suffix('.hwh')} has the registers at 0x43C10000, and the manifest at 0x43C00000: the first is "
            "used.",
        )
    assert driver.board.device.downloads == [str(bitstream)]
    assert driver.board.device.memory.stray == []


def test_without_the_handoff_the_manifest_s_address_is_used(bitstream):
    with pytest.raises(BoardError), driver_with(bitstream):
        pass
    with driver_with(bitstream, base=CONTROL_BASE) as driver:
        assert driver.board.device.downloads == [str(bitstream)]


def test_the_handoff_s_address_is_used_even_where_it_is_wrong(bitstream):
    write_handoff(bitstream, base=0x43C2_0000)
    assert "The accelerator at 0x43C20000 is not idle" in refusal(bitstream)


@pytest.mark.parametrize(
    "handoff",
    [
        {"kernel": f"reader/{KERNEL}"},
        {"kernel": "reader"},
        {"type": f"example.com:user:{TOP}:2.1"},
        {"type": "example.com:user:wrapper:2.1"},
        {"kernel": f"reader/{KERNEL}", "type": "example.com:user:wrapper:2.1"},
    ],
    ids=["in-a-hierarchy", "renamed", "another-vendor", "another-type", "another-type-in-a-hierarchy"],
)
def test_the_accelerator_is_found_by_its_name_or_its_type(bitstream, handoff):
    write_handoff(bitstream, base=ELSEWHERE, **handoff)
    with driver_with(bitstream):
        pass


def rtl_driver_with(bitstream: Path, *, base: int = ELSEWHERE) -> Driver:
    """As `driver_with`, of the RTL kernel."""
    design = golden_design(SMALL)
    manifest = Manifest.of(design, answers=(golden_answer(SMALL),), kernel=Kernel.RTL)
    board = VirtualBoard(simulated_core(design, Kernel.RTL), replace(manifest, control_base=base))
    return Driver(design, board=board, manifest=manifest, bitstream=bitstream)


@pytest.mark.parametrize("masters", [("m_axi_gmem",), ("m_axi_read", "m_axi_write")], ids=["one-master", "two-masters"])
def test_a_module_reference_without_a_register_map_is_found(bitstream, masters):
    write_handoff(bitstream, base=ELSEWHERE, type=MODULE_REFERENCE, masters=masters)
    text = bitstream.with_suffix(".hwh").read_text(encoding="utf-8")
    assert "REGISTERS" not in text and f'MODTYPE="{TOP}"' in text
    with rtl_driver_with(bitstream) as driver:
        for columns, labels in golden_lines(SMALL):
            assert np.array_equal(driver.read_columns(columns).labels, labels)
        overlay = pynq.Overlay(str(bitstream), device=driver.board.device, download=False)
        assert set(overlay.ip_dict) == {"ps", KERNEL}
        assert overlay.ip_dict[KERNEL]["registers"] == {}
    assert driver.board.device.memory.stray == []


@pytest.mark.parametrize("kind", ["ip_dict", "mem_dict"])
@pytest.mark.parametrize("address", [ELSEWHERE, None])
def test_the_manifest_s_address_is_used_where_pynq_knows_none(bitstream, kind, address, monkeypatch):
    """pynq 4.0 lists registers of the kind MEMORY among the memories."""
    write_handoff(bitstream, base=ELSEWHERE)
    block = {"type": MODULE_REFERENCE} | ({} if address is None else {"phys_addr": address})
    blocks = {"ip_dict": {"ps": {}}, "mem_dict": {"PSDDR": {"phys_addr": 0}}}
    blocks[kind] |= {KERNEL: block}
    read = pynq.Overlay

    def overlay(*arguments, **options):
        found = read(*arguments, **options)
        for name, entries in blocks.items():
            setattr(found, name, entries)
        return found

    monkeypatch.setattr(pynq, "Overlay", overlay)
    with rtl_driver_with(bitstream, base=address or CONTROL_BASE) as driver:
        assert driver.board.device.downloads == [str(bitstream)]


def test_a_handoff_without_the_accelerator_is_refused_with_its_blocks(bitstream):
    handoff = write_handoff(bitstream, kernel=None)
    assert refusal(bitstream) == f"{handoff} has 0 {TOP}; it must have one. Its blocks are: ps, timer."


@pytest.mark.parametrize("kernel", [Kernel.RTL, Kernel.HLS])
def test_the_driver_needs_only_four_files_of_a_project(kernel, tmp_path):
    export_project(golden_design(SMALL), tmp_path, kernel=kernel, board="pynq-z2")
    (path,) = tmp_path.glob("*.npz")
    design = Design.load(path)
    bitstream = write_bit_file(path.with_suffix(".bit"))  # what Vivado would leave there
    write_handoff(bitstream, **({"type": MODULE_REFERENCE} if kernel is Kernel.RTL else {}))
    with open_driver(design, bitstream=bitstream) as driver:
        assert driver.manifest.kernel is kernel
        assert driver.manifest == Manifest.read(bitstream.with_suffix(".json"))
        assert len(driver.manifest.answers) >= 1
        line = random_line(design, 11)
        assert np.array_equal(driver.read_columns(line).labels, simulate(design, line, ignore_limits=True).labels)


def test_pynq_reads_what_the_block_design_has(bitstream):
    write_handoff(bitstream, base=ELSEWHERE)
    board = driver_with(bitstream).board
    overlay = pynq.Overlay(str(bitstream), device=board.device, download=False)
    assert set(overlay.ip_dict) == {"ps", KERNEL}
    block = overlay.ip_dict[KERNEL]
    assert (block["phys_addr"], block["addr_range"]) == (ELSEWHERE, CONTROL_BYTES)
    assert block["type"] == f"xilinx.com:hls:{TOP}:1.0"
    offsets = {name: entry["address_offset"] for name, entry in block["registers"].items()}
    assert offsets == {register.name: register.value for register in Register}
    assert (overlay.clock_dict[0]["divisor0"], overlay.clock_dict[0]["divisor1"]) == (5, 2)
    assert board.device.downloads == []


def test_the_clock_is_the_manifest_s_and_not_the_handoff_s(bitstream):
    write_handoff(bitstream, base=ELSEWHERE, dividers=(10, 2))
    with driver_with(bitstream) as driver:
        assert driver.board.device.clock_mhz == 100


def test_another_board_s_clock_is_not_changed(bitstream):
    """pynq's `Clocks` stays with the first device that it was used with."""
    first = driver_with(bitstream).board
    first.set_clock(50)
    write_handoff(bitstream, base=ELSEWHERE)
    with driver_with(bitstream) as driver:
        assert (first.device.clock_mhz, driver.board.device.clock_mhz) == (50, 100)


# Damaged files, by what pynq's parsers raise ------------------------------------------------------------------------


def cut(text: str) -> str:
    return text[: len(text) // 2]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: "", "ParseError: no element found: line 1, column 0."),
        (lambda _: "hand-off", "ParseError: syntax error: line 1, column 0."),
        (cut, None),
        (lambda text: text.replace('"5"', '"five"'), "ValueError: invalid literal for int() with base 10: 'five'."),
        (lambda text: text.replace('"processing_system7"', '"microblaze"'), "IndexError: list index out of range."),
        (lambda text: text.replace("<EXTERNALPORTS></EXTERNALPORTS>", ""), None),
        (lambda text: text.replace('MEMTYPE="REGISTER"', ""), None),
        (lambda text: text.replace('INSTANCE="ps"', 'INSTANCE="nobody"', 1), None),
        (lambda text: text.replace('NAME="PCW_FPGA_FCLK0_ENABLE"', 'NAME="PCW_NOTHING"'), None),
        (lambda text: text.replace('PHYSICAL="M_AXI_GP0_AWADDR"', 'PHYSICAL="NOTHING"'), None),
        (lambda text: text.replace('DIR="O" NAME="FCLK_CLK0"', 'DIR="I" NAME="FCLK_CLK0"'), None),
        (lambda text: text.replace('BASEVALUE="0x43C10000"', 'BASEVALUE="here"'), None),
    ],
    ids=[
        *("empty", "no-xml", "cut-off", "no-number", "no-processing-system", "no-ports", "no-kind", "no-such-block"),
        *("no-clock", "no-such-port", "two-inputs", "no-address"),
    ],
)
def test_a_damaged_handoff_is_an_error_of_one_line_and_nothing_is_loaded(bitstream, damage, reason):
    handoff = write_handoff(bitstream, base=ELSEWHERE)
    text = handoff.read_text(encoding="utf-8")
    damaged = damage(text)
    assert damaged != text
    handoff.write_text(damaged, encoding="utf-8")
    driver = driver_with(bitstream)
    with pytest.raises(BoardError) as caught, driver:
        pass
    message = str(caught.value)
    assert message.startswith(f"Cannot read {handoff}: ")
    assert message.endswith(".") and "\n" not in message
    if reason is not None:
        assert message == f"Cannot read {handoff}: {reason}"
    assert driver.board.device.downloads == []


# pynq's own state files ---------------------------------------------------------------------------------------------


class Trap:
    """Unpickling it creates a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


@pytest.fixture
def trap(bitstream, tmp_path, monkeypatch):
    """The folder that is created if pynq's cached pickle is loaded; the pickle claims to be this bitstream's."""
    state = tmp_path / "pl_server"
    state.mkdir()
    monkeypatch.setattr(embedded_device, "__file__", str(state / "embedded_device.py"))
    monkeypatch.setattr(global_state, "STATE_DIR", str(state))
    (state / "_current_metadata.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "loaded")))
    digest = hashlib.sha1(bitstream.read_bytes()).hexdigest()
    entries = {"bitfile_name": str(bitstream), "active_name": "x", "timestamp": "", "bitfile_hash": digest}
    for name in ("global_pl_state.json", "global_pl_state_.json"):  # pynq 3.0, 3.1
        (state / name).write_text(json.dumps(entries))
    return tmp_path / "loaded"


pynq_warns = pytest.mark.filterwarnings(
    "ignore:The `parse_obj` method is deprecated", "ignore::pytest.PytestUnraisableExceptionWarning"
)
"""Warnings of pynq's cache; without these, the trap would not work in a test."""


@pynq_warns
def test_no_pickle_is_loaded_or_written(bitstream, trap):
    write_handoff(bitstream, base=ELSEWHERE)
    state = Path(global_state.STATE_DIR)
    before = {path.name: path.read_bytes() for path in state.iterdir()}
    with driver_with(bitstream):
        pass
    assert not trap.exists()
    assert {path.name: path.read_bytes() for path in state.iterdir()} == before


@pynq_warns
def test_the_trap_catches_pynq_s_own_cache(bitstream, trap):
    write_handoff(bitstream)
    with pytest.raises(embedded_device.CacheMetadataError):  # what it has loaded is no parser
        embedded_device.BitfileHandler(str(bitstream))._get_cache()
    assert trap.exists()


def test_no_file_is_written_next_to_pynq_or_the_bitstream(bitstream):
    write_handoff(bitstream, base=ELSEWHERE)
    folders = (Path(embedded_device.__file__).parent, bitstream.parent)
    before = [sorted(folder.glob("[!_]*")) + sorted(folder.glob("*.pkl")) for folder in folders]
    with driver_with(bitstream):
        pass
    assert [sorted(folder.glob("[!_]*")) + sorted(folder.glob("*.pkl")) for folder in folders] == before


# Whether it belongs to the bitstream -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ({"DEVICE": "7z010"}, "it has part '7z010clg400', the bitstream '7z020clg400'."),
        ({"version": "2022.1"}, "it has Vivado '2022.1', the bitstream '2022.2'."),
        ({"NAME": "base"}, "it has block design 'base', the bitstream 'overlay'."),
    ],
)
def test_a_handoff_of_another_build_is_refused_before_anything_is_loaded(tmp_path, system, message):
    """Its address is that of other hardware: what is written there may stop the board."""
    bitstream = write_bit_file(tmp_path / "net.bit", design="overlay_wrapper;UserID=0XFFFFFFFF;Version=2022.2")
    write_handoff(bitstream, base=ELSEWHERE, **{"version": "2022.2", **system})
    with pytest.raises(BoardError) as caught:
        driver_with(bitstream)
    assert str(caught.value) == (
        f"{bitstream.with_suffix('.hwh')} does not belong to net.bit: {message} Copy the .hwh of the same build, or remove "
        "it: then the manifest has the address."
    )


@pytest.mark.parametrize(
    ("design", "part", "system"),
    [
        ("overlay_wrapper;Version=2022.2", "7z020clg400", {"version": "2022.2"}),
        ("overlay_wrapper;UserID=0XFFFFFFFF;Version=2017.4_AR70455", "7z020clg400", {"version": "2017.4"}),
        ("top;UserID=0XFFFFFFFF;Version=2022.2.1", "7z020clg400", {"version": "2022.2"}),  # no wrapper
        ("overlay_wrapper;UserID=0XFFFFFFFF", "7z020clg400", {}),  # no version
        ("overlay_wrapper", "xczu3eg-sbva484-1-e", {"DEVICE": "xczu3eg", "PACKAGE": "sbva484"}),
        ("overlay_wrapper", "7z020clg400", {"DEVICE": "", "PACKAGE": "", "NAME": ""}),
    ],
)
def test_a_handoff_of_the_same_build_is_taken(tmp_path, design, part, system):
    bit = read_bit_file(write_bit_file(tmp_path / "net.bit", design=design, part=part))
    write_handoff(bit.path, **system)
    require_handoff(bit)


def test_a_handoff_that_declares_entities_does_not_reach_a_parser(bitstream):
    path = write_handoff(bitstream)
    path.write_text('<!DOCTYPE a [<!ENTITY b "bb">]>' + path.read_text())
    with pytest.raises(BoardError, match=r"net\.hwh has <!DOCTYPE, which Vivado does not write"):
        driver_with(bitstream)


def test_a_handoff_is_read_under_a_bound(bitstream):
    with bitstream.with_suffix(".hwh").open("wb") as handle:
        handle.truncate(MAX_BYTES + 1)
    with pytest.raises(FileError, match=rf"net\.hwh has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} bytes are read"):
        driver_with(bitstream)
