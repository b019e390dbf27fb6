"""`Projection`: how long a training run takes, from the time of its first batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from train.reporting import BatchResult, EpochResult, RunStart

UNTIMED_BATCHES = 1
"""The first batch of a session compiles kernels."""

TIMED_BATCHES = 4
"""Batches that are timed before a projection, unless the epoch ends first."""

FORWARD_SHARE = 1 / 3
"""Time of a forward pass, which validation needs, in parts of that of a training step, until an epoch has been timed."""


class Projection:
    """Projects the time that is left, in proportion to the columns of epochs.

    :param run: that is about to start.
    :param clock: gives seconds.
    """

    def __init__(self, run: RunStart, clock: Callable[[], float]) -> None:
        self._run, self._clock = run, clock
        self._batches = self._columns = 0
        self._began: float | None = None
        self._seconds_per_column = 0.0
        self._validation = 0.0  # seconds of an epoch's validation

    @property
    def ready(self) -> bool:
        """Whether enough batches have been timed."""
        return self._seconds_per_column > 0 and self._batches >= UNTIMED_BATCHES + TIMED_BATCHES

    def batch_done(self, result: BatchResult) -> float | None:
        """The seconds that are left of this run after a batch; None before enough batches have been timed.

        :param result: of the batch.
        """
        now = self._clock()
        self._batches += 1
        if self._batches <= UNTIMED_BATCHES or self._began is None:
            self._began = now
        else:
            self._columns += result.columns
            self._seconds_per_column = (now - self._began) / max(self._columns, 1)
        if not self.ready:
            return None
        done = result.epoch - 1 + result.batch / result.batches
        return max(self._run.hyperparameters.epochs - done, 0) * self.epoch_seconds

    @property
    def epoch_seconds(self) -> float:
        """Seconds of an epoch with its validation."""
        validation = self._validation or self._run.validation_columns * self._seconds_per_column * FORWARD_SHARE
        return self._run.training_columns * self._seconds_per_column + validation

    def epoch_done(self, result: EpochResult) -> None:
        """Leave the time of the validation out of that of the batches, and keep it.

        :param result: of the epoch.
        """
        self._began = None if self._began is None else self._clock() - self._columns * self._seconds_per_column
        if self.ready:
            training = self._run.training_columns * self._seconds_per_column
            self._validation = max(result.seconds - training, 0.0)


def duration(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> duration(3723.4)
    '1:02:03'
    """
    return str(timedelta(seconds=round(seconds)))
