"""`Experiment`: the folder of a run, e.g. ``experiments/QLSTM128_W2B8A4I8_FC_W8B8-1``.

================================ ==========================================================================
hyperparameters.json             what was asked for
arguments.jsonl                  command line and start of every session
train.log                        what happened
tensorboard/                     loss, CER, WER and learning rate per epoch; hyperparameters; a few recognised lines
last.pt                          after every epoch, and where a run was interrupted: resume from here
best-cer.pt, best-wer.pt         at every improvement on the validation lines
epoch-0010.pt, ...               every ``checkpoint_interval`` epochs
.lock                            while it is trained in: the process
================================ ==========================================================================
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from datapath.errors import FileError
from datapath.files import file_errors, write_text
from datapath.locks import claim, holder, locked
from datapath.quoting import displayed, json_line
from datapath.reading import read_text
from datapath.temporaries import SUFFIX
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.line_pictures import RecognisedLine
from train.reporting import EpochResult
from train.tensorboard_log import HYPERPARAMETERS_TEMPORARY, TensorBoardLog

HYPERPARAMETERS, ARGUMENTS, LOG, TENSORBOARD = "hyperparameters.json", "arguments.jsonl", "train.log", "tensorboard"
MAX_ARGUMENTS_BYTES = 16 * 2**20
"""Limit of `ARGUMENTS`, which grows by some 500 bytes whenever a run is started or resumed."""

LAST, BEST_CER, BEST_WER, LOCK = "last.pt", "best-cer.pt", "best-wer.pt", ".lock"

BEGUN = frozenset((HYPERPARAMETERS, LOG, TENSORBOARD, HYPERPARAMETERS_TEMPORARY))
"""What a run has before its first checkpoint, which is its first state to resume from."""


@contextmanager
def new_folder(experiments: str | os.PathLike, name: str, begun: frozenset[str] = BEGUN) -> Iterator[Path]:
    """Make `experiments`/`name`-n with the smallest n that is free, from 1, and lock it within a ``with``.

    A folder is free, too, in which a process of this machine that is gone has left no more than the beginning of a run.

    :param experiments: folder of all runs; it is made where it is missing.
    :param name: of the run.
    :param begun: names of the files of such a beginning.
    :raises FileError: the folder cannot be made.
    """
    with ExitStack() as held:
        for number in count(1):
            folder = Path(experiments) / f"{name}-{number}"
            with file_errors("make the folder", folder):
                if _take(folder, begun, held):
                    break
        yield folder


def _take(folder: Path, begun: frozenset[str], held: ExitStack) -> bool:
    """Make a folder, unless it is there and free, and lock it until `held` ends; whether that is done."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        # A file in the way of the experiments folder itself would be in the way of every number.
        if not folder.exists():
            raise
    if not _is_free(folder, begun) or not claim(folder / LOCK):
        return False
    with ExitStack() as lock:
        # Still free, after another process may have used it meanwhile.
        if lock.enter_context(locked(folder / LOCK)) and _is_free(folder, begun):
            held.enter_context(lock.pop_all())
            return True
    return False


def _is_free(folder: Path, begun: frozenset[str]) -> bool:
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    return all(name in begun or name == LOCK or name.endswith(SUFFIX) for name in names)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder within a ``with``, which ends with the process in any case.

    :param folder: of a run or a recipe.
    :raises FileError: another process trains in it, or it cannot be written to.
    """
    lock = folder / LOCK
    with ExitStack() as held:
        with file_errors("write", lock):
            mine = held.enter_context(locked(lock))
        if not mine:
            raise FileError(f"{folder} is in use: {holder(lock)} trains in it.")
        yield


def require_unlocked(folder: Path) -> None:
    """Raise a FileError if another process trains in a folder at this moment.

    :param folder: of a run or a recipe; one that is never locked passes.
    """
    if (folder / LOCK).exists():
        with locked_folder(folder):
            pass


class Experiment:
    """Writes the files of a run; what cannot be written is a FileError.

    :param folder: of the run; None (a dry run) writes nothing.
    :param epoch: epochs already done; later ones of an earlier session are removed from the TensorBoard log.
    """

    def __init__(self, folder: Path | None, hyperparameters: Hyperparameters, *, epoch: int) -> None:
        self.folder = folder
        self._interval, self._epochs = hyperparameters.checkpoint_interval, hyperparameters.epochs
        self._tensorboard = None
        if folder is not None:
            hyperparameters.to_json(folder / HYPERPARAMETERS)
            self._tensorboard = TensorBoardLog(folder / TENSORBOARD, hyperparameters, epoch=epoch)

    def log(self, message: str) -> None:
        """Add a line with the time to the log, in which no text commands the terminal that shows it."""
        if self.folder is None:
            return
        path = self.folder / LOG
        with file_errors("write", path), path.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {displayed(message, lines=True)}\n")

    def save_start(self, checkpoint: Checkpoint) -> None:
        """Write `last.pt` if there is none, and add a line to the arguments."""
        if self.folder is None:
            return
        if not (self.folder / LAST).exists():
            self.save_state(checkpoint)
        session = {"started": time.strftime("%Y-%m-%d %H:%M:%S"), **checkpoint.provenance}
        session |= {"epoch": checkpoint.epoch, "batch": checkpoint.batch}
        path = self.folder / ARGUMENTS
        before = read_text(path, limit=MAX_ARGUMENTS_BYTES) if path.exists() else ""
        write_text(path, f"{before}{json_line(session)}\n")

    def save_state(self, checkpoint: Checkpoint) -> None:
        """Write `last.pt`."""
        if self.folder is not None:
            checkpoint.save(self.folder / LAST)

    def save_epoch(
        self, checkpoint: Checkpoint, result: EpochResult, recognised: Sequence[RecognisedLine] = ()
    ) -> None:
        """Write the checkpoints, the TensorBoard log and the text log of a finished epoch.

        `recognised` are drawn at the first and the last epoch of the run and with every numbered checkpoint, so that an
        interrupted run leaves the same log. `last.pt` comes last: a run killed before it repeats the epoch.
        """
        if self.folder is None:
            return
        if result.best_cer:
            checkpoint.save(self.folder / BEST_CER)
        if result.best_wer:
            checkpoint.save(self.folder / BEST_WER)
        if result.epoch % self._interval == 0:
            checkpoint.save(self.folder / f"epoch-{result.epoch:04d}.pt")
        drawn = result.epoch in (1, self._epochs) or result.epoch % self._interval == 0
        self._tensorboard.add(result, recognised if drawn else ())
        self.log(
            f"epoch {result.epoch}: loss {result.loss:.4f}, learning rate {result.learning_rate:.3g}, "
            f"{result.seconds:.1f} s; {result.rates_text}"
        )
        self.save_state(checkpoint)
