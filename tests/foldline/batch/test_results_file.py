"""What happens to OUT.partial between two runs, or during one, never changes a result."""

import json
import os
import random
import resource
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from datapath.errors import ConfigError, DataError, FileError
from fixedpoint_sim.trace import ExceededLimit, LineCycles
from foldline.batch.inputs import LineInput
from foldline.batch.results import FORMAT_VERSION, Header, SimulatedLine, result_entry, result_json
from foldline.batch.results_file import MAX_NAME_BYTES, ResultsFile, partial_path
from tests.foldline.partial import partial_of

LINES = 12
MUTANTS = 700
HEADER = Header(design="d" * 64, ignore_limits=True, pixels="", command="rtlsim")
NAMES = [f"scans/{number:02}.png" for number in range(LINES)]
INPUTS = [LineInput(name, np.zeros((2, 1), dtype=np.int8)) for name in NAMES]


def result_of(name):
    number = NAMES.index(name)
    if number % 5 == 3:
        return DataError(f"{name}: It has {number} columns.")
    exceeded = (ExceededLimit("columns", 900 + number, "at most 500"),) if number % 4 == 1 else ()
    cycles = LineCycles(line=1000 * number + 1, steady=12) if number % 2 else None
    labels = tuple(range(1, number + 2))
    return SimulatedLine(
        text="é" * number,
        labels=labels,
        greedy=labels,
        columns=7 + number,
        exceeded=exceeded,
        mismatch="",
        cycles=cycles,
    )


def compute(inputs):
    return ((line.name, result_of(line.name)) for line in inputs)


CONTENT = b"".join(result_json(name, result_of(name)).encode() + b"\n" for name in NAMES)


@pytest.fixture
def results_file(tmp_path):
    return ResultsFile(tmp_path / "o.jsonl", HEADER)


def left(lines=LINES):
    """What a run leaves that was killed after so many lines."""
    return partial_of(HEADER.line(), b"".join(CONTENT.splitlines(keepends=True)[:lines]))


# Between two runs ---------------------------------------------------------------------------------------------------


def flip(content, numbers):
    place = numbers.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << numbers.randrange(8)]) + content[place + 1 :]


def change_digit(content, numbers):
    places = [place for place, byte in enumerate(content) if chr(byte).isdigit()]
    place = numbers.choice(places)
    return content[:place] + b"%d" % numbers.randrange(10) + content[place + 1 :]


def insert(content, numbers):
    place = numbers.randrange(len(content) + 1)
    return (
        content[:place]
        + numbers.choice([b"\n", b"\0", b"0", b" ", b"\x1b[2J", b"}\n{", content[:40]])
        + content[place:]
    )


def delete(content, numbers):
    place = numbers.randrange(len(content))
    return content[:place] + content[place + numbers.randrange(1, 200) :]


def zero(content, numbers):
    place, size = numbers.randrange(len(content)), numbers.randrange(1, 600)
    return content[:place] + bytes(min(size, len(content) - place)) + content[place + size :]


def rearrange(content, numbers):
    lines = content.splitlines(keepends=True)
    first, second = numbers.randrange(1, len(lines)), numbers.randrange(1, len(lines))
    kind = numbers.randrange(4)
    if kind == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif kind == 1:
        lines.insert(first, lines[second])
    elif kind == 2:
        del lines[first]
    else:
        lines[first] = lines[second]
    return b"".join(lines)


def other_value(content, numbers):
    """A line with another value under one of its keys, or without the key, and its checksum as it was."""
    lines = content.splitlines(keepends=True)
    number = numbers.randrange(1, len(lines))
    entry = json.loads(lines[number])
    key = numbers.choice(list(entry))
    entry[key] = numbers.choice([None, "", 0, [], {}, True, entry.get("name")])
    if numbers.random() < 0.3:
        del entry[key]
    lines[number] = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
    return b"".join(lines)


@pytest.mark.parametrize("mutate", [flip, change_digit, insert, delete, zero, rearrange, other_value])
def test_a_changed_unfinished_file_gives_the_same_results_or_is_refused(results_file, mutate):
    """Every mutant that is continued gives the file of a run that was never stopped, byte for byte."""
    numbers, outcomes = random.Random(mutate.__name__), {"same": 0, "refused": 0}
    for _ in range(MUTANTS // 7):
        content = mutate(left(numbers.randrange(1, LINES + 1)), numbers)
        results_file.partial.write_bytes(content)
        try:
            list(results_file.run(INPUTS, compute))
        except ConfigError as error:
            outcomes["refused"] += 1
            assert str(results_file.partial) in str(error)
            assert results_file.partial.read_bytes() == content
            assert not results_file.output.exists()
        else:
            outcomes["same"] += 1
            assert results_file.output.read_bytes() == CONTENT
            assert (results_file.lines, results_file.failed) == (
                LINES,
                sum(b'"error"' in one for one in CONTENT.splitlines()),
            )
            results_file.output.unlink()
    assert outcomes["same"] > MUTANTS // 40
    assert list(results_file.output.parent.iterdir()) in ([], [results_file.partial])


def test_lines_before_the_damage_stay_and_a_note_names_the_first_damaged_one(results_file):
    lines = left().splitlines(keepends=True)
    lines[5] = lines[5].replace(b"columns", b"column5")
    results_file.partial.write_bytes(b"".join(lines))
    notes = []
    computed = [name for name, _ in results_file.run(INPUTS, compute, note=notes.append)]
    assert computed == NAMES[4:]
    assert notes == [
        f"{results_file.partial} is damaged: result 5 does not match its checksum. It and those after it are computed again."
    ]
    results_file.partial.write_bytes(left(3)[:-9])  # stopped within a write, which is no damage
    assert [name for name, _ in results_file.run(INPUTS, compute, note=notes.append)] == NAMES[2:]
    assert len(notes) == 1


@pytest.mark.parametrize(
    "line",
    ["[]", '"a"', '{"name": 1, "error": "e"}', '{"name": "a"}', '{"name": "a", "error": "e", "text": ""}', '{"name": "a", "text": "", "labels": [1.0], "columns": 2, "exceeded": []}',
     '{"name": "a", "text": "", "labels": [], "columns": true, "exceeded": []}', '{"name": "a", "text": "", "labels": [], "columns": 2, "exceeded": [{}]}',
     '{"name": "a", "text": "", "labels": [], "columns": 2, "exceeded": [], "cycles": 3}', "{" * 100_000, "[" * 100_000, "9" * 5000],
)  # fmt: skip
def test_a_line_with_a_wrong_key_or_type_is_no_result_although_its_checksum_is_right(results_file, line):
    assert result_entry(line.encode()) is None
    content = partial_of(HEADER.line(), CONTENT.splitlines()[0] + b"\n" + line.encode())
    results_file.partial.write_bytes(content)
    assert [name for name, _ in results_file.run(INPUTS, compute)] == NAMES[1:]
    assert results_file.output.read_bytes() == CONTENT


def test_every_line_of_a_finished_file_is_a_result():
    assert [result_entry(line)["name"] for line in CONTENT.splitlines()] == NAMES


def test_a_file_of_an_earlier_version_is_refused_with_the_way_out(results_file):
    header = json.loads(HEADER.line()) | {"version": FORMAT_VERSION - 1}
    results_file.partial.write_bytes(json.dumps(header).encode() + b"\n" + CONTENT)
    with pytest.raises(ConfigError) as caught:
        list(results_file.run(INPUTS, compute))
    for named in (
        results_file.partial,
        f"version {FORMAT_VERSION - 1}",
        f"version {FORMAT_VERSION}",
        "can finish it",
        "Remove it",
    ):
        assert str(named) in str(caught.value)


# During a run -------------------------------------------------------------------------------------------------------


def test_a_file_that_is_removed_or_replaced_during_the_run_ends_it_in_one_sentence(results_file):
    for replace in (False, True):
        results = results_file.run(INPUTS, compute)
        next(results)
        results_file.partial.unlink()
        if replace:
            results_file.partial.write_bytes(b"of another run")
        with pytest.raises(FileError, match="removed or replaced") as caught:
            list(results)
        assert str(results_file.partial) in str(caught.value)
        assert not results_file.output.exists()
    assert results_file.partial.read_bytes() == b"of another run"


def test_a_folder_that_is_removed_during_the_run_ends_it_in_one_sentence(tmp_path):
    (tmp_path / "folder").mkdir()
    results_file = ResultsFile(tmp_path / "folder" / "o.jsonl", HEADER)
    results = results_file.run(INPUTS, compute)
    next(results)
    shutil.rmtree(tmp_path / "folder")
    with pytest.raises(FileError, match="removed or replaced") as caught:
        list(results)
    assert str(results_file.partial) in str(caught.value)


def test_a_file_that_another_program_writes_to_during_the_run_is_not_taken_for_results(results_file):
    results = results_file.run(INPUTS, compute)
    for _ in NAMES:
        next(results)
    content = results_file.partial.read_bytes()
    results_file.partial.write_bytes(content.replace(b"scans/04", b"scans/40"))
    with pytest.raises(FileError, match="from its result 5 on") as caught:
        list(results)
    assert str(results_file.partial) in str(caught.value)
    assert not results_file.output.exists()
    assert len(list(results_file.run(INPUTS, compute))) == LINES - 4
    assert results_file.output.read_bytes() == CONTENT


@contextmanager
def file_size_limit(size):
    """No file of this process may grow beyond `size` bytes: a write stops in the middle of a line, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [len(HEADER.line()) // 2, len(left(4)) + 30, len(left(4))])
def test_a_full_disk_names_the_file_and_the_run_goes_on_later(results_file, size):
    with file_size_limit(size), pytest.raises(FileError, match="Cannot write") as caught:
        list(results_file.run(INPUTS, compute))
    assert str(results_file.partial) in str(caught.value)
    assert results_file.partial.stat().st_size == size
    assert len(list(results_file.run(INPUTS, compute))) == (LINES - 4 if size > len(HEADER.line()) else LINES)
    assert results_file.output.read_bytes() == CONTENT


def test_a_full_disk_at_the_end_keeps_the_results(results_file):
    results = results_file.run(INPUTS, compute)
    for _ in NAMES:
        next(results)
    with file_size_limit(300), pytest.raises(FileError, match="Cannot write") as caught:
        list(results)
    assert str(results_file.output) in str(caught.value)
    assert [path.name for path in results_file.output.parent.iterdir()] == [results_file.partial.name]
    assert list(results_file.run(INPUTS, compute)) == []
    assert results_file.output.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name", ["n" * 255, "n" * 248, "n" * 247, "é" * 127, "漢" * 83 + "o.jl"], ids=["255", "248", "247", "Latin", "Han"]
)
def test_a_name_as_long_as_the_file_system_takes_is_resumed(tmp_path, name):
    results_file = ResultsFile(tmp_path / name, HEADER)
    results = results_file.run(INPUTS, compute)
    next(results)
    results.close()
    (partial,) = tmp_path.iterdir()
    assert partial == results_file.partial == partial_path(tmp_path / name)
    assert len(os.fsencode(partial.name)) <= MAX_NAME_BYTES
    assert partial_path(tmp_path / f"{name[:-1]}x") != partial
    assert len(list(results_file.run(INPUTS, compute))) == LINES - 1
    assert (tmp_path / name).read_bytes() == CONTENT
