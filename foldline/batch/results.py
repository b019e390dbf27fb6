"""Results as JSON lines, and what a file of them says of itself: which run, which shard, and that it is finished.

A results file holds one object per input line, `{"name", "text", "labels", "columns", "exceeded"}`, or
`{"name", "error"}` for a line that failed. A shard's file and an unfinished file begin with a `Header` and end, once
finished, with an `End`; these two alone have the key `foldline`. See docs/decisions/0006-results-files.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields

from datapath.design import Design
from datapath.errors import ConfigError, FoldlineError
from fixedpoint_sim import Trace
from foldline.console.text import printable

FORMAT_VERSION = 2
"""Version of header and end; another one is refused, never guessed at."""

SHARD, END = "shard", "end"


def result_json(name: str, result: Trace | FoldlineError) -> str:
    """One line's object as text; nothing in it varies between runs.

    >>> result_json("a.png", FoldlineError("a.png is no image."))
    '{"name": "a.png", "error": "a.png is no image."}'
    """
    if isinstance(result, FoldlineError):
        return _dumps({"name": name, "error": str(result)})
    return _dumps(
        {
            "name": name,
            "text": result.text,
            "labels": result.labels.tolist(),
            "columns": len(result.scores),
            "exceeded": [
                {"limit": limit.name, "actual": limit.actual, "allowed": limit.allowed} for limit in result.exceeded
            ],
        }
    )


def _dumps(entry: dict) -> str:
    return printable(json.dumps(entry, ensure_ascii=False))


def result_entry(line: bytes) -> dict | None:
    """The object on one line of results; None where the line is no result."""
    entry = _object(line)
    return entry if isinstance(entry.get("name"), str) else None


def _object(line: bytes) -> dict:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


@dataclass(frozen=True)
class Shard:
    """Every `count`-th line from line `index` on (both from 1): all that a machine computes of a shared run.

    >>> [number for number in range(8) if Shard(2, 3).holds(number)], Shard(2, 3).lines_of(8)
    ([1, 4, 7], 3)
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From I/N.

        :raises ConfigError: it is not of that form, or I is not 1 to N.
        """
        match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
        shard = cls(int(match[1]), int(match[2])) if match else None
        if shard is None or not 1 <= shard.index <= shard.count:
            raise ConfigError(f"shard is {text}; it must be I/N with I from 1 to N, such as 1/4.")
        return shard

    def holds(self, number: int) -> bool:
        """Whether line `number`, counted from 0, is one of its lines."""
        return number % self.count == self.index - 1

    def lines_of(self, total: int | None) -> int | None:
        """How many lines it holds of `total`; None of a number that is not known."""
        return None if total is None else max(0, -(-(total - self.index + 1) // self.count))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard(1, 1)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What makes the same inputs give the same results, each field with the words that errors use for it.

    design         digest of the network
    ignore_limits  whether lines past the overlay's limits are computed
    pixels         digest of the raw pixels; empty for images, which are known by their names
    csim           whether the lines are computed by a C simulation, too, and compared
    """

    design: str
    ignore_limits: bool
    pixels: str
    csim: bool

    @classmethod
    def of(cls, design: Design, *, ignore_limits: bool, pixels: str, csim: bool = False) -> Run:
        return cls(design=design.digest(folding=False), ignore_limits=ignore_limits, pixels=pixels, csim=csim)

    def difference(self, other: Run) -> str:
        """The first thing that differs, in words; empty if none does."""
        words = {
            "design": "the design",
            "ignore_limits": "--ignore-limits",
            "pixels": "the pixels file",
            "csim": "the command (simulate or csim)",
        }
        different = (words[f.name] for f in fields(self) if getattr(self, f.name) != getattr(other, f.name))
        return next(different, "")


@dataclass(frozen=True)
class Header:
    """First line of a shard's file, and of an unfinished one."""

    run: Run
    shard: Shard

    def line(self) -> bytes:
        entry = {"foldline": SHARD, "version": FORMAT_VERSION, "shard": str(self.shard), **asdict(self.run)}
        return _dumps(entry).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Header | None:
        """None where the line is no header of this version."""
        entry = _object(line)
        if entry.pop("foldline", None) != SHARD or entry.pop("version", None) != FORMAT_VERSION:
            return None
        try:
            return cls(shard=Shard.parse(entry.pop("shard")), run=Run(**entry))
        except (KeyError, TypeError, ConfigError):
            return None


@dataclass(frozen=True, kw_only=True)
class End:
    """Last line of a finished shard: its `lines`, those of the run, `of`, and the digest of all their `names`."""

    lines: int
    of: int
    names: str

    def line(self) -> bytes:
        return _dumps({"foldline": END, **asdict(self)}).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> End | None:
        """None where the line is no end."""
        entry = _object(line)
        if entry.pop("foldline", None) != END or entry.keys() != {field.name for field in fields(cls)}:
            return None
        numbers = all(isinstance(entry[name], int) and entry[name] >= 0 for name in ("lines", "of"))
        return cls(**entry) if numbers else None


class NamesDigest:
    """SHA-256 of the names of all lines of a run, in order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, name: str) -> None:
        self._digest.update(name.encode("utf-8", "backslashreplace") + b"\0")

    def hex(self) -> str:
        return self._digest.hexdigest()
