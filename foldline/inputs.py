"""What a command is pointed at: image files and folders, pixel archives, designs, checkpoints."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from datapath.design import Design
from datapath.errors import DataError, FileError
from datapath.files import read_npz
from datapath.images import image_columns


@dataclass(frozen=True)
class LineInput:
    """One line to compute: its name, and its image's path or its raw pixels."""

    name: str
    source: Path | np.ndarray

    def columns(self, design: Design) -> np.ndarray:
        """Integers [T, I] for `design`.

        :raises ImageError: the image cannot be read or gives no columns.
        """
        if isinstance(self.source, np.ndarray):
            return self.source
        return image_columns(self.source, target_height=design.inputs, bits=design.precision.activation)


def image_inputs(paths: Sequence[Path]) -> list[LineInput]:
    """The images named, and those inside the folders named (at any depth, by name).

    :raises DataError: a folder without an image.
    """
    inputs = []
    for path in paths:
        if not path.is_dir():
            inputs.append(LineInput(str(path), path))
            continue
        suffixes = Image.registered_extensions()
        found = sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes and p.is_file())
        if not found:
            raise DataError(f"The folder {path} holds no image.")
        inputs += [LineInput(str(p), p) for p in found]
    return inputs


def pixel_inputs(path: str | os.PathLike) -> list[LineInput]:
    """The lines `pixels_0`, `pixels_1`, ... of an ``.npz``, each integers [T, I]; other entries are left alone.

    :raises FileError: it cannot be read.
    :raises DataError: no `pixels_0`, or a number is left out.
    """
    arrays = {name: array for name, array in read_npz(path).items() if re.fullmatch(r"pixels_\d+", name)}
    for number in range(max(len(arrays), 1)):
        if f"pixels_{number}" not in arrays:
            raise DataError(f"{path} has {len(arrays)} pixel arrays but no pixels_{number}; they count from 0.")
    return [LineInput(f"pixels_{number}", arrays[f"pixels_{number}"]) for number in range(len(arrays))]


def holds_design(path: str | os.PathLike) -> bool:
    """Whether the file is a saved design (else it may be a checkpoint); nothing of it is loaded.

    :raises FileError: the file is missing, or neither a design nor a checkpoint can look like it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileError(f"Cannot read {path}: {'it is a folder' if path.is_dir() else 'no such file'}.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} is neither a design nor a checkpoint, or it is cut off.") from error
    return "design.npy" in names
