"""The driver on the virtual board gives the labels of the simulator."""

import re

import numpy as np
import pytest
from PIL import Image

from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.errors import BoardError, ConfigError, DataError, DesignError, FoldlineError, ImageError, LimitError
from datapath.images import image_columns
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.npz import read_npz
from fixedpoint_sim import simulate
from foldline.hardware.board import DEVICES, known_answers, open_driver
from overlay_driver import Driver
from overlay_driver.accelerator import MIN_WORDS
from tests.overlay_driver.boards import (
    GOLDEN,
    SMALL,
    TRAINED,
    driver_of,
    golden_answer,
    golden_design,
    golden_lines,
    line_with_labels,
    random_line,
    small_design,
)

ALL_GOLDEN = sorted(path.stem for path in (GOLDEN / "designs").glob("*.npz"))
TRAINED_NETWORKS = [name for name in ALL_GOLDEN if name.startswith("QLSTM")]


@pytest.mark.pynq_versions
@pytest.mark.parametrize("name", ALL_GOLDEN)
def test_labels_of_every_golden_line_equal_its_vector(name):
    design = golden_design(name)
    lines = golden_lines(name)
    with driver_of(design, answers=(golden_answer(name),), kernel=Kernel.HLS) as driver:
        for columns, labels in lines:
            found = simulate(design, columns, ignore_limits=True).found
            if found > design.limits.labels:
                with pytest.raises(
                    LimitError, match=rf"^The line has {found} labels; the accelerator writes at most \d+\.$"
                ):
                    driver.read_columns(columns)
            else:
                np.testing.assert_array_equal(driver.read_columns(columns).labels, labels)


@pytest.mark.pynq_versions
def test_an_image_gives_the_labels_of_its_columns():
    vectors = read_npz(GOLDEN / "vectors" / f"{TRAINED}.npz", limit=1 << 30)
    images = [Image.fromarray(vectors[f"image_{number}"]) for number in range(2)]
    with driver_of(golden_design(TRAINED)) as driver:
        assert [reading.text for reading in driver.read_texts(images)] == [str(vectors[f"text_{n}"]) for n in range(2)]
        assert driver.read_text(images[1]).text == str(vectors["text_1"])


def test_a_result_has_the_board_s_time_and_the_published_throughput():
    design = golden_design(TRAINED)
    ((columns, labels), *_) = golden_lines(TRAINED)
    with driver_of(design) as driver:
        reading = driver.read_columns(columns)
    assert reading.columns == len(columns)
    modelled = cycles_of(Architecture.of(design), Kernel.PUBLISHED).milliseconds(len(columns), 100)
    assert reading.milliseconds == pytest.approx(modelled, rel=1e-9)
    assert reading.modelled
    assert not reading.at_most
    assert reading.operations == 351_488 * len(columns)
    assert reading.gops == pytest.approx(351_488 * len(columns) / reading.milliseconds / 1e6)
    assert reading.text == design.alphabet.text(labels)


def test_time_is_inversely_proportional_to_the_clock():
    columns = random_line(small_design(), 40)
    times = []
    for clock in (100, 50):
        with driver_of(small_design(), clock_mhz=clock) as driver:
            times.append(driver.read_columns(columns).milliseconds)
    assert times[1] == pytest.approx(2 * times[0])


def test_the_next_line_is_prepared_while_one_is_computed():
    design = small_design()
    with driver_of(design) as driver:
        core = driver.board.device.core
        seen = []

        def lines():
            for seed in range(4):
                seen.append(np.isfinite(core.done_at))
                yield random_line(design, 20, seed)

        readings = list(driver.read_lines(lines()))
    assert seen == [False, True, True, True]
    for seed, reading in enumerate(readings):
        np.testing.assert_array_equal(reading.labels, simulate(design, random_line(design, 20, seed)).labels)


def test_lines_of_every_length_reuse_the_buffers():
    design = small_design(columns=60)
    lengths = [60, 2, 4, 58, 2, 60]
    with driver_of(design) as driver:
        allocated = list(driver.board.device.memory.allocations)
        readings = list(driver.read_lines(random_line(design, length, length) for length in lengths))
        assert driver.board.device.memory.allocations == allocated
        assert len(allocated) == 4
    for length, reading in zip(lengths, readings, strict=True):
        np.testing.assert_array_equal(reading.labels, simulate(design, random_line(design, length, length)).labels)
    assert driver.board.device.memory.stray == []


def test_errors_are_yielded_in_order():
    design = small_design(columns=60)
    good = random_line(design, 10)
    lines = [good, random_line(design, 62), ImageError("a.png is not an image."), good, good[:, :3], good[:5], good]
    with driver_of(design) as driver:
        results = list(driver.read_lines(lines))
    messages = [str(result) if isinstance(result, FoldlineError) else None for result in results]
    assert messages == [
        None,
        "The line has 62 columns; the accelerator takes 1 to 60.",
        "a.png is not an image.",
        None,
        "The line has shape [10, 3] and type int8; it must be integers [T, 8].",
        "The line has 5 columns; the published overlay takes an even number of them.",
        None,
    ]


@pytest.mark.parametrize("length", [0, 61, 62, 100])
def test_a_line_that_exceeds_the_limit_is_not_started(length):
    design = small_design(columns=60)
    with driver_of(design, kernel=Kernel.HLS) as driver:
        before = dict(driver.board.device.core._registers)
        with pytest.raises(LimitError, match=rf"^The line has {length} columns; the accelerator takes 1 to 60\.$"):
            driver.read_columns(random_line(design, length))
        assert driver.board.device.core._registers == before


def test_the_hls_kernel_accepts_odd_lines():
    design = small_design()
    columns = line_with_labels(design, 31)
    with driver_of(design, kernel=Kernel.HLS) as driver:
        np.testing.assert_array_equal(
            driver.read_columns(columns).labels, simulate(design, columns, ignore_limits=True).labels
        )


def test_a_pixel_out_of_range_is_refused():
    design = small_design()
    columns = random_line(design, 10).astype(np.int64)
    columns[3, 2] = 2
    with (
        driver_of(design) as driver,
        pytest.raises(DataError, match=r"^A pixel of -2\.\.2 does not fit 2 bits \(-2\.\.1\)\.$"),
    ):
        driver.read_columns(columns)


def test_an_image_that_cannot_be_read_ends_a_stream_of_texts(tmp_path):
    with (
        driver_of(small_design()) as driver,
        pytest.raises(ImageError, match=r"Cannot read .*none\.png: no such file\.$"),
    ):
        list(driver.read_texts([tmp_path / "none.png"]))


@pytest.mark.parametrize(
    ("columns", "labels", "words"),
    [(732, 95, (1464, MIN_WORDS)), (512, 1023, (MIN_WORDS, MIN_WORDS)), (513, 1024, (1026, 1025))],
)
def test_buffer_sizes_have_a_minimum(columns, labels, words):
    """A record of this design is one word; XRT 2.17 gives buffers under 4 KiB addresses that are out of reach."""
    with driver_of(small_design(columns=columns, labels=labels)) as driver:
        assert [(len(buffer.input), len(buffer.output)) for buffer in driver._buffers] == [words, words]
    assert MIN_WORDS * 8 == 8192


def test_a_second_iterator_is_refused_until_the_first_ends():
    design = small_design()
    line = random_line(design, 10)
    expected = r"^The driver is reading other lines; exhaust or close "
    with driver_of(design) as driver:
        first = driver.read_lines([line] * 4)
        next(first)
        with pytest.raises(BoardError, match=expected):
            driver.read_columns(line)
        assert len(list(first)) == 3
        np.testing.assert_array_equal(driver.read_columns(line.tolist()).labels, simulate(design, line).labels)


# What is refused before anything runs ---------------------------------------------------------------------------------


def test_a_bitstream_with_another_network_gives_other_labels_at_start_up():
    """The networks read the same text on the same line, but different texts on an inverted one."""
    design, other = golden_design(TRAINED), golden_design("QLSTM128_W4B8A4I8_FC_W8B8")
    driver = driver_of(design, answers=known_answers(design), loaded=other)
    expected = (
        r"^This bitstream does not hold this design: a known-answer line of 258 columns gives 'podxa uaaq \(g6f' on "
        r"the board, and 'paadxa uaaq \(g6t' with the design\.$"
    )
    with pytest.raises(BoardError, match=expected), driver:
        pass
    assert driver.board.device.memory.allocations == []


@pytest.mark.parametrize("name", ["QLSTM128_W2B8A2I8_FC_W8B8", "QLSTM128_W4B8A8I8_FC_W8B8"])
def test_a_bitstream_with_wider_or_narrower_columns_hangs_at_start_up(name):
    """The published kernel waits for data that does not arrive, or that it does not read."""
    design, other = golden_design(TRAINED), golden_design(name)
    driver = driver_of(design, answers=known_answers(design), loaded=other)
    expected = (
        r"^On the board, a known-answer line of 258 columns fails: The accelerator did not finish .* or the "
        r"bitstream is for another design or clock\.$"
    )
    with pytest.raises(BoardError, match=expected), driver:
        pass
    assert driver.board.device.memory.allocations == []


def test_a_manifest_of_another_network_is_refused():
    design, other = golden_design(TRAINED), golden_design("QLSTM128_W4B8A8I8_FC_W8B8")
    manifest = Manifest.of(other, answers=())
    with pytest.raises(DesignError, match=r"^The manifest holds another network: precision is Precision\("):
        Driver(design, board=driver_of(design).board, manifest=manifest)


def test_every_check_computes_the_known_answer_lines():
    design = small_design()
    columns = line_with_labels(design, 40)
    wrong = KnownAnswer(columns, np.array([1, 2, 3], dtype=np.uint8))
    with driver_of(design) as driver:
        driver.check()  # nothing known, nothing to refuse
        driver.manifest = Manifest.of(design, answers=(wrong,), kernel=Kernel.PUBLISHED)
        with pytest.raises(BoardError, match=r"^This bitstream does not hold this design"):
            driver.check()


# foldline.hardware.board -------------------------------------------------------------------------------------------------------


def test_a_design_with_golden_vectors_is_checked_with_them():
    lines = golden_lines(TRAINED)
    with open_driver(golden_design(TRAINED)) as driver:
        assert driver.manifest.answers == tuple(KnownAnswer(*line) for line in lines)
    assert len(lines) == 3


def test_another_design_is_checked_with_simulated_labels():
    design = small_design(labels=94)
    with open_driver(design) as driver:
        assert len(driver.manifest.answers) > 0
        for answer in driver.manifest.answers:
            np.testing.assert_array_equal(answer.labels, simulate(design, answer.columns).labels)


@pytest.mark.parametrize("device", ["", "Board", "remote", "remote:", "virtual:1", "board:host"])
def test_another_device_is_refused(device):
    expected = rf"^--device is '{device}'; it must be {re.escape(DEVICES)}\.$"
    with pytest.raises(ConfigError, match=expected):
        open_driver(small_design(), device=device)


@pytest.mark.parametrize("device", ["board", "remote:192.168.2.99"])
def test_a_real_board_needs_a_bitstream(device):
    with pytest.raises(ConfigError, match=rf"^--device {device} needs --bitstream FILE\.bit\.$"):
        open_driver(small_design(), device=device)


def test_all_small_networks_are_named():
    assert SMALL in ALL_GOLDEN
    assert len(ALL_GOLDEN) == 11


def test_columns_of_an_image_are_those_of_the_datapath():
    image = Image.fromarray(read_npz(GOLDEN / "vectors" / f"{TRAINED}.npz", limit=1 << 30)["image_0"])
    design = golden_design(TRAINED)
    columns = image_columns(image, target_height=design.inputs, bits=design.precision.activation)
    with driver_of(design) as driver:
        np.testing.assert_array_equal(driver.read_text(image).labels, simulate(design, columns).labels)
