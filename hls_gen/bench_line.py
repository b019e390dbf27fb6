"""One line as a C header for a test bench: raw pixels, expected labels and text."""

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
    """A line and what a network computes for it."""

    name: str  # of the line, for the comment
    network: str  # its name, for the comment
    columns: np.ndarray  # integers [T, I], raw values of fixed<bits, 1>
    bits: int  # of a pixel
    labels: np.ndarray  # uint8 [n], by the overlay's label rule
    text: str  # of the labels
    greedy_labels: np.ndarray  # uint8 [m], by greedy CTC from the same class scores
    greedy_text: str  # of the greedy labels
    reference: str  # ground truth, the text on the image


def render_bench_line(line: BenchLine) -> str:
    """The text of a header for C and C++; deterministic.

    :raises DesignError: no column, or a pixel that does not fit `bits`.
    """
    format = unit_format(line.bits)
    if line.columns.ndim != 2 or not line.columns.size:
        raise DesignError(f"The columns have shape {list(line.columns.shape)}; it must be [T, I], both at least 1.")
    if line.columns.min() < format.min or line.columns.max() > format.max:
        raise DesignError(
            f"The columns have values {line.columns.min()} to {line.columns.max()}; "
            f"{format.bits} bits allow {format.min} to {format.max}."
        )
    return render_template(
        "hls_gen",
        TEMPLATE,
        name=_comment(line.name),
        network=_comment(line.network),
        columns=len(line.columns),
        rows=line.columns.shape[1],
        bits=line.bits,
        pixels=[_numbers(column) for column in line.columns],
        labels=_array(line.labels),
        greedy_labels=_array(line.greedy_labels),
        text=c_string(line.text),
        greedy_text=c_string(line.greedy_text),
        reference=c_string(line.reference),
    )


def c_string(text: str) -> str:
    r"""A string literal of C with the UTF-8 bytes of a text.

    >>> print(c_string('50 µ "x"?'))
    "50 \302\265 \"x\"\?"
    """
    return '"' + "".join(map(_c_character, text.encode())) + '"'


def _c_character(byte: int) -> str:
    """Three octal digits, so that a digit after them is not part of the escape; ``?`` is escaped: two begin a trigraph."""
    character = chr(byte)
    if character in '"\\?':
        return f"\\{character}"
    return character if 32 <= byte < 127 else f"\\{byte:03o}"


def _comment(text: str) -> str:
    """A text for a comment of one line: without line breaks and backslashes."""
    return "".join(character if character.isprintable() and character not in "\\?" else "_" for character in text)


def _array(labels: np.ndarray) -> dict[str, object]:
    # C has no arrays of size 0.
    return {"count": len(labels), "size": max(1, len(labels)), "body": _numbers(labels) if len(labels) else "0"}


def _numbers(values: Sequence[int] | np.ndarray) -> str:
    return ", ".join(map(str, np.asarray(values).tolist()))
