"""A ``.bit`` file: its header, the network that its name stands for, and checks against a board and a design."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from datapath.design import Design
from datapath.errors import BoardError, DesignError, FileError
from datapath.quoting import quoted
from datapath.reading import open_file

_FIELDS = {b"a": "design", b"b": "part", b"c": "date", b"d": "time"}
_DATA = b"e"
_MAX_HEADER = 4096

_PUBLISHED = re.compile(r"(?P<dataset>\w+)-W(?P<weight>\d)A(?P<activation>\d)-pynq\.bit", re.ASCII | re.IGNORECASE)

PUBLISHED_NETWORKS = {
    "plain": {"inputs": 32, "hidden": 128, "classes": 82, "peepholes": False},
    "fraktur": {"inputs": 25, "hidden": 100, "classes": 110, "peepholes": True},
}
"""Dimensions of the published networks, by the dataset at the start of the bitstream's name."""


@dataclass(frozen=True, kw_only=True)
class BitFile:
    """A bitstream's header.

    design      name of the Vivado design, with the tool's version and options
    part        part, as the header spells it: ``7z020clg400``
    """

    path: Path
    design: str
    part: str
    date: str
    time: str

    @property
    def options(self) -> dict[str, str]:
        """What stands behind the design's name, ``;NAME=VALUE`` each, by the name in capital letters.

        Vivado writes ``UserID``, ``Version``, ``COMPRESS``, ``SW_CRC`` and ``HW_TIMEOUT``, which change nothing for us, and
        what `read_bit_file` refuses.
        """
        pairs = (option.partition("=") for option in self.design.split(";")[1:])
        return {name.strip().upper(): value.strip() for name, _, value in pairs}

    @property
    def has_published_name(self) -> bool:
        """Whether its name is one of LSTM-PYNQ's bitstreams, ``DATASET-WxAy-pynq.bit``."""
        return is_published_name(self.path)

    @property
    def handoff(self) -> Path | None:
        """The hardware handoff file (``.hwh``) of the same name, which PYNQ's `Overlay` needs; None if there is none."""
        return self._with_suffix(".hwh")

    @property
    def manifest(self) -> Path | None:
        """The manifest of the same name; None if there is none."""
        return self._with_suffix(".json")

    def _with_suffix(self, suffix: str) -> Path | None:
        path = self.path.with_suffix(suffix)
        return path if path.is_file() else None


def read_bit_file(path: Path) -> BitFile:
    """Read a bitstream's header, and check the length of its data.

    :param path: the .bit file.
    :raises FileError: it is missing, truncated, not a .bit file, or one that pynq does not load as a whole: of a part of
        the logic, or encrypted.
    """
    with open_file(path) as file:
        head = file.read(_MAX_HEADER)
        size = file.seek(0, 2)
    position = 2 + int.from_bytes(head[:2], "big") + 2
    texts: dict[str, str] = {}
    while (key := head[position : position + 1]) in _FIELDS:
        length = int.from_bytes(head[position + 1 : position + 3], "big")
        text = head[position + 3 : position + 3 + length]
        texts[_FIELDS[key]] = text.rstrip(b"\0").decode("latin-1")
        position += 3 + length
    if key != _DATA or set(texts) != set(_FIELDS.values()):
        raise FileError(f"{path} is not a bitstream: it does not begin with the header of a .bit file.")
    length = int.from_bytes(head[position + 1 : position + 5], "big")
    actual = size - position - 5
    if actual != length:
        raise FileError(f"{path} is damaged: its header states {length} bytes of data, the file holds {actual}.")
    bit = BitFile(path=path, **texts)
    _require_whole(bit)
    return bit


def _require_whole(bit: BitFile) -> None:
    """Refuse what the driver's way of loading does not configure: pynq loads it as a whole, plain bitstream."""
    for name, value in bit.options.items():
        if value.upper() in ("FALSE", "NO", "0"):
            continue
        if name in ("PARTIAL", "CLEAR"):
            raise FileError(
                f"{bit.path} configures a part of the logic: its header has {quoted(f'{name}={value}')}. Take the bitstream "
                "of the whole design."
            )
        if "ENCRYPT" in name:
            raise FileError(
                f"{bit.path} is encrypted: its header has {quoted(f'{name}={value}')}; pynq loads plain bitstreams."
            )


def require_part(bit: BitFile, part: str) -> None:
    """Refuse a bitstream for another part than the board's; the speed grade may differ.

    :param part: the board's part, as Vivado spells it, e.g. ``xc7z020clg400-1``.
    :raises BoardError: names both parts.
    """
    if bare_part(bit.part) != bare_part(part):
        raise BoardError(f"{bit.path} is for the part {bit.part}; this board has {part}.")


def bare_part(part: str) -> str:
    """Part and package without prefix and speed grade: ``7z020clg400`` of ``xc7z020clg400-1``.

    :param part: as Vivado or a bitstream's header spells it.
    """
    return re.sub(r"-\d.*$", "", part.lower().removeprefix("xc"))


def is_published_name(path: Path) -> bool:
    """Whether a ``.bit`` file has the name of one of LSTM-PYNQ's.

    :param path: of the file, which need not exist.
    """
    return _PUBLISHED.fullmatch(path.name) is not None


def require_named(path: Path, design: Design) -> None:
    """Refuse a design whose widths or dimensions differ from those in a published bitstream's name.

    Published names are ``DATASET-WxAy-pynq.bit``; any other name is accepted.

    :raises DesignError: names each value that differs.
    """
    name = _PUBLISHED.fullmatch(path.name)
    if name is None:
        return
    named = {"weight bits": int(name["weight"]), "activation bits": int(name["activation"])}
    named |= PUBLISHED_NETWORKS.get(name["dataset"].lower(), {})
    actual = {"weight bits": design.precision.weight, "activation bits": design.precision.activation}
    actual |= {"inputs": design.inputs, "hidden": design.hidden, "classes": design.classes}
    actual |= {"peepholes": design.peepholes is not None}
    differing = [
        f"{what} {value}, the design has {actual[what]}" for what, value in named.items() if actual[what] != value
    ]
    if differing:
        raise DesignError(f"{path.name} is the published bitstream with {'; '.join(differing)}.")
