"""`Reporter`: gets the progress of a training run, since library code does not print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datapath import ErrorRates
from train.config import Hyperparameters


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """A run that is about to start; `folder` is None in a dry run, `epoch` counts the epochs that are done."""

    hyperparameters: Hyperparameters
    folder: Path | None
    epoch: int
    training_lines: int
    validation_lines: int
    classes: int
    parameters: int
    batches_per_epoch: int


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """After a batch: its number and its epoch's, from 1; `loss` is the epoch's mean so far, in nats per line."""

    epoch: int
    batch: int
    batches: int
    loss: float
    lines_per_second: float


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """After an epoch: its number from 1, mean CTC loss in nats per line, error rates by both label rules on the lines that
    choose the best epoch, whether those that the run selects by (`rates`) are the best so far, and seconds in this session."""

    epoch: int
    loss: float
    learning_rate: float
    rates: ErrorRates
    greedy: ErrorRates
    overlay: ErrorRates
    best_cer: bool
    best_wer: bool
    seconds: float


class Reporter:
    """Gets a run's progress and ignores it; override what is to be shown."""

    def started(self, run: RunStart) -> None:
        """Before the first batch."""

    def batch_done(self, result: BatchResult) -> None:
        """After every batch."""

    def epoch_done(self, result: EpochResult) -> None:
        """After every epoch's validation; its checkpoints are already on disk."""

    def note(self, message: str) -> None:
        """A message for the user, such as a line that cannot be trained on."""
