"""A job: results of any number of lines into one file, whole or resumable, or one shard of it.

While it runs, OUT.partial holds the header and the results so far, one write per line. The same job started again goes
on after its last whole line. At the end OUT appears as a whole: a shard with header and end, else result lines alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from datapath.design import Design
from datapath.errors import ConfigError, FileError, FoldlineError
from datapath.files import atomic_write, os_reason
from fixedpoint_sim import Simulator, Trace
from foldline.batch.inputs import Inputs, LineInput
from foldline.batch.results import WHOLE, End, Header, NamesDigest, Run, Shard, result_entry, result_json
from foldline.batch.simulation import Walk, as_walk, simulate_inputs

TAIL_STEP = 1 << 16
"""Bytes read at a time when the last line of a file is looked for."""


class Job:
    """One command's results in one file.

    :param walk: what computes the lines; a design stands for its simulator.
    :param output: the file; its unfinished lines stay beside it, in OUT.partial.
    :param shard: the part of the lines to compute; None computes all.
    :raises FileError: `output` is a folder or a device.
    """

    def __init__(
        self, walk: Walk | Design, output: Path, *, shard: Shard | None = None, ignore_limits: bool = False
    ) -> None:
        if output.exists() and not output.is_file():
            reason = "Is a directory" if output.is_dir() else "it is no plain file"
            raise FileError(f"Cannot write {output}: {reason}.")
        self.output, self.partial = output, output.with_name(f"{output.name}.partial")
        self.lines = self.failed = 0
        self._walk, self._shard, self._beyond_limits = walk, shard, ignore_limits

    def run(
        self, inputs: Inputs, *, threads: int | None = None, resume: bool = True
    ) -> Iterator[tuple[str, Trace | FoldlineError]]:
        """Compute what is still missing; each result comes once it is written. `lines` and `failed` count them all.

        :param resume: False computes every line again, for a caller that needs each result.
        :raises FoldlineError: OUT.partial belongs to another run, or a file cannot be written.
        """
        self.lines = self.failed = 0
        walk = as_walk(self._walk)
        csim = not isinstance(walk, Simulator)
        run = Run.of(walk.design, ignore_limits=self._beyond_limits, pixels=inputs.pixels, csim=csim)
        header = Header(run, self._shard or WHOLE)
        with _open_partial(self.partial) as handle:
            _cut_to_whole_lines(self.partial, handle, header, resume=resume)
            remaining = _Remaining(self, inputs, header.shard, end=handle.tell())
            results = simulate_inputs(walk, remaining, ignore_limits=self._beyond_limits, threads=threads)
            for name, result in results:
                self._write(handle, result_json(name, result).encode() + b"\n")
                self.lines += 1
                self.failed += isinstance(result, FoldlineError)
                yield name, result
            end = End(lines=self.lines, of=remaining.total, names=remaining.names.hex())
            body = (len(header.line()), handle.tell())
            self._write(handle, end.line())
            self._finish(handle, *body)

    def _write(self, handle: BinaryIO, line: bytes) -> None:
        try:
            handle.write(line)
            handle.flush()
        except OSError as error:
            raise FileError(f"Cannot write {self.partial}: {os_reason(error)}.") from error

    def _finish(self, handle: BinaryIO, begin: int, end: int) -> None:
        """Let the file appear: the partial one itself for a shard, a copy of its result lines for a whole run."""
        try:
            os.fsync(handle.fileno())
            if self._shard is not None:
                self.partial.replace(self.output.resolve())
                return
            handle.seek(begin)
            with atomic_write(self.output) as whole:
                copy_bytes(handle, whole, end - begin)
            self.partial.unlink()
        except OSError as error:
            raise FileError(f"Cannot write {self.output}: {os_reason(error)}.") from error


class _Remaining:
    """The inputs that OUT.partial still lacks; on the way all of them are counted, named and compared with it."""

    def __init__(self, job: Job, inputs: Iterable[LineInput], shard: Shard, *, end: int) -> None:
        self.total, self.names = 0, NamesDigest()
        self._job, self._inputs, self._shard, self._end = job, inputs, shard, end

    def __iter__(self) -> Iterator[LineInput]:
        done = self._done()
        for line in self._inputs:
            mine = self._shard.holds(self.total)
            self.total += 1
            self.names.add(line.name)
            if not mine:
                continue
            entry = next(done, None)
            if entry is None:
                yield line
            elif entry["name"] != line.name:
                self._refuse(f"its line {self._job.lines} is {entry['name']}, and the inputs have {line.name} there")
        if next(done, None) is not None:
            self._refuse(f"it has more lines than the {self._shard.lines_of(self.total)} of the inputs")

    def _done(self) -> Iterator[dict]:
        with self._job.partial.open("rb") as handle:
            position = len(handle.readline())
            while position < self._end:
                line = handle.readline()
                position += len(line)
                entry = result_entry(line)
                self._job.lines += 1
                if entry is None:
                    self._refuse(f"its line {self._job.lines} is no result")
                self._job.failed += "error" in entry
                yield entry

    def _refuse(self, reason: str) -> None:
        raise _foreign(self._job.partial, reason)


def _foreign(partial: Path, reason: str) -> ConfigError:
    return ConfigError(f"{partial} is not of this run: {reason}. Remove it to start over.")


@contextmanager
def _open_partial(path: Path) -> Iterator[BinaryIO]:
    """Open for reading and writing, for this process alone; what is there stays.

    :raises FileError: it cannot be opened, or another run is writing it.
    """
    try:
        handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666), "r+b")
    except OSError as error:
        raise FileError(f"Cannot write {path}: {os_reason(error)}.") from error
    with handle:
        if not _locked(handle, path):
            raise FileError(f"Cannot write {path}: another run is writing it.")
        yield handle


def _locked(handle: BinaryIO, path: Path) -> bool:
    try:
        import fcntl
    except ImportError:  # no locks on this system: two runs at once are the user's to avoid
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(handle.fileno()).st_ino  # else the other run has just finished it
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError:  # a file system without locks
        return True


def _cut_to_whole_lines(path: Path, handle: BinaryIO, header: Header, *, resume: bool) -> None:
    """Leave the header and the whole result lines, and stand after them.

    :raises ConfigError: the file belongs to another run.
    :raises FileError: it cannot be cut or written.
    """
    first = handle.readline(1 << 16)
    mine = header.line()
    fresh = len(first) < len(mine) and mine.startswith(first)  # stopped within its first write, if at all begun
    if not fresh and first != mine:
        found = Header.parse(first)
        if found is None:
            raise _foreign(path, "its first line is not that of an unfinished run of this version")
        what = header.run.difference(found.run)
        raise _foreign(path, f"{what} differs" if what else f"it holds shard {found.shard}, not {header.shard}")
    try:
        end = 0 if fresh else len(first)
        if not fresh and resume:
            begin, end = last_line(handle)
            handle.seek(begin)
            if End.parse(handle.read(end - begin)) is not None:
                end = begin
        handle.truncate(end)
        handle.seek(end)
        if fresh:
            handle.write(mine)
            handle.flush()
    except OSError as error:
        raise FileError(f"Cannot write {path}: {os_reason(error)}.") from error


def last_line(handle: BinaryIO) -> tuple[int, int]:
    """Where the last whole line begins and ends, its line end included; 0, 0 where there is none."""
    ends: list[int] = []
    position = handle.seek(0, os.SEEK_END)
    while position and len(ends) < 2:
        begin = max(0, position - TAIL_STEP)
        handle.seek(begin)
        chunk = handle.read(position - begin)
        found = (begin + i + 1 for i in range(len(chunk) - 1, -1, -1) if chunk[i] == ord("\n"))
        ends += islice(found, 2 - len(ends))
        position = begin
    return (ends[1] if len(ends) == 2 else 0, ends[0]) if ends else (0, 0)


def copy_bytes(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy `size` bytes from where `source` stands."""
    while size:
        chunk = source.read(min(size, 1 << 20))
        if not chunk:
            return
        target.write(chunk)
        size -= len(chunk)
