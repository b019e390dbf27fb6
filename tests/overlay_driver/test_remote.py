"""A remote board: the same driver, through pynq's own gRPC client, to a server whose hardware is the virtual device."""

import gc

import numpy as np
import pytest

from datapath.errors import BoardError, ConfigError
from datapath.manifest import Kernel, Manifest
from datapath.registers import CONTROL_BASE
from foldline.hardware.board import open_driver, simulated_core
from overlay_driver import Driver, read_bit_file
from tests.overlay_driver.bit_files import write_bit_file
from tests.overlay_driver.boards import SMALL, TRAINED, golden_answer, golden_design, golden_lines

remote_device = pytest.importorskip("pynq.pl_server.remote_device", reason="PYNQ.remote came with pynq 3.1")

from pynq.pl_server import embedded_device, global_state  # noqa: E402

import overlay_driver.remote as remote  # noqa: E402
from overlay_driver.virtual.device import VirtualDevice  # noqa: E402
from tests.overlay_driver.handoff import write_handoff  # noqa: E402
from tests.overlay_driver.remote_server import RemoteServer  # noqa: E402

pytestmark = [pytest.mark.pynq, pytest.mark.pynq_versions]

NOT_THERE = r"It is off, has another address, is behind a proxy \(no_proxy\), or its image has no PYNQ\.remote server\."


def serve(name=SMALL, *, base=CONTROL_BASE, **options):
    """A server whose device holds a golden design."""
    core = simulated_core(golden_design(name), Kernel.PUBLISHED)
    return RemoteServer(VirtualDevice(core, base=base), **options)


@pytest.fixture
def server():
    with serve() as running:
        yield running


@pytest.fixture
def bit(tmp_path):
    return write_bit_file(tmp_path / "small.bit")


@pytest.fixture
def pynqs_files_apart(tmp_path, monkeypatch):
    """Files that pynq's Overlay writes into its package go to a folder of the test."""
    folder = tmp_path / "pynq"
    folder.mkdir()
    monkeypatch.setattr(global_state, "STATE_DIR", str(folder))
    for module in (remote_device, embedded_device):
        monkeypatch.setattr(module, "__file__", str(folder / "module.py"))
    return folder


def driver_at(server, bit, name=SMALL):
    design = golden_design(name)
    manifest = Manifest.of(design, answers=(golden_answer(name),), kernel=Kernel.PUBLISHED)
    return Driver(design, board=remote.remote_board(server.address), manifest=manifest, bitstream=bit)


def require_golden(driver, name=SMALL):
    for columns, labels in golden_lines(name):
        np.testing.assert_array_equal(driver.read_columns(columns).labels, labels)


# Reading ------------------------------------------------------------------------------------------------------------


def test_labels_of_golden_lines_equal_their_vectors(tmp_path):
    bit = write_bit_file(tmp_path / "plain.bit")
    with serve(TRAINED) as server:
        with open_driver(
            golden_design(TRAINED), device=f"remote:{server.address}", bitstream=bit, kernel=Kernel.PUBLISHED
        ) as driver:
            readings = list(driver.read_lines(columns for columns, _ in golden_lines(TRAINED)))
            assert driver.board.kind == "remote board"
            assert driver.board.remote
            assert driver.board.part == "xc7z020clg400-1"
        assert server.device.memory.allocations == []
        assert server.device.memory.stray == []
    for reading, (_, labels) in zip(readings, golden_lines(TRAINED), strict=True):
        np.testing.assert_array_equal(reading.labels, labels)
        assert reading.at_most  # a poll takes longer than a line
        assert not reading.modelled


def test_the_clock_is_set_on_the_board(server, bit):
    manifest = Manifest.of(golden_design(SMALL), answers=(), clock_mhz=50)
    board = remote.remote_board(server.address)
    assert server.device.clock_mhz == 100
    with Driver(golden_design(SMALL), board=board, manifest=manifest, bitstream=bit):
        assert server.device.clock_mhz == 50


def test_a_clock_that_reads_back_differently_is_refused(server, bit):
    server.device.faults.stuck_clock_mhz = 50
    with pytest.raises(BoardError, match=r"^FCLK0 was set to 100 MHz and reads 50 MHz; the accelerator needs 100\.$"):
        driver_at(server, bit).__enter__()


def test_two_boards_in_turn_and_the_first_again(bit):
    with serve() as first, serve() as second:
        with driver_at(first, bit) as one:
            require_golden(one)
            with driver_at(second, bit) as other:
                require_golden(other)
                require_golden(one)
                other.board.set_clock(50)
                assert (first.device.clock_mhz, second.device.clock_mhz) == (100, 50)
                one.board.set_clock(125)
                assert (first.device.clock_mhz, second.device.clock_mhz) == (125, 50)
            assert second.device.memory.allocations == []
            assert len(first.device.memory.allocations) == 4
        assert first.device.memory.allocations == []


def test_a_board_of_unknown_name_has_no_part(bit):
    with serve(board="Hand-Made") as server, driver_at(server, bit) as driver:
        assert driver.board.part is None


def test_a_bitstream_for_another_part_is_not_sent(server, tmp_path):
    bit = write_bit_file(tmp_path / "other.bit", part="xczu3eg-sbva484-1-e")
    with pytest.raises(
        BoardError, match=r"other\.bit is for the part xczu3eg-sbva484-1-e; this board has xc7z020clg400-1\.$"
    ):
        driver_at(server, bit)
    assert server.loaded == []


# The bitstream ------------------------------------------------------------------------------------------------------


def test_the_boards_fpga_manager_gets_the_data_in_its_byte_order(server, tmp_path):
    bit = write_bit_file(tmp_path / "small.bit", data=bytes.fromhex("aa995566 20000000"))
    with driver_at(server, bit):
        assert server.loaded == [bytes.fromhex("665599aa 00000020")]
        assert server.files["/sys/class/fpga_manager/fpga0/flags"] == b"0"


def test_another_bitstream_of_the_same_name_is_loaded(server, tmp_path):
    for contents in (b"old data", b"new data"):
        with driver_at(server, write_bit_file(tmp_path / "small.bit", data=contents)) as driver:
            require_golden(driver)
    assert server.loaded == [b" dloatad", b" wenatad"]


def test_an_incomplete_upload_is_replaced(server, bit):
    server.files["/lib/firmware/small.bin"] = b"cut off"
    with driver_at(server, bit):
        assert server.loaded == [bytes(64)]


def test_a_large_bitstream_is_sent_in_chunks(server, tmp_path):
    data = np.random.default_rng(0).integers(0, 256, size=4_045_564, dtype=np.uint8).tobytes()  # as an xc7z020's
    with driver_at(server, write_bit_file(tmp_path / "small.bit", data=data)):
        assert server.loaded == [np.frombuffer(data, "<u4").byteswap().tobytes()]


def test_a_bitstream_that_the_board_refuses_is_an_error(server, bit):
    server.state_after_load = b"write error\n"
    message = rf"^Cannot load {bit}: .* state 'write error'; it must be 'operating'\.$"
    with pytest.raises(BoardError, match=message):
        driver_at(server, bit).__enter__()
    assert server.device.memory.allocations == []


def test_a_remote_board_needs_a_bitstream(server):
    with pytest.raises(BoardError, match=r"^A board needs a bitstream: give --bitstream FILE\.bit\.$"):
        remote.remote_board(server.address).load(None)
    with pytest.raises(ConfigError, match=r"needs --bitstream FILE\.bit\.$"):
        open_driver(golden_design(SMALL), device=f"remote:{server.address}")


class TestHandoff:
    def test_a_handoff_says_where_the_registers_are(self, tmp_path, pynqs_files_apart):
        base = CONTROL_BASE + 0x3_0000
        with serve(base=base) as first, serve(base=base) as second:
            for server, contents in ((first, b"old data"), (second, b"new data"), (first, b"new data")):
                bit = write_bit_file(tmp_path / "small.bit", data=contents)
                write_handoff(bit, base=base)
                with driver_at(server, bit) as driver:
                    require_golden(driver)
            assert first.loaded == [b" dloatad", b" wenatad"]
            assert second.loaded == [b" wenatad"]

    def test_a_handoff_sets_no_clock_of_another_board(self, tmp_path, pynqs_files_apart):
        bit = write_bit_file(tmp_path / "small.bit")
        write_handoff(bit, dividers=(10, 2))
        with serve() as first, serve() as second:
            one, other = (remote.remote_board(server.address) for server in (first, second))
            one.set_clock(125)
            other.load(read_bit_file(bit))
            assert first.device.clock_mhz == 125


# Memory -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forgotten", "message"),
    [
        ("flush", r"known-answer line .* fails: The accelerator wrote \d+ words after its \d+ labels\.$"),
        ("invalidate", r"known-answer line .* fails: The accelerator reports done but wrote no result: "),
    ],
)
def test_missing_synchronisation_is_found_by_the_first_line(server, bit, forgotten, message, monkeypatch):
    monkeypatch.setattr(remote_device.RemoteBuffer, forgotten, lambda self: None)
    with pytest.raises(BoardError, match=message):
        driver_at(server, bit).__enter__()
    assert server.device.memory.allocations == []


def test_a_board_without_memory_is_an_error(server, bit):
    server.device.faults.no_memory = True
    message = rf"^Cannot allocate a buffer of \d+ bytes: {server.address} has no memory for it\.$"
    with pytest.raises(BoardError, match=message):
        driver_at(server, bit).__enter__()


def test_buffers_are_freed_after_an_exception(server, bit):
    with pytest.raises(ZeroDivisionError), driver_at(server, bit) as driver:
        require_golden(driver)
        assert len(server.device.memory.allocations) == 4
        _ = 1 / 0
    assert server.device.memory.allocations == []


# Faults -------------------------------------------------------------------------------------------------------------


def test_a_line_that_hangs_is_an_error_and_the_next_one_reads(server, bit):
    (columns, _), *_ = golden_lines(SMALL)
    with driver_at(server, bit) as driver:
        server.device.faults.done_never_rises = True
        with pytest.raises(
            BoardError, match=r"^The accelerator did not finish a line of 2 columns within 1 s .*It started and hangs"
        ):
            driver.read_columns(columns)
        server.device.faults.done_never_rises = False
        require_golden(driver)
        assert len(server.loaded) == 2
    assert server.device.memory.allocations == []


def test_a_server_that_stops_between_two_lines_is_one_clear_error(server, bit):
    (columns, _), *_ = golden_lines(SMALL)
    with driver_at(server, bit) as driver:
        server.stop()
        message = rf"^Cannot synchronise the buffers: ConnectionError: {server.address} does not answer \(UNAVAILABLE: "
        with pytest.raises(BoardError, match=message):
            driver.read_columns(columns)
        with pytest.raises(BoardError, match=rf"ConnectionError: the connection to {server.address} is lost\.$"):
            driver.read_columns(columns)


def test_a_server_that_stops_during_a_line_is_one_clear_error(server, bit):
    (columns, _), *_ = golden_lines(SMALL)
    driver = driver_at(server, bit)
    with pytest.raises(BoardError) as raised, driver:
        server.registers.before_read = StopAtLook(server, 2)
        driver.read_columns(columns)
    message = str(raised.value)
    assert message.startswith(
        f"Cannot read the control register at 0x{CONTROL_BASE:08X}: ConnectionError: {server.address} does not answer ("
    )
    assert message.endswith(
        f" Recovery failed: Cannot set FCLK0: ConnectionError: the connection to {server.address} is lost."
    )
    assert "\n" not in message


class StopAtLook:
    """Stops a server while a register is read."""

    def __init__(self, server, poll):
        self.server, self.left = server, poll

    def __call__(self):
        self.left -= 1
        if not self.left:
            self.server.stop_soon()


def test_the_error_of_the_body_is_not_hidden_by_a_server_that_is_gone(server, bit):
    with pytest.raises(ZeroDivisionError), driver_at(server, bit):
        server.stop()
        _ = 1 / 0


def test_a_board_that_does_not_answer_takes_one_time_out(server, bit, monkeypatch):
    (columns, _), *_ = golden_lines(SMALL)
    monkeypatch.setattr(remote, "CALL_SECONDS", 5.0)
    polls = []
    with driver_at(server, bit) as driver:
        server.registers.before_read = lambda: polls.append(server.registers.go_on.is_set())
        server.registers.go_on.clear()
        with pytest.raises(BoardError, match=r"^[^\n]* does not answer \(DEADLINE_EXCEEDED: [^\n]*$"):
            driver.read_columns(columns)
    del driver
    gc.collect()  # pynq frees a buffer when it is collected
    assert polls == [False]


def test_a_server_that_was_restarted_refuses_the_old_buffers(server, bit):
    (columns, _), *_ = golden_lines(SMALL)
    with driver_at(server, bit) as driver:
        server.buffers.forget()
        message = (
            rf"^Cannot synchronise the buffers: RuntimeError: {server.address} rejects the call \(NOT_FOUND: Buffer not"
        )
        with pytest.raises(BoardError, match=message):
            driver.read_columns(columns)


def test_where_no_server_listens_no_board_answers(server, monkeypatch):
    server.stop()
    monkeypatch.setattr(remote_device.grpc, "channel_ready_future", lambda channel: SoonGivenUp())
    message = rf"^No board answers at {server.address} \(Failed to connect to remote device\)\. {NOT_THERE}$"
    with pytest.raises(BoardError, match=message):
        remote.remote_board(server.address)


class SoonGivenUp:
    """A channel that gives up at once; pynq would wait 5 seconds."""

    def result(self, timeout):
        assert timeout == 5
        raise remote_device.grpc.FutureTimeoutError


def test_another_grpc_server_is_not_a_board(monkeypatch):
    with RemoteServer(None, services=False) as server:
        message = rf"^No board answers at {server.address} \(UNIMPLEMENTED: Method not found!\)\. {NOT_THERE}$"
        with pytest.raises(BoardError, match=message):
            remote.remote_board(server.address)


def test_an_older_pynq_is_named(monkeypatch):
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(remote, "version", lambda name: "3.0.1")
    with pytest.raises(BoardError, match=r"^PYNQ\.remote needs pynq 3\.1 or newer; this is pynq 3\.0\.1\.$"):
        remote.remote_board("pynq")


# Addresses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pynq", ("pynq", 7967)),
        ("192.168.2.99", ("192.168.2.99", 7967)),
        ("pynq.local:1", ("pynq.local", 1)),
        ("pynq:65535", ("pynq", 65535)),
        ("[fe80::1]", ("[fe80::1]", 7967)),
        ("[fe80::1]:80", ("[fe80::1]", 80)),
    ],
)
def test_an_address_is_a_host_and_a_port(text, expected):
    assert remote._host_and_port(text) == expected


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "ssh", "1e3", "80 ", "¹", "100000000000"])
def test_a_port_outside_its_range_is_refused(port):
    message = r"^The port of the remote board pynq is '.*'; it must be 1 to 65535\.$"
    with pytest.raises(ConfigError, match=message):
        remote.remote_board(f"pynq:{port}")


@pytest.mark.parametrize("text", ["", ":80", "fe80::1", "[fe80::1", "[]", "http://pynq", "py nq", "a/b", "pynq\n"])
def test_text_that_is_not_an_address_is_refused(text):
    message = r"^The remote board is '.*'; it must be HOST or HOST:PORT, an IPv6 address in brackets\.$"
    with pytest.raises(ConfigError, match=message):
        remote.remote_board(text)
