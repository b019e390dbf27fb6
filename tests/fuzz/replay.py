"""Inputs of the corpus, and single ones, each tried in this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.fuzz.formats import Format
from tests.fuzz.judging import Fault, Judge

SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Folder of scratch folders: one in memory, where the system has one; each input is a file."""


def prepare(format: Format) -> None:
    """Read the untouched files of a format, all of which must be accepted; what is compiled or imported is so once.

    :param format: any.
    """
    with tempfile.TemporaryDirectory(prefix="foldline-fuzz-", dir=SCRATCH) as folder:
        for number, data in enumerate(format.untouched()):
            inside = Path(folder) / str(number)
            inside.mkdir()
            format.read(data, inside)


@cache
def _judge() -> tuple[Judge, tempfile.TemporaryDirectory]:
    folder = tempfile.TemporaryDirectory(prefix="foldline-fuzz-", dir=SCRATCH)
    return Judge(Path(folder.name)), folder


def outcome_of(format: Format, data: bytes) -> tuple[str, list[Fault]]:
    """Whether an input is accepted, and its faults.

    :param format: of the input.
    :param data: the input.
    """
    judge, folder = _judge()
    outcome, found, faults = judge.verdict(format, data)
    if format.finish is not None and found is not None:
        faults += [Fault("meaning", "finish", text) for text in format.finish({0: found}, Path(folder.name)).values()]
    return outcome, faults


def replay(formats: Mapping[str, Format]) -> Iterator[tuple[Path, list[Fault]]]:
    """Every input of the corpus, with its faults.

    :param formats: by name.
    """
    for format in formats.values():
        if format.corpus:
            prepare(format)
        for path in format.corpus:
            yield path, outcome_of(format, path.read_bytes())[1]
