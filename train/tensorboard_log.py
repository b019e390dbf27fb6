"""`TensorBoardLog`: curves, hyperparameters and pictures of a few recognised lines of a run."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from datapath.files import file_errors
from train.config import Hyperparameters
from train.line_pictures import RecognisedLine, draw_line
from train.reporting import GREEDY, OVERLAY, EpochResult

CURVES = ("loss", *(f"{decoder}/{rate}" for decoder in (GREEDY, OVERLAY) for rate in ("CER", "WER")), "learning rate")
"""Names of the curves: one group of error rates per decoder."""

HYPERPARAMETERS_FILE = "events.out.tfevents.0000000000.hyperparameters"
"""One file for all sessions, each of which writes it again: a resumed run has its hyperparameters once, those of today.
The name sorts before those of the sessions, which begin with the time."""

PICTURES = "recognised lines"


class TensorBoardLog:
    """Writes into `folder` what TensorBoard shows.

    :param folder: of the log.
    :param hyperparameters: of the run.
    :param epoch: epochs already done; later ones of an earlier session are dropped.
    :raises FileError: the hyperparameters cannot be written.
    """

    def __init__(self, folder: Path, hyperparameters: Hyperparameters, *, epoch: int) -> None:
        # TensorBoard takes a second to import, and a dry run does not need it.
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=epoch + 1)
        _write_hyperparameters(folder / HYPERPARAMETERS_FILE, hyperparameters)

    def add(self, result: EpochResult, recognised: Sequence[RecognisedLine]) -> None:
        """Add a finished epoch, with a picture of each recognised line; a FileError if their font is missing."""
        rates = [rate for _, of in result.by_decoder for rate in (of.cer, of.wer)]
        for name, value in zip(CURVES, (result.loss, *rates, result.learning_rate), strict=True):
            self._writer.add_scalar(name, value, result.epoch)
        for line in recognised:
            picture = np.asarray(draw_line(line))
            self._writer.add_image(f"{PICTURES}/{line.name}", picture, result.epoch, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Finish the session's file."""
        self._writer.close()


def hyperparameter_table(hyperparameters: Hyperparameters) -> str:
    """All hyperparameters as a table in Markdown; what differs from the default is bold."""
    default = asdict(Hyperparameters())
    rows = ["| hyperparameter | value | default |", "| --- | --- | --- |"]
    for name, value in _plain(hyperparameters).items():
        usual = _plain(Hyperparameters())[name]
        shown = f"**{value}**" if asdict(hyperparameters)[name] != default[name] else value
        rows.append(f"| {name} | {shown} | {usual} |")
    return "\n".join(rows)


def _plain(hyperparameters: Hyperparameters) -> dict[str, int | float | str]:
    """By name; true and false as words, which TensorBoard would make numbers of."""
    values = asdict(hyperparameters)
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}


def _write_hyperparameters(path: Path, hyperparameters: Hyperparameters) -> None:
    """Write them for TensorBoard's pages; `SummaryWriter.add_hparams` would make another run of every session."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter
    from torch.utils.tensorboard.summary import hparams, text

    # The third summary says how the run ended, which is not known yet.
    experiment, session, _ = hparams(_plain(hyperparameters), dict.fromkeys(CURVES[:-1]))
    buffer = io.BytesIO()
    records = RecordWriter(buffer)
    records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
    for summary in (experiment, session, text("hyperparameters", hyperparameter_table(hyperparameters))):
        records.write(Event(wall_time=time.time(), step=0, summary=summary).SerializeToString())
    # Beside the folder, since TensorBoard reads whatever is in it, half a file too.
    temporary = path.parent.parent / f".{path.parent.name}.hyperparameters"
    with file_errors("write", path):
        temporary.write_bytes(buffer.getvalue())
        temporary.replace(path)
