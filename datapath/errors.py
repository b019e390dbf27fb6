"""Every error that Foldline raises on purpose.

    FoldlineError
    ├── FileError
    │   └── HeaderError, ImageError
    └── FormatError, DesignError, LimitError, DataError, ConfigError, CheckpointError, TrainingError, ToolError,
        BoardError, MismatchError

The command line prints the message of any of these and exits with status 1 (status 2 is click's, for the
command's own spelling). Anything else is a defect of Foldline and shows its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class FoldlineError(Exception):
    """Base of all errors a user can cause; its text is one sentence that names field, value and range.

    >>> error = DataError("It is empty.").within("column 3").within("a.png")
    >>> error, error.contexts
    (DataError('a.png: column 3: It is empty.'), ('a.png', 'column 3'))

    :param message: the text.
    :param about: a file or other context that the message names already.
    """

    contexts: tuple[str, ...]
    """Where the error arose, outermost first; the text names each once."""

    def __init__(self, message: str, *, about: object = None) -> None:
        super().__init__(message)
        self.contexts = () if about is None else (str(about),)

    def within(self, context: object) -> FoldlineError:
        """The same error, its text after `context` (a path, "column 3") unless the text names that already."""
        known = str(context) in self.contexts
        error = type(self)(str(self) if known else f"{context}: {self}")
        error.contexts = self.contexts if known else (str(context), *self.contexts)
        return error


class FormatError(FoldlineError):
    """A number format that cannot exist."""


class DesignError(FoldlineError):
    """A design whose parts contradict each other or the hardware."""


class LimitError(FoldlineError):
    """A text line that the overlay cannot take."""


class FileError(FoldlineError):
    """A file that is missing, unreadable, damaged or cannot be written."""


class HeaderError(FileError):
    """A weight header that does not parse or contradicts itself, with line and column."""


class ImageError(FileError):
    """A file that is not an image, or an image that gives no columns."""


class DataError(FoldlineError):
    """A dataset, or a pair of texts, that cannot be used."""


class ConfigError(FoldlineError):
    """A hyperparameter or option outside its range."""


class CheckpointError(FoldlineError):
    """A training checkpoint that does not fit what is asked of it."""


class TrainingError(FoldlineError):
    """A training run that cannot go on."""


class ToolError(FoldlineError):
    """A compiler or another program outside Foldline that is missing or fails."""


class BoardError(FoldlineError):
    """A board, or what is loaded onto it, that is missing, does not answer, or does not do what it must."""


class MismatchError(FoldlineError):
    """Two results that must be equal and are not."""


def suggestion(name: object, known: Sequence[str]) -> str:
    """How a message on an unknown name ends: with the nearest known name, or with all of them.

    >>> suggestion("PYNQ-Z3", ["pynq-z1", "zcu104"]), suggestion("bord", ["pynq-z1", "zcu104"])
    ("; did you mean 'pynq-z1'?", '; known are pynq-z1, zcu104.')

    :param name: the unknown name.
    :param known: the names that exist; case does not count.
    """
    spelled = {one.lower(): one for one in known}
    near = difflib.get_close_matches(str(name).lower(), spelled, n=1)
    return f"; did you mean {spelled[near[0]]!r}?" if near else f"; known are {', '.join(known)}."
