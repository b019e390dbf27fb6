"""What a paper takes from a report: its table, its figures and its numbers; float networks, and networks that do not fit."""

import csv
import io
import json
import re
from dataclasses import asdict, replace
from importlib.resources import files

import pytest

from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.design import Folding
from datapath.errors import FileError
from foldline.compare.backends import CTC, OVERLAY
from foldline.evidence import LineErrors, rate_interval
from foldline.foldings.enumeration import folding_front
from foldline.hardware.estimate import estimate
from foldline.report import Rate, render_report, require_exportable, write_report
from foldline.report.accuracy import accuracy_section
from foldline.report.drawing import VARIABLES
from foldline.report.fits import Fit, fit_of
from foldline.report.inputs import figure_labels
from foldline.report.legend import fitting, legend_height
from foldline.report.network_plots import curve_plots, panels_of
from foldline.report.plots import pareto_plot
from foldline.report.tradeoffs import AXES, our_mark
from foldline.report.values import json_text
from foldline.report.view import compute_report
from tests.foldline.report.page import Page
from tests.foldline.report.reports import CURVES, LINES, float_run, inputs, simulated_run, tiny_design, whole_run

pytestmark = pytest.mark.no_numpy2

FIGURES = ("cer-networks", "cer-columns-per-second", "cer-luts", "cer-bram36")
CURVE_FIGURES = ("curves-loss", "curves-greedy-cer", "curves-overlay-cer")


def refused(text: str):
    raise AssertionError(f"{text} is not JSON")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with an export of a quantized and a float network, and with a file of its own."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    (folder / "table.csv").write_text("old", encoding="utf-8")
    runs = inputs(whole_run(), float_run(), lines=2, inspected_lines=1)
    write_report(folder / "report.html", runs, export=folder)
    return folder


def test_an_export_has_a_table_the_numbers_and_each_figure_twice(exported):
    figures = {f"{name}.{kind}" for name in (*FIGURES, *CURVE_FIGURES) for kind in ("svg", "pdf")}
    others = {"report.html", "mine.txt", "table.csv", "table.tex", "data.json"}
    assert {path.name for path in exported.iterdir()} == figures | others
    assert (exported / "mine.txt").read_text(encoding="utf-8") == "mine"
    assert (exported / "table.csv").read_text(encoding="utf-8") != "old"


def test_the_same_inputs_give_the_same_files(exported, tmp_path):
    write_report(
        tmp_path / "x.html", inputs(whole_run(), float_run(), lines=2, inspected_lines=1), export=tmp_path / "a/b"
    )
    for path in (tmp_path / "a/b").iterdir():
        assert path.read_bytes() == (exported / path.name).read_bytes(), path.name


def test_figures_are_as_wide_as_a_column_of_a_paper_and_need_no_font(exported):
    for path in exported.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert 'width="237.6pt"' in text  # 3.3 inches
        assert "<text" not in text and "<dc:date" not in text
    for path in exported.glob("*.pdf"):
        content = path.read_bytes()
        assert b"/CIDFontType2" in content or b"/TrueType" in content  # letters are text
        assert b"/CreationDate" not in content and b"/Type3" not in content


def test_the_page_has_the_figures_of_the_export(exported):
    elements = Page((exported / "report.html").read_text(encoding="utf-8")).elements
    ids = {one["id"] for _, one in elements if "id" in one}
    for name in (*FIGURES, *CURVE_FIGURES):
        assert any(one.startswith(f"{name}-") for one in ids), name


def test_the_table_has_the_rates_with_their_intervals(exported):
    rows = list(csv.DictReader(io.StringIO((exported / "table.csv").read_text(encoding="utf-8"))))
    assert [row["network"] for row in rows[:3]] == ["W8A4", "float", "published W2A2"]
    run = whole_run()
    result = run.result(OVERLAY)
    interval = rate_interval(LineErrors.characters([line.text for line in LINES], result.texts))
    found = [float(rows[0][f"CER, {OVERLAY}{end} (%)"]) for end in ("", " low", " high")]
    assert found == [result.rates.cer, interval.low, interval.high]
    total = estimate(Architecture.of(run.design), columns=520).resources.total
    assert (rows[0]["LUT"], rows[0]["fits"]) == (str(total.luts), "yes")
    assert rows[1]["fits"] == rows[1]["LUT"] == rows[1]["columns (1/s)"] == ""
    assert "W8A4 & " in (exported / "table.tex").read_text(encoding="utf-8")


def test_the_numbers_are_strict_json_with_intervals_and_curves(exported):
    values = json.loads((exported / "data.json").read_text(encoding="utf-8"), parse_constant=refused)
    ours, baseline = values["networks"]
    run = whole_run()
    rates = [(one["backend"], one["decoding"], one["cer"]) for one in ours["accuracy"]]
    assert rates == [(one.name, one.decoding, one.rates.cer) for one in run.comparison.results]
    interval = run.interval_of(run.comparison.results[2])
    assert ours["accuracy"][2]["cer_interval"] == [interval.low, interval.high]
    assert ours["curves"] == json.loads(json.dumps([asdict(stage) for stage in CURVES]))
    assert ours["estimate"]["fits"] and len(ours["value_ranges"]["quantities"]) > 20
    assert baseline["estimate"] is baseline["fit"] is baseline["digest"] is None
    assert [mark["name"] for mark in values["marks"]][:2] == [run.name, "published W2A2"]
    assert len(values["lines"]) == 2 and values["lines_left_out"] == len(LINES) - 2


def test_numbers_that_are_not_finite_are_null():
    stage = replace(CURVES[0], loss=(float("nan"), float("inf")))
    view = compute_report(inputs(float_run(curves=(stage,)), lines=0, published=False))
    assert json.loads(json_text(view), parse_constant=refused)["networks"][0]["curves"][0]["loss"] == [None, None]


# Folders ------------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_take_an_export_is_refused(tmp_path):
    (tmp_path / "file").touch()
    run = tmp_path / "run"
    run.mkdir()
    for path, message in ((tmp_path / "file", "it is not a folder"), (run, f"it is the folder of the run {run}")):
        with pytest.raises(FileError) as error:
            require_exportable(path, [run])
        assert str(error.value) == f"Cannot write to {path}: {message}."
    with pytest.raises(FileError, match=r"Cannot make the folder .*file/x"):
        require_exportable(tmp_path / "file" / "x")
    require_exportable(tmp_path / "new" / "folder", [run])
    assert (tmp_path / "new" / "folder").is_dir()


# Float networks -----------------------------------------------------------------------------------------------------


def test_a_report_of_float_networks_has_no_section_of_hardware():
    found = Page(render_report(inputs(float_run(), published=False)))
    assert not {"costs", "numbers", "tradeoffs"} & set(found.ids)
    assert {"networks", "accuracy", "training", "lines"} <= set(found.ids)
    links = {one["href"] for tag, one in found.elements if tag == "a"}
    assert links == {"#networks", "#accuracy", "#training", "#lines"}
    assert found.text.count("A float network is computed by PyTorch alone") == 1
    rate = float_run().rate()
    assert found.tables["networks"][0][1] == ["1 floatbaseline", rate.text]
    assert "LSTM4 & co" in found.text
    assert [tag for tag, one in found.elements if one.get("class") == "scan"] == ["svg"] * len(LINES)


def test_a_float_network_stands_beside_quantized_ones():
    text = render_report(inputs(simulated_run(), float_run(), lines=1, inspected_lines=0))
    found = Page(text)
    assert found.tables["networks"][0][2][1:] == [float_run().rate().text, "float"]
    assert len(found.tables["costs"]) == 2  # cycles and resources of one network
    row = found.tables["tradeoffs"][0][-1]
    assert (row[0], row[1], row[-1]) == ("baseline", float_run().rate().text, "none: float")
    (line,) = re.findall('<li>\n<details class="line.*?</details>', text, re.DOTALL)
    assert line.count('class="on-line"') == 2 and line.count('class="strip"') == 1


# Figures ------------------------------------------------------------------------------------------------------------


def test_published_overlays_can_be_left_out():
    found = Page(render_report(inputs(simulated_run(), lines=0, inspected_lines=0, published=False)))
    assert [row[0] for row in found.tables["tradeoffs"][0][1:]] == ["one"]
    assert "published" not in found.text.lower().replace("published kernel", "")


def test_networks_that_do_not_fit_have_hollow_marks():
    run = simulated_run()
    mark = our_mark(run, "x", Rate(value=1.0), estimate(Architecture.of(run.design)))
    for axis in AXES:
        drawn = [pareto_plot([replace(mark, fits=fits)], axis).inline for fits in (True, False)]
        assert "does not fit the board" in drawn[1] and "does not fit the board" not in drawn[0]
        assert "fill: var(--paper)" in drawn[1] and "fill: var(--paper)" not in drawn[0]


def test_the_foldings_that_fit_are_those_of_the_front():
    found = estimate(Architecture.of(tiny_design().refolded(Folding(pe=4, simd_input=8, simd_recurrent=4))))
    assert fit_of(found) == Fit()
    small = replace(load_board("pynq-z2"), luts=found.resources.total.luts - 1)
    over = replace(found, board=small)
    front = folding_front(found.architecture, small, found.kernel, columns=found.columns)
    assert fit_of(over) == Fit(exceeded=("luts",), cheapest=front.cheapest(0.0), fastest=front.fastest)
    assert front.cheapest(0.0).share == min(point.share for point in front.points)
    none = fit_of(replace(found, board=replace(small, luts=1)))
    assert not none.fits and none.cheapest is none.fastest is None


def test_trainings_that_share_a_stage_have_one_curve_there():
    later = replace(CURVES[1], loss=(1.0, 2.0, 3.0))
    alone = replace(later, name="run-1")
    panels = panels_of([("a", CURVES), ("b", (CURVES[0], later)), ("c", (alone,))])
    assert [(one.number, one.names) for one in panels] == [("1", "float"), ("2", "hardware"), ("", "run-1")]
    assert [[one.labels for one in panel.series] for panel in panels] == [[("a", "b")], [("a",), ("b",)], [("c",)]]
    styles = [(one.colour, str(one.dashes)) for panel in panels for one in panel.series]
    assert len(set(styles)) == 4
    text = curve_plots([("a", CURVES), ("b", (CURVES[0], later))])[0].inline
    assert ">shared by all<" in text and ">stage 1<" in text.replace("1: float", "stage 1")


def test_labels_have_a_number_where_a_precision_is_there_twice():
    assert figure_labels([simulated_run(), float_run()]) == ["W8A4", "float"]
    assert figure_labels([simulated_run(), float_run(), simulated_run("two")]) == ["1 W8A4", "float", "3 W8A4"]


def test_long_labels_are_cut_and_many_take_more_rows():
    assert fitting("short", 100) == "short"
    cut = fitting("long" * 50, 100)
    assert cut.endswith("…") and cut[:-1] == ("long" * 50)[: len(cut) - 1] and len(cut) > 10
    one, many = (legend_height([("W2A4", {})] * count) for count in (1, 20))
    assert many > 2 * one


def test_colours_of_figures_are_those_of_the_page():
    style = (files("foldline.report") / "templates" / "report.css").read_text(encoding="utf-8")
    light = style[: style.index("@media")]
    assert {name: value for name, value in re.findall(r"--([\w-]+): (#\w+);", light) if name in VARIABLES.values()} == {
        name: colour for colour, name in VARIABLES.items()
    }


def test_a_rate_without_lines_has_no_interval():
    run = float_run()
    empty = replace(run.comparison, lines=tuple(replace(line, text="") for line in LINES))
    assert replace(run, comparison=empty).rate(CTC).interval is None
    assert Rate(value=2.0).distances == (0.0, 0.0) and Rate(value=2.0).highest == 2.0


def test_backends_that_no_network_of_the_report_has_are_not_in_the_table():
    def backends(*runs):
        return {row.backend for row in accuracy_section(runs).rows}

    assert backends(float_run()) == {"float"}
    assert backends(float_run(), simulated_run()) - backends(simulated_run()) == {"float"}
