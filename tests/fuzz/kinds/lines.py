"""Text lines in the forms in which people have them: lists, tables, texts beside images, pages, archives of a dataset."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from datapath.text_form import TextForm
from foldline.batch.inputs import list_inputs
from tests.fuzz.archives import in_gzip, in_tar, in_zip
from tests.fuzz.formats import Format, RefusedQuietly
from tests.fuzz.kinds.checks import decoded, require, require_clean, require_equal, written
from tests.fuzz.mutations import BYTES, JSON, TEXT
from train.data.fetch import fetch_uw3_500
from train.data.forms import FORM_FILE, read_form
from train.data.importing import source_dataset
from train.data.lists import read_list
from train.data.sources.pages import read_page_file

NAMES = ("a", "b", "c d", "e")
TEXTS = ("one", 'say "hi", he said', "zwei Wörter", "4")


@cache
def png(width: int = 12, height: int = 8, shade: int = 0) -> bytes:
    """A small picture of a line."""
    pixels = np.full((height, width), 255, np.uint8)
    pixels[2:6, 2 : 4 + shade] = shade
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _pictures(folder: Path, names: Sequence[str] = NAMES) -> None:
    for shade, name in enumerate(names):
        written(folder, f"{name}.png", png(shade=shade))


def _rows_of(text: str) -> list[str]:
    """The rows of a text by the ends of lines that editors know."""
    return [row.removesuffix("\r") for row in (text.split("\n") if "\n" in text else text.split("\r"))]


# Lists -------------------------------------------------------------------------------------------------------------


def _lists() -> Sequence[bytes]:
    plain = "".join(f"{name},{text}\n" for name, text in zip(NAMES, TEXTS, strict=True))
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator="\n").writerows(zip(NAMES, TEXTS, strict=True))
    return [plain.encode(), quoted.getvalue().encode(), plain.replace("\n", "\r\n").encode(), plain.encode("utf-16")]


def _read_list(data: bytes, folder: Path) -> object:
    found = read_list(written(folder, "list.txt", data))
    require_clean([*found.notes, *(reason for _, reason in found.malformed)])
    rows = [row.lstrip("\ufeff") for row in _rows_of(decoded(data))]
    filled = {number: row for number, row in enumerate(rows, start=1) if row.strip()}
    numbers = sorted([row.number for row in found.rows] + [number for number, _ in found.malformed])
    require_equal("rows", numbers, sorted(filled))
    for row in found.rows:
        raw = filled[row.number]
        split = raw.partition(",")[::2]
        try:
            unquoted = tuple(next(csv.reader([raw]), []))
        except csv.Error:
            unquoted = ()
        require((row.name, row.text) in (split, unquoted), f"row {row.number}", (row.name, row.text), raw)
    return None


def _image_lists() -> Sequence[bytes]:
    return [b"a.png\nb.png\n", b"\xef\xbb\xbfa.png\r\n\r\nc d.png\r\n", b"x/e.png\n-\n"]


def _read_image_list(data: bytes, folder: Path) -> object:
    path = written(folder, "list.txt", data)
    found = [line.name for line in list_inputs(path)]
    rows = [row.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") for row in data.split(b"\n")]
    require_equal("names", found, [os.fsdecode(row) for row in rows if row])
    return None


# Folders -----------------------------------------------------------------------------------------------------------


def _dataset(folder: Path) -> dict[str, str]:
    """Text by name of every line that an import of a folder gives."""
    found = source_dataset(folder, form=TextForm())
    require_clean(found.problems)
    return {line.name: line.text for line in (*found.training, *found.validation)}


def _one_line(text: str) -> str | None:
    lines = [row for row in re.split("\r\n|\r|\n", text.lstrip("\ufeff").rstrip("\r\n\f")) if row.strip()]
    return lines[0] if len(lines) == 1 else None


def _usable(text: str | None) -> bool:
    return bool(text) and "\0" not in text and bool(set(text) - set("\n\t$"))


def _gt_texts() -> Sequence[bytes]:
    return [TEXTS[1].encode(), b"ein Wort\r\n", "\ufeffzwei \n".encode(), "drei\n".encode("utf-16"), b"4\n\x0c"]


def _read_gt_text(data: bytes, folder: Path) -> object:
    source = folder / "lines"
    _pictures(source)
    for name, text in zip(NAMES, TEXTS, strict=True):
        written(source, f"{name}.gt.txt", text.encode())
    written(source, "b.gt.txt", data)
    found = _dataset(source)
    try:
        text = _one_line(decoded(data))
    except UnicodeDecodeError:
        text = None
    expected = dict(zip(NAMES, TEXTS, strict=True)) | {"b": text}
    require_equal("lines", found, {name: one for name, one in expected.items() if name != "b" or _usable(one)})
    if "b" not in found:
        raise RefusedQuietly
    return None


def _tables() -> Sequence[bytes]:
    plain = "".join(f"{name}.png,{text}\n" for name, text in zip(NAMES[2:], ("zwei", "4"), strict=True))
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator="\r\n").writerows(
        [("image", "text"), *((f"{n}.png", t) for n, t in zip(NAMES, TEXTS, strict=True))]
    )
    wide = "id;file name;transcription\n" + "".join(
        f"{i};{n};{t}\n" for i, (n, t) in enumerate(zip(NAMES, "wxyz", strict=True))
    )
    return [plain.encode(), quoted.getvalue().encode(), wide.encode()]


def _read_table(data: bytes, folder: Path) -> object:
    source = folder / "lines"
    _pictures(source)
    written(source, "table.csv", data)
    found = _dataset(source)
    text = decoded(data)
    candidates: dict[str, set[str]] = {}
    for delimiter in (",", "\t", ";"):  # whatever delimiter is taken, a line has the text of a row that names its image
        for strict_rows in (text.splitlines(keepends=True), io.StringIO(text, newline="").readlines()):
            for row in csv.reader(strict_rows, delimiter=delimiter):
                _add(candidates, row)
            for start in range(len(strict_rows)):
                for row in csv.reader(strict_rows[start : start + 1], delimiter=delimiter):
                    _add(candidates, row)
                    _add(candidates, [row[0], delimiter.join(row[1:])] if row else [])
    for name, one in found.items():
        require(one in candidates.get(name, ()), f"text of {name}", one, candidates.get(name))
    return None


def _add(candidates: dict[str, set[str]], row: list[str]) -> None:
    for field in row:
        name = os.path.normpath(field.strip().replace("\\", "/")).rpartition("/")[2]
        name = re.sub(r"(?i)(\.(png|jpe?g|tiff?|bmp|gif|webp|p[bgnp]m))+$", "", name)
        for text in row:
            candidates.setdefault(name, set()).update({text, _one_line(text) or text})


# Pages -------------------------------------------------------------------------------------------------------------

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">
<Metadata><Creator>x</Creator></Metadata>
<Page imageFilename="page.png" imageWidth="60" imageHeight="40">
<TextRegion id="r1"><Coords points="0,0 60,0 60,40 0,40"/>
<TextLine id="l1"><Coords points="2,2 50,2 50,14 2,14"/><TextEquiv index="1"><Unicode>second</Unicode></TextEquiv>
<TextEquiv index="0"><Unicode>eins &amp; zwei</Unicode></TextEquiv></TextLine>
<TextLine id="l2"><Coords><Point x="2" y="18"/><Point x="40" y="18"/><Point x="40" y="30"/></Coords>
<Word id="w1"><TextEquiv><Unicode>ein</Unicode></TextEquiv></Word><Word id="w2"><TextEquiv><Unicode>Wort</Unicode></TextEquiv></Word></TextLine>
</TextRegion></Page></PcGts>
"""
ALTO = """<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description><MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>page.png</fileName></sourceImageInformation></Description>
<Layout><Page ID="p" WIDTH="60" HEIGHT="40"><PrintSpace><TextBlock ID="b">
<TextLine ID="l1" HPOS="2" VPOS="2" WIDTH="48" HEIGHT="12"><String CONTENT="one"/><SP/><String CONTENT="two"/></TextLine>
<TextLine ID="l2"><Shape><Polygon POINTS="2 18 40 18 40 30"/></Shape><String CONTENT="hy"/><HYP CONTENT="-"/></TextLine>
</TextBlock></PrintSpace></Page></Layout></alto>
"""


def _change_xml(data: bytes, random: Random, other: bytes) -> bytes:
    """An element is lost, doubled, moved or renamed, an attribute lost or changed, or a declaration comes in."""
    text = data.decode("utf-8", "surrogateescape")
    tags = list(re.finditer(r"<(/?)([\w:]+)([^<>]*?)(/?)>", text))
    one = random.choice(tags)
    kind = random.randrange(9)
    if kind == 0:
        text = text[: one.start()] + text[one.end() :]
    elif kind == 1:
        target = random.choice(tags)
        text = text[: target.start()] + one[0] + text[target.start() :]
    elif kind == 2:
        text = text.replace(one[2], random.choice(tags)[2])
    elif kind == 3:
        text = (
            text[: one.start()]
            + re.sub(r'"[^"]*"', lambda _: f'"{random.choice(_VALUES)}"', one[0], count=random.choice((0, 1)))
            + text[one.end() :]
        )
    elif kind == 4:
        text = text[: one.start()] + re.sub(r"\s[\w:]+=", " id=", one[0], count=1) + text[one.end() :]
    elif kind == 5:
        place = text.find("?>") + 2
        text = (
            text[:place] + random.choice(_DECLARATIONS) + text[place:].replace("eins", random.choice(("&x;", "eins")))
        )
    elif kind == 6:
        text = re.sub(r'xmlns="[^"]*"', random.choice(("", 'xmlns="x"', 'xmlns:p="x"')), text)
    elif kind == 7:
        depth = random.choice((3, 100, 2000, 100_000))
        text = text[: one.start()] + "<a>" * depth + "</a>" * random.choice((depth, 0)) + text[one.start() :]
    else:
        inner = re.search(r">([^<>]+)<", text[one.start() :])
        if inner:
            place = one.start() + inner.start(1)
            text = text[:place] + random.choice(_VALUES) + text[place + len(inner[1]) :]
    return text.encode("utf-8", "surrogateescape")


_VALUES = (
    *(
        "",
        "-1",
        "0",
        "1e400",
        "nan",
        "1e9",
        "99999999999",
        "2,2 50,14",
        "0 0 0 0",
        "1,1 1,1",
        "x",
        "&#27;[31m",
        "&#x1b;",
        "a\nb",
    ),
    *(
        "60",
        "60.4",
        "inf",
        "mm10",
        "inch1200",
        "../../etc/passwd",
        "other.png",
        "page.png",
        "&lt;b&gt;",
        "\u05d0\u05d1",
        "A" * 5000,
    ),
    *("9" * 5000, "1,2,3", "5 5,5 5", "\u0661,\u0662 9,9", "1_0,2 30,9"),
)
_DECLARATIONS = (
    '<!DOCTYPE x [<!ENTITY x "y">]>',
    '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY x "&b;&b;&b;&b;&b;&b;">]>',
    '<!DOCTYPE x SYSTEM "http://localhost/x.dtd">',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///dev/zero"> %p;]>',
    "<?xml-stylesheet href='x'?>",
    "<!-- -->",
)


def _read_page(data: bytes, folder: Path, *, root_name: str) -> object:
    page = read_page_file(written(folder, "page.xml", data))
    if page is None:
        raise RefusedQuietly
    root = ElementTree.fromstring(data)
    lines = [
        one
        for one in root.iter()
        if _local(one) == "TextLine" and one in list(next(p for p in root.iter() if _local(p) == "Page").iter())
    ]
    require_equal("number of lines", len(page.lines), len(lines))
    for line, element in zip(page.lines, lines, strict=True):
        held = "".join(element.itertext()) + "".join(value for one in element.iter() for value in one.attrib.values())
        for word in line.text.split():
            parts = [word, word.rstrip("-")]
            joined = all(letter in held or letter == "-" for letter in word)
            require(any(part in held for part in parts) or joined, "text of a line", line.text, held)
        if line.box is not None:
            require(line.box[0] < line.box[2] and line.box[1] < line.box[3], "box", line.box)
        for texts in [[one.text or "" for one in element.iter() if _local(one) == "Unicode"]]:
            if root_name == "PcGts" and len(texts) == 1:
                require(line.text in (texts[0], texts[0].strip(), ""), "text", line.text, texts[0])
    _import_page(folder, page.image)
    return None


def _import_page(folder: Path, image: str) -> None:
    """Import the page too, with the picture that it names, if it can be the name of a file."""
    name = image.replace("\\", "/").rpartition("/")[2]
    if (
        name
        and "\0" not in name
        and len(name.encode("utf-8", "surrogateescape")) < 200
        and name not in ("..", ".", "page.xml")
    ):
        written(folder, name, png(60, 40, 4))
    _dataset(folder)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


# Forms -------------------------------------------------------------------------------------------------------------


def _read_form(data: bytes, folder: Path) -> object:
    written(folder, FORM_FILE, data)
    form = read_form(folder)
    notes = json.loads(decoded(data))
    require_equal("normalisation", form.normalisation, notes.get("normalisation", "none"))
    require_equal("order", form.in_picture_order, notes.get("text_order", "") == "picture")
    return None


# Archives ----------------------------------------------------------------------------------------------------------

_TRAINING = "".join(f"train/{name},{text}\n" for name, text in zip(NAMES[:2], ("one", "two"), strict=True))
_FILES = {
    "sortedTrain.txt": _TRAINING.encode(),
    "valid.txt": b"valid/e,three\n",
    "imgs/train/a.png": png(),
    "imgs/train/b.png": png(shade=1),
    "imgs/valid/e.png": png(shade=2),
}


@cache
def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in _FILES.items():
            info = tarfile.TarInfo(f"repo/lines/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@cache
def _tars() -> tuple[bytes, ...]:
    return gzip.compress(_tar(), 1, mtime=0), _tar()


@cache
def _zips() -> tuple[bytes, ...]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _FILES.items():
            archive.writestr(zipfile.ZipInfo(f"repo/{name}"), content)
    return (buffer.getvalue(),)


def _read_archive(data: bytes, folder: Path) -> object:
    path = written(folder, "archive", data)
    fetch_uw3_500(folder / "lines", archive=path)
    found = {
        one.relative_to(folder / "lines").as_posix(): one.read_bytes()
        for one in (folder / "lines").rglob("*")
        if one.is_file()
    }
    for name, content in found.items():
        require(content in _members(data), f"content of {name.rpartition('/')[2]}", content[:100])
    require(not any(one.is_symlink() for one in (folder / "lines").rglob("*")), "a link was made", folder)
    return None


def _members(data: bytes) -> list[bytes]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(one) for one in archive.infolist() if not one.is_dir()]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [archive.extractfile(one).read() for one in archive if one.isfile()]


def _inner(name: str) -> tuple[Callable, ...]:
    return TEXT if name.endswith(".txt") else BYTES


_XML = (*([_change_xml] * 12), *TEXT)

FORMATS = (
    Format(name="list", untouched=_lists, read=_read_list, mutators=TEXT, weight=40),
    Format(name="image-list", untouched=_image_lists, read=_read_image_list, mutators=TEXT, weight=40),
    Format(name="gt-text", untouched=_gt_texts, read=_read_gt_text, mutators=TEXT, weight=2),
    Format(name="table", untouched=_tables, read=_read_table, mutators=TEXT, weight=2),
    Format(
        name="page-xml",
        untouched=lambda: [PAGE.encode()],
        read=lambda data, folder: _read_page(data, folder, root_name="PcGts"),
        mutators=_XML,
        weight=2,
    ),
    Format(
        name="alto",
        untouched=lambda: [ALTO.encode()],
        read=lambda data, folder: _read_page(data, folder, root_name="alto"),
        mutators=_XML,
        weight=2,
    ),
    Format(
        name="text-form",
        untouched=lambda: [b'{"normalisation": "NFC", "text_order": "picture"}\n', b'{"normalisation": "NFKC"}'],
        read=_read_form,
        mutators=JSON,
        weight=40,
    ),
    Format(
        name="archive-tar",
        untouched=_tars,
        read=_read_archive,
        mutators=(*([in_gzip((in_tar, in_tar, *BYTES))] * 6), *([in_tar] * 4), *BYTES[:5]),
        weight=2,
    ),
    Format(
        name="archive-zip",
        untouched=_zips,
        read=_read_archive,
        mutators=(*([in_zip(_inner)] * 8), *BYTES[:5]),
        weight=2,
    ),
)
