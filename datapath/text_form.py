"""`TextForm`: how reference texts are written for a network; the order of the picture and the order of reading.

A network reads a line from left to right, so its labels have the order of the picture. Hebrew and Arabic texts are stored
in the order of reading (logical order). The Unicode bidirectional algorithm (UAX #9) leads from the one to the other; a
line's base direction is that of most of its letters, which is the same in both orders.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from datapath.errors import DataError

NONE = "none"
NORMALISATIONS = (NONE, "NFC", "NFKC")
"""Unicode normalisation forms of reference texts; ``none`` leaves a text as it is."""

RIGHT_TO_LEFT = ("R", "AL", "AN")
"""Bidirectional classes of letters that are written from right to left, and of the digits of Arabic."""

DIRECTIONAL_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They order the text around them and are not in the picture, so that `picture_order` leaves them out."""

ARABIC_MARK, RIGHT_MARK = "\u061c", "\u200f"
"""Directional marks of the class of Arabic letters, and of the class of Hebrew letters."""


def has_right_to_left(text: str) -> bool:
    """Whether the text has a letter that is written from right to left.

    :param text: in any order.
    """
    return any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in text)


def picture_order(text: str) -> str:
    """A text as it stands in the picture, from left to right, with brackets as they are drawn.

    >>> picture_order("\u05d0\u05d1\u05d2 (12)") == "(12) \u05d2\u05d1\u05d0"
    True

    :param text: in logical order; without a right-to-left letter or a directional mark it is returned as it is.
    :raises ModuleNotFoundError: python-bidi is not installed.
    """
    return _reordered(text)


def logical_order(text: str) -> str:
    """The text in the order of reading that has this `picture_order`.

    Different texts can have the same picture; the result is then one of them.

    >>> logical_order("(12) \u05d2\u05d1\u05d0") == "\u05d0\u05d1\u05d2 (12)"
    True

    :param text: in the order of the picture.
    :raises ModuleNotFoundError: python-bidi is not installed.
    """
    if not has_right_to_left(text):
        return text
    # Applied to the picture, the algorithm gives the text, but for signs in numbers: they have other rules behind Arabic
    # letters. So the numbers are taken as in the picture, as if all were behind such letters, and as if none was.
    freed = "".join(one + RIGHT_MARK * (unicodedata.bidirectional(one) == "AL") for one in text)
    candidates = [_reordered(start) for start in (text, ARABIC_MARK + text, freed)]
    return next((one for one in candidates if _reordered(one) == text), candidates[0])


def _reordered(text: str) -> str:
    """The text by the bidirectional algorithm, without directional marks."""
    if not has_right_to_left(text) and DIRECTIONAL_MARKS.isdisjoint(text):
        return text
    # Brackets are mirrored by this function, and by no other of the package.
    from bidi.algorithm import get_display

    shown = get_display(text, base_dir=_base_direction(text))
    return "".join(character for character in shown if character not in DIRECTIONAL_MARKS)


def _base_direction(text: str) -> str:
    """``R`` if at least half of the letters with a direction are written from right to left, else ``L``."""
    classes = [unicodedata.bidirectional(one) for one in text if one not in DIRECTIONAL_MARKS]
    right = sum(one in RIGHT_TO_LEFT for one in classes)
    return "R" if right and right >= classes.count("L") else "L"


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """How the reference texts of a network are written.

    :param normalisation: one of `NORMALISATIONS`.
    :param in_picture_order: whether they have the order of the picture instead of the logical order.
    :raises DataError: an unknown normalisation.
    """

    normalisation: str = NONE
    in_picture_order: bool = False

    def __post_init__(self) -> None:
        if self.normalisation not in NORMALISATIONS:
            raise DataError(f"normalisation is {self.normalisation!r:.40}; allowed are {', '.join(NORMALISATIONS)}.")

    @classmethod
    def of(cls, notes: Mapping[str, str]) -> TextForm:
        """The form that a provenance names, of a checkpoint or a design; without the names that of the texts as they are.

        :param notes: texts by name, see `notes`.
        :raises DataError: a value that `notes` does not give.
        """
        order = notes.get("text_order", "")
        if order not in ("", "picture"):
            raise DataError(f"text_order is {order!r:.40}; it must be picture, or left out.")
        return cls(normalisation=notes.get("normalisation", NONE), in_picture_order=order == "picture")

    def notes(self) -> dict[str, str]:
        """What a provenance holds of it; nothing for texts as they are, so that their files stay the same."""
        normalisation = {} if self.normalisation == NONE else {"normalisation": self.normalisation}
        return normalisation | ({"text_order": "picture"} if self.in_picture_order else {})

    def written(self, text: str) -> str:
        """A reference text in this form.

        :param text: in logical order.
        """
        text = text if self.normalisation == NONE else unicodedata.normalize(self.normalisation, text)
        return picture_order(text) if self.in_picture_order else text

    def shown(self, text: str) -> str:
        """A text of the network, or in this form, for people: in logical order.

        :param text: in this form.
        """
        return logical_order(text) if self.in_picture_order else text


AS_WRITTEN = TextForm()
"""Texts as they are in their files."""
