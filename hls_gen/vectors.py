"""Text files of the test bench: lines with expected results, and computed results.

An entry is a name, a count, and as many values in hexadecimal. `columns T` begins a line. ``pixels`` are the words of the
input buffer; ``labels`` are the count of labels and the labels in the output buffer; ``hidden`` [T, 2, H], ``scores``
[T, C] and ``gates`` [T, 2, H, 4] are two's complement of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from datapath.design import Design, Gate
from datapath.errors import DataError
from datapath.kernel_result import KernelResult
from datapath.packing import REFUSED, pack_columns

VALUES_PER_ROW = 32
CUT_OFF = "The test bench's results are cut off."


def render_line(columns: np.ndarray, *, bits: int, expected: KernelResult | None = None) -> str:
    """One line for the test bench.

    :param columns: integers [T, I], raw values of ``fixed<bits, 1>``.
    :param bits: of a pixel.
    :param expected: what the test bench compares with; None where the line is only computed.
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
    """The results that a test bench of a design wrote, one for each line.

    :raises DataError: the text is cut off, or not such a file.
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
            if any(value < 0 for value in values):  # numpy 1 would convert it to its complement
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
        raise ValueError(f"{found} labels were found and {len(labels)} stored")
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
    """Values in two's complement of 16 bits; a ValueError where one exceeds these or `dtype`."""
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
