"""Pictures of a few validation lines with the texts that the network reads on them, for a run's TensorBoard log.

Each picture has the line as the network gets it, and below it the reference and both texts, character under character:

    reference           |Deformation properties
    greedy CTC   1 wrong|Deformation propertes       a gap with a mark where a character is missing
    overlay      2 wrong|Deformat1on propertes       a coloured character with a mark where another stands
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from datapath.error_rates import align, edit_distance
from train.data.dataset import Line
from train.data.typefaces import load_font
from train.evaluation import Evaluation

SAMPLES = 4
"""Lines drawn of every run."""

BACKGROUND, INK, FAINT, WRONG, TINT = "#FFFFFF", "#222222", "#777777", "#C63D00", "#FBE3D6"
"""`WRONG` differs from `INK` for any colour vision, and is underlined as well."""

MARGIN, GAP, UNDERLINE = 12, 10, 3  # pixels
FONT, SMALLEST, LARGEST = "DejaVuSansMono", 18, 30  # pixels per em
WIDTH_OF_EM = 0.6
"""Of every character of this font, in parts of its size."""

WIDEST_CELL = 1.25
"""Times the width of a character: text is set as wide as the line is, as far as it stays legible."""

LINE_HEIGHT = 64
"""Pixels that the rows of the line are enlarged to, or more."""

MAX_LINE_WIDTH = 3200
"""Pixels; a wider line is drawn smaller."""

MAX_CELLS = 220
"""Characters side by side at most: an untrained network may read several hundred on one line."""

CUT = "\u2026"
"""Stands at the end of what is longer than that."""

REFERENCE, GREEDY, OVERLAY = "reference", "greedy CTC", "overlay"


@dataclass(frozen=True, eq=False, kw_only=True)
class RecognisedLine:
    """A validation line with what a network reads on it."""

    name: str  # of the line
    pixels: Tensor  # grey columns, uint8 [T, I], ink bright
    reference: str  # text of the line
    greedy: str  # text by greedy CTC
    overlay: str  # text by the overlay's label rule


@dataclass(frozen=True)
class Cell:
    """One place of a text next to the reference: a character or nothing, and whether it is right."""

    text: str
    right: bool


def recognised_lines(
    lines: Sequence[Line], pixels: Sequence[Tensor], evaluation: Evaluation, *, count: int = SAMPLES
) -> tuple[RecognisedLine, ...]:
    """A few of the lines, by name, the same ones in every session: digests of the names pick them from all pages.

    :param pixels: per line uint8 [T, I].
    """
    # Of lines with the same name, the first: a name is a tag in the log.
    by_name = {line.name: index for index, line in reversed(list(enumerate(lines)))}
    drawn = sorted(sorted(by_name, key=lambda name: hashlib.sha256(name.encode()).digest())[:count])
    return tuple(
        RecognisedLine(
            name=name,
            pixels=pixels[by_name[name]],
            reference=lines[by_name[name]].text,
            greedy=evaluation.texts[by_name[name]],
            overlay=evaluation.overlay_texts[by_name[name]],
        )
        for name in drawn
    )


def draw_line(line: RecognisedLine) -> Image.Image:
    """The picture of one line, RGB; the same for the same line.

    :raises FileError: the font, which comes with matplotlib, is missing.
    """
    rows = _rows(line)
    image = enlarged(line.pixels.numpy())
    # By the reference alone, so that a line looks the same at every epoch.
    pitch = image.width / max(1, len(line.reference))
    font = load_font(FONT, max(SMALLEST, min(LARGEST, round(pitch / WIDTH_OF_EM))))
    label_font = load_font(FONT, SMALLEST + 2)
    character = font.getlength("M")
    width = round(max(character, min(pitch, character * WIDEST_CELL)))
    cells = min(MAX_CELLS, max(len(row) for _, row in rows))
    height = round(font.size * 1.45)
    left = MARGIN + round(max(label_font.getlength(label) for label, _ in rows)) + 2 * MARGIN
    top = MARGIN + image.height + GAP
    size = (left + max(image.width, cells * width) + MARGIN, top + height * len(rows) + MARGIN)
    page = Image.new("RGB", size, BACKGROUND)
    page.paste(image, (left, MARGIN))
    draw = ImageDraw.Draw(page)
    for label, row in rows:
        draw.text((MARGIN, top + height / 2), label, font=label_font, fill=FAINT, anchor="lm")
        for place, cell in enumerate(_cut(row)):
            x = left + place * width
            _draw_cell(draw, cell, (x, top, x + width, top + height), font)
        top += height
    return page


def _cut(row: list[Cell]) -> list[Cell]:
    if len(row) <= MAX_CELLS:
        return row
    return [*row[: MAX_CELLS - 1], Cell(CUT, all(cell.right for cell in row[MAX_CELLS - 1 :]))]


def enlarged(pixels: np.ndarray) -> Image.Image:
    """The line with dark ink, grey, enlarged to `LINE_HEIGHT` where the width allows it.

    :param pixels: uint8 [T, I], ink bright.
    """
    line = Image.fromarray(np.ascontiguousarray(255 - pixels.T))
    scale = min(max(1, -(-LINE_HEIGHT // line.height)), MAX_LINE_WIDTH / line.width)
    size = (max(1, round(line.width * scale)), max(1, round(line.height * scale)))
    return line.resize(size, Image.Resampling.BICUBIC)


def _rows(line: RecognisedLine) -> list[tuple[str, list[Cell]]]:
    """Label and cells of each row of text; a place has the same number in all rows."""
    readings = ((GREEDY, line.greedy), (OVERLAY, line.overlay))
    aligned = [align(line.reference, reading) for _, reading in readings]
    # Places before every character of the reference, and after the last, for the extra characters of either text.
    places = [max(len(extra) for extra in gap) for gap in zip(*(extras for extras, _ in aligned), strict=True)]
    spread = [[""] * places[gap] + [*line.reference[gap : gap + 1]] for gap in range(len(places))]
    rows = [(REFERENCE, [Cell(text, True) for texts in spread for text in texts])]
    for (label, reading), (extras, read) in zip(readings, aligned, strict=True):
        cells: list[Cell] = []
        for gap, extra in enumerate(extras):
            cells += [Cell(character, False) for character in extra]
            cells += [Cell("", True)] * (places[gap] - len(extra))
            if gap < len(read):
                cells.append(Cell(read[gap], read[gap] == line.reference[gap]))
        wrong = edit_distance(line.reference, reading)
        rows.append((f"{label:<10} {wrong:>3} wrong", cells))
    return rows


def _draw_cell(
    draw: ImageDraw.ImageDraw, cell: Cell, box: tuple[int, int, int, int], font: ImageFont.FreeTypeFont
) -> None:
    left, top, right, bottom = box
    if not cell.right:
        draw.rectangle((left, top + 2, right - 1, bottom - 3), fill=TINT)
        draw.rectangle((left + 1, bottom - 2 - UNDERLINE, right - 2, bottom - 3), fill=WRONG)
    if cell.text:
        # A tab or the like has no picture of its own.
        shown = cell.text if cell.text.isprintable() else "\ufffd"
        ink = INK if cell.right else WRONG
        draw.text(((left + right) / 2, top + 0.7 * (bottom - top)), shown, font=font, fill=ink, anchor="ms")
