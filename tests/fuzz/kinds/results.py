"""Results: unfinished files of results, what the test bench of a C simulation writes, the database of a study."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from datapath.errors import ImageError
from datapath.packing import REFUSED
from fixedpoint_sim import simulate
from foldline.batch.inputs import LineInput
from foldline.batch.results import Header, SimulatedLine
from foldline.batch.results_file import ResultsFile
from foldline.study.storage import Heartbeat, storage_exists
from hls_gen.vectors import parse_results
from tests.fuzz.formats import Format
from tests.fuzz.kinds.checks import require, require_equal, written
from tests.fuzz.kinds.networks import designs
from tests.fuzz.kinds.training import study_preset
from tests.fuzz.mutations import BYTES, JSON, TEXT, change_json

LINES = tuple(f"line{number}.png" for number in range(6))
FAILING = LINES[4]


# Unfinished results ------------------------------------------------------------------------------------------------


@cache
def _computed() -> dict[str, SimulatedLine | ImageError]:
    random, found = np.random.default_rng(4), {}
    for number, name in enumerate(LINES):
        columns = random.integers(-8, 8, (4 + 2 * number, 2)).astype(np.int8)
        found[name] = SimulatedLine.of(simulate(designs()[0], columns))
    return found | {FAILING: ImageError(f"Cannot read {FAILING}: no such file.")}


def _compute(lines: Iterable[LineInput]) -> Iterator[tuple[str, SimulatedLine | ImageError]]:
    for line in lines:
        yield line.name, _computed()[line.name]


def _file(folder: Path) -> ResultsFile:
    return ResultsFile(folder / "out.jsonl", Header.of(designs()[0], ignore_limits=False, pixels=""))


def _inputs() -> list[LineInput]:
    return [LineInput(name, Path(name)) for name in LINES]


@cache
def _partials() -> tuple[bytes, ...]:
    """What a run that stops behind 3, 5 or all lines leaves."""
    found = []
    for count in (3, 5, len(LINES)):
        with tempfile.TemporaryDirectory() as folder:
            run = _file(Path(folder)).run(_inputs(), _compute)
            for _ in range(count):
                next(run)
            found.append((Path(folder) / "out.jsonl.partial").read_bytes())
            run.close()
    return tuple(found)


@cache
def _untouched_output() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        list(_file(Path(folder)).run(_inputs(), _compute))
        return (Path(folder) / "out.jsonl").read_bytes()


def _read_partial(data: bytes, folder: Path) -> object:
    written(folder, "out.jsonl.partial", data)
    file = _file(folder)
    list(file.run(_inputs(), _compute))
    output = (folder / "out.jsonl").read_bytes()
    require(output == _untouched_output(), "output", output, _untouched_output())
    require_equal("lines", (file.lines, file.failed), (len(LINES), 1))
    require_equal("files", sorted(one.name for one in folder.iterdir()), ["out.jsonl"])
    return None


def _change_row(data: bytes, random: Random, other: bytes) -> bytes:
    """A value of the JSON of one row is changed."""
    rows = data.split(b"\n")
    place = random.randrange(len(rows) - 1)
    rows[place] = change_json(rows[place], random, rows[place])
    return b"\n".join(rows)


# C simulation ------------------------------------------------------------------------------------------------------


def _entry(name: str, values: np.ndarray) -> str:
    words = [f"{int(value) & 0xFFFF:x}" for value in values.reshape(-1)]
    rows = [" ".join(words[place : place + 32]) for place in range(0, len(words), 32)]
    return "\n".join([f"{name} {len(words):x}", *rows]) + "\n"


def _simulations() -> Sequence[bytes]:
    random, texts = np.random.default_rng(6), []
    for length in (2, 4):
        trace = simulate(designs()[0], random.integers(-8, 8, (length, 2)).astype(np.int8))
        labels = np.array([len(trace.labels), *trace.labels])
        gates = random.integers(-(1 << 15), 1 << 15, (length, 2, 2, 4))
        parts = {"labels": labels, "hidden": trace.hidden, "scores": trace.scores, "gates": gates}
        texts.append(
            f"columns {length:x}\n"
            + "".join(_entry(name, np.asarray(values, dtype=np.int64)) for name, values in parts.items())
        )
    return [text.encode() for text in texts]


def _read_simulation(data: bytes, folder: Path) -> object:
    text = data.decode("ascii", "surrogateescape")
    for result in parse_results(text, designs()[0]):
        require(result.found != REFUSED and result.found >= len(result.labels), "count of labels", result.found)
        for values in (result.labels, result.hidden, result.scores, result.gates):
            low, high = np.iinfo(values.dtype).min, np.iinfo(values.dtype).max
            require(values.size == 0 or (values.min() >= low and values.max() <= high), "range", values)
    results, words = parse_results(text, designs()[0]), text.split()
    if len(results) == 1:
        held = {}
        place = 2
        while place < len(words):  # the last entry of a name counts
            name, count = words[place], int(words[place + 1], 16)
            held[name] = [int(one, 16) for one in words[place + 2 : place + 2 + count]]
            place += 2 + count
        require_equal("labels", [results[0].found, *results[0].labels.tolist()], held["labels"])
        for name in ("hidden", "scores", "gates"):
            found = getattr(results[0], name).reshape(-1).astype(np.int64)
            require_equal(name, (found & 0xFFFF).tolist(), held[name])
    return None


# Studies -----------------------------------------------------------------------------------------------------------


@cache
def _storage() -> bytes:
    """A SQLite file with one study, whose networks wait."""
    from foldline.study.joining import join_study

    given = {"min_columns_per_second": 1000.0, "preset": study_preset(), "dataset": "lines", "lines": (3, 2, 5)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        join_study("s", str(path), given, Heartbeat())
        return path.read_bytes()


def _read_storage(data: bytes, folder: Path) -> object:
    from foldline.study.result import read_study

    path = written(folder, "study.db", data)
    storage_exists(str(path))
    read_study("s", str(path))
    return None


def _change_page(data: bytes, random: Random, other: bytes) -> bytes:
    """A field of the head of the file, or of a page, is changed; or a text in it."""
    kind = random.randrange(3)
    if kind == 0:
        return random.choice(BYTES)(data[:100], random, data[:100]).ljust(100, b"\0")[:100] + data[100:]
    if kind == 1:
        start = random.randrange(len(data) // 4096) * 4096
        return data[:start] + random.choice(BYTES)(data[start : start + 12], random, b"x") + data[start + 12 :]
    words = list(re.finditer(rb"[ -~]{6,}", data))
    one = random.choice(words)
    new = random.choice(JSON)(one[0], random, one[0])[: len(one[0])].ljust(len(one[0]))
    return data[: one.start()] + new + data[one.end() :]


FORMATS = (
    Format(
        name="results-partial",
        untouched=_partials,
        read=_read_partial,
        mutators=(*([_change_row] * 10), *TEXT),
        weight=8,
    ),
    Format(name="c-simulation", untouched=_simulations, read=_read_simulation, mutators=TEXT, weight=40),
    Format(
        name="study-storage",
        untouched=lambda: [_storage()],
        read=_read_storage,
        mutators=(_change_page, *BYTES),
        weight=1,
        most=1500,
    ),
)
