"""Failures of many lines in a few sentences: one of each kind, with their number, the worst and where it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from datapath.quoting import escaped

SHOWN = 2
"""Failures of a kind that are shown by themselves; more of them are one sentence."""

_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """A way to exceed a limit.

    pattern   finds it in a message: the figure `actual`, and mostly the limit `most`
    sentence  of many lines
    """

    pattern: re.Pattern[str]
    sentence: str


_LIMITS = (
    _Limit(
        pattern=re.compile(r"(?P<actual>\d+) columns(?:, allowed at most |; the accelerator takes 1 to )(?P<most>\d+)"),
        sentence="{count} lines are wider than {most} columns, widest {name} with {actual}",
    ),
    _Limit(
        pattern=re.compile(
            r"(?P<actual>\d+) labels(?:, allowed at most |; the accelerator writes at most )(?P<most>\d+)"
        ),
        sentence="{count} lines have more than {most} labels, most {name} with {actual}",
    ),
    _Limit(
        pattern=re.compile(
            r"(?P<actual>\d+) columns(?:, allowed an even number|; the published overlay takes an even)"
        ),
        sentence="{count} lines have an odd number of columns, widest {name} with {actual}",
    ),
)


@dataclass
class _Kind:
    """Failures that are alike.

    sentence  of all of them; None where a message of one stands for them
    count     their number
    worst     (figure, name) of the worst
    most      the limit, as text
    message   of the first, which names it
    """

    sentence: str | None
    message: str
    count: int = 0
    worst: tuple[int, str] = (-1, "")
    most: str = ""


@dataclass
class Failures:
    """Counts failures by kind: by the limit that is exceeded, else by a message without its name and its numbers."""

    _kinds: dict[str, _Kind] = field(default_factory=dict)

    def add(self, name: str, message: str) -> bool:
        """Count a failure; whether it is to be shown by itself, as one of the first `SHOWN` of its kind.

        :param name: of the line.
        :param message: why it failed; it may name the line.
        """
        name = escaped(name)  # as the message has it
        for limit in _LIMITS:
            if found := limit.pattern.search(message):
                figures = found.groupdict()
                most = figures.get("most") or ""
                kind = self._kind(f"{limit.sentence} {most}", limit.sentence, message)
                kind.most, kind.worst = most, max(kind.worst, (int(figures["actual"]), name), key=lambda one: one[0])
                break
        else:
            plain = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "...", message) if name else message
            named = message if plain != message else f"{name}: {message}"
            kind = self._kind(_NUMBER.sub("#", plain), None, named)
        kind.count += 1
        return kind.count <= SHOWN

    def _kind(self, key: str, sentence: str | None, message: str) -> _Kind:
        return self._kinds.setdefault(key, _Kind(sentence=sentence, message=message))

    @property
    def summaries(self) -> Iterator[str]:
        """One sentence for each kind with more failures than are shown by themselves."""
        for kind in self._kinds.values():
            if kind.count <= SHOWN:
                continue
            if kind.sentence is None:
                yield f"{kind.count} lines fail alike. The first: {kind.message.rstrip('.')}."
            else:
                actual, name = kind.worst
                yield kind.sentence.format(count=kind.count, most=kind.most, name=name, actual=actual) + "."


def grouped(failures: Iterable[str]) -> Iterator[str]:
    """Messages ``NAME: why``: all of a kind with few, else an example and one sentence for the kind.

    :param failures: the messages, in order.
    """
    groups, shown = Failures(), []
    for text in failures:
        name, _, why = text.partition(": ")
        if groups.add(name, why):
            shown.append(text)
    yield from shown
    yield from groups.summaries
