"""PAGE XML and ALTO: the lines of a page, each with its text and its place on the image of the page.

The namespaces of all versions are taken: elements are compared by their local names. Files are not trusted: entities
and references to other files are refused (defusedxml), and a file above `MAX_BYTES` is not read.

    PAGE   Page@imageFilename; TextLine/Coords@points, or its Point elements; TextLine/TextEquiv/Unicode, else its words'
    ALTO   fileName; TextLine/Shape/Polygon@POINTS, else @HPOS @VPOS @WIDTH @HEIGHT; String@CONTENT, SP, HYP
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datapath.errors import DataError
from datapath.reading import read_bytes

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 32 * 2**20
"""Largest XML file that is read; a dense newspaper page has some 5 MB."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PageLine:
    """One line: its identifier in the file, its text, and the box of its polygon (None: it has none, or a wrong one)."""

    identifier: str
    text: str
    box: Box | None


@dataclass(frozen=True)
class PageFile:
    """What one XML file says.

    kind    "PAGE XML" or "ALTO"
    image   file name of the page's image, as it stands; empty if there is none
    size    width and height of the page, in the unit of the boxes; None where it is not said
    pixels  whether that unit is the pixel
    lines   in the order of the file
    """

    kind: str
    image: str
    size: tuple[float, float] | None
    pixels: bool
    lines: tuple[PageLine, ...]


def read_page_file(path: Path) -> PageFile | None:
    """Read an XML file; None if it is neither PAGE XML nor ALTO.

    :param path: of the file.
    :raises FileError: it cannot be read, or is larger than `MAX_BYTES`.
    :raises DataError: it is no XML, has entities, or its page has no size that boxes need.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    content = read_bytes(path, limit=MAX_BYTES)
    try:
        root = fromstring(content)
    except DefusedXmlException as error:
        raise DataError("it declares entities or refers to other files, which are not read.") from error
    except (ParseError, ValueError, LookupError) as error:
        raise DataError(f"it is not well-formed XML: {error}.") from error
    pages = [element for element in root.iter() if _local(element) == "Page"]
    if _local(root) not in _READERS or not pages:
        return None
    if len(pages) > 1:
        raise DataError(f"it has {len(pages)} pages; one file per page is read.")
    return _READERS[_local(root)](root, pages[0])


def _read_page(_root: Element, page: Element) -> PageFile:
    lines = []
    for number, line in enumerate((one for one in page.iter() if _local(one) == "TextLine"), start=1):
        text = _page_text(line)
        if text is None:
            text = " ".join(filter(None, (_page_text(word) for word in _children(line, "Word"))))
        box = next((_box_of_coords(coords) for coords in _children(line, "Coords")), None)
        lines.append(PageLine(line.get("id") or f"line{number}", text, box))
    size = _positive(page.get("imageWidth")), _positive(page.get("imageHeight"))
    return PageFile("PAGE XML", page.get("imageFilename") or "", None if None in size else size, True, tuple(lines))


def _page_text(element: Element) -> str | None:
    """The first reading of a line or word; None if it has none."""
    readings = list(_children(element, "TextEquiv"))
    readings.sort(key=lambda reading: _number(reading.get("index")) or 0.0)
    for reading in readings:
        for unicode in _children(reading, "Unicode"):
            return _trimmed(unicode.text or "")
    return None


def _trimmed(text: str) -> str:
    """Without the indentation of an XML file that breaks the line around a text."""
    return text.strip() if "\n" in text.strip(" \t") else text


def _box_of_coords(coords: Element) -> Box | None:
    points = coords.get("points")
    if points is not None:
        return _box(points)
    return _box(" ".join(f"{point.get('x')},{point.get('y')}" for point in _children(coords, "Point")))


def _read_alto(root: Element, page: Element) -> PageFile:
    described = {
        _local(element): (element.text or "").strip() for element in root.iter() if _local(element) in _DESCRIBED
    }
    pixels = described.get("MeasurementUnit", "pixel").lower() == "pixel"
    size = _positive(page.get("WIDTH")), _positive(page.get("HEIGHT"))
    if None in size and not pixels:
        raise DataError(f"its unit is {described['MeasurementUnit']} and its page has no size, so boxes have no scale.")
    lines = []
    for number, line in enumerate((one for one in page.iter() if _local(one) == "TextLine"), start=1):
        polygons = (polygon for shape in _children(line, "Shape") for polygon in _children(shape, "Polygon"))
        box = next((_box(polygon.get("POINTS") or "") for polygon in polygons), None) or _box_of_alto(line)
        lines.append(PageLine(line.get("ID") or f"line{number}", _alto_text(line), box))
    return PageFile("ALTO", described.get("fileName", ""), None if None in size else size, pixels, tuple(lines))


_DESCRIBED = ("MeasurementUnit", "fileName")
_READERS = {"PcGts": _read_page, "alto": _read_alto}


def _alto_text(line: Element) -> str:
    """Words and spaces in their order; where a line has no spaces at all, its words are separated by one each."""
    parts = [(_local(part), part.get("CONTENT")) for part in line]
    between = "" if any(kind == "SP" for kind, _ in parts) else " "
    text = ""
    for kind, content in parts:
        if kind == "String":
            text += (between if text else "") + (content or "")
        elif kind == "SP":
            text += " "
        elif kind == "HYP" and not text.endswith(content or "-"):
            text += content or "-"
    return text


def _box_of_alto(line: Element) -> Box | None:
    values = [_number(line.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    if None in values:
        return None
    left, top, width, height = values
    return (left, top, left + width, top + height) if width > 0 and height > 0 else None


def _box(points: str) -> Box | None:
    """The box of a polygon: "x,y x,y ..." or "x y x y ..."; None if it has no area or is no polygon."""
    numbers = [_number(word) for word in re.split(r"[\s,]+", points.strip())]
    if None in numbers or len(numbers) % 2:
        return None
    across, down = numbers[::2], numbers[1::2]
    box = min(across), min(down), max(across), max(down)
    return box if box[0] < box[2] and box[1] < box[3] else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e9 else None


def _positive(text: str | None) -> float | None:
    value = _number(text)
    return value if value is not None and value > 0 else None


def _children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _local(child) == name)


def _local(element: Element) -> str:
    """Name of an element without its namespace; comments have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
