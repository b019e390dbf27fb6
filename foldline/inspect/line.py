"""The input and the output path of `foldline inspect`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from datapath.design import Design
from datapath.errors import ConfigError, DataError, FoldlineError, LimitError
from datapath.images import picture_name
from datapath.npz import NpzReader
from datapath.streams import is_stream
from fixedpoint_sim import Inspection, inspect_line
from foldline.batch.inputs import MAX_PIXEL_BYTES, LineInput


def pixel_input(path: Path, number: int) -> LineInput:
    """The line `pixels_NUMBER` of an ``.npz`` file with arrays pixels_0, pixels_1, ... [T, I]; others are not read.

    :raises FileError: the file cannot be read.
    :raises DataError: it has no such line.
    """
    reader = NpzReader(path)
    name = f"pixels_{number}"
    if name not in reader.names:
        arrays = [other for other in reader.names if other.startswith("pixels_")]
        found = f"{arrays[0]} to {arrays[-1]}" if arrays else "none"
        raise DataError(f"{path} has no {name}; its pixel arrays are: {found}.")
    return LineInput(name, partial(reader.read, name, limit=MAX_PIXEL_BYTES))


def inspect_input(design: Design, line: LineInput, *, ignore_limits: bool) -> Inspection:
    """As `inspect_line`; its errors, and those of `LineInput.columns`, name the line."""
    try:
        return inspect_line(design, line.columns(design), ignore_limits=ignore_limits)
    except LimitError as error:
        raise LimitError(f"{error} --ignore-limits computes it nevertheless.").within(line.name) from error
    except FoldlineError as error:
        raise error.within(line.name) from error


def picture_path(output: Path | None, *, image: Path | None, pixels: Path | None, number: int) -> Path:
    """Path of the picture: `output`, or one in the current folder that is derived from the input's name.

    :param image: the line's image, or None for line `number` of `pixels`.
    :raises ConfigError: `output` is neither a stream nor ends in .png.
    """
    if output is None:
        file, number = picture_name(str(image)) if image else (pixels, number)
        return Path(f"{Path(file).stem}.inspect.png" if number is None else f"{Path(file).stem}-{number}.inspect.png")
    if output.suffix.lower() != ".png" and not is_stream(output):
        raise ConfigError(f"--output is {output}; the picture is a PNG, so the name must end in .png.")
    return output
