"""`showing`: a training run on the terminal, with progress bars and a line of text per epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TextColumn

from foldline.console.plain_console import PlainConsole
from foldline.console.progress import bars_on
from foldline.console.projection import Projection, duration
from train.reporting import BatchResult, EpochResult, Reporter, RunStart

PROJECTED_SECONDS = 30
"""A run for which less time is projected needs no projection."""


class ShownRun(Reporter):
    """Shows a run; `folder` is that of the run which goes on, None before it and in a dry run."""

    def __init__(self, console: Console, bars: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._bars, self._clock = console, bars, clock
        self._epochs = bars.add_task("epochs", total=None, left="")
        self._batches = bars.add_task("batches", total=None, left="")
        self._run: RunStart | None = None
        self._projection: Projection | None = None
        self._projected = False

    @property
    def folder(self) -> Path | None:
        return None if self._run is None else self._run.folder

    def started(self, run: RunStart) -> None:
        self._run, self._projection, self._projected = run, Projection(run, self._clock), False
        self._print(
            f"{run.hyperparameters.experiment_name()}: {run.parameters} parameters, {run.classes} classes, "
            f"{run.training_lines} training and {run.validation_lines} validation lines"
            + (f", in {run.folder}" if run.folder else ", dry run")
        )
        self._bars.update(self._epochs, total=run.hyperparameters.epochs, completed=run.epoch, left="")

    def batch_done(self, result: BatchResult) -> None:
        left = self._projection.batch_done(result)
        if left is not None:
            self._bars.update(self._epochs, left=f"{duration(left)} left")
            self._print_projection(left)
        self._bars.update(
            self._batches,
            completed=result.batch,
            total=result.batches,
            description=f"loss {result.loss:.3f}, {result.lines_per_second:.0f} lines/s",
        )

    def _print_projection(self, left: float) -> None:
        """Print the projected time once, where it is worth a line."""
        later = self._run.later_epochs * self._projection.epoch_seconds
        if self._projected or left + later < PROJECTED_SECONDS:
            return
        self._projected = True
        epochs = self._run.hyperparameters.epochs - self._run.epoch
        stages = f"; with the {self._run.later_epochs} of the later stages about {duration(left + later)}"
        self._print(f"Projected: about {duration(left)} for {epochs} epochs{stages if later else ''}.")

    def epoch_done(self, result: EpochResult) -> None:
        self._projection.epoch_done(result)
        groups = [
            f"{decoder}: CER {rates.cer:6.2f} %{'*' if result.best_cer and rates is result.rates else ' '} "
            f"WER {rates.wer:6.2f} %  exact {rates.exact:>3} of {rates.lines}"
            for decoder, rates in result.by_decoder
        ]
        self._print(f"epoch {result.epoch:>4}  loss {result.loss:8.3f} | {' | '.join(groups)} | {result.seconds:.1f} s")
        self._bars.update(self._epochs, completed=result.epoch)

    def stopping(self) -> None:
        self._projected = True
        kept = f"{self.folder}/last.pt then has the last whole epoch" if self.folder else "nothing is kept"
        with suppress(RuntimeError):  # the signal came while this stream was being written to
            self._print(f"Stopping after this batch. Ctrl-C again stops at once; {kept}.")

    def note(self, message: str) -> None:
        self._print(message)

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def showing(*, stderr: bool = False) -> Iterator[ShownRun]:
    """A reporter that shows a run on the terminal, on stdout or stderr; the bars vanish when it ends."""
    console = PlainConsole(stderr=stderr)
    with bars_on(console, TextColumn("{task.fields[left]}")) as bars:
        yield ShownRun(console, bars)
