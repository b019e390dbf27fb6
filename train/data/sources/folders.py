"""`find_lines`: what a folder or file describes, by the kinds of its files; no line image is read."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datapath.errors import DataError, FileError, ImageError
from datapath.files import is_folder, os_reason
from datapath.reading import read_text
from train.data.dataset import IMAGE_FOLDER, TRAINING_LIST, VALIDATION_LIST
from train.data.forms import FORM_FILE, read_form
from train.data.image_files import composed, without_image_suffix
from train.data.lists import MAX_BYTES, parse_list
from train.data.sources.found import Found, PageCut, line_name
from train.data.sources.pages import PageFile, read_page_file
from train.data.sources.tables import read_table

TEXT_SUFFIX = ".gt.txt"
TABLE_SUFFIXES = (".csv", ".tsv")
PREPROCESSED = ("", ".bin", ".nrm")
"""What stands between name and suffix of an image (ocropy: binarised, normalised in height), the first one preferred."""

MAX_TEXT_BYTES = 2**20
"""Largest .gt.txt that is read; it holds one line."""

MAX_DEPTH = 100
"""Folders within each other that are searched for lines."""

IMAGE_FOLDERS = (IMAGE_FOLDER, "", "images")
"""Folders beside a list or table, "" for its own, in which its images are looked for."""


@dataclass
class _Folder:
    """One folder of the source: its path, the same relative to the source, and its files, sorted."""

    path: Path
    relative: PurePosixPath
    files: list[str]


def find_lines(source: Path, form: Callable[[str], str]) -> Found:
    """The lines of a source: a folder, at any depth, or one .csv, .tsv, .xml, .gt.txt file or list.

    Hidden files and links to folders are left out.

    :param source: path.
    :param form: of the texts: takes one as it stands and returns it normalised.
    :raises FileError: it is missing or cannot be read.
    :raises DataError: it is a file of another kind.
    """
    if not is_folder(source):
        return _of_file(source, form)
    found = Found(source, form)
    folders = list(_folders(source, PurePosixPath(), found))
    images = 0
    others: list[str] = []
    for folder in folders:
        for name in folder.files:
            if without_image_suffix(name) != name:
                images += 1
            elif not _read_file(found, folder, name) and name != FORM_FILE:
                others.append(str(folder.relative / name))
    _unused_images(found, folders)
    used = {folder for image in found.used for folder in image.parents} if found.links else set()
    for link in found.links:
        if link not in used:
            found.left_out.add("links to folders", str(link), "links to folders are not followed.")
    if others:
        found.notes.append(f"Files of {source} that hold no lines: {len(others)}, the first is {others[0]}.")
    if not images and not found.lines and not found.left_out:
        raise DataError(f"The folder {source} holds no image of a line; see docs/your-own-lines.md for what is read.")
    return found


def beside_lists(folder: Path) -> tuple[str, ...]:
    """A message if a folder in the layout of UW3-500 holds files with lines that its lists may not have.

    :param folder: path.
    """
    found = Found(folder)
    suffixes = (TEXT_SUFFIX, *TABLE_SUFFIXES, ".xml")
    unread = [
        one.path / name
        for one in _folders(folder, PurePosixPath(), found)
        for name in one.files
        if name.lower().endswith(suffixes)
    ]
    if not unread:
        return ()
    return (
        f"{folder} is read by its lists alone. It also holds {len(unread)} files of the kinds {', '.join(suffixes)}, the "
        f"first {unread[0]}; `foldline data import` reads those, too.",
    )


def _of_file(source: Path, form: Callable[[str], str]) -> Found:
    found = Found(source.parent, form)
    folder = _Folder(source.parent, PurePosixPath(), [source.name])
    if not source.exists():
        raise FileError(f"Cannot read {source}: no such file or folder.")
    if without_image_suffix(source.name) != source.name:
        raise DataError(f"{source} is an image; name the folder that has its text, too.")
    known = _read_file(found, folder, source.name)
    if not known and source.suffix.lower() != ".xml":
        _read_list(found, folder, source.name, read_text(source, limit=MAX_BYTES, pipes=True))
    if not found.lines and not found.left_out:
        raise DataError(f"{source} describes no lines; see docs/your-own-lines.md for what is read.")
    return found


def _read_file(found: Found, folder: _Folder, name: str) -> bool:
    """Read a file that is not an image; False if it is not of a kind that holds lines."""
    lower = name.lower()
    try:
        if lower.endswith(TEXT_SUFFIX):
            _read_pair(found, folder, name)
        elif lower.endswith(TABLE_SUFFIXES):
            _read_table(found, folder, name)
        elif lower.endswith(".xml"):
            return _read_page(found, folder, name)
        elif name in (TRAINING_LIST, VALIDATION_LIST):
            _read_list(found, folder, name, read_text(folder.path / name, limit=MAX_BYTES))
        elif lower.endswith(".txt"):
            return _read_other_list(found, folder, name)
        else:
            return False
    except (FileError, DataError) as error:
        found.left_out.add("files that cannot be read", str(folder.path / name), str(error))
    return True


# Texts beside images -------------------------------------------------------------------------------------------------


def _read_pair(found: Found, folder: _Folder, name: str) -> None:
    """A .gt.txt and its image: NAME, NAME.bin or NAME.nrm with the suffix of an image."""
    path, stem = folder.path / name, name[: -len(TEXT_SUFFIX)]
    try:
        images = found.images_of(folder.path)
        image = next((image for middle in PREPROCESSED if (image := images.below(stem + middle))), None)
    except DataError as error:
        found.left_out.add("texts with several images", str(path), str(error))
        return
    if image is None:
        reason = f"there is no image {stem}.png, {stem}.bin.png, {stem}.nrm.png, or with another suffix, beside it."
        found.left_out.add("texts without an image", str(path), reason)
        return
    try:
        text = read_text(path, limit=MAX_TEXT_BYTES)
    except FileError as error:
        found.used.add(image)
        found.left_out.add("texts that cannot be read", str(path), str(error))
        return
    found.add(line_name(folder.relative / image.name), text, image, where=str(path), kind=TEXT_SUFFIX)


def _unused_images(found: Found, folders: list[_Folder]) -> None:
    for folder in folders:
        images = [name for name in folder.files if without_image_suffix(name) != name]
        used = {_plain(name) for name in images if folder.path / name in found.used}
        for name in images:
            if folder.path / name in found.used:
                continue
            if _plain(name) in used:
                found.left_out.add("other forms of images", str(folder.path / name), "another form of it is read.")
                continue
            reason = f"there is no text for it: no {_plain(name)}{TEXT_SUFFIX}, and no list, table or page names it."
            found.left_out.add("images without a text", str(folder.path / name), reason)


def _plain(name: str) -> str:
    """Name of an image without its suffix and what stands before that of a preprocessed one."""
    stem = composed(without_image_suffix(name))
    return next((stem.removesuffix(middle) for middle in PREPROCESSED[1:] if stem.endswith(middle)), stem)


# Lists and tables ----------------------------------------------------------------------------------------------------


def _read_list(found: Found, folder: _Folder, name: str, content: str) -> None:
    path, before = folder.path / name, read_form(folder.path)
    listed = parse_list(content, name=str(path))
    found.notes.extend(listed.notes)
    for number, reason in listed.malformed:
        found.left_out.add(f"rows of {path}", f"{path} line {number}", reason)
    both = (TRAINING_LIST, VALIDATION_LIST)
    # A list that is itself the source is split, also where the other one lies beside it.
    validation = name == VALIDATION_LIST if name in both and all(one in folder.files for one in both) else None
    for row in listed.rows:
        where = f"{path} line {row.number} ({row.name})"
        _add_named(found, folder, row.name, before.shown(row.text), where=where, kind="list", validation=validation)


def _read_other_list(found: Found, folder: _Folder, name: str) -> bool:
    """A .txt is a list if its first row names an image; else it is a text of another kind, such as a README."""
    content = read_text(folder.path / name, limit=MAX_BYTES)
    first = next(iter(parse_list(content, name="").rows), None)
    if first is None or not _is_image(found, folder, first.name):
        return False
    _read_list(found, folder, name, content)
    return True


def _read_table(found: Found, folder: _Folder, name: str) -> None:
    path = folder.path / name
    for row in read_table(path, lambda one: _is_image(found, folder, one), found.left_out, found.notes):
        where = f"{path} line {row.number} ({row.name})"
        _add_named(found, folder, row.name, row.text, where=where, kind=path.suffix.lower())


def _add_named(found: Found, folder: _Folder, name: str, text: str, *, where: str, **more: object) -> None:
    """Add a line whose image is given by a name."""
    try:
        image, line = _named_image(found, folder, name)
    except ImageError as error:
        found.left_out.add("rows without an image", where, str(error))
    except DataError as error:
        found.left_out.add("rows whose image is not clear", where, str(error))
    else:
        found.add(line_name(line), text, image, where=where, **more)


def _is_image(found: Found, folder: _Folder, name: str) -> bool:
    try:
        return bool(_named_image(found, folder, name))
    except (DataError, ImageError):
        return False


def _named_image(found: Found, folder: _Folder, name: str) -> tuple[Path, PurePosixPath]:
    """The image that a row names, and its path within the source, without the folder of images.

    :raises ImageError: there is none.
    :raises DataError: there are several, or the name leads outside the source.
    """
    wanted = name.strip().replace("\\", "/")
    if "\0" not in wanted and Path(wanted).is_absolute():
        root, absolute = os.path.realpath(folder.path), os.path.realpath(wanted)
        wanted = os.path.relpath(absolute, root) if os.path.commonpath((root, absolute)) == root else wanted
    inside = posixpath.normpath((folder.relative / wanted).as_posix())
    if not wanted or "\0" in wanted or PurePosixPath(inside).is_absolute() or inside.split("/")[0] in (".", ".."):
        raise DataError(f"{name!r} is not a path within {found.root}.")
    missing = None
    for below in IMAGE_FOLDERS:
        base = folder.relative / below
        path = posixpath.normpath((base / wanted).as_posix())
        if below and not (folder.path / below).is_dir():
            continue
        try:
            image = found.images_of(found.root).find(path)
        except ImageError as error:
            missing = missing or error
            continue
        named = PurePosixPath(path).parent / image.name
        return image, folder.relative / named.relative_to(base) if named.is_relative_to(base) else named
    raise missing


# Pages ---------------------------------------------------------------------------------------------------------------


def _read_page(found: Found, folder: _Folder, name: str) -> bool:
    path = folder.path / name
    page = read_page_file(path)
    if page is None:
        return False
    image = _page_image(found, folder, name, page)
    other = found.pages.setdefault(image, str(path))
    if other != str(path):
        raise DataError(f"the lines of its page {image} are those of {other}, which is read.")
    if not page.lines:
        found.left_out.add("pages without a line", str(path), "it has no text line.")
    for line in page.lines:
        where = f"{path} line {line.identifier}"
        if line.box is None:
            found.left_out.add("lines without a box", where, "its polygon is missing, or has no area.")
            continue
        cut = PageCut(image, line.box, page.size, page.pixels)
        found.add(
            folder.relative / _page_stem(name) / line.identifier.replace("/", "_"),
            line.text,
            cut,
            where=where,
            kind=page.kind,
        )
    found.used.add(image)
    return True


def _page_stem(name: str) -> str:
    stem = name[: -len(".xml")]
    for middle in (".page", ".alto"):
        stem = stem.removesuffix(middle)
    return stem


def _page_image(found: Found, folder: _Folder, name: str, page: PageFile) -> Path:
    """The image of a page: as the file names it, else of the file's own name; in its folder, else in the one above."""
    stem = _page_stem(name)
    named = page.image.replace("\\", "/").rpartition("/")[2]
    above = folder.path.parent if folder.path.name not in ("", "..") else folder.path / ".."
    for wanted in filter(None, (named, stem)):
        for place in (folder.path, above):
            if image := found.images_of(place).below(wanted):
                return image
    raise DataError(f"there is no image of its page, {named or stem}, in its folder or the one above.")


# Folders -------------------------------------------------------------------------------------------------------------


def _folders(path: Path, relative: PurePosixPath, found: Found) -> Iterator[_Folder]:
    """A folder and those below it, sorted by their names in NFC."""
    if len(relative.parts) > MAX_DEPTH:
        reason = f"more than {MAX_DEPTH} folders lie within each other."
        found.left_out.add("folders that are too deep", str(path), reason)
        return
    files, folders = [], []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_dir():
                    found.links.append(path / entry.name)
                elif entry.is_file():
                    files.append(entry.name)
                else:
                    reason = "it is a device, or a link whose target is missing."
                    found.left_out.add("devices and broken links", str(path / entry.name), reason)
    except OSError as error:
        if not relative.parts:
            raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error
        found.left_out.add("folders that cannot be read", str(path), f"{os_reason(error)}.")
    lists_first = sorted(files, key=lambda name: (name not in (TRAINING_LIST, VALIDATION_LIST), composed(name)))
    yield _Folder(path, relative, lists_first)
    for name in sorted(folders, key=composed):
        yield from _folders(path / name, relative / name, found)
