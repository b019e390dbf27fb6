"""`showing`: a training run on the terminal, with progress bars and a line of text per epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from foldline.console.progress import bars_on
from train.reporting import BatchResult, EpochResult, Reporter, RunStart


class _Shown(Reporter):
    def __init__(self, console: Console, bars: Progress) -> None:
        self._console, self._bars = console, bars
        self._epochs = bars.add_task("epochs", total=None)
        self._batches = bars.add_task("batches", total=None)

    def started(self, run: RunStart) -> None:
        self._print(
            f"{run.hyperparameters.experiment_name()}: {run.parameters} parameters, {run.classes} classes, "
            f"{run.training_lines} training and {run.validation_lines} validation lines"
            + (f", in {run.folder}" if run.folder else ", dry run")
        )
        self._bars.update(self._epochs, total=run.hyperparameters.epochs, completed=run.epoch)

    def batch_done(self, result: BatchResult) -> None:
        self._bars.update(
            self._batches,
            completed=result.batch,
            total=result.batches,
            description=f"loss {result.loss:.3f}, {result.lines_per_second:.0f} lines/s",
        )

    def epoch_done(self, result: EpochResult) -> None:
        best = " *" if result.best_cer else ""
        self._print(
            f"epoch {result.epoch:>4}  loss {result.loss:8.3f}  CER {result.greedy.cer:6.2f} %  "
            f"overlay CER {result.overlay.cer:6.2f} %  WER {result.overlay.wer:6.2f} %  "
            f"exact {result.overlay.exact:>3} of {result.overlay.lines}  "
            f"{result.seconds:5.1f} s{best}"
        )
        self._bars.update(self._epochs, completed=result.epoch)

    def note(self, message: str) -> None:
        self._print(message)

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def showing(*, stderr: bool = False) -> Iterator[Reporter]:
    """A reporter that shows a run on the terminal, on stdout or stderr; the bars vanish when it ends."""
    console = Console(stderr=stderr)
    with bars_on(console) as bars:
        yield _Shown(console, bars)
