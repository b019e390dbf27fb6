"""What the stand-ins for a serial port with a board behind it have in common."""

import struct
import zlib


def frame(*, tag=1, status=0, found=0, payload=b"", start=0x66, size=None, check=None) -> bytes:
    """An answer of the board."""
    body = struct.pack("<BBBHH", start, tag, status, found, len(payload) if size is None else size) + payload
    return body + struct.pack("<I", zlib.crc32(body) if check is None else check)


class StandInPort:
    """A port from which the host reads what a subclass's `write` has added to `received`."""

    def __init__(self) -> None:
        self.timeout = None
        self.closed = False
        self.received = b""

    def flush(self) -> None:
        pass

    def read(self, size: int) -> bytes:
        data, self.received = self.received[:size], self.received[size:]
        return data

    def reset_input_buffer(self) -> None:
        self.received = b""

    def close(self) -> None:
        self.closed = True
