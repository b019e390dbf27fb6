"""The hardware handoff file (``.hwh``) of a bitstream: whether both are of one build, before pynq reads it."""

from __future__ import annotations

import re

from datapath.errors import BoardError
from datapath.quoting import quoted
from datapath.reading import read_bytes
from overlay_driver.accelerator import Accelerator
from overlay_driver.bitstream import BitFile, bare_part

MAX_BYTES = 64 << 20
"""Largest file; those of block designs with hundreds of blocks have some 10 MB."""

_SYSTEM = re.compile(rb"<SYSTEMINFO\s[^>]{0,4096}>")
_ROOT = re.compile(rb"<EDKSYSTEM\s[^>]{0,4096}>")
_WRAPPER = "_wrapper"


def require_handoff(bit: BitFile) -> None:
    """Refuse a handoff file that is not of the same build as its bitstream: its addresses are those of other hardware.

    Compared are the part, Vivado's version (2022.2), and the block design's name, where the bitstream's design is its wrapper.
    What one of them does not say is not compared.

    :param bit: the bitstream; without a handoff file nothing is compared.
    :raises FileError: it cannot be read, or is too large.
    :raises BoardError: it declares entities, or names what the bitstream does not.
    """
    path = bit.handoff
    if path is None:
        return
    content = read_bytes(path, limit=MAX_BYTES)
    for declaration in (b"<!DOCTYPE", b"<!ENTITY"):
        if declaration in content:
            raise BoardError(
                f"{path} has {declaration.decode()}, which Vivado does not write; pynq does not get to read it."
            )
    root, system = _attributes(_ROOT, content), _attributes(_SYSTEM, content)
    found = {
        "part": (_joined(system.get("DEVICE", "") + system.get("PACKAGE", "")), _joined(bare_part(bit.part))),
        "Vivado": (_release(root.get("VIVADOVERSION", "")), _release(bit.options.get("VERSION", ""))),
        "block design": (system.get("NAME", ""), _block_design(bit)),
    }
    differing = [
        f"{what} {quoted(theirs)}, the bitstream {quoted(its)}"
        for what, (theirs, its) in found.items()
        if theirs and its and theirs != its
    ]
    if differing:
        raise BoardError(
            f"{path} does not belong to {bit.path.name}: it has {'; '.join(differing)}. Copy the .hwh of the same build, or "
            "remove it: then the manifest has the address."
        )


def notes_on_address(bit: BitFile | None, accelerator: Accelerator | None, base: int) -> tuple[str, ...]:
    """That the handoff file has another address than the manifest, one sentence or none.

    :param bit: the bitstream.
    :param accelerator: in use; None before it is loaded.
    :param base: byte address in the manifest.
    """
    if bit is None or accelerator is None or accelerator.base == base:
        return ()
    return (
        f"{bit.handoff} has the registers at 0x{accelerator.base:08X}, and the manifest at 0x{base:08X}: the first is used.",
    )


def _attributes(tag: re.Pattern[bytes], content: bytes) -> dict[str, str]:
    found = tag.search(content)
    pairs = re.findall(rb'(\w+)\s*=\s*"([^"]*)"', found[0]) if found else []
    return {name.decode("ascii"): value.decode("utf-8", "replace") for name, value in pairs}


def _joined(part: str) -> str:
    """Device and package in one spelling: ``7z020clg400``, ``zu3egsbva484``."""
    return part.lower().removeprefix("xc").replace("-", "")


def _release(version: str) -> str:
    """Year and number of a version: ``2017.4`` of ``2017.4_AR70455``."""
    found = re.match(r"\d{4}\.\d+", version)
    return found[0] if found else ""


def _block_design(bit: BitFile) -> str:
    """Of the design ``NAME_wrapper``, NAME; empty for another design."""
    name = bit.design.partition(";")[0]
    return name.removesuffix(_WRAPPER) if name.endswith(_WRAPPER) else ""
