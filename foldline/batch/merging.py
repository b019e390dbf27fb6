"""Shards of one run back into one file: the bytes that a run without shards writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from datapath.errors import DataError, FileError
from datapath.files import atomic_write, os_reason
from foldline.batch.jobs import last_line
from foldline.batch.results import End, Header, NamesDigest, result_entry

NAMED_AT_MOST = 10
"""Missing shards that an error lists."""


@dataclass(frozen=True)
class Merged:
    """What a merge has written: lines, and how many of them are errors."""

    lines: int
    failed: int


@dataclass(frozen=True)
class _ShardFile:
    path: Path
    handle: BinaryIO
    header: Header
    end: End

    def next_line(self) -> tuple[bytes, dict]:
        """Its next result, as it stands and as an object.

        :raises DataError: there is none.
        """
        line = self.handle.readline()
        entry = result_entry(line)
        if entry is None:
            raise DataError(f"{self.path} is damaged: it does not have {self.end.lines} result lines.")
        return line, entry


def merge_shards(paths: Sequence[Path], output: Path) -> Merged:
    """Interleave all shards of a run, one line of each in memory.

    :raises FileError: a file cannot be read or written, or is no shard.
    :raises DataError: a shard is unfinished, damaged, missing, given twice or of another run.
    """
    with ExitStack() as stack:
        shards = _all_shards([_open_shard(path, stack) for path in paths])
        names = NamesDigest()
        failed = 0
        total, expected = shards[0].end.of, shards[0].end.names
        with atomic_write(output) as merged:
            for line, entry in _interleaved(shards, total):
                names.add(entry["name"])
                failed += "error" in entry
                merged.write(line)
            if names.hex() != expected:
                raise DataError("The shards are damaged: their lines do not have the names that the run had.")
    return Merged(total, failed)


def _interleaved(shards: Sequence[_ShardFile], total: int) -> Iterator[tuple[bytes, dict]]:
    for number in range(total):
        yield shards[number % len(shards)].next_line()
    for shard in shards:
        if shard.handle.readline() != shard.end.line():
            raise DataError(f"{shard.path} is damaged: it does not have {shard.end.lines} result lines.")


def _open_shard(path: Path, stack: ExitStack) -> _ShardFile:
    try:
        handle = stack.enter_context(path.open("rb"))
        header = Header.parse(handle.readline(1 << 16))
        if header is None:
            raise FileError(
                f"{path} is not a shard's file: it does not begin as `foldline simulate --shard` begins it."
            )
        begin, stop = last_line(handle)
        handle.seek(begin)
        end = End.parse(handle.read(stop - begin))
        handle.seek(len(header.line()))
    except OSError as error:
        raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error
    if end is None:
        raise DataError(f"{path} is not finished: shard {header.shard} has no end. Start its command again.")
    return _ShardFile(path, handle, header, end)


def _all_shards(given: Sequence[_ShardFile]) -> list[_ShardFile]:
    """The shards in order.

    :raises DataError: one is missing, given twice, or of another run.
    """
    first = given[0]
    by_index: dict[int, _ShardFile] = {}
    for shard in given:
        difference = _difference(first, shard)
        if difference:
            raise DataError(f"{shard.path} is not of the same run as {first.path}: {difference}.")
        other = by_index.setdefault(shard.header.shard.index, shard)
        if other is not shard:
            raise DataError(f"Shard {shard.header.shard} is given twice: {other.path} and {shard.path}.")
    count = first.header.shard.count
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in by_index]
    if missing:
        more = f" and {len(missing) - NAMED_AT_MOST} more" if len(missing) > NAMED_AT_MOST else ""
        are = "Shard {} is missing." if len(missing) == 1 else "Shards {} are missing."
        raise DataError(are.format(", ".join(missing[:NAMED_AT_MOST]) + more))
    return [by_index[index] for index in range(1, count + 1)]


def _difference(first: _ShardFile, shard: _ShardFile) -> str:
    run = first.header.run.difference(shard.header.run)
    if run:
        return f"{run} differs"
    counts = (shard.header.shard.count, first.header.shard.count)
    if counts[0] != counts[1]:
        return f"it is one of {counts[0]} shards, not of {counts[1]}"
    if shard.end.of != first.end.of:
        return f"its inputs had {shard.end.of} lines, not {first.end.of}"
    return "" if shard.end.names == first.end.names else "its inputs had other names"
