"""The file of a `Design`: an ``.npz`` with a description in JSON and the weight arrays, and with nothing else.

What it states is checked before it is read: which arrays there are, and the size of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import numpy as np

from datapath.errors import DesignError, FileError, suggestion
from datapath.files import write_npz
from datapath.json_text import parse_json
from datapath.npz import NpzReader
from datapath.quantities import MAX_VECTOR_BITS
from datapath.quoting import quoted
from datapath.reading import read_start

FORMAT = "foldline design"
"""Field "format" of the description."""

FORMAT_VERSION = 2
"""Version of the saved form; a newer one is refused. Version 1 had neither peepholes nor `pe_out`."""

FIELDS = ("alphabet", "folding", "format", "limits", "peepholes", "precision", "provenance", "version")
"""Of the description; version 1 had no peepholes."""

DESCRIPTION, PEEPHOLES = "design", "peepholes"
"""Arrays beside the weights: the description, a text; and what a network with peepholes has."""

MEMBER = f"{DESCRIPTION}.npy"
"""Member of the archive that no other file of Foldline has."""

PICKLE = b"\x80"
"""First byte of the checkpoints that torch wrote before version 1.6."""

TORCH_MEMBER = "/data.pkl"
"""End of the name of a member that the archives of torch have."""

MAX_LIST_BYTES = 2**20
"""Limit of the list of members, of a design or a checkpoint; a design has eight."""

MAX_DESCRIPTION_BYTES = 4 * 2**20
"""Limit of the description, with four bytes per character."""

MAX_ARRAY_BYTES = 8 * (2 * 4 * MAX_VECTOR_BITS**2)
"""Limit of an array: [2, 4, H, H] of the largest H, in integers of 64 bits. `write_design_file` writes 8 bits."""

_NAMED_ARRAYS = 8
"""Arrays that a message on a file that is not a design lists."""


def write_design_file(
    path: str | os.PathLike, description: Mapping[str, object], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write the file, byte-deterministic, whole or not at all.

    :param path: the file.
    :param description: its fields but for the format and the version.
    :param arrays: weights by name.
    :raises FileError: it cannot be written.
    :raises DesignError: the description is larger than `read_design_file` takes.
    """
    fields = {"format": FORMAT, "version": FORMAT_VERSION, **description}
    text = np.array(json.dumps(fields, ensure_ascii=False, sort_keys=True))
    if text.nbytes > MAX_DESCRIPTION_BYTES:
        raise DesignError(
            f"The alphabet and the provenance of the design have {text.nbytes // 4} characters; a design file takes "
            f"{MAX_DESCRIPTION_BYTES // 4}."
        )
    write_npz(path, {DESCRIPTION: text, **arrays})


def read_design_file(
    path: str | os.PathLike, *, weights: tuple[str, ...]
) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Read the file.

    :param path: the file.
    :param weights: names of the arrays that every design has.
    :returns: the description, which has all fields of its version and no others, their values unchecked; the arrays, of
        any shape and type: `weights`, and peepholes where they are described.
    :raises FileError: missing, cut off, not a design file, incomplete, or with an array larger than `MAX_ARRAY_BYTES`.
    :raises DesignError: of another version, or with a field or an array that this version does not have.
    """
    reader = _opened(path)
    description, names = _description(path, reader), reader.names
    peepholes = (PEEPHOLES,) if description.get(PEEPHOLES) is not None else ()
    for name in (*weights, *peepholes):
        if name not in names:
            raise FileError(f"{path} is not a whole design: it has no {name!r}.")
    for name in names:
        if name not in (DESCRIPTION, *weights, *peepholes):
            raise DesignError(
                f"{path} holds an array {quoted(name)}, which a design of version {description['version']} "
                f"{'without peepholes ' if name == PEEPHOLES else ''}does not have.",
                about=path,
            )
    return description, {name: reader.read(name, limit=MAX_ARRAY_BYTES) for name in (*weights, *peepholes)}


def is_checkpoint(start: bytes, names: list[str]) -> bool:
    """Whether a file is one that torch wrote, by its beginning or by the names in it.

    :param start: its first byte.
    :param names: of its members, if it is an archive.
    """
    return start == PICKLE or any(name.endswith(TORCH_MEMBER) for name in names)


def _opened(path: str | os.PathLike) -> NpzReader:
    start = read_start(path, limit=len(PICKLE))
    reader = None if start == PICKLE else NpzReader(path, directory=MAX_LIST_BYTES)
    names = [] if reader is None else reader.names
    if is_checkpoint(start, names):
        raise FileError(
            f"{path} is a checkpoint of torch, not a design; `foldline export {path} -o DESIGN.npz` makes a design of it."
        )
    if DESCRIPTION not in names:
        held = [f"{name:.40}" for name in names[:_NAMED_ARRAYS]] + ["..."] * (len(names) > _NAMED_ARRAYS)
        raise FileError(
            f"{path} is not a design: it holds {', '.join(held) or 'nothing'} but no {DESCRIPTION!r} entry."
        )
    return reader


def _description(path: str | os.PathLike, reader: NpzReader) -> dict[str, object]:
    text = reader.read(DESCRIPTION, limit=MAX_DESCRIPTION_BYTES)
    if text.dtype.kind != "U" or text.shape != ():
        raise FileError(f"{path} is not a design: its {DESCRIPTION!r} entry is not a text.")
    description = parse_json(str(text), name=path)
    if not isinstance(description, dict):
        raise FileError(f"{path} is not a design: its description is not an object in JSON.")
    if description.get("format", FORMAT) != FORMAT:
        raise FileError(f"{path} is not a design: its format is {quoted(description['format'])}.")
    version = description.get("version", FORMAT_VERSION)
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise DesignError(
            f"{path} is a design of version {quoted(version)}; this Foldline reads versions 1 to {FORMAT_VERSION}.",
            about=path,
        )
    for name in FIELDS:
        if name not in description and not (version == 1 and name == PEEPHOLES):
            raise FileError(f"{path} is not a whole design: it has no {name!r}.")
    for name in description:
        if name not in FIELDS:
            raise DesignError(f"{path}: a design has no field {quoted(name)}{suggestion(name, FIELDS)}", about=path)
    if version == 1 and description.get(PEEPHOLES) is not None:
        raise DesignError(
            f"{path} is a design of version 1, which has no peepholes, but it describes some.", about=path
        )
    return description
