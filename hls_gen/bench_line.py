"""One line as a C header for a test bench: raw pixels, and the labels and text that must come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datapath.errors import DesignError
from datapath.formats import unit_format
from datapath.templates import render_template

TEMPLATE = "bench_line.hpp.j2"


@dataclass(frozen=True, eq=False, kw_only=True)
class BenchLine:
    """A line and what a network answers.

    name, network    what the comment calls them
    columns          integers [T, I], raw values of ``fixed<bits, 1>``
    labels           uint8 [n], by the overlay's label rule, and their `text`
    greedy_labels    uint8 [m], by greedy CTC from the same class scores, and their `greedy_text`
    truth            what is printed
    """

    name: str
    network: str
    columns: np.ndarray
    bits: int
    labels: np.ndarray
    text: str
    greedy_labels: np.ndarray
    greedy_text: str
    truth: str


def render_bench_line(image: BenchLine) -> str:
    """The text of a header, which C and C++ compile. Same line, same bytes.

    :raises DesignError: no column, or a pixel that does not fit `bits`.
    """
    format = unit_format(image.bits)
    if image.columns.ndim != 2 or not image.columns.size:
        raise DesignError(f"The columns have shape {list(image.columns.shape)}; it must be [T, I], both at least 1.")
    if image.columns.min() < format.min or image.columns.max() > format.max:
        raise DesignError(
            f"The columns have values {image.columns.min()} to {image.columns.max()}; "
            f"{format.bits} bits allow {format.min} to {format.max}."
        )
    return render_template(
        "hls_gen",
        TEMPLATE,
        name=_comment(image.name),
        network=_comment(image.network),
        columns=len(image.columns),
        rows=image.columns.shape[1],
        bits=image.bits,
        pixels=[_numbers(column) for column in image.columns],
        labels=_array(image.labels),
        greedy_labels=_array(image.greedy_labels),
        text=c_string(image.text),
        greedy_text=c_string(image.greedy_text),
        truth=c_string(image.truth),
    )


def c_string(text: str) -> str:
    r"""A string literal of C with the UTF-8 bytes of a text.

    >>> print(c_string('50 µ "x"?'))
    "50 \302\265 \"x\"\?"
    """
    return '"' + "".join(map(_c_character, text.encode())) + '"'


def _c_character(byte: int) -> str:
    """Octal, always of three digits, so that no digit behind it counts; ``?`` is escaped since two begin a trigraph."""
    character = chr(byte)
    if character in '"\\?':
        return f"\\{character}"
    return character if 32 <= byte < 127 else f"\\{byte:03o}"


def _comment(text: str) -> str:
    """In one line of a comment, which no line break ends and no backslash goes beyond."""
    return "".join(character if character.isprintable() and character not in "\\?" else "_" for character in text)


def _array(labels: np.ndarray) -> dict[str, object]:
    # C has no arrays of size 0.
    return {"count": len(labels), "size": max(1, len(labels)), "body": _numbers(labels) if len(labels) else "0"}


def _numbers(values: Sequence[int] | np.ndarray) -> str:
    return ", ".join(map(str, np.asarray(values).tolist()))
