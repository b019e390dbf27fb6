"""One named line for `foldline inspect`: which it is, where its picture goes, and errors that name it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from datapath.design import Design
from datapath.errors import ConfigError, DataError, FoldlineError, LimitError
from datapath.files import NpzReader
from fixedpoint_sim import Inspection, inspect_line
from foldline.batch.inputs import LineInput


def pixel_input(path: Path, number: int) -> LineInput:
    """The line `pixels_NUMBER` of an ``.npz``; no other is read.

    :raises FileError: it cannot be read.
    :raises DataError: there is no such line.
    """
    reader = NpzReader(path)
    name = f"pixels_{number}"
    if name not in reader.names:
        there = [other for other in reader.names if other.startswith("pixels_")]
        held = f"{len(there)}, {there[0]} to {there[-1]}" if there else "none"
        raise DataError(f"{path} has no {name}; of pixel arrays it holds {held}.")
    return LineInput(name, partial(reader.read, name))


def inspect_input(design: Design, line: LineInput, *, ignore_limits: bool) -> Inspection:
    """Inspect a named line.

    :raises FoldlineError: as `LineInput.columns` and `inspect_line`; the line is named.
    """
    try:
        return inspect_line(design, line.columns(design), ignore_limits=ignore_limits)
    except LimitError as error:
        raise LimitError(f"{error} With --ignore-limits it is computed all the same.").within(line.name) from error
    except FoldlineError as error:
        raise error.within(line.name) from error


def picture_path(output: Path | None, *, image: Path | None, pixels: Path | None, number: int) -> Path:
    """Where the picture goes: `output`, else a name made from the line's, in the current folder.

    :raises ConfigError: `output` does not end in .png.
    """
    if output is None:
        return Path(f"{image.stem}.inspect.png" if image else f"{pixels.stem}-{number}.inspect.png")
    if output.suffix.lower() != ".png":
        raise ConfigError(f"--output is {output}; the picture is a PNG, so the name must end in .png.")
    return output
