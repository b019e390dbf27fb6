"""`foldline run` on the virtual board: its output, its files and its errors."""

import json
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath import Design
from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.errors import BoardError
from datapath.files import write_npz
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.npz import read_npz
from foldline.batch.board_runs import Throughput
from foldline.hardware import board
from overlay_driver import Driver, virtual
from overlay_driver.checks import MAX_LINES
from tests.foldline import command_line
from tests.foldline.stand_in_board import StandInBoard, reading
from tests.golden_data import REPOSITORY
from tests.overlay_driver.bit_files import write_bit_file

pytestmark = pytest.mark.pynq

NAME = "QLSTM128_W2B8A4I8_FC_W8B8"
DESIGN = REPOSITORY / "golden_vectors" / "designs" / f"{NAME}.npz"
VECTORS = REPOSITORY / "golden_vectors" / "vectors" / f"{NAME}.npz"

run = partial(command_line.run, "run")


def fails(message, *arguments, status=1):
    return command_line.fails(message, "run", *arguments, status=status)


@pytest.fixture
def images(tmp_path) -> list[Path]:
    vectors = read_npz(VECTORS, limit=1 << 30)
    paths = [tmp_path / f"{number}.png" for number in range(2)]
    for number, path in enumerate(paths):
        Image.fromarray(vectors[f"image_{number}"]).save(path)
    return paths


def test_lines_are_printed_with_the_milliseconds_of_a_board(images):
    result = run(DESIGN, *images, "--kernel", "published")
    # PE 2 and two steps per unit: 2 * (63 * 2 + 30) + 1 cycles per column and 295.6 per line, at 100 MHz.
    assert result.stdout == (
        f"{images[0]}\t1971 been expected\t258 columns, 0.810 ms (modelled)\n"
        f"{images[1]}\t12 describes the\t312 columns, 0.980 ms (modelled)\n"
    )
    assert result.stderr == (
        "Virtual board: 2 lines, 570 columns in 1.790 ms, modelled from the cycle count at 100 MHz: 111.9 GOPS.\n"
    )
    assert result.exit_code == 0


def test_the_kernel_is_that_of_a_project(images):
    """The RTL's exact cycles, with the 18 and 16 labels of the two lines."""
    cycles = cycles_of(Architecture.of(Design.load(DESIGN)), Kernel.RTL)
    first, second = (cycles.milliseconds(columns, 100, labels) for columns, labels in ((258, 18), (312, 16)))
    result = run(DESIGN, *images)
    assert result.stdout == (
        f"{images[0]}\t1971 been expected\t258 columns, {first:.3f} ms (modelled)\n"
        f"{images[1]}\t12 describes the\t312 columns, {second:.3f} ms (modelled)\n"
    )
    assert result.stderr.startswith("Virtual board: 2 lines, 570 columns in ")


def test_a_bitstream_whose_kernel_nothing_says_is_refused(images, tmp_path):
    """A published bitstream would pair the directions of an odd line wrongly, one of ours takes it."""
    bitstream = write_bit_file(tmp_path / "mine.bit")
    fails(
        f"{bitstream} has no manifest beside it, mine.json: give --manifest FILE, or --kernel published for a bitstream of "
        "LSTM-PYNQ.",
        *(DESIGN, images[0], "--bitstream", bitstream),
    )
    assert run(DESIGN, images[0], "--bitstream", bitstream, "--kernel", "published").exit_code == 0
    named = write_bit_file(tmp_path / "plain-W2A4-pynq.bit")  # its name says it
    assert "0.810 ms" in run(DESIGN, images[0], "--bitstream", named).stdout


def test_a_kernel_that_the_device_or_the_manifest_does_not_have_is_refused(images, tmp_path):
    fails(
        "--kernel is hls; the accelerator of --device rtl is rtl.",
        *(DESIGN, images[0], "--device", "rtl", "--kernel", "hls"),
    )
    Manifest.of(Design.load(DESIGN), answers=()).write(tmp_path / "mine.json")
    fails(
        f"The kernel of {tmp_path / 'mine.json'} is 'rtl'; --kernel needs 'hls'.",
        *(DESIGN, images[0], "--manifest", tmp_path / "mine.json", "--kernel", "hls"),
    )


def test_json(images):
    entries = [json.loads(line) for line in run(DESIGN, *images, "--json").stdout.splitlines()]
    vectors = read_npz(VECTORS, limit=1 << 30)
    for number, entry in enumerate(entries):
        assert entry["labels"] == vectors[f"labels_{number}"].tolist()
        assert entry["text"] == str(vectors[f"text_{number}"])
        assert entry["columns"] == len(vectors[f"pixels_{number}"])
        assert (entry["modelled"], entry["at_most"]) == (True, False)
    assert set(entries[0]) == {"name", "text", "labels", "columns", "milliseconds", "at_most", "modelled", "gops"}


def test_pixels_and_trace(tmp_path):
    trace = tmp_path / "labels.npz"
    result = run(DESIGN, "--pixels", VECTORS, "--trace", trace)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["pixels_0", "pixels_1", "pixels_2"]
    written, vectors = read_npz(trace, limit=1 << 30), read_npz(VECTORS, limit=1 << 30)
    assert set(written) == {"alphabet", "labels_0", "labels_1", "labels_2"}
    for number in range(3):
        np.testing.assert_array_equal(written[f"labels_{number}"], vectors[f"labels_{number}"])


def test_a_line_that_fails_does_not_stop_the_others(images, tmp_path):
    wide = tmp_path / "wide.png"
    Image.new("L", (2000, 32), 255).save(wide)
    trace = tmp_path / "labels.npz"
    missing = tmp_path / "none.png"
    result = fails(
        f"2 of 4 lines failed. No trace was written to {trace}.",
        *(DESIGN, images[0], wide, missing, images[1], "--trace", trace, "--json"),
    )
    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert [entry.get("text") for entry in entries] == ["1971 been expected", None, None, "12 describes the"]
    assert entries[1]["error"] == f"{wide}: The line has 2006 columns; the accelerator takes 1 to 732."
    assert entries[2]["error"] == f"Cannot read {missing}: no such file."
    assert not trace.exists()


def test_the_error_of_a_single_line_is_printed_once(tmp_path):
    missing = tmp_path / "none.png"
    assert fails(f"Cannot read {missing}: no such file.", DESIGN, missing).stdout == ""


def test_with_a_bitstream_and_its_manifest(images, tmp_path):
    bitstream = write_bit_file(tmp_path / "mine.bit")
    vectors = read_npz(VECTORS, limit=1 << 30)
    answer = KnownAnswer(vectors["pixels_1"], vectors["labels_1"])
    Manifest.of(Design.load(DESIGN), answers=(answer,), kernel=Kernel.PUBLISHED, clock_mhz=50).write(
        tmp_path / "mine.json"
    )
    result = run(DESIGN, images[0], "--bitstream", bitstream)
    assert result.stdout == f"{images[0]}\t1971 been expected\t258 columns, 1.621 ms (modelled)\n"
    assert "modelled from the cycle count at 50 MHz" in result.stderr


def test_a_wrong_known_answer_prints_no_line(images, tmp_path):
    vectors = read_npz(VECTORS, limit=1 << 30)
    wrong = KnownAnswer(vectors["pixels_1"], vectors["labels_0"])
    manifest = tmp_path / "wrong.json"
    Manifest.of(Design.load(DESIGN), answers=(wrong,)).write(manifest)
    result = fails(
        "This bitstream does not hold this design: a known-answer line of 312 columns gives '12 describes the' on "
        "the board, and '1971 been expected' with the design.",
        *(DESIGN, images[0], "--manifest", manifest),
    )
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--device", "bord"),
            "--device is 'bord'; it must be board, virtual, rtl[:SEED], remote:HOST[:PORT] or serial:PATH[:BAUD].",
        ),
        (("--device", "board"), "--device board needs --bitstream FILE.bit."),
        (("--bitstream", "none.bit"), "Cannot read none.bit: no such file."),
        (("--manifest", "none.json"), "Cannot read none.json: no such file."),
    ],
)
def test_invalid_arguments_are_errors(images, arguments, message):
    fails(message, DESIGN, images[0], *arguments)


def test_no_input_is_an_error():
    fails("Give images, --list FILE or --pixels FILE.npz, and only one of them.", DESIGN, status=2)


def test_the_files_must_differ(images):
    result = run(DESIGN, images[0], "--trace", DESIGN)
    assert result.exit_code == 1
    assert DESIGN.stat().st_size > 1000


def test_pixels_of_a_wrong_shape(tmp_path):
    path = tmp_path / "pixels.npz"
    write_npz(path, {"pixels_0": np.zeros((10, 8), np.int8)})
    fails("pixels_0: The line has shape [10, 8] and type int8; it must be integers [T, 32].", DESIGN, "--pixels", path)


# What no virtual board does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_most", "most", "least"), [(False, "", ""), (True, "at most ", "at least ")])
def test_a_board_s_times_are_measured_and_may_be_upper_bounds(images, monkeypatch, at_most, most, least):
    def opened(design, **_):
        stand_in = StandInBoard(design, kind="board", modelled=False, at_most=at_most)
        stand_in.manifest.clock_mhz = 50.0
        return stand_in

    monkeypatch.setattr("foldline.hardware.board.open_driver", opened)
    result = run(DESIGN, *images)
    assert result.stdout == (
        f"{images[0]}\t1971 been expected\t258 columns, {most}64.500 ms\n"
        f"{images[1]}\t12 describes the\t312 columns, {most}78.000 ms\n"
    )
    assert result.stderr == f"Board: 2 lines, 570 columns in {most}142.500 ms, measured at 50 MHz: {least}0.4 GOPS.\n"
    entry = json.loads(run(DESIGN, images[0], "--json").stdout)
    assert (entry["milliseconds"], entry["at_most"], entry["modelled"]) == (64.5, at_most, False)
    assert entry["gops"] == pytest.approx(0.4)


def test_one_line_is_singular(images):
    printed = run(DESIGN, images[0], "--kernel", "published").stderr
    assert printed.startswith("Virtual board: 1 line, 258 columns in 0.810 ms, modelled from ")


def test_a_total_is_an_upper_bound_if_any_line_s_time_is():
    design, columns = Design.load(DESIGN), np.zeros((10, 32), np.int8)
    total = Throughput()
    for at_most, labels in ((True, [1, 2]), (False, [3])):
        total.add(reading(design, columns, np.array(labels), modelled=False, at_most=at_most))
    assert (total.lines, total.columns, total.labels) == (2, 20, 3)
    assert total.at_most
    assert not total.modelled


def test_a_file_name_that_is_not_utf8_is_printed_with_escapes(images, tmp_path):
    named = tmp_path / os.fsdecode(b"line\xff.png")
    images[0].rename(named)
    result = run(DESIGN, named)
    assert result.stdout.startswith(f"{tmp_path}/line\\udcff.png\t1971 been expected\t")
    assert json.loads(run(DESIGN, named, "--json").stdout)["name"] == str(named)
    named.unlink()
    fails(f"Cannot read {tmp_path}/line\\udcff.png: no such file.", DESIGN, named)


def test_without_a_trace_no_message_mentions_one(images, tmp_path):
    missing = tmp_path / "none.png"
    fails("1 of 2 lines failed.", DESIGN, images[0], missing)


@pytest.mark.parametrize("option", ["--trace", "--pixels", "--bitstream", "--manifest"])
def test_input_and_output_files_must_differ(tmp_path, option):
    path = tmp_path / "pixels.npz"
    path.write_bytes(VECTORS.read_bytes())
    other = DESIGN if option != "--trace" else path
    pixels = () if option == "--pixels" else ("--pixels", path)
    named = {"--trace": "pixels and trace"}.get(option, f"DESIGN and {option.removeprefix('--')}")
    fails(f"{named} are the same file, {other}; one would be written over the other.", DESIGN, *pixels, option, other)


def test_json_has_unescaped_text(images, tmp_path):
    named = tmp_path / "Straße.png"
    images[0].rename(named)
    assert f'"name": "{named}"' in run(DESIGN, named, "--json").stdout


# A board that goes wrong -----------------------------------------------------------------------------------------------


def computing(monkeypatch, change):
    """Let the virtual board compute its lines from the fifth on by a function; the first three are the known-answer lines."""
    computed = []

    def changed_core(design, kernel):
        core = simulated_core(design, kernel)
        compute = core._compute

        def changed(columns):
            computed.append(len(columns))
            return compute(columns) if len(computed) <= 4 else change()

        core._compute = changed
        return core

    simulated_core = board.simulated_core
    monkeypatch.setattr(board, "simulated_core", changed_core)


@pytest.fixture
def going_wrong(monkeypatch):
    """A virtual board whose output is stuck from its fifth line on."""
    computing(monkeypatch, lambda: virtual.Computed(np.array([1, 2], np.uint8), 2))


@pytest.mark.parametrize("every", [(), ("--check-every", 2)])
def test_a_board_that_goes_wrong_prints_no_wrong_text(images, going_wrong, tmp_path, every):
    command = (DESIGN, images[0], images[1], images[0], "--kernel", "hls", *every)
    result = fails(
        f"3 of 3 lines failed. No trace was written to {tmp_path / 'labels.npz'}.",
        *(*command, "--json", "--trace", tmp_path / "labels.npz"),
    )
    entries = [json.loads(line) for line in result.stdout.splitlines()]
    assert [set(entry) for entry in entries] == [{"name", "error"}] * 3
    assert entries[1]["error"].startswith(f"{images[1]}: The result is not reliable: ")
    assert "The board computes wrongly: a known-answer line of" in entries[1]["error"]
    assert not (tmp_path / "labels.npz").exists()


def test_the_first_line_is_printed_where_it_was_confirmed(images, going_wrong, monkeypatch):
    monkeypatch.setattr(board, "known_answers", lambda design: (answer,))
    vectors = read_npz(VECTORS, limit=1 << 30)
    answer = KnownAnswer(vectors["pixels_0"], vectors["labels_0"])
    # Known answer, line, known answer, line; then the output is stuck.
    result = fails("1 of 2 lines failed.", DESIGN, images[0], images[1], "--kernel", "hls", "--check-every", 1)
    assert [line.split("\t")[1] for line in result.stdout.splitlines()] == ["1971 been expected"]
    assert f"Error: {images[1]}: The result is not reliable: 1 line was computed after " in result.stderr


def test_lines_between_checks_have_a_range(images):
    allowed = f"1<=x<={MAX_LINES}"
    for every in (0, MAX_LINES + 1):
        message = f"Invalid value for '--check-every': {every} is not in the range {allowed}."
        fails(message, DESIGN, images[0], "--check-every", every, status=2)


def test_a_stopped_run_counts_the_lines_that_have_no_result(images, monkeypatch):
    """The first line waits for a check when the second one is interrupted."""
    computing(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
    result = run(DESIGN, images[0], images[1], "--kernel", "hls")
    assert result.stdout == ""
    message = "Stopped. 2 lines that were read have no result: the board was not checked after that.\n"
    assert (result.exit_code, result.stderr) == (130, message)


def test_a_stopped_run_whose_board_fails_while_it_ends_is_a_stopped_run(images, monkeypatch):
    def interrupted():
        monkeypatch.setattr(Driver, "_stop", failing)
        raise KeyboardInterrupt

    def failing(driver):
        raise BoardError("The accelerator is not idle.")

    computing(monkeypatch, interrupted)
    result = run(DESIGN, images[0], images[1], "--kernel", "hls")
    assert (result.exit_code, result.stderr) == (130, "Stopped. The accelerator is not idle.\n")


def test_known_answers_that_say_nothing_are_noted(images, tmp_path):
    design, manifest = Design.load(DESIGN), tmp_path / "silent.json"
    for answers, note in (
        ((), "There is no known-answer line in the manifest: nothing shows whether the board computes this network."),
        (
            (KnownAnswer(np.zeros((2, 32), np.int8), np.zeros(0, np.uint8)),),
            "The known-answer lines in the manifest have no labels: a board that computes nothing gives the same, and is not "
            "detected.",
        ),
    ):
        Manifest.of(design, answers=answers).write(manifest)
        result = run(DESIGN, images[0], "--manifest", manifest)
        assert result.exit_code == 0
        assert result.stderr.splitlines()[0] == note
