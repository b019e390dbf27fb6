"""Results of any number of lines in one file that can be resumed.

While it is unfinished, OUT.partial holds the header and the results so far, one write per line. The same command, started
again, continues after the last whole line. At the end OUT appears, with the result lines alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from datapath.errors import ConfigError, FileError, FoldlineError
from datapath.files import atomic_write, file_errors
from datapath.locks import is_at, try_lock
from foldline.batch.inputs import LineInput
from foldline.batch.results import Header, SimulatedLine, result_entry, result_json

Results = Iterator[tuple[str, SimulatedLine | FoldlineError]]
"""Name and result of each line, in the order of the lines."""


class ResultsFile:
    """The results of one command in one file.

    lines    lines that the file holds
    failed   how many of them are errors

    :param output: the file; while it is unfinished, its lines are in OUT.partial.
    :param header: what decides the results.
    :raises FileError: `output` is a folder or a device.
    """

    def __init__(self, output: Path, header: Header) -> None:
        if output.exists() and not output.is_file():
            reason = "Is a directory" if output.is_dir() else "it is not a regular file"
            raise FileError(f"Cannot write {output}: {reason}.")
        self.output, self.partial = output, output.with_name(f"{output.name}.partial")
        self.header = header
        self.lines = self.failed = 0

    def run(
        self, inputs: Iterable[LineInput], compute: Callable[[Iterable[LineInput]], Results], *, resume: bool = True
    ) -> Results:
        """Compute the lines that the file lacks; each result comes once it is written.

        :param inputs: all lines.
        :param compute: computes those that it is given, in order; see `foldline.batch.simulation.Simulation.start`.
        :param resume: False computes every line again, for a caller that needs each result.
        :raises ConfigError: OUT.partial belongs to another run.
        :raises FileError: a file cannot be written.
        """
        self.lines = self.failed = 0
        with _open_partial(self.partial, mode=self._mode()) as handle:
            self._cut_to_whole_lines(handle, resume=resume)
            for name, result in compute(self._remaining(inputs, end=handle.tell())):
                with file_errors("write", self.partial):
                    handle.write(result_json(name, result).encode() + b"\n")
                    handle.flush()
                self.lines += 1
                self.failed += isinstance(result, FoldlineError)
                yield name, result
            self._finish(handle)

    def written_lines(self) -> int:
        """Whole result lines in OUT.partial: after an interrupt, one more than `lines` if it came between write and count."""
        with file_errors("read", self.partial), self.partial.open("rb") as handle:
            return sum(line.endswith(b"\n") for line in handle) - 1

    def _mode(self) -> int:
        """Of OUT.partial: that of the file which it will replace."""
        try:
            return self.output.stat().st_mode & 0o777
        except OSError:
            return 0o666

    def _finish(self, handle: BinaryIO) -> None:
        """Copy the result lines to the output, and remove OUT.partial."""
        with file_errors("write", self.output):
            os.fsync(handle.fileno())
            handle.seek(len(self.header.line()))
            with atomic_write(self.output) as whole:
                shutil.copyfileobj(handle, whole)
            self.partial.unlink()

    def _remaining(self, inputs: Iterable[LineInput], *, end: int) -> Iterator[LineInput]:
        """The inputs after those that OUT.partial holds; the names of these must be equal."""
        done = self._done(end)
        number = 0
        for number, line in enumerate(inputs, start=1):
            entry = next(done, None)
            if entry is None:
                yield line
            elif entry["name"] != line.name:
                raise self._foreign(f"its line {number} is {entry['name']}, and the inputs have {line.name} there")
        if next(done, None) is not None:
            raise self._foreign(f"it has more lines than the {number} of the inputs")

    def _done(self, end: int) -> Iterator[dict]:
        """The results that OUT.partial holds up to byte `end`."""
        with self.partial.open("rb") as handle:
            position = len(handle.readline())
            while position < end:
                line = handle.readline()
                position += len(line)
                entry = result_entry(line)
                self.lines += 1
                if entry is None:
                    raise self._foreign(f"its line {self.lines} is not a result")
                self.failed += "error" in entry
                yield entry

    def _cut_to_whole_lines(self, handle: BinaryIO, *, resume: bool) -> None:
        """Leave the header and the whole result lines in OUT.partial, and stand after them."""
        first, mine = handle.readline(1 << 16), self.header.line()
        fresh = len(first) < len(mine) and mine.startswith(first)  # stopped before the end of its first write
        if not fresh and first != mine:
            raise self._foreign(self.header.difference(first))
        with file_errors("write", self.partial):
            end = 0 if fresh else len(first)
            if resume and not fresh:
                end += sum(len(line) for line in handle if line.endswith(b"\n"))
            handle.truncate(end)
            handle.seek(end)
            if fresh:
                handle.write(mine)
                handle.flush()

    def _foreign(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.partial} is not of this run: {reason}. Remove it to start over.")


@contextmanager
def _open_partial(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Open for reading and writing, for this process alone; the content stays."""
    with file_errors("write", path):
        handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), mode), "r+b")
    with handle:
        if try_lock(handle.fileno()) is False or not is_at(
            handle.fileno(), path
        ):  # or the other run has just finished it
            raise FileError(f"Cannot write {path}: another run is writing it.")
        yield handle
