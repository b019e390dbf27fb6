"""`ImageFiles`: the images of a folder, found by the names that lists give them."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

from datapath.errors import DataError, ImageError
from datapath.files import os_reason
from datapath.images import IMAGE_SUFFIXES, picture_name

USUAL_SUFFIX = ".png"
"""Of the layout of UW3-500: taken where a name without a suffix has images of several formats."""


def composed(name: str) -> str:
    """A file name in NFC, by which names are compared: macOS writes them in NFD."""
    return unicodedata.normalize("NFC", name)


def without_image_suffix(name: str) -> str:
    """A file name without its last suffix if that is one of an image.

    >>> without_image_suffix("1180/010028.bin.png"), without_image_suffix("page.JPG"), without_image_suffix("0001.bin")
    ('1180/010028.bin', 'page', '0001.bin')
    """
    suffix = PurePath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in IMAGE_SUFFIXES else name


@dataclass
class _Listing:
    """The entries of one folder by their names in NFC: folders, files, and images without their suffix."""

    folders: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    images: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class ImageFiles:
    """Finds images below a folder. Each folder is listed once, so an image that comes later is not found.

    root     the folder
    several  names with images of several formats, of which the .png is taken, each with their file names
    """

    root: Path
    several: dict[str, list[str]] = field(default_factory=dict)
    _listings: dict[Path, _Listing] = field(default_factory=dict)

    def find(self, name: str) -> Path:
        """The image of a line: the file of that name, else that name with the suffix of an image, else another suffix.

        :param name: relative path; NFC and NFD are the same. NAME[N] is picture N of a file that holds several.
        :raises ImageError: there is none.
        :raises DataError: there are several, none of which is the name with .png.
        """
        *folders, last = PurePosixPath(name).parts
        folder = self.root
        for part in folders:
            folder = self._below(folder, part)
            if folder is None:
                raise self._missing(name)
        listing, last_composed = self._listing(folder), composed(last)
        as_it_stands = listing.files.get(last_composed, [])
        if last_composed != (stem := without_image_suffix(last_composed)):
            candidates = (as_it_stands, listing.images.get(last_composed), listing.images.get(stem))
        else:
            candidates = (listing.images.get(last_composed), as_it_stands)
        found = next(filter(None, candidates), None)
        if found is None:
            file, number = picture_name(name)
            if number is None:
                raise self._missing(name)
            return Path(f"{self.find(file)}[{number}]")
        return folder / self._one(name, last, found)

    def below(self, name: str) -> Path | None:
        """As `find`, but None where there is none.

        :param name: relative path.
        :raises DataError: there are several.
        """
        try:
            return self.find(name)
        except ImageError:
            return None

    def notes(self) -> tuple[str, ...]:
        """A message if images of several formats have one name."""
        if not self.several:
            return ()
        name, files = next(iter(self.several.items()))
        count = len(self.several)
        what = "name has images" if count == 1 else "names have images"
        return (f"{count} {what} of several formats in {self.root}; the .png is read. The first is {name}: {files}.",)

    def _one(self, name: str, last: str, found: list[str]) -> str:
        exact = [file for file in found if last in (file, without_image_suffix(file))]
        for same in (found, exact):  # two names may differ in their Unicode form only
            if len(same) == 1:
                return same[0]
        if last + USUAL_SUFFIX in exact:
            self.several[name] = ", ".join(sorted(exact))
            return last + USUAL_SUFFIX
        raise DataError(f"it has several images: {', '.join(sorted(found))}.")

    def _missing(self, name: str) -> ImageError:
        suffix = USUAL_SUFFIX if without_image_suffix(name) == name else ""
        return ImageError(f"Cannot read {self.root / name}{suffix}: no such file.")

    def _below(self, folder: Path, name: str) -> Path | None:
        if name in (found := self._listing(folder).folders.get(composed(name), [])):
            return folder / name
        return folder / found[0] if len(found) == 1 else None

    def _listing(self, folder: Path) -> _Listing:
        if folder not in self._listings:
            listing = self._listings[folder] = _Listing()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_dir():
                            listing.folders[composed(entry.name)].append(entry.name)
                            continue
                        listing.files[composed(entry.name)].append(entry.name)
                        if (stem := without_image_suffix(entry.name)) != entry.name:
                            listing.images[composed(stem)].append(entry.name)
            except OSError as error:
                raise ImageError(f"Cannot read {folder}: {os_reason(error)}.") from error
        return self._listings[folder]
