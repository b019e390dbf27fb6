"""`foldline inspect`: its table, picture, JSON object and errors."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from datapath import Alphabet, Design, Limits, image_columns
from datapath.files import write_npz
from fixedpoint_sim import inspect_line
from foldline.inspect.layout import DRAWN_COLUMNS, Run, lay_out, runs_of, writable
from foldline.inspect.picture import WIDTH, notes_of, panels_of, table_input_of, write_picture
from foldline.inspect.report import NOT_APPLICABLE, TITLES, real_text, share_text
from tests.designs import random_design
from tests.foldline import command_line
from tests.foldline.command_line import run
from tests.golden_data import REPOSITORY

DEMO = REPOSITORY / "golden_vectors" / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"


def fails(message, *arguments, status=1):
    command_line.fails(message, "inspect", *arguments, status=status)


@pytest.fixture(scope="module")
def design():
    return random_design(3, inputs=32, hidden=8, classes=5, limits=Limits(columns=200, labels=95))


@pytest.fixture
def saved(design, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    design.save("design.npz")
    return "design.npz"


@pytest.fixture
def image(tmp_path):
    picture = Image.new("L", (120, 32), 255)
    for x in range(4, 112, 11):
        ImageDraw.Draw(picture).rectangle((x, 6 + x % 7, x + 5, 26), fill=0)
    picture.save(tmp_path / "line.png")
    return "line.png"


@pytest.fixture
def pixels(tmp_path):
    random = np.random.default_rng(0)
    lines = [random.integers(-8, 8, size=(length, 32)).astype(np.int8) for length in (10, 24, 300)]
    write_npz(tmp_path / "pixels.npz", {f"pixels_{i}": line for i, line in enumerate(lines)})
    return "pixels.npz", lines


def opened(path):
    """The decoded picture."""
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        return picture


def test_it_prints_the_table_and_writes_the_picture(design, saved, image, tmp_path):
    result = run("inspect", saved, image)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    inspection = inspect_line(design, image_columns(image, target_height=32, bits=4))
    assert lines[0].rstrip() == f"line.png: {design.experiment}, {len(inspection.columns)} columns"
    assert lines[-2:] == [f"Text: {inspection.trace.text}", "Picture: line.inspect.png"]
    assert max(map(len, lines)) <= 120
    rows = {line[1:19].strip(): line.split() for line in lines if "fixed<" in line}
    assert list(rows) == [TITLES[quantity.name] for quantity in inspection.quantities]
    hidden = inspection["hidden"]
    assert rows["hidden output h"][4:] == [
        str(hidden.values),
        *(real_text(end, hidden.format) for end in (hidden.low, hidden.high)),
        *f"{hidden.used_bits:.1f} of 4".split(),
        "·",
        share_text(hidden.saturated, hidden.values),
        share_text(hidden.inexact, hidden.values),
        "·",
    ]
    assert opened(tmp_path / "line.inspect.png").width == WIDTH


def test_a_network_with_peepholes_is_inspected_with_them(image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    design = random_design(3, inputs=32, hidden=8, classes=5, peepholes=(16, 12))
    design.save("design.npz")
    result = run("inspect", "design.npz", image)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 120
    inspection = inspect_line(design, image_columns(image, target_height=32, bits=4))
    rows = {line[1:19].strip(): line.split() for line in lines if "fixed<" in line}
    assert list(rows) == [TITLES[quantity.name] for quantity in inspection.quantities]
    for title, name in (("peephole p_o * c", "peephole_product_o"), ("peephole sum o", "peephole_sum_o")):
        quantity = inspection[name]
        assert quantity.values == (len(inspection.columns) - 1) * 2 * 8
        rounded = share_text(quantity.inexact, quantity.values) if "product" in name else NOT_APPLICABLE
        saturated = share_text(quantity.saturated, quantity.values)
        assert rows[title][-4:] == [NOT_APPLICABLE, saturated, rounded, NOT_APPLICABLE]
    assert inspection["peephole_sum_o"].saturated > 0
    found = json.loads(run("inspect", "design.npz", image, "--json").stdout)
    assert [there["name"] for there in found["quantities"]] == [quantity.name for quantity in inspection.quantities]
    assert opened(tmp_path / "line.inspect.png").width == WIDTH


def test_json_agrees_with_the_inspection(design, saved, pixels, tmp_path):
    path, lines = pixels
    result = run("inspect", saved, "--pixels", path, "--line", 1, "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found = json.loads(line)
    inspection = inspect_line(design, lines[1])
    assert found["name"] == "pixels_1"
    assert found["picture"] == "pixels-1.inspect.png"
    assert (tmp_path / found["picture"]).is_file()
    assert (found["experiment"], found["columns"], found["exceeded"]) == (str(design.experiment), 24, [])
    assert (found["text"], found["labels"]) == (inspection.trace.text, inspection.trace.labels.tolist())
    assert found["best"] == inspection.best.tolist()
    assert found["emitted_at"] == inspection.emitted_at.tolist()
    assert found["columns_without_positive_score"] == np.flatnonzero(~inspection.positive).tolist()
    for there, quantity in zip(found["quantities"], inspection.quantities, strict=True):
        assert (there["type"]["min"], there["type"]["max"]) == (quantity.format.min, quantity.format.max)
        assert there["type"]["overflow"] == quantity.format.overflow.name
        assert (there["edges"], there["histogram"]) == (quantity.edges.tolist(), quantity.histogram.tolist())
        for name in there.keys() - {"type", "edges", "histogram"}:
            assert there[name] == getattr(quantity, name), (quantity.name, name)


def test_a_line_that_exceeds_the_limits_is_reported(saved, pixels, tmp_path):
    path, _ = pixels
    message = "pixels_2: The line exceeds the overlay: 300 columns, allowed at most 200."
    fails(f"{message} --ignore-limits computes it nevertheless.", saved, "--pixels", path, "--line", 2)
    assert not list(tmp_path.glob("*.png"))
    result = run("inspect", saved, "--pixels", path, "--line", 2, "--ignore-limits", "-o", "wide.PNG")
    assert result.exit_code == 0, result.output
    assert "300 columns, allowed at most 200" in result.stdout
    assert opened(tmp_path / "wide.PNG").width == WIDTH


def test_errors_are_one_line(saved, image, pixels):
    path, _ = pixels
    fails("Give either an image or --pixels FILE.npz.", saved, status=2)
    fails("Give either an image or --pixels FILE.npz.", saved, image, "--pixels", path, status=2)
    fails("--line needs --pixels FILE.npz.", saved, image, "--line", 1, status=2)
    fails("Cannot read none.png: no such file.", saved, "none.png")
    fails("Cannot read none.npz: no such file.", "none.npz", image)
    fails(
        f"{path} has no pixels_3; its pixel arrays are: pixels_0 to pixels_2.",
        saved,
        "--pixels",
        path,
        "--line",
        3,
    )
    fails(f"{saved} has no pixels_0; its pixel arrays are: none.", saved, "--pixels", saved, "-o", "x.png")
    fails("--output is out.jpg; the picture is a PNG, so the name must end in .png.", saved, image, "-o", "out.jpg")
    fails("Cannot write gone/out.png: No such file or directory.", saved, image, "-o", "gone/out.png")
    message = f"IMAGE and output are the same file, {image}; one would be written over the other."
    fails(message, saved, image, "-o", image)
    narrow = np.zeros((4, 7), dtype=np.int8)
    write_npz("narrow.npz", {"pixels_0": narrow})
    message = "pixels_0: The columns have shape [4, 7]; the design takes [T, 32], T >= 1."
    fails(message, saved, "--pixels", "narrow.npz")


# The picture -------------------------------------------------------------------------------------------------------


def test_the_same_inspection_gives_the_same_bytes(tmp_path):
    design = random_design(1, inputs=2, hidden=1, classes=2)
    inspection = inspect_line(design, np.zeros((1, 2), dtype=np.int8), ignore_limits=True)
    assert inspection["f_times_c"].values == 0
    for name in ("a.png", "b.png"):
        size = write_picture(tmp_path / name, inspection, design, title="$x_1$ [bold]")
        assert opened(tmp_path / name).size == size
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_every_quantity_has_a_panel_alone_or_with_its_table_input():
    columns = np.random.default_rng(0).integers(-8, 8, size=(4, 4)).astype(np.int8)
    plain = inspect_line(random_design(1), columns)
    peepholes = inspect_line(random_design(1, peepholes=(8, 1)), columns)
    for inspection, rows in ((plain, 5), (peepholes, 7)):
        panels = [name for name in panels_of(inspection) if name is not None]
        read = {name: table_input_of(inspection, inspection[name]) for name in panels}
        shown = {*panels, *(quantity.name for quantity in read.values() if quantity is not None)}
        assert shown == {quantity.name for quantity in inspection.quantities}
        assert (len(panels_of(inspection)) + 1) == 4 * rows  # and how to read them
        for gate in "ifo":
            sees_state = inspection is peepholes
            assert (read[f"accumulator_{gate}"] is None) == sees_state
            if sees_state:
                assert read[f"peephole_sum_{gate}"] is inspection[f"sigmoid_input_{gate}"]


def test_a_very_long_line_is_truncated_with_a_note(tmp_path):
    design = random_design(1, inputs=2, hidden=1, classes=2)
    columns = np.random.default_rng(0).integers(-8, 8, size=(DRAWN_COLUMNS + 2, 2)).astype(np.int8)
    inspection = inspect_line(design, columns, ignore_limits=True)
    layout = lay_out(inspection, design.alphabet, 1500)
    assert layout.rows[-1].stop == DRAWN_COLUMNS
    exceeded, truncated = notes_of(inspection, layout)[:2]
    assert "6002 columns, allowed at most 732" in exceeded
    assert "first 6000 of 6002 columns" in truncated
    assert inspection["pixel"].values == 2 * 6002


def test_a_wide_line_is_split_into_rows_with_all_columns():
    design = Design.load(DEMO)
    columns = np.tile(np.arange(-8, 8, dtype=np.int8).repeat(2), (1900, 1))
    inspection = inspect_line(random_design(2, inputs=32, hidden=2), columns, ignore_limits=True)
    layout = lay_out(inspection, design.alphabet, 1500)
    assert [row.start for row in layout.rows][1:] == [row.stop for row in layout.rows][:-1]
    assert (layout.rows[0].start, layout.rows[-1].stop) == (0, 1900)
    assert layout.scale >= 4.5
    assert all((row.stop - row.start) * layout.scale <= 1500 for row in layout.rows)


def test_all_runs_are_found_and_anchored_at_their_emitted_columns():
    design = random_design(26, hidden=3, classes=4, limits=Limits(columns=100, labels=3))
    columns = np.random.default_rng(0).integers(-8, 8, size=(60, 4)).astype(np.int8)
    inspection = inspect_line(design, columns, ignore_limits=True)
    runs = runs_of(inspection)
    covered = np.zeros(60, dtype=np.int64)
    for found in runs:
        covered[found.start : found.stop] = found.label
        assert found.start <= found.anchor < found.stop
    assert covered.tolist() == inspection.best.tolist()
    assert [found.anchor for found in runs if found.emitted] == inspection.emitted_at[:3].tolist()
    assert isinstance(runs[0], Run)


def test_labels_and_stems_do_not_overlap():
    design = random_design(26, hidden=3, classes=4)
    columns = np.random.default_rng(0).integers(-8, 8, size=(90, 4)).astype(np.int8)
    layout = lay_out(inspect_line(design, columns), design.alphabet, 600)
    placed = 0
    for row in layout.rows:
        boxes = [((run.anchor - row.start + 0.5) * layout.scale, lane) for run, lane in row.placed]
        placed += len(boxes)
        for number, (x, lane) in enumerate(boxes):
            for other, other_lane in boxes[:number]:
                if lane == other_lane:
                    assert abs(x - other) >= 14
                else:
                    assert abs(x - other) >= 8
    assert placed > 10
    assert placed + layout.unwritten == len(runs_of(inspect_line(design, columns)))


@pytest.mark.parametrize(
    ("symbol", "written"),
    [("a", "a"), ("ß", "ß"), ("$", "$"), (" ", "␣"), ("一", "#7"), ("\u00a0", "#7"), ("\x07", "#7")],
)
def test_symbols_are_written_or_numbered(symbol, written):
    assert writable(symbol, 7) == written


def test_symbols_that_the_font_lacks_draw_without_a_warning(tmp_path):
    base = random_design(26, hidden=3, classes=4)
    design = replace(base, alphabet=Alphabet(("", "一", "$", "\U0001f600")))
    columns = np.random.default_rng(0).integers(-8, 8, size=(60, 4)).astype(np.int8)
    inspection = inspect_line(design, columns)
    assert "一" in inspection.trace.text
    write_picture(tmp_path / "x.png", inspection, design, title="一 $")
