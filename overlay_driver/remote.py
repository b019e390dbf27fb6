"""A board across the network, through PYNQ.remote: pynq 3.1 or newer here, an image with its server there.

pynq keeps the name of a bitstream's file, and does not send a file again whose name is on the board already: of two
bitstreams of one name it would load the first twice. So the file is sent here, each time. pynq's calls wait for ever on
a board that was switched off; they get a time-out here, and after one that found no board, no other is tried.
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
from overlay_driver.bitstream import BitFile
from overlay_driver.board import PARTS, Board

if TYPE_CHECKING:
    from pynq.pl_server.remote_device import RemoteDevice

PORT = 7967
"""Where the board's server listens."""

CALL_SECONDS = 30.0
"""Time-out of a call; sending the largest bitstream takes the longest, 19 MB."""

FIRMWARE = "/lib/firmware"
FPGA_MANAGER = "/sys/class/fpga_manager/fpga0"
LOADED = "operating"
"""What the FPGA manager says when a bitstream has been loaded; the server does not tell when it refuses one."""

_HOST = re.compile(r"(?P<host>[^\s:/\[\]]+|\[[0-9a-fA-F:.]+\])(:(?P<port>[^:/]*))?", re.ASCII)


class RemoteBoard(Board):
    """A `Board` that is reached over the network.

    :param address: host and port, for messages.
    """

    kind = "remote board"
    distant = True

    def __init__(self, device: RemoteDevice, *, address: str, part: str | None) -> None:
        super().__init__(device, part=part)
        self.address = address
        self._lost = False
        for stub in device._stub.values():
            for name, call in vars(stub).items():
                setattr(stub, name, partial(call, timeout=CALL_SECONDS))

    @contextmanager
    def doing(self, what: str, errors: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """As `Board.doing`; a board that does not answer is not asked again."""
        import grpc

        with super().doing(what, errors):
            if self._lost:
                raise ConnectionError(f"the connection to {self.address} is lost")
            try:
                yield
            except grpc.RpcError as error:
                code = error.code()
                if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise RuntimeError(f"{self.address} refuses it ({code.name}: {error.details()})") from error
                self._lost = True
                self.device.client.channel.close()  # else each buffer would wait for the board when it is collected
                raise ConnectionError(f"{self.address} does not answer ({code.name}: {error.details()})") from error

    def load(self, bit: BitFile | None) -> int | None:
        """As `Board.load`; the bitstream is sent in any case."""
        if bit is None:
            return super().load(bit)
        with self.doing(f"load {bit.path}"):
            self._send(bit.path)
        base = super().load(bit)
        with self.doing(f"load {bit.path}"):
            state = self.device.read_file(f"{FPGA_MANAGER}/state").decode().strip()
        if state != LOADED:
            raise BoardError(f"Cannot load {bit.path}: the board's FPGA manager says {state!r}; must be {LOADED!r}.")
        return base

    def _send(self, path: Path) -> None:
        from pynq.pl_server.embedded_device import bit2bin

        self.device.write_file(f"{FIRMWARE}/{_firmware_name(path)}", bit2bin(path.read_bytes()))

    def _download(self, path: Path, parser: Any = None) -> None:
        self.device.write_file(f"{FPGA_MANAGER}/flags", b"0")
        self.device.write_file(f"{FPGA_MANAGER}/firmware", _firmware_name(path).encode())
        if parser is not None:
            self.device.set_axi_port_width(parser)

    def allocate(self, words: int) -> Any:
        """As `Board.allocate`. A server that has no memory left says so with an empty name."""
        buffer = super().allocate(words)
        if not buffer.buffer_id:
            buffer.freed = True
            raise BoardError(f"Cannot allocate a buffer of {8 * words} bytes: {self.address} has no memory for it.")
        return buffer


def _firmware_name(path: Path) -> str:
    """Where pynq looks for a bitstream's data on the board."""
    return f"{path.stem}.bin"


def remote_board(host: str) -> RemoteBoard:
    """The board at ``HOST`` or ``HOST:PORT``.

    :raises ConfigError: that is neither.
    :raises BoardError: pynq is too old, or no board answers there.
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
    """Host and port of ``HOST[:PORT]``, with brackets around an IPv6 address.

    >>> _host_and_port("pynq"), _host_and_port("[fe80::1]:80")
    (('pynq', 7967), ('[fe80::1]', 80))
    """
    found = _HOST.fullmatch(text)
    if found is None:
        raise ConfigError(f"The remote board is {text!r}; it must be HOST or HOST:PORT, an IPv6 address in brackets.")
    port = found["port"]
    if port is None:
        return found["host"], PORT
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ConfigError(f"The port of the remote board {found['host']} is {port!r}; it must be 1 to 65535.")
    return found["host"], int(port)
