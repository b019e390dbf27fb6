"""Folders of tiny images and texts, as people have them."""

from pathlib import Path

import numpy as np
from PIL import Image

from train.data.sources.reading import ReadSource, read_source


def image(path: Path, width: int = 40, height: int = 20, ink: int = 5) -> Path:
    """A white image with one black column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page = np.full((height, width), 255, dtype=np.uint8)
    page[:, ink] = 0
    Image.fromarray(page).save(path)
    return path


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(source: Path) -> ReadSource:
    return read_source(source, form=str)


def lines(source: Path) -> list[tuple[str, str]]:
    """(name, text) of each line of a source."""
    return [(one.line.name, one.line.text) for one in read(source).lines]


def reasons(found: ReadSource) -> dict[str, str]:
    """Why each thing was left out, by the last part of its place."""
    return {where.rpartition("/")[2]: reason for _, where, reason in found.left_out}
