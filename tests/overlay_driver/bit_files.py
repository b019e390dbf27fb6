"""Writes `.bit` files in the format of Vivado, with a given header and any data."""

from pathlib import Path

PREAMBLE = bytes.fromhex("0009 0ff0 0ff0 0ff0 0ff0 00 0001")
DESIGN = "blstm;UserID=0XFFFFFFFF;Version=2017.4"
PART = "7z020clg400"


def bit_file(*, part: str = PART, design: str = DESIGN, data: bytes = bytes(64)) -> bytes:
    """The bytes of a .bit file; `data` stands for the configuration."""
    fields = {b"a": design, b"b": part, b"c": "2018/03/07", b"d": "12:00:00"}
    contents = PREAMBLE
    for key, text in fields.items():
        entry = text.encode("latin-1") + b"\0"
        contents += key + len(entry).to_bytes(2, "big") + entry
    return contents + b"e" + len(data).to_bytes(4, "big") + data


def write_bit_file(path: Path, *, part: str = PART, design: str = DESIGN, data: bytes = bytes(64)) -> Path:
    """Write a bitstream; returns its path."""
    path.write_bytes(bit_file(part=part, design=design, data=data))
    return path
