"""`usable_lines`: the lines that a network can read at its height; what is wrong with the others is one note each.

A dataset does not know the height of a network's input, and so not whether an image gives enough columns or too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from datapath.errors import DataError, ImageError
from datapath.quoting import escaped
from train.data.dataset import Line
from train.data.left_out import LeftOut


def usable_pixels(
    lines: Sequence[Line], *, target_height: int, left_out: LeftOut, what: str, workers: int = 0
) -> Iterator[tuple[Line, np.ndarray]]:
    """The usable lines in their order, each with its grey columns, uint8 [T, I].

    :param lines: to read.
    :param target_height: I, height of the network's input in pixels.
    :param left_out: gets each line that is unreadable, gives too few or too many columns, or has no ink at all.
    :param what: the lines are, in the plural, such as ``validation lines``.
    :param workers: threads that read; 0 reads one line after the other.
    """

    def one(line: Line) -> tuple[Line, np.ndarray | ImageError]:
        try:
            return line, np.array(line.pixels(target_height))
        except ImageError as error:
            return line, error

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        for line, pixels in map(one, lines) if workers == 0 else pool.map(one, lines):
            if isinstance(pixels, ImageError):
                left_out.add(f"{what} without a usable image", line.name, _reason(line, pixels))
            elif line.text and pixels.min() == pixels.max():
                left_out.add(
                    f"{what} whose image has no ink",
                    line.name,
                    "its image has no ink, and its ground truth is not empty.",
                )
            else:
                yield line, pixels


def usable_lines(
    lines: Sequence[Line], *, target_height: int, what: str, workers: int = 0
) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The usable lines, and messages on the others.

    :param lines: to check; each image is read once.
    :param target_height: see `usable_pixels`; also of the other parameters.
    :param what: the lines are, in the plural.
    :param workers: threads that read.
    :raises DataError: there are lines, and none can be used; the first is named with the reason.
    """
    left_out = LeftOut()
    pairs = usable_pixels(lines, target_height=target_height, left_out=left_out, what=what, workers=workers)
    usable = tuple(line for line, _ in pairs)
    require_usable(usable, left_out, what)
    return usable, left_out.messages()


def require_usable(usable: Sequence[object], left_out: LeftOut, what: str) -> None:
    """Refuse lines of which none is left.

    :param usable: what is left.
    :param left_out: what is not.
    :param what: the lines are, in the plural.
    :raises DataError: nothing is left, and something was left out.
    """
    if not usable and left_out:
        _, where, reason = left_out.entries[0]
        raise DataError(f"None of the {len(left_out)} {what} can be used. The first is {where}: {reason}")


def _reason(line: Line, error: ImageError) -> str:
    """The error as a clause: without the line's name, which stands before it."""
    return str(error).removeprefix(f"{escaped(line.name)}: ")
