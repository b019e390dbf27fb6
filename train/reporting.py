"""`Reporter`: gets the progress of a training run, since library code does not print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datapath import ErrorRates
from train.config import Hyperparameters

GREEDY, OVERLAY = "greedy CTC", "overlay labels"
"""The decoders: how labels follow from class scores. Error rates by one do not compare with those by the other."""


@dataclass(frozen=True, kw_only=True)
class RunStart:
    """A run that is about to start; `folder` is None in a dry run, `epoch` counts the epochs that are done, and
    `later_epochs` those of the stages that follow in a recipe. Columns are those of one epoch."""

    hyperparameters: Hyperparameters
    folder: Path | None
    epoch: int
    training_lines: int
    validation_lines: int
    classes: int
    parameters: int
    batches_per_epoch: int
    training_columns: int
    validation_columns: int
    later_epochs: int = 0


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """After a batch: its number and its epoch's, from 1, and its columns without padding; `loss` is the epoch's mean so far,
    in nats per line."""

    epoch: int
    batch: int
    batches: int
    loss: float
    lines_per_second: float
    columns: int


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

    @property
    def by_decoder(self) -> tuple[tuple[str, ErrorRates], tuple[str, ErrorRates]]:
        """Both decoders with their error rates: greedy CTC, then overlay labels."""
        return (GREEDY, self.greedy), (OVERLAY, self.overlay)

    @property
    def rates_text(self) -> str:
        """Error rates by decoder as one line of text."""
        return "; ".join(
            f"{decoder}: CER {rates.cer:.2f} %, WER {rates.wer:.2f} %, {rates.exact} of {rates.lines} lines exact"
            for decoder, rates in self.by_decoder
        )


class Reporter:
    """Gets a run's progress and ignores it; override what is to be shown."""

    def started(self, run: RunStart) -> None:
        """Before the first batch."""

    def batch_done(self, result: BatchResult) -> None:
        """After every batch."""

    def epoch_done(self, result: EpochResult) -> None:
        """After every epoch's validation; its checkpoints are already on disk."""

    def stopping(self) -> None:
        """A first SIGINT has come: the run ends after the current batch. Called within the signal's handler."""

    def note(self, message: str) -> None:
        """A message for the user, such as a line that cannot be trained on."""
