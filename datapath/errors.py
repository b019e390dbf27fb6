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

from datapath.quoting import message_text, quoted


class FoldlineError(Exception):
    """Base of all errors a user can cause; its text is one sentence that names field, value and range.

    >>> error = DataError("It is empty.").within("column 3").within("a.png")
    >>> error, error.contexts
    (DataError('a.png: column 3: It is empty.'), ('a.png', 'column 3'))

    No character of the text commands a terminal, whatever a file put into it; see `datapath.quoting.escaped`.

    :param message: the text; what is beyond some thousands of characters is cut off.
    :param about: a file or other context that the message names already.
    :param details: lines that stand below the message, such as those of a compiler.
    """

    contexts: tuple[str, ...]
    """Where the error arose, outermost first; the text names each once."""

    details: tuple[str, ...]
    """Lines below the message."""

    def __init__(self, message: str, *, about: object = None, details: Sequence[str] = ()) -> None:
        super().__init__(message_text(message))
        self.contexts = () if about is None else (str(about),)
        self.details = tuple(map(message_text, details))

    def __str__(self) -> str:
        return "\n".join((self.args[0], *self.details))

    def within(self, context: object) -> FoldlineError:
        """The same error, its text after `context` (a path, "column 3") unless the text names that already."""
        error = type(self).__new__(type(self), *self.args)  # not a copy, which dask makes share the attributes
        error.__dict__.update(self.__dict__)
        if str(context) not in self.contexts:
            error.args = (f"{message_text(str(context))}: {self.args[0]}",)
            error.contexts = (str(context), *self.contexts)
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


MAX_SEARCHED_NAME = 100
"""Characters of a name to which the nearest known name is searched for."""

MAX_SEARCHED_NAMES = 1000
"""Names among which it is searched for."""

_MAX_LISTED = 50


def suggestion(name: object, known: Sequence[str]) -> str:
    """How a message on an unknown name ends: with the nearest known name, or with all of them.

    >>> suggestion("PYNQ-Z3", ["pynq-z1", "zcu104"]), suggestion("bord", ["pynq-z1", "zcu104"])
    ("; did you mean 'pynq-z1'?", '; known are pynq-z1, zcu104.')

    :param name: the unknown name.
    :param known: the names that exist; case does not count.
    """
    text = name if isinstance(name, str) else ""
    if len(text) <= MAX_SEARCHED_NAME and len(known) <= MAX_SEARCHED_NAMES:
        spelled = {one.lower(): one for one in known}
        if near := difflib.get_close_matches(text.lower(), spelled, n=1):
            return f"; did you mean {quoted(spelled[near[0]])}?"
    more = f" and {len(known) - _MAX_LISTED} more" if len(known) > _MAX_LISTED else ""
    return f"; known are {', '.join(known[:_MAX_LISTED])}{more}."
