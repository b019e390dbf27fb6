"""`TensorBoardLog`: curves, hyperparameters and pictures of a few recognised lines of a run."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datapath.files import file_errors
from train.config import Hyperparameters
from train.line_pictures import RecognisedLine, draw_line
from train.reporting import GREEDY, OVERLAY, EpochResult

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

CURVES = ("loss", *(f"{decoder}/{rate}" for decoder in (GREEDY, OVERLAY) for rate in ("CER", "WER")), "learning rate")
"""Names of the curves: one group of error rates per decoder."""

HYPERPARAMETERS_FILE = "events.out.tfevents.0000000000.hyperparameters"
"""One file for all sessions, each of which writes it again: a resumed run has its hyperparameters once, those of today.
The name sorts before those of the sessions, which begin with the time."""

HYPERPARAMETERS_TEMPORARY = ".tensorboard.hyperparameters"
"""It lies beside the folder while it is written: TensorBoard reads whatever is in that, half a file too."""

PICTURES = "recognised lines"


class TensorBoardLog:
    """Writes into `folder` what TensorBoard shows.

    Not by torch's `SummaryWriter`, which writes in a thread: a full disk ends that with a traceback, and training waits for
    it or does not hear of it.

    :param folder: of the log, which is made.
    :param hyperparameters: of the run.
    :param epoch: epochs already done; later ones of an earlier session are dropped.
    :raises FileError: it cannot be written.
    """

    def __init__(self, folder: Path, hyperparameters: Hyperparameters, *, epoch: int) -> None:
        # TensorBoard takes a second to import, and a dry run does not need it.
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        with file_errors("make the folder", folder):
            folder.mkdir(exist_ok=True)
        # TensorBoard reads the sessions in the order of their names.
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        name = f"events.out.tfevents.{seconds:010d}.{nanoseconds:09d}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / name
        start = Event(wall_time=time.time(), step=epoch + 1, session_log=SessionLog(status=SessionLog.START))
        self._append([_version(), start])
        _write_hyperparameters(folder / HYPERPARAMETERS_FILE, hyperparameters)

    def add(self, result: EpochResult, recognised: Sequence[RecognisedLine]) -> None:
        """Add a finished epoch.

        :param result: of the epoch.
        :param recognised: lines of which a picture each is added.
        :raises FileError: the file cannot be written, or the font of the pictures is missing.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from torch.utils.tensorboard.summary import image, scalar

        rates = [rate for _, of in result.by_decoder for rate in (of.cer, of.wer)]
        curves = zip(CURVES, (result.loss, *rates, result.learning_rate), strict=True)
        summaries = [scalar(name, value) for name, value in curves]
        for line in recognised:
            picture = np.asarray(draw_line(line))
            summaries.append(image(f"{PICTURES}/{line.name}", picture, dataformats="HWC"))
        now = time.time()
        self._append([Event(wall_time=now, step=result.epoch, summary=summary) for summary in summaries])

    def _append(self, events: Sequence[Event]) -> None:
        with file_errors("write", self._path), self._path.open("ab") as handle:
            handle.write(_records(events))


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
    from torch.utils.tensorboard.summary import hparams, text

    # The third summary says how the run ended, which is not known yet.
    experiment, session, _ = hparams(_plain(hyperparameters), dict.fromkeys(CURVES[:-1]))
    summaries = (experiment, session, text("hyperparameters", hyperparameter_table(hyperparameters)))
    events = [_version(), *(Event(wall_time=time.time(), step=0, summary=summary) for summary in summaries)]
    temporary = path.parent.parent / HYPERPARAMETERS_TEMPORARY
    with file_errors("write", path):
        temporary.write_bytes(_records(events))
        temporary.replace(path)


def _version() -> Event:
    """The first event of every file."""
    from tensorboard.compat.proto.event_pb2 import Event

    return Event(wall_time=time.time(), file_version="brain.Event:2")


def _records(events: Sequence[Event]) -> bytes:
    """Events as a file of TensorBoard holds them."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    records = RecordWriter(buffer)
    for event in events:
        records.write(event.SerializeToString())
    return buffer.getvalue()
