"""Errors of every line of a set: what intervals and differences are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datapath.error_rates import edit_distance
from datapath.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class LineErrors:
    """What one network reads wrong, line by line.

    distances   edit distance of each line, int64 [n]
    lengths     length of each line's reference in the same unit (characters or words), int64 [n]; it may be 0 for some

    :raises DataError: no line, counts that differ, a value that is not an integer of 0 or more, or only lines of length 0.
    """

    distances: np.ndarray
    lengths: np.ndarray

    def __post_init__(self) -> None:
        for field in ("distances", "lengths"):
            values = np.asarray(getattr(self, field))
            if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
                raise DataError(f"{field} is {values.dtype} {[*values.shape]}; it must be one integer for each line.")
            if values.size and values.min() < 0:
                raise DataError(f"{field} has {values.min()}; it must be 0 or more.")
            values = values.astype(np.int64)
            values.flags.writeable = False
            object.__setattr__(self, field, values)
        if len(self.distances) != len(self.lengths):
            counts = f"{len(self.distances)} distances and {len(self.lengths)} lengths"
            raise DataError(f"There are {counts}; they must be equally many.")
        if not self.lengths.any():
            raise DataError("lengths has a total of 0; an error rate needs 1 or more.")

    @classmethod
    def characters(cls, references: Sequence[str], texts: Sequence[str]) -> LineErrors:
        """Count errors in characters (code points), as CER does.

        :param references: the ground truth of each line.
        :param texts: what was read, as many.
        :raises DataError: no line, counts that differ, or no character in any reference.
        """
        return cls._counted(references, texts)

    @classmethod
    def words(cls, references: Sequence[str], texts: Sequence[str]) -> LineErrors:
        """Count errors in words, which are separated by white space, as WER does.

        :param references: the ground truth of each line.
        :param texts: what was read, as many.
        :raises DataError: no line, counts that differ, or no word in any reference.
        """
        return cls._counted([one.split() for one in references], [one.split() for one in texts])

    @classmethod
    def _counted(cls, references: Sequence[Sequence], texts: Sequence[Sequence]) -> LineErrors:
        if len(references) != len(texts):
            raise DataError(
                f"There are {len(references)} references and {len(texts)} texts; they must be equally many."
            )
        pairs = zip(references, texts, strict=True)
        distances = [0 if reference == text else edit_distance(reference, text) for reference, text in pairs]
        return cls(
            distances=np.array(distances, dtype=np.int64), lengths=np.array([*map(len, references)], dtype=np.int64)
        )

    @classmethod
    def joined(cls, parts: Sequence[LineErrors]) -> LineErrors:
        """The lines of several sets as one, such as those of all folds of a cross-validation.

        :param parts: of one unit, with no line in common.
        :raises DataError: `parts` is empty.
        """
        if not parts:
            raise DataError("parts is empty; it must hold the errors of 1 or more sets of lines.")
        return cls(
            distances=np.concatenate([part.distances for part in parts]),
            lengths=np.concatenate([part.lengths for part in parts]),
        )

    @classmethod
    def over_seeds(cls, seeds: Sequence[LineErrors]) -> LineErrors:
        """The errors of several networks on the same lines, added line by line: its rate is the mean of their rates.

        :param seeds: of each network, on the same lines in the same order.
        :raises DataError: `seeds` is empty, or the lengths of its members differ.
        """
        if not seeds:
            raise DataError("seeds is empty; it must hold the errors of 1 or more networks.")
        for number, other in enumerate(seeds):
            if not np.array_equal(other.lengths, seeds[0].lengths):
                raise DataError(
                    f"seeds[{number}] is not of the lines of seeds[0]: the lengths of their references differ."
                )
        return cls(distances=sum(one.distances for one in seeds), lengths=len(seeds) * seeds[0].lengths)

    def __len__(self) -> int:
        return len(self.distances)

    @property
    def rate(self) -> float:
        """Total distance / total length, in percent."""
        return 100 * int(self.distances.sum()) / int(self.lengths.sum())

    def share_of_worst(self, lines: int) -> float:
        """The share of all errors, in percent, that the lines with most errors hold; 0 if there is no error.

        :param lines: how many of them.

        >>> LineErrors(distances=[6, 0, 3, 1], lengths=[9, 9, 9, 9]).share_of_worst(1)
        60.0
        """
        total = int(self.distances.sum())
        return 100 * int(np.sort(self.distances)[::-1][:lines].sum()) / total if total else 0.0
