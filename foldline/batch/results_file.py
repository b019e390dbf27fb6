"""Results of any number of lines in one file that can be resumed.

While it is unfinished, OUT.partial holds the header and the results so far, one write per line, each with a checksum. The
same command, started again, continues after the last line that is whole and unchanged. At the end OUT appears, with the
result lines alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from datapath.errors import ConfigError, FileError, FoldlineError
from datapath.files import atomic_write, file_errors
from datapath.locks import is_at, try_lock
from datapath.quoting import quoted
from foldline.batch.checksums import Checksums, unsealed
from foldline.batch.inputs import LineInput
from foldline.batch.results import Header, SimulatedLine, result_entry, result_json

MAX_LINE = 1 << 24
"""Bytes of a line of OUT.partial; a longer one is damaged."""

MAX_NAME_BYTES = 255
"""Bytes of a file name, as file systems allow."""

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
        self.output, self.partial = output, partial_path(output)
        self.header = header
        self.lines = self.failed = 0

    def run(
        self,
        inputs: Iterable[LineInput],
        compute: Callable[[Iterable[LineInput]], Results],
        *,
        resume: bool = True,
        note: Callable[[str], None] = lambda _: None,
    ) -> Results:
        """Compute the lines that the file lacks; each result comes once it is written.

        From a line of OUT.partial on that is damaged all lines are computed again.

        :param inputs: all lines.
        :param compute: computes those that it is given, in order; see `foldline.batch.simulation.Simulation.start`.
        :param resume: False computes every line again, for a caller that needs each result.
        :param note: gets a sentence where OUT.partial is damaged.
        :raises ConfigError: OUT.partial belongs to another run.
        :raises FileError: a file cannot be written, or OUT.partial is removed or changed while it is written.
        """
        self.lines = self.failed = 0
        with _open_partial(self.partial, mode=self._mode()) as handle:
            self._begin(handle, resume=resume)
            checksums = Checksums(self.header.line())
            for name, result in compute(self._remaining(inputs, handle, checksums, note)):
                self._append(handle, checksums.sealed(result_json(name, result).encode()))
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

    def _begin(self, handle: FileIO, *, resume: bool) -> None:
        """Require the header of this run, or write it to a file that is empty or has a part of it."""
        with file_errors("read", self.partial):
            first, mine = _reader(handle).readline(1 << 16), self.header.line()
        fresh = len(first) < len(mine) and mine.startswith(first)  # stopped before the end of its first write
        if not fresh and first != mine:
            raise self._foreign(self.header.difference(first))
        if fresh or not resume:
            with file_errors("write", self.partial):
                _cut(handle, 0 if fresh else len(mine))
            if fresh:
                self._append(handle, mine)

    def _append(self, handle: FileIO, line: bytes) -> None:
        """Write a line, where OUT.partial is still the file that this run opened."""
        with file_errors("write", self.partial):
            if not is_at(handle.fileno(), self.partial):
                raise FileError(
                    f"Cannot write {self.partial}: it was removed or replaced while this run was writing it."
                )
            rest = memoryview(line)
            while rest:
                rest = rest[handle.write(rest) :]

    def _finish(self, handle: FileIO) -> None:
        """Copy the result lines to the output, without their checksums, and remove OUT.partial."""
        with file_errors("write", self.output):
            os.fsync(handle.fileno())
            checksums, count = Checksums(self.header.line()), 0
            with atomic_write(self.output) as whole:
                for line in self._lines(handle):
                    if not checksums.accepts(line):
                        break
                    whole.write(unsealed(line) + b"\n")
                    count += 1
                if count != self.lines:
                    raise FileError(
                        f"{self.partial} was changed while this run was writing it, from its result {count + 1} on; "
                        f"{self.output} is not written. The same command continues before that result."
                    )
            if is_at(handle.fileno(), self.partial):
                self.partial.unlink()

    def _remaining(
        self, inputs: Iterable[LineInput], handle: FileIO, checksums: Checksums, note: Callable[[str], None]
    ) -> Iterator[LineInput]:
        """The inputs after those that OUT.partial holds; the names of these must be equal."""
        done = self._done(handle, checksums, note)
        number = 0
        for number, line in enumerate(inputs, start=1):
            entry = next(done, None)
            if entry is None:
                yield line
            elif entry["name"] != line.name:
                other = quoted(entry["name"])
                raise self._foreign(f"its line {number} is {other}, and the inputs have {quoted(line.name)} there")
        if next(done, None) is not None:
            raise self._foreign(f"it has more lines than the {number} of the inputs")

    def _done(self, handle: FileIO, checksums: Checksums, note: Callable[[str], None]) -> Iterator[dict]:
        """The results that OUT.partial holds; what is not whole and unchanged is cut off."""
        end, damaged = len(self.header.line()), False
        with file_errors("read", self.partial):
            for line in self._lines(handle):
                entry = result_entry(unsealed(line))
                if entry is None or not checksums.accepts(line):
                    damaged = line.endswith(b"\n") or len(line) == MAX_LINE  # else stopped before the end of a write
                    break
                end += len(line)
                self.lines += 1
                self.failed += "error" in entry
                yield entry
        if damaged:
            note(
                f"{self.partial} is damaged: result {self.lines + 1} does not match its checksum. It and those after it are "
                "computed again."
            )
        with file_errors("write", self.partial):
            _cut(handle, end)

    def _lines(self, handle: FileIO) -> Iterator[bytes]:
        """The lines after the header, each up to `MAX_LINE` bytes."""
        handle.seek(len(self.header.line()))
        reader = _reader(handle)
        while line := reader.readline(MAX_LINE):
            yield line

    def _foreign(self, reason: str) -> ConfigError:
        return ConfigError(f"{self.partial} is not of this run: {reason}. Remove it to start over.")


def partial_path(output: Path) -> Path:
    """OUT.partial; where that is longer than a file name can be, the beginning of the name and a digest of all of it.

    >>> partial_path(Path("texts.jsonl")).name, partial_path(Path("n" * 255)).name[220:]
    ('texts.jsonl.partial', 'nnnnnnnnnn.3bb555e4ed3e8c6e.partial')

    :param output: the file that is written.
    """
    name = f"{output.name}.partial"
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        end, kept = f".{hashlib.sha256(os.fsencode(output.name)).hexdigest()[:16]}.partial", output.name
        while len(os.fsencode(kept + end)) > MAX_NAME_BYTES:
            kept = kept[:-1]
        name = kept + end
    return output.with_name(name)


def _reader(handle: FileIO) -> BinaryIO:
    """A buffered reader from where the handle stands, which it shares and does not close."""
    return open(handle.fileno(), "rb", closefd=False)


def _cut(handle: FileIO, end: int) -> None:
    """Leave `end` bytes, and stand after them."""
    handle.truncate(end)
    handle.seek(end)


@contextmanager
def _open_partial(path: Path, *, mode: int) -> Iterator[FileIO]:
    """Open for reading and writing without a buffer, for this process alone; the content stays."""
    with file_errors("write", path):
        handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), mode), "r+b", buffering=0)
    with handle:
        mine = try_lock(handle.fileno()) is not False
        if not mine or not is_at(handle.fileno(), path):  # or the other run has just finished it
            raise FileError(f"Cannot write {path}: another run is writing it.")
        yield handle
