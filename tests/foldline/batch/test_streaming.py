"""Any number of lines: in order, in bounded memory, resumable; always the bytes of one run."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath import Design, Limits
from datapath.errors import FileError
from datapath.files import npz_writer, write_npz
from datapath.npz import read_npz
from datapath.quoting import displayed
from fixedpoint_sim import simulate, trace_writer
from foldline.batch import inputs as inputs_module
from foldline.batch.inputs import LineInput, image_inputs, pixel_inputs
from foldline.batch.results import Header, SimulatedLine, result_json
from foldline.batch.results_file import ResultsFile
from foldline.batch.simulation import Simulation
from tests.designs import random_design
from tests.foldline.command_line import fails, run
from tests.foldline.partial import partial_of
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

LINES = 23


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def design():
    return random_design(5, inputs=32, hidden=8, classes=5, folding=(2, 16, 4), limits=Limits(columns=200, labels=95))


@pytest.fixture(scope="module")
def work(design, tmp_path_factory):
    """A folder with a design, pixels of 23 lines (lines 4 and 20 are too wide), and what one run makes of them."""
    folder = tmp_path_factory.mktemp("streaming")
    design.save(folder / "design.npz")
    numbers = np.random.default_rng(0)
    lengths = [300 if n in (4, 20) else int(2 * numbers.integers(1, 90)) for n in range(LINES)]
    pixels = {f"pixels_{n}": numbers.integers(-8, 8, size=(lengths[n], 32)).astype(np.int8) for n in range(LINES)}
    write_npz(folder / "pixels.npz", pixels)
    result = run("simulate", folder / "design.npz", "--pixels", folder / "pixels.npz", "-o", folder / "whole.jsonl")
    assert result.exit_code == 1
    return folder


@pytest.fixture
def command(work):
    return ("simulate", work / "design.npz", "--pixels", work / "pixels.npz")


@pytest.fixture(scope="module")
def whole(work):
    return (work / "whole.jsonl").read_bytes()


def draw(path: Path, width: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(width).integers(0, 256, size=(32, width), dtype=np.uint8)).save(path)
    return path


# One run ------------------------------------------------------------------------------------------------------------


def test_the_file_holds_the_lines_in_order_as_json_prints_them(design, work, whole, command):
    pixels = read_npz(work / "pixels.npz", limit=1 << 30)
    entries = [json.loads(line) for line in whole.splitlines()]
    assert [entry["name"] for entry in entries] == [f"pixels_{n}" for n in range(LINES)]
    printed = iter(run(*command, "--json", "--threads", 3).stdout.splitlines())
    for number, line in enumerate(whole.decode().splitlines()):
        assert line == next(printed)
        if number in (4, 20):
            assert json.loads(line) == {
                "name": f"pixels_{number}",
                "error": f"pixels_{number}: The line exceeds the overlay: 300 columns, allowed at most 200. "
                "--ignore-limits computes it nevertheless.",
            }
        else:
            line_result = SimulatedLine.of(simulate(design, pixels[f"pixels_{number}"]))
            assert line == result_json(f"pixels_{number}", line_result)
    assert next(printed, None) is None
    assert names_in(work) == ["design.npz", "pixels.npz", "whole.jsonl"]


def test_failing_lines_are_named_on_stderr_and_do_not_stop_the_rest(command, whole, tmp_path):
    result = fails("2 of 23 lines failed.", *command, "-o", tmp_path / "o.jsonl", "--threads", 1)
    assert result.stdout == ""
    assert [line.partition(": The")[0] for line in result.stderr.splitlines()[:-1]] == [
        "Error: pixels_4",
        "Error: pixels_20",
    ]
    assert (tmp_path / "o.jsonl").read_bytes() == whole


def test_an_unreadable_image_is_an_entry(work, tmp_path):
    good, bad = draw(tmp_path / "good.png", 60), tmp_path / "bad.png"
    bad.write_text("no image")
    fails("1 of 2 lines failed.", "simulate", work / "design.npz", bad, good, "-o", tmp_path / "o.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "o.jsonl").read_bytes().splitlines())
    assert first == {
        "name": str(bad),
        "error": f"{bad} is not an image of kind PNG, TIFF, JPEG, GIF, WebP, BMP or PNM, or its header is damaged.",
    }
    assert second["name"] == str(good)
    result = fails(
        f"{bad} is not an image of kind PNG, TIFF, JPEG, GIF, WebP, BMP or PNM, or its header is damaged.",
        "simulate",
        work / "design.npz",
        bad,
    )
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_pixel_array_is_an_entry(design, work, tmp_path):
    content = bytearray((work / "pixels.npz").read_bytes())
    place = content.index(b"pixels_2.npy") + 200
    content[place : place + 40] = bytes(40)
    (tmp_path / "pixels.npz").write_bytes(content)
    simulation = Simulation(design=design, ignore_limits=True)
    results = dict(simulation.start()(pixel_inputs(tmp_path / "pixels.npz")))
    assert len(results) == LINES
    broken = [name for name, result in results.items() if isinstance(result, FileError)]
    assert broken == ["pixels_2"]
    assert str(results["pixels_2"]).startswith(f"pixels_2: {tmp_path / 'pixels.npz'} is damaged or holds more than")


def test_where_nothing_can_be_written(command, tmp_path):
    missing = tmp_path / "none" / "o.jsonl"
    fails((f"{missing}.partial", "No such file"), *command, "-o", missing)
    fails((tmp_path, "directory"), *command, "-o", tmp_path)


# Inputs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [1, 2, 3, 50_000])
def test_folders_are_read_in_the_order_of_their_paths(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(inputs_module, "SORTED_AT_ONCE", at_once)
    for name in ("b/z.png", "b.png", "b-/a.PNG", "a/c/x.jpg", "a/c.png", "é.png", "10.png", "9.png", "a/c/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.png").symlink_to(tmp_path / "9.png")
    found = image_inputs([tmp_path])
    expected = sorted(
        path for path in tmp_path.rglob("*") if path.suffix.lower() in (".png", ".jpg") and path.is_file()
    )
    assert [line.source for line in found] == [path for path in expected if "loop" not in path.parts]
    assert found.count() == 9


def test_a_folder_that_cannot_be_read_is_a_line_that_fails(design, tmp_path, monkeypatch):
    draw(tmp_path / "a.png", 20)
    draw(tmp_path / "closed" / "b.png", 20)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, os.strerror(13), str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    (_, image), (name, error) = Simulation(design=design).start()(image_inputs([tmp_path]))
    assert image.text is not None
    assert (name, str(error)) == (str(tmp_path / "closed"), f"Cannot read {tmp_path / 'closed'}: Permission denied.")


def test_list_file_stdin_folder_and_names_give_the_same(work, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = [str(draw(Path("scans") / f"{n}.png", 40 + n)) for n in range(4)]
    listed = "\ufeff" + "\r\n".join(images) + "\n\n"  # as Notepad writes it
    Path("list.txt").write_text(listed, encoding="utf-8", newline="")
    named = run("simulate", work / "design.npz", *images, "--json")
    assert (named.exit_code, len(named.stdout.splitlines())) == (0, 4)
    assert run("simulate", work / "design.npz", "--list", "list.txt", "--json").stdout == named.stdout
    assert run("simulate", work / "design.npz", "--list", "-", "--json", input=listed).stdout == named.stdout
    assert run("simulate", work / "design.npz", "scans", "-o", "o.jsonl").exit_code == 0
    assert Path("o.jsonl").read_text() == named.stdout


def test_what_a_user_gets_wrong_with_lists(work, tmp_path):
    design, missing, empty = work / "design.npz", tmp_path / "missing.txt", tmp_path / "empty.txt"
    empty.write_text("\n\n")
    fails((missing, "no such file"), "simulate", design, "--list", missing)
    fails((tmp_path, "folder"), "simulate", design, "--list", tmp_path)
    fails((empty, "no image"), "simulate", design, "--list", empty)
    fails(("standard input", "no image"), "simulate", design, "--list", "-")
    fails(("--list", "--pixels"), "simulate", design, "a.png", "--list", empty, status=2)


def test_a_name_that_is_no_utf8_comes_back_from_json(design, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    line = result_json(name, FileError(f"Cannot read {name}: no such file."))
    assert json.loads(line.encode("utf-8"))["name"] == name
    assert displayed(name) == "caf\\udce9.png"


# Bounded memory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 3])
def test_an_endless_stream_is_taken_a_bounded_number_ahead(design, threads):
    taken = 0

    def endless():
        nonlocal taken
        for number in count():
            taken += 1
            yield LineInput(f"line {number}", np.zeros((2, 32), dtype=np.int8))

    results = Simulation(design=design).start(threads=threads)(endless())
    for given in range(1, 60):
        name, _ = next(results)
        assert name == f"line {given - 1}"
        assert taken <= given + 4 * threads
    results.close()


def test_traces_stream_and_equal_those_of_the_command(design, work, command, tmp_path):
    pixels = read_npz(work / "pixels.npz", limit=1 << 30)
    traces = [simulate(design, columns, ignore_limits=True) for columns in pixels.values()]
    result = run(*command, "--ignore-limits", "--trace", tmp_path / "t.npz", "-o", tmp_path / "o.jsonl")
    assert result.exit_code == 0
    with trace_writer(tmp_path / "streamed.npz", design.alphabet) as write:
        (temporary,) = tmp_path.glob(".streamed.npz.*")
        sizes = []
        for trace in traces:
            write(trace)
            sizes.append(temporary.stat().st_size)
        assert not (tmp_path / "streamed.npz").exists()
    assert sizes[-1] > sizes[0] > 0
    assert (tmp_path / "streamed.npz").read_bytes() == (tmp_path / "t.npz").read_bytes()


def test_no_trace_where_a_line_failed(command, tmp_path):
    trace = tmp_path / "t.npz"
    message = f"2 of 23 lines failed. No trace was written to {trace}."
    fails(message, *command, "--trace", trace, "-o", tmp_path / "o.jsonl")
    assert names_in(tmp_path) == ["o.jsonl"]


def test_a_trace_starts_an_unfinished_job_over(command, whole, tmp_path):
    unfinished(command, tmp_path / "o.jsonl", whole, lines=9)
    run(*command, "--trace", tmp_path / "t.npz", "--ignore-limits", "-o", tmp_path / "b.jsonl")
    assert len(read_npz(tmp_path / "t.npz", limit=1 << 30)) == 3 * LINES + 1
    fails(
        "2 of 23 lines failed. No trace was written to t.npz.", *command, "--trace", "t.npz", "-o", tmp_path / "o.jsonl"
    )
    assert (tmp_path / "o.jsonl").read_bytes() == whole


def test_an_error_of_the_body_is_not_blamed_on_the_archive(tmp_path):
    with pytest.raises(BrokenPipeError), npz_writer(tmp_path / "a.npz") as write:
        write("a", np.zeros(3))
        raise BrokenPipeError
    assert names_in(tmp_path) == []


# Resuming -----------------------------------------------------------------------------------------------------------


def header_of(command) -> bytes:
    """The first line of what an unfinished run of this command leaves."""
    design, pixels = Design.load(command[1]), pixel_inputs(command[3]).pixels if "--pixels" in command else ""
    return Header.of(design, ignore_limits=False, pixels=pixels).line()


def unfinished(command, output: Path, whole: bytes, *, lines: int, half: bytes = b"") -> Path:
    """Leave what a run leaves that was killed after so many lines and a part of one more."""
    partial = output.with_name(f"{output.name}.partial")
    body = b"".join(whole.splitlines(keepends=True)[:lines])
    partial.write_bytes(partial_of(header_of(command), body) + half)
    return partial


@pytest.mark.parametrize(
    ("lines", "half"), [(0, b""), (1, b'{"na'), (7, b""), (22, b'{"name": "pixels_22"'), (23, b"")]
)
def test_a_run_goes_on_after_the_last_whole_line(command, whole, tmp_path, lines, half):
    unfinished(command, tmp_path / "o.jsonl", whole, lines=lines, half=half)
    result = fails("2 of 23 lines failed.", *command, "-o", tmp_path / "o.jsonl")
    assert (tmp_path / "o.jsonl").read_bytes() == whole
    assert names_in(tmp_path) == ["o.jsonl"]
    assert len(result.stderr.splitlines()) == 1 + (lines <= 4) + (lines <= 20)  # the others were reported before


def test_every_cut_of_the_unfinished_file_is_continued_to_the_same_bytes(design, tmp_path):
    lines = [LineInput(str(n), np.full((2 * n + 2, 32), n, dtype=np.int8)) for n in range(3)]
    header, output = Header.of(design, ignore_limits=False, pixels=""), tmp_path / "o.jsonl"
    compute = Simulation(design=design, summaries=True).start(threads=1)
    results_file = ResultsFile(output, header)
    assert len(list(results_file.run(lines, compute))) == 3
    content = output.read_bytes()
    unfinished = partial_of(header.line(), content)
    for length in range(len(unfinished) + 1):
        results_file.partial.write_bytes(unfinished[:length])
        computed = len(list(results_file.run(lines, compute)))
        assert (results_file.lines, results_file.failed) == (3, 0)
        assert computed == 3 - max(unfinished[:length].count(b"\n") - 1, 0)  # the header is not a result
        assert output.read_bytes() == content


def test_the_lines_of_the_unfinished_file_are_counted_from_the_file(design, tmp_path, monkeypatch):
    """Ctrl-C may come between the write of a line and its count: here the count raises it."""
    lines = [LineInput(str(n), np.full((2, 32), n, dtype=np.int8)) for n in range(5)]
    results_file = ResultsFile(tmp_path / "o.jsonl", Header.of(design, ignore_limits=False, pixels=""))
    results = results_file.run(lines, Simulation(design=design, summaries=True).start(threads=1))
    next(results), next(results)
    monkeypatch.setattr("foldline.batch.results_file.isinstance", raising_interrupt, raising=False)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert results_file.partial.read_bytes().count(b"\n") == 1 + 3  # the header, and the line that was not counted
    assert results_file.written_lines() == 3


def raising_interrupt(*_):
    raise KeyboardInterrupt


SLOW_RUN = """
import os, sys, time
from fixedpoint_sim import Simulator
compute = Simulator.run
Simulator.run = lambda *a, **k: (time.sleep(float(os.environ.get("SECONDS_PER_LINE", 0.03))), compute(*a, **k))[1]
from foldline.cli import main
main(sys.argv[1:])
"""


def start(command, output, seconds_per_line=0.03):
    arguments = [sys.executable, "-c", SLOW_RUN, *map(str, command), "-o", str(output), "--threads", "1"]
    environment = os.environ | {"SECONDS_PER_LINE": str(seconds_per_line)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(arguments, cwd=REPOSITORY, env=environment, **pipes)


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_for_lines(partial: Path, process, lines: int) -> None:
    deadline = time.monotonic() + 60
    while lines_in(partial) < lines and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_killed_again_and_again_the_file_is_the_same(command, whole, tmp_path):
    output, partial = tmp_path / "o.jsonl", tmp_path / "o.jsonl.partial"
    moments = random.Random(time.time_ns())
    for kill in range(3):
        process = start(command, output)
        wait_for_lines(partial, process, 1 + 4 * kill + moments.randrange(1, 5))
        time.sleep(moments.random() / 30)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert names_in(tmp_path) == ["o.jsonl.partial"]
    kept = lines_in(partial)
    process = start(command, output)
    _, errors = process.communicate(timeout=60)
    assert kept > 5
    assert (process.returncode, errors.splitlines()[-1]) == (1, "Error: 2 of 23 lines failed.")
    assert output.read_bytes() == whole
    assert names_in(tmp_path) == ["o.jsonl"]


def test_interrupted_it_says_how_to_go_on(command, whole, tmp_path):
    output, partial = tmp_path / "o.jsonl", tmp_path / "o.jsonl.partial"
    process = start(command, output, seconds_per_line=0.15)
    wait_for_lines(partial, process, 4)
    other = fails((partial, "another run"), *command, "-o", output)
    assert other.stdout == ""
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    kept = lines_in(partial) - 1
    assert process.returncode == 130
    assert errors.splitlines()[-1] == f"Stopped. {partial} holds {kept} lines; the same command continues from there."
    run(*command, "-o", output)
    assert output.read_bytes() == whole


def test_another_run_is_refused_in_one_sentence(design, work, command, whole, tmp_path):
    output = tmp_path / "o.jsonl"
    partial = unfinished(command, output, whole, lines=5)
    content = partial.read_bytes()

    def refused(difference, *arguments):
        fails((partial, difference, "Remove it"), *arguments, "-o", output)
        assert partial.read_bytes() == content
        assert not output.exists()

    random_design(4, inputs=32, hidden=8, classes=5, limits=design.limits).save(tmp_path / "other.npz")
    refused("the design", "simulate", tmp_path / "other.npz", *command[2:])
    refused("--ignore-limits", *command, "--ignore-limits")
    pixels = read_npz(work / "pixels.npz", limit=1 << 30)
    write_npz(tmp_path / "pixels.npz", pixels | {"pixels_22": np.zeros((2, 32), dtype=np.int8)})
    refused("the pixels file", *command[:3], tmp_path / "pixels.npz")
    for content in (b"my notes\n", b'{"foldline": "shard", "version": 2}\n', b"notes"):
        partial.write_bytes(content)
        refused("first line", *command)


def test_other_images_are_refused_in_one_sentence(work, tmp_path):
    images = [draw(tmp_path / f"{n}.png", 40 + n) for n in range(3)]
    command, output = ("simulate", work / "design.npz"), tmp_path / "o.jsonl"
    run(*command, *images, "-o", output)
    partial = tmp_path / "o.jsonl.partial"
    partial.write_bytes(partial_of(header_of(command), output.read_bytes()))
    content = partial.read_bytes()
    fails((partial, "line 2", images[1], images[2]), *command, images[0], images[2], "-o", output)
    fails((partial, "more lines than the 2"), *command, *images[:2], "-o", output)
    assert partial.read_bytes() == content


def test_another_folding_and_more_lines_are_the_same_run(design, work, tmp_path):
    design.refolded(random_design(5, inputs=32, hidden=8).folding).save(tmp_path / "refolded.npz")
    images = [draw(tmp_path / f"{n}.png", 40 + n) for n in range(3)]
    output = tmp_path / "o.jsonl"
    run("simulate", work / "design.npz", *images, "-o", output)
    content = output.read_bytes()
    header = header_of(("simulate", work / "design.npz"))
    (tmp_path / "o.jsonl.partial").write_bytes(partial_of(header, content.splitlines(keepends=True)[0]))
    assert run("simulate", tmp_path / "refolded.npz", *images, "-o", output).exit_code == 0
    assert output.read_bytes() == content


# Progress -----------------------------------------------------------------------------------------------------------


def test_a_terminal_sees_a_bar_with_rates(command, tmp_path):
    import pty

    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-c", SLOW_RUN, *map(str, command), "-o", str(tmp_path / "o.jsonl"), "--threads", "1"]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "150"}
    process = subprocess.Popen(arguments, cwd=REPOSITORY, stderr=theirs, env=environment)
    os.close(theirs)
    shown = bytearray()

    def read():
        try:
            while chunk := os.read(ours, 4096):
                shown.extend(chunk)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    process.wait(timeout=60)
    reader.join(timeout=10)
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"\d+/23 \d+ lines/s, [\d,]+ columns/s, 0:00:0\d left", text)
    assert "Error: pixels_4: The line exceeds the overlay: 300 columns" in text
