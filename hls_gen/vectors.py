"""Lines for the test bench of a project, and its answers: text, a name and a count, then values in hexadecimal.

`columns T` begins a line. ``pixels`` are the words of the input buffer; ``labels`` holds the accelerator's own count
and then the labels that were kept, ``hidden`` [T, 2, H] and ``scores`` [T, C] two's complement of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from datapath.design import Design, Gate
from datapath.errors import DataError
from datapath.packing import REFUSED, pack_columns

VALUES_PER_ROW = 32

CUT_OFF = "The test bench's results are cut off."


@dataclass(frozen=True, eq=False, kw_only=True)
class KernelResult:
    """What the accelerator computes for a line of T columns.

    found     int                   labels found; more than `labels` holds where they exceed the buffer
    labels    uint8 [n]             those that the output buffer has room for
    hidden    int8 [T, 2, H]        hidden words at time steps
    scores    int16 [T, C]          class scores in image order
    gates     int16 [T, 2, H, 4]    accumulators in `Gate` order, before any peephole; None where they were not kept
    """

    found: int
    labels: np.ndarray
    hidden: np.ndarray
    scores: np.ndarray
    gates: np.ndarray | None = None


def render_line(columns: np.ndarray, *, bits: int, expected: KernelResult | None = None) -> str:
    """One line for the test bench, and what it must find; without `expected` it can only be computed.

    :param columns: integers [T, I], raw values of ``fixed<bits, 1>``.
    :raises DataError: a pixel outside the range.
    """
    parts = [f"columns {len(columns):x}\n", _entry("pixels", pack_columns(columns, bits))]
    if expected is not None:
        parts += [
            _entry("labels", np.array([expected.found, *expected.labels])),
            _entry("hidden", expected.hidden.astype(np.int64) & 0xFFFF),
            _entry("scores", expected.scores.astype(np.int64) & 0xFFFF),
        ]
    return "".join(parts)


def parse_results(text: str, design: Design) -> list[KernelResult]:
    """The lines that the test bench of `design` wrote.

    :raises DataError: the text is no such result, or not whole.
    """
    if not text.endswith("\n"):
        raise DataError(CUT_OFF)
    tokens = iter(text.split())
    lines: list[dict[str, np.ndarray]] = []
    lengths: list[int] = []
    try:
        for name in tokens:
            count = int(next(tokens), 16)
            if name == "columns":
                lengths.append(count)
                lines.append({})
                continue
            values = [int(next(tokens), 16) for _ in range(count)]
            if any(value < 0 for value in values):  # numpy 1 would take its complement
                raise OverflowError("a value is negative")
            lines[-1][name] = np.array(values, dtype=np.uint64)
        return [_result(values, length, design) for values, length in zip(lines, lengths, strict=True)]
    except StopIteration as error:
        raise DataError(CUT_OFF) from error
    except (ValueError, OverflowError, IndexError, KeyError) as error:
        raise DataError(f"The test bench's results cannot be read ({type(error).__name__}: {error}).") from error


def _result(values: dict[str, np.ndarray], length: int, design: Design) -> KernelResult:
    found, labels = int(values["labels"][0]), values["labels"][1:]
    if found == REFUSED:
        raise DataError(f"The accelerator refused a line of {length} columns; it takes 1 to {design.limits.columns}.")
    if len(labels) != min(found, design.limits.labels):
        raise ValueError(f"{found} labels were found and {len(labels)} kept")
    if (labels >= design.classes).any():
        raise ValueError(f"label {labels.max()} of {design.classes} classes")
    return KernelResult(
        found=found,
        labels=labels.astype(np.uint8),
        hidden=_signed(values["hidden"], np.int8).reshape(length, 2, design.hidden),
        scores=_signed(values["scores"], np.int16).reshape(length, design.classes),
        gates=_signed(values["gates"], np.int16).reshape(length, 2, design.hidden, len(Gate)),
    )


def _signed(values: np.ndarray, dtype: type[np.signedinteger]) -> np.ndarray:
    """Two's complement of 16 bits as `dtype`; a value that this has no room for is an error, and never cut."""
    limits = np.iinfo(dtype)
    if (values > 0xFFFF).any():
        raise ValueError(f"{values.max():x} has more than 16 bits")
    signed = values.astype(np.uint16).view(np.int16)
    if ((signed < limits.min) | (signed > limits.max)).any():
        raise ValueError(f"a value of {signed.min()}..{signed.max()} does not fit {limits.bits} bits")
    return signed.astype(dtype)


def _entry(name: str, values: Iterable[int] | np.ndarray) -> str:
    words = [f"{value:x}" for value in np.asarray(values).ravel().tolist()]
    rows = [" ".join(words[i : i + VALUES_PER_ROW]) for i in range(0, len(words), VALUES_PER_ROW)]
    return "\n".join([f"{name} {len(words):x}", *rows]) + "\n"
