"""What several kinds share: comparisons that raise `OtherMeaningError`, files in the scratch folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from datapath.design import Design
from tests.fuzz.formats import OtherMeaningError
from tests.fuzz.judging import message_faults


def written(folder: Path, name: str, data: bytes) -> Path:
    """A file in the scratch folder.

    :param folder: of it.
    :param name: its name, which may have folders.
    :param data: its content.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def require(holds: bool, what: str, *values: object) -> None:
    """Raise an `OtherMeaningError` unless something holds.

    :param holds: it.
    :param what: that was compared.
    :param values: which differ.
    """
    if not holds:
        raise OtherMeaningError(f"{what}: {' but '.join(repr(value)[:600] for value in values)}")


def require_equal(what: str, found: object, expected: object) -> None:
    """Raise an `OtherMeaningError` where two values differ, or their types do.

    :param what: that was compared.
    :param found: by the reader.
    :param expected: by the independent reading.
    """
    if isinstance(found, np.ndarray) or isinstance(expected, np.ndarray):
        found, expected = np.asarray(found), np.asarray(expected)
        same = found.shape == expected.shape and np.array_equal(found, expected)
    else:
        same = type(found) is type(expected) and found == expected
    require(same, what, found, expected)


def require_same_design(found: Design, expected: Design) -> None:
    """Raise an `OtherMeaningError` where two designs differ.

    :param found: by the reader.
    :param expected: by the independent reading.
    """
    require(found == expected, "design", found, expected)


def require_clean(messages: Iterable[str]) -> None:
    """Raise an `OtherMeaningError` where a note is too long or commands a terminal.

    :param messages: that a user gets to see.
    """
    for message in messages:
        for fault in message_faults(message):
            raise OtherMeaningError(f"note {fault.place}: {fault.detail}")


def decoded(data: bytes) -> str:
    """A text file of people: UTF-8 or, by its mark, UTF-16; without the mark.

    :param data: its content.
    """
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if wide else "utf-8").lstrip("\ufeff")


def plain(value: object) -> object:
    """A value with its types, so that 1, 1.0 and True differ.

    :param value: of JSON.
    """
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return (type(value).__name__, repr(value))
