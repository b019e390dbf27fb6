"""A board that is reached over the network through PYNQ.remote; needs pynq 3.1 or newer, and an image with its server.

pynq does not send a bitstream whose file name is already on the board, and so would load an older file of the same name.
This module sends the file each time. pynq's calls have no time-out, and block if the board is switched off. This module
sets one, and makes no more calls after one that got no answer.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datapath.errors import BoardError, ConfigError
from datapath.quoting import quoted
from overlay_driver.bitstream import BitFile
from overlay_driver.board import PARTS, Board

if TYPE_CHECKING:
    from pynq.pl_server.remote_device import RemoteDevice

PORT = 7967
"""Default port of the board's server."""

CALL_SECONDS = 30.0
"""Time-out of a call, seconds; the longest one sends a bitstream of up to 19 MB."""

FIRMWARE = "/lib/firmware"
FPGA_MANAGER = "/sys/class/fpga_manager/fpga0"
LOADED = "operating"
"""State of the FPGA manager after a bitstream was loaded; the server does not report a rejected bitstream."""

_HOST = re.compile(r"(?P<host>[^\s:/\[\]]+|\[[0-9a-fA-F:.]+\])(:(?P<port>[^:/]*))?", re.ASCII)


class RemoteBoard(Board):
    """A `Board` that is reached over the network; `address` is its host and port, for messages."""

    kind = "remote board"
    remote = True

    def __init__(self, device: RemoteDevice, *, address: str, part: str | None) -> None:
        super().__init__(device, part=part)
        self.address = address
        self._lost = False
        for stub in device._stub.values():  # pynq has no public way to set a time-out
            for name, call in vars(stub).items():
                setattr(stub, name, partial(call, timeout=CALL_SECONDS))

    @contextmanager
    def wrap_errors(self, what: str, errors: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """As `Board.wrap_errors`; after a call without an answer, every other one fails at once."""
        import grpc

        with super().wrap_errors(what, errors):
            if self._lost:
                raise ConnectionError(f"the connection to {self.address} is lost")
            try:
                yield
            except grpc.RpcError as error:
                code = error.code()
                if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise RuntimeError(f"{self.address} rejects the call ({code.name}: {error.details()})") from error
                self._lost = True
                self.device.client.channel.close()  # else freeing each buffer would wait for the board
                raise ConnectionError(f"{self.address} does not answer ({code.name}: {error.details()})") from error

    def load(self, bit: BitFile | None) -> int | None:
        """As `Board.load`; always sends the bitstream."""
        if bit is None:
            return super().load(bit)
        from pynq.pl_server.embedded_device import bit2bin

        with self.wrap_errors(f"load {bit.path}"):
            self.device.write_file(f"{FIRMWARE}/{_firmware_name(bit.path)}", bit2bin(bit.path.read_bytes()))
        base = super().load(bit)
        with self.wrap_errors(f"load {bit.path}"):
            state = self.device.read_file(f"{FPGA_MANAGER}/state").decode().strip()
        if state != LOADED:
            raise BoardError(
                f"Cannot load {bit.path}: the board's FPGA manager is in state {quoted(state)}; it must be {quoted(LOADED)}."
            )
        return base

    def _download(self, path: Path, parser: Any = None) -> None:
        self.device.write_file(f"{FPGA_MANAGER}/flags", b"0")
        self.device.write_file(f"{FPGA_MANAGER}/firmware", _firmware_name(path).encode())
        if parser is not None:
            self.device.set_axi_port_width(parser)

    def allocate(self, words: int) -> Any:
        """As `Board.allocate`. Without memory, the server returns an empty buffer name."""
        buffer = super().allocate(words)
        if not buffer.buffer_id:
            buffer.freed = True
            raise BoardError(f"Cannot allocate a buffer of {8 * words} bytes: {self.address} has no memory for it.")
        return buffer


def _firmware_name(path: Path) -> str:
    """The file on the board from which pynq loads a bitstream."""
    return f"{path.stem}.bin"


def remote_board(host: str) -> RemoteBoard:
    """Connect to a board.

    :param host: ``HOST`` or ``HOST:PORT``, an IPv6 address in brackets.
    :raises ConfigError: `host` has another form, or a port outside 1 to 65535.
    :raises BoardError: pynq is older than 3.1, or no board answers at this address.
    """
    name, port = _host_and_port(host)
    address = f"{name}:{port}"
    if importlib.util.find_spec("pynq.pl_server.remote_device") is None:
        raise BoardError(f"PYNQ.remote needs pynq 3.1 or newer; this is pynq {version('pynq')}.")
    import grpc
    from pynq.pl_server.remote_device import RemoteDevice

    try:
        device = RemoteDevice(ip_addr=name, port=port)
    except (RuntimeError, grpc.RpcError) as error:
        reason = f"{error.code().name}: {error.details()}" if isinstance(error, grpc.Call) else str(error)
        raise BoardError(
            f"No board answers at {address} ({reason}). It is off, has another address, is behind a proxy "
            "(no_proxy), or its image has no PYNQ.remote server."
        ) from error
    return RemoteBoard(device, address=address, part=PARTS.get(device.name.lower()))


def _host_and_port(text: str) -> tuple[str, int]:
    """Split ``HOST[:PORT]``; without a port, it is `PORT`."""
    found = _HOST.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"The remote board is {quoted(text)}; it must be HOST or HOST:PORT, an IPv6 address in brackets."
        )
    port = found["port"]
    if port is None:
        return found["host"], PORT
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ConfigError(f"The port of the remote board {found['host']} is {quoted(port)}; it must be 1 to 65535.")
    return found["host"], int(port)
