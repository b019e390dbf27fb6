"""`Format`: what a format is to the fuzzers, and `FORMATS`, all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.fuzz.mutations import MAX_BYTES, Mutator

CORPUS = Path(__file__).parent / "corpus"

MORE = 0.35
"""Probability of a further change of an input that was changed already."""


class OtherMeaningError(Exception):
    """An input was accepted with another meaning than an independent reading gives it."""


class RefusedQuietly(Exception):  # noqa: N818 - no error: the reader says by its result that the file is of no such kind
    """The reader does not take the input, and says so without an error."""


class Skipped(Exception):  # noqa: N818
    """The input cannot be tried, for example as the name of a file."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Format:
    """A format that Foldline reads.

    name      of the format, and of its folder in the corpus
    untouched gives files of the format that are accepted, as bytes, the same in every run
    read      reads an input in a scratch folder; returns what `finish` needs of an accepted input, or nothing. A
              FoldlineError or `RefusedQuietly` refuses it, `OtherMeaningError` is a fault, and so is any other error
    mutators  of its files; those that come more than once are taken more often
    weight    inputs of it for one input of the slowest formats
    most      inputs of it in a run of a given number, where they take too long; None for no limit
    finish    checks accepted inputs together after a batch, in the scratch folder, by number: faults by number
    """

    name: str
    untouched: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], object]
    mutators: Sequence[Mutator]
    weight: int = 10
    most: int | None = None
    finish: Callable[[Mapping[int, object], Path], Mapping[int, str]] | None = None

    @property
    def corpus(self) -> list[Path]:
        """Inputs that failed once."""
        return sorted((CORPUS / self.name).iterdir()) if (CORPUS / self.name).is_dir() else []

    def mutant(self, seed: int, number: int) -> bytes:
        """The input of a number: one to some changes of an untouched file.

        :param seed: of a run.
        :param number: of the input, from 0 on.
        """
        random = Random(f"{self.name}/{seed}/{number}")
        bases = _bases(self)
        base = data = random.choice(bases)
        other = random.choice(bases)
        changes = 0
        while changes == 0 or (data == base and changes < 20) or (random.random() < MORE and changes < 20):
            changes += 1
            try:
                data = random.choice(self.mutators)(data, random, other)[:MAX_BYTES]
            except Exception:  # a change of what an earlier change has damaged
                continue
        return data


@cache
def _bases(format: Format) -> list[bytes]:
    return [bytes(one) for one in format.untouched()]


@cache
def all_formats() -> dict[str, Format]:
    """Every format by name."""
    from tests.fuzz.kinds import board, caches, lines, networks, pictures, results, rtl, training, vivado

    modules = (networks, board, training, lines, pictures, results, rtl, vivado, caches)
    return {format.name: format for module in modules for format in module.FORMATS}
