"""A validation line as a test image: pixels with the expected labels, as ``.npz``, C header, and files of LSTM-PYNQ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datapath.alphabet import greedy_labels
from datapath.design import Design
from datapath.errors import DataError, ImageError, LimitError
from datapath.files import require_different, write_npz, write_text
from datapath.pixel_text import TEST_IMAGE_SUFFIX, pixel_text
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import exceeded_before
from hls_gen.bench_line import BenchLine, render_bench_line
from train.data.dataset import Dataset, Line

DEFAULT_NAME = "test_image"
SUFFIXES = (".npz", ".hpp", TEST_IMAGE_SUFFIX)
TEXT_SUFFIX = "_gt.txt"


@dataclass(frozen=True, kw_only=True)
class ExportedTestImage:
    """A test image, and its files.

    pixels    the ``.npz``
    header    the C header
    decimals  LSTM-PYNQ's ``test_image.txt``
    expected  LSTM-PYNQ's ``test_image_gt.txt``: the text that the network computes
    image     what is in them
    """

    pixels: Path
    header: Path
    decimals: Path
    expected: Path
    image: BenchLine


def export_test_image(
    design: Design, dataset: Dataset, output: str | os.PathLike, *, line: str | None, keep: Mapping[str, object]
) -> ExportedTestImage:
    """Write a validation line and its expected labels to `output`.npz, .hpp, .txt and _gt.txt; deterministic.

    The ``.npz`` has `pixels_0` int8 [T, I], which `foldline simulate --pixels` reads, `labels_0`, `greedy_labels_0`
    (uint8), `text_0`, `greedy_text_0`, `truth_0` and `name_0`; the header has the same. All labels are the simulator's.
    The two text files are LSTM-PYNQ's ``test_image.txt`` and ``test_image_gt.txt``: pixels, and `text_0`.

    :param dataset: its validation lines are searched.
    :param output: path with one of the suffixes or without.
    :param line: name of the line; None takes the first that is within the overlay's limits.
    :param keep: paths that must not be overwritten, by what they are.
    :raises DataError: no validation line has that name.
    :raises LimitError: the line, or every line, exceeds a limit of the overlay.
    :raises FileError: a file cannot be written.
    """
    stem = str(output)
    stem = stem[: -len(SUFFIXES[0])] if stem.endswith(SUFFIXES) else stem
    pixels, header, decimals, expected = (Path(stem + suffix) for suffix in (*SUFFIXES, TEXT_SUFFIX))
    require_different(**keep, pixels=pixels, header=header, decimals=decimals, expected=expected)
    chosen, columns, trace = _first_fitting(design, dataset) if line is None else _named(design, dataset, line)
    greedy = greedy_labels(trace.scores)
    bench_line = BenchLine(
        name=chosen.name,
        network=str(design.experiment),
        columns=columns,
        bits=design.precision.activation,
        labels=trace.labels,
        text=trace.text,
        greedy_labels=greedy,
        greedy_text=design.alphabet.text(greedy),
        reference=chosen.text,
    )
    header_text = render_bench_line(bench_line)
    write_npz(pixels, _arrays(bench_line))
    write_text(header, header_text)
    write_text(decimals, pixel_text(bench_line.columns, bits=bench_line.bits))
    write_text(expected, bench_line.text + "\n")
    return ExportedTestImage(pixels=pixels, header=header, decimals=decimals, expected=expected, image=bench_line)


def _arrays(line: BenchLine) -> dict[str, np.ndarray]:
    return {
        "pixels_0": line.columns,
        "labels_0": line.labels,
        "greedy_labels_0": line.greedy_labels,
        "text_0": np.array(line.text),
        "greedy_text_0": np.array(line.greedy_text),
        "truth_0": np.array(line.reference),
        "name_0": np.array(line.name),
    }


def _named(design: Design, dataset: Dataset, name: str) -> tuple[Line, np.ndarray, Trace]:
    lines = [line for line in dataset.validation if line.name == name]
    if not lines:
        raise DataError(
            f"No validation line of {dataset.name} is called {name}; the first of {len(dataset.validation)} is "
            f"{dataset.validation[0].name}."
        )
    columns = lines[0].columns(design)
    try:
        return lines[0], columns, Simulator(design).run(columns)
    except LimitError as error:
        raise error.within(name) from error


def _first_fitting(design: Design, dataset: Dataset) -> tuple[Line, np.ndarray, Trace]:
    simulator = Simulator(design)
    for line in dataset.validation:
        try:
            columns = line.columns(design)
        except ImageError:
            continue  # as a comparison leaves it out
        if exceeded_before(design, len(columns)):
            continue
        trace = simulator.run(columns, ignore_limits=True)
        if not trace.exceeded:
            return line, columns, trace
    raise LimitError(
        f"None of the {len(dataset.validation)} validation lines of {dataset.name} has a usable image within the limits of "
        f"{design.limits.columns} columns and {design.limits.labels} labels."
    )
