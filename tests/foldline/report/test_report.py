"""The report as text: its numbers equal the comparison's, missing results are marked, and texts are escaped."""

import base64
import io
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from datapath import Limits
from datapath.architecture import Architecture
from datapath.design import Folding
from datapath.errors import ConfigError, FileError, MismatchError
from datapath.images import quantize_pixels
from datapath.manifest import Kernel
from datapath.published import PUBLISHED
from datapath.resources import Resources
from fixedpoint_sim import inspect_line, simulate
from foldline.compare.agreement import Agreement, Disagreement
from foldline.compare.comparison import compare
from foldline.compare.tables import notes
from foldline.evidence import LineErrors, rate_interval
from foldline.foldings.enumeration import FoldingPoint
from foldline.hardware.estimate import RESOURCE_TITLES, estimate
from foldline.inspect.report import share_text
from foldline.report import CurveStage, Rate, Target, render_report, require_writable, write_report
from foldline.report.class_plot import SCALE, class_plot, classes_of
from foldline.report.histograms import over_lines
from foldline.report.inputs import ReportInputs
from foldline.report.lines import EXTRA, MISSING, RIGHT, WRONG, differences, scan_uri, worst_first
from foldline.report.numbers import grouped
from foldline.report.plots import front_of, pareto_plot
from foldline.report.tradeoffs import AXES, OURS, Mark
from foldline.study.result import StudyResult, TrialErrorRates, TrialResult
from tests.designs import random_design
from tests.foldline.report.page import Page
from tests.foldline.report.reports import CURVES, HOSTILE, LINES, inputs, result_of, simulated_run, whole_run

pytestmark = pytest.mark.no_numpy2


def page(*runs, **changes) -> Page:
    return Page(render_report(inputs(*runs, **changes)))


@pytest.fixture(scope="module")
def whole() -> str:
    return render_report(inputs(whole_run(), simulated_run("two", 7)))


# Accuracy -----------------------------------------------------------------------------------------------------------


def interval(result, count):
    """The interval of a result's rate: of characters, or of words."""
    return rate_interval(count([line.text for line in LINES[: len(result.texts)]], result.texts))


def test_the_accuracy_table_has_the_numbers_of_the_comparisons(whole):
    runs = (whole_run(), simulated_run("two", 7))
    found = [row for row in Page(whole).tables["accuracy"][0] if row[0] not in ("backend", "CER %")]
    expected = []
    for name, decoding, title in (
        ("float-activations", "greedy CTC", "PyTorch, float activations"),
        ("quantized", "greedy CTC", "quantized PyTorch"),
        ("simulated", "greedy CTC", "simulated hardware"),
        ("quantized", "overlay labels", "quantized PyTorch"),
        ("simulated", "overlay labels", "simulated hardware"),
        ("csim", "overlay labels", "C simulation (first 2 lines)"),
        ("rtl", "overlay labels", "RTL simulation"),
        ("board", "overlay labels", "virtual board (modelled)"),
    ):
        row = [title, decoding]
        for run in runs:
            results = [one for one in run.comparison.results if (one.name, one.decoding) == (name, decoding)]
            row += [
                text
                for one in results
                for text in (
                    f"{one.rates.cer:.2f}{interval(one, LineErrors.characters).text()}",
                    f"{one.rates.wer:.1f}{interval(one, LineErrors.words).text(1)}",
                    f"{one.rates.exact} of {one.rates.lines}",
                )
            ] or ["not computed"]
        expected.append(row)
    assert found == expected


def test_backends_that_were_not_computed_have_no_number():
    rows = page(simulated_run()).tables["accuracy"][0][2:]
    absent = {row[0]: row[2:] for row in rows if "simulated" not in row[0]}
    assert absent == {
        name: ["not computed"]
        for name in ("PyTorch, float activations", "quantized PyTorch", "C simulation", "RTL simulation", "board")
    }


def test_all_notes_of_compare_are_below_the_table():
    run = whole_run()
    left_out = replace(run.comparison, left_out=("x: too wide",), exceeding=1)
    expected = list(notes(left_out))
    below = " ".join(page(replace(run, comparison=left_out)).text.split())
    assert len(expected) > 3
    for note in expected[1:]:  # the first one defines CER
        assert " ".join(note.split()) in below


def agreeing(*disagreements: Disagreement):
    run = whole_run()
    agreement = Agreement(backends=("simulated", "board"), lines=(7, 7), labels=9, disagreements=disagreements)
    return replace(run, comparison=replace(run.comparison, agreement=agreement))


def test_backends_that_agree_are_reported():
    found = page(agreeing())
    assert "simulated and board agree on all 7 lines (9 labels)." in found.text
    assert "alert" not in [attributes.get("role") for _, attributes in found.elements]


def test_a_disagreement_is_an_alarm_with_both_texts():
    wrong = Disagreement(
        line="validation/bca",
        backends=("simulated", "board"),
        labels=((1, 2), (1, 3)),
        texts=("ab", "a<"),
        first=1,
        mismatch="",
    )
    found = page(agreeing(wrong))
    assert "Backends that must agree differ on 1 line of 7." in found.text
    assert "simulated  'ab' = 1 2\n    board      'a<' = 1 3" in found.text
    assert [attributes["role"] for _, attributes in found.elements if "alarm" in attributes.get("class", "")] == [
        "alert"
    ]


# Text from outside --------------------------------------------------------------------------------------------------


def test_a_text_never_becomes_markup(whole):
    found = Page(whole)
    assert HOSTILE not in whole
    assert found.text.count(HOSTILE) >= 1
    assert [tag for tag, _ in found.elements if tag in ("script", "b")] == ["script"]
    assert "A <report> & more" in found.text
    assert "all <levels>" in found.text


def test_a_name_that_no_page_can_hold_is_spelled_out():
    assert "two\\udcff" in page(simulated_run("two\udcff"), lines=0, inspected_lines=0).text


def test_nothing_is_loaded_and_only_its_own_script_may_run(whole):
    found = Page(whole)
    (policy,) = [one["content"] for tag, one in found.elements if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")
    addresses = [one[name] for _, one in found.elements for name in ("href", "src", "xlink:href") if name in one]
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert re.findall(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", whole) == []


def test_ids_are_unique_and_every_reference_has_its_target(whole):
    found = Page(whole)
    assert len(found.ids) == len(set(found.ids))
    used = {
        one[name][1:]
        for _, one in found.elements
        for name in ("href", "xlink:href")
        if one.get(name, "").startswith("#")
    }
    used |= set(re.findall(r"url\(#([^)]+)\)", whole))
    used |= {part for _, one in found.elements for part in one.get("aria-labelledby", "").split()}
    assert used <= set(found.ids)


def test_figures_have_the_colours_of_the_page(whole):
    drawn = whole[whole.index("<main>") : whole.index("</main>")]
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawn)) == set()
    assert "fill: var(--accent)" in drawn


def test_every_figure_has_a_name_and_every_heading_cell_a_scope(whole):
    elements = Page(whole).elements
    figures = [one for tag, one in elements if tag == "figure"]
    assert len(figures) > 40
    assert all(one["role"] == "img" and one["aria-label"] for one in figures)
    assert all("scope" in one for tag, one in elements if tag == "th")


def test_the_same_inputs_give_the_same_bytes(whole):
    assert render_report(inputs(whole_run(), simulated_run("two", 7))) == whole


# Speed and cost -----------------------------------------------------------------------------------------------------


def test_cycles_and_resources_are_those_of_the_models():
    run = simulated_run()
    found = estimate(Architecture.of(run.design), kernel=Kernel.PUBLISHED, board="pynq-z2", clock_mhz=50, columns=300)
    shown = page(run, target=Target(board="pynq-z2", clock_mhz=50, columns=300, kernel=Kernel.PUBLISHED))
    cycles, resources = shown.tables["costs"]
    for row, stage in zip(cycles[1:-1], found.cycles.stages, strict=True):
        slowest = "slowest" if stage is found.cycles.bottleneck else ""
        assert row[:2] == [stage.title + slowest, f"{stage.in_line(300) / 300:.1f}"]
    assert cycles[-1][1] == f"{found.cycles_per_column:.1f}"
    amounts = {row[0]: row[1:] for row in resources[1:]}
    assert list(amounts) == [*(block.title for block in found.resources.blocks), "total", "available", "share"]
    total = [getattr(found.resources.total, name) for name in RESOURCE_TITLES]
    assert amounts["total"] == [f"{value:g}" if value < 1000 else grouped(value) for value in total]
    assert amounts["available"] == [grouped(getattr(found.board, name)) for name in RESOURCE_TITLES]
    assert (
        f"{found.milliseconds:.3f} ms for a line of 300 columns, {grouped(found.columns_per_second)} columns/s"
        in shown.text
    )
    assert "at 50 MHz, published kernel. Modelled." in shown.text


def test_only_the_published_overlays_are_called_measured():
    rows = page(simulated_run()).tables["tradeoffs"][0][1:]
    assert [row[0] for row in rows if row[-1] == "measured"] == [f"published {one.name}" for one in PUBLISHED]
    assert [row[-1] for row in rows if not row[0].startswith("published")] == ["modelled, estimated"]
    # 520 columns in 1.29355 ms, and the published utilisation.
    w2a2 = next(row for row in rows if row[0] == "published W2A2")
    assert w2a2[1:] == [
        "4.70",
        "100 lines of uw3-500, limits ignored",
        "401\u202f995",
        "26\u202f423",
        "119.5",
        "yes",
        "measured",
    ]


def test_a_network_without_hardware_results_is_in_no_plot():
    run = whole_run()
    results = tuple(result for result in run.comparison.results if result.name in ("float-activations", "quantized"))
    found = page(replace(run, comparison=replace(run.comparison, results=results)))
    assert [row[0] for row in found.tables["tradeoffs"][0][1:]] == [f"published {one.name}" for one in PUBLISHED]
    assert found.tables["networks"][0][1][1] == "not computed"


def trial(number: int, state: str = "complete", cer: float = 2.5) -> TrialResult:
    point = FoldingPoint(
        folding=Folding(pe=1, simd_input=32, simd_recurrent=128),
        cycles_per_column=500.0,
        columns_per_second=200_000.0,
        resources=Resources(luts=20_001, ffs=1, bram36=50.5, dsps=0),
        share=0.4,
        scarcest="luts",
    )
    error_rates = TrialErrorRates(cer=cer, wer=9.0, exact=1, lines=100, folder="", design="")
    return TrialResult(
        number=number,
        retries=None,
        state=state,
        choice=None,
        reason=None,
        point=point,
        error_rates=error_rates if state == "complete" else None,
        curve={},
        worker=None,
        seconds=None,
    )


def test_complete_trials_of_a_study_are_in_the_plots():
    study = StudyResult(
        name="search & more",
        storage="",
        settings=SimpleNamespace(dataset="uw3-500"),
        trials=(trial(0), trial(1, "pruned")),
    )
    found = page(simulated_run(), study=study)
    rows = [row for row in found.tables["tradeoffs"][0] if row[0].startswith("trial")]
    where = "100 lines of uw3-500, limits ignored"
    assert rows == [["trial 0", "2.50", where, "200\u202f000", "20\u202f001", "50.5", "yes", "modelled, estimated"]]
    assert "the trials of the study search & more, speed is modelled and resources are estimated" in found.text


def test_the_front_of_trials_is_the_pareto_front():
    points = [SimpleNamespace(x=x, rate=Rate(value=cer)) for x, cer in ((1, 5), (2, 3), (3, 4), (4, 2), (5, 6))]

    def x_of(point):
        return point.x

    assert [point.x for point in front_of(points, x_of, more_is_better=True)] == [4, 5]
    assert [point.x for point in front_of(points, x_of, more_is_better=False)] == [1, 2, 4]


# Training -----------------------------------------------------------------------------------------------------------


def test_curves_have_a_table_by_stage():
    rows = page(whole_run()).tables["training"][0][1:]
    assert rows[0] == ["1-float", "1", "31.500", "101.00", "99.00"]
    assert [row[:2] for row in rows] == [[stage.name, str(epoch)] for stage in CURVES for epoch in stage.epochs]


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), 1e-9, 1e12])
def test_curves_of_any_values_are_drawn(value):
    stage = CurveStage(name="x", epochs=(1, 2), loss=(value,) * 2, greedy_cer=(value,) * 2, overlay_cer=(value,) * 2)
    assert f"{value:.3f}" in page(simulated_run(curves=(stage,)), lines=0, inspected_lines=0).text


def test_a_design_without_training_data_is_marked():
    found = page(simulated_run(), whole_run())
    assert "1 W8A4 no curves" in " ".join(found.text.split())
    assert len(found.tables["training"]) == 1


# Value ranges -------------------------------------------------------------------------------------------------------


def test_value_ranges_of_several_lines_are_those_of_all_their_values():
    design = random_design(5, bits=(8, 8, 8, 8, 8), inputs=8, hidden=4, classes=5)
    random = np.random.default_rng(1)
    columns = [random.integers(-128, 128, size=(length, 8)) for length in (6, 10, 1)]
    lines = [inspect_line(design, one, ignore_limits=True) for one in columns]
    for quantity in over_lines(lines).quantities:
        each = [line[quantity.name] for line in lines]
        some = [one for one in each if one.values]
        assert quantity.values == sum(one.values for one in each)
        assert (quantity.low, quantity.high) == (min(one.low for one in some), max(one.high for one in some))
        assert quantity.wrapped + quantity.saturated == sum(one.wrapped + one.saturated for one in each)
        assert np.array_equal(quantity.histogram, np.sum([one.histogram for one in each], axis=0))


def test_wrapped_and_saturated_values_are_counted_next_to_the_histogram():
    design = random_design(5, bits=(8, 8, 2, 8, 8), inputs=8, hidden=4, classes=5)
    run = simulated_run(design=design, comparison=compare(design, LINES))
    found = page(run, inspected_lines=len(LINES))
    rows = {row[0]: row for row in found.tables["numbers"][0]}
    lines = [inspect_line(design, columns_of(line, design)) for line in LINES]
    hidden = over_lines(lines)["hidden"]
    assert hidden.saturated > 0
    assert rows["hidden output h"][7].startswith(f"{grouped(hidden.saturated)} (")
    assert f"saturated {share_text(hidden.saturated, hidden.values)} ({grouped(hidden.saturated)})" in found.text


def test_without_an_inspected_line_there_are_no_histograms():
    assert "1 W8A4all <levels>: no line was inspected." in page(inspected_lines=0).text


# Lines --------------------------------------------------------------------------------------------------------------


def columns_of(line, design):
    return quantize_pixels(line.pixels(design.inputs), design.precision.activation)


def test_lines_are_sorted_by_errors():
    found = worst_first([simulated_run()])
    assert [view.errors for view in found] == sorted((view.errors for view in found), reverse=True)
    assert {view.line.name for view in found} == {line.name for line in LINES}
    texts = {view.line.name: view.runs[0] for view in found}
    overlay = simulated_run().comparison.results[-1]
    for line, text in zip(LINES, overlay.texts, strict=True):
        assert text in [found.text for found in texts[line.name].texts]


def test_runs_share_lines_and_repeated_lines_stay_separate():
    run = simulated_run()
    first = replace(
        run.comparison, lines=(LINES[0], LINES[0]), results=tuple(twice(one) for one in run.comparison.results)
    )
    found = worst_first([replace(run, comparison=first), simulated_run("two")])
    assert sorted(len(view.runs) for view in found if view.line.name == LINES[0].name) == [1, 2]
    other = worst_first([simulated_run(), simulated_run("two", dataset_name="elsewhere")])
    assert len(other) == 2 * len(LINES)


def twice(result):
    return replace(result, texts=(result.texts[0], result.texts[0]))


def test_backends_with_equal_texts_share_a_row():
    run = whole_run()
    (view,) = [view for view in worst_first([run]) if view.line.name == LINES[-1].name]
    names = ["; ".join(found.backends) for found in view.runs[0].texts]
    assert names[0] == "PyTorch, float activations, greedy CTC; quantized PyTorch, greedy CTC and overlay labels"
    assert "virtual board (modelled), overlay labels" in names[-1]
    assert not any("C simulation" in name for name in names)  # it has read the first two lines only


@pytest.mark.parametrize(
    ("reference", "text", "kinds"),
    [
        ("abc", "abc", [(RIGHT, "abc", "")]),
        ("abc", "axc", [(RIGHT, "a", ""), (WRONG, "x", "b"), (RIGHT, "c", "")]),
        ("abc", "ac", [(RIGHT, "a", ""), (MISSING, "", "b"), (RIGHT, "c", "")]),
        ("abc", "abbc", [(RIGHT, "ab", ""), (EXTRA, "b", ""), (RIGHT, "c", "")]),
        ("ab", "", [(MISSING, "", "ab")]),
        ("", "ab", [(EXTRA, "ab", "")]),
        ("", "", []),
    ],
)
def test_differences_have_kinds(reference, text, kinds):
    assert [(part.kind, part.text, part.reference) for part in differences(reference, text)] == kinds


def test_a_text_is_shown_with_its_spaces_and_its_errors():
    run = simulated_run()
    lines = (replace(run.comparison.lines[0], text="  a b c "),)
    results = tuple(
        result_of("float-activations", decoding, (text,), decoding, lines)
        for decoding, text in (("x", "  a b c "), ("y", "  a bxc "), ("z", ""))
    )
    text = render_report(inputs(replace(run, comparison=replace(run.comparison, lines=lines, results=results))))
    shown = [
        re.sub(r'<span class="hidden">[^<]*</span>| title="[^"]*"| class="wrong"', "", one)
        for one in re.findall('<dd class="text">(.*)</dd>', text)
    ]
    reference = "  a b c "
    gone = "\N{OPEN BOX}\N{OPEN BOX}a\N{OPEN BOX}b\N{OPEN BOX}c\N{OPEN BOX}"
    assert shown == [reference, reference, "  a b<mark>x</mark>c ", f"<del>{gone}</del>"]


def test_lines_of_several_datasets_are_named_with_them():
    text = page(simulated_run(), simulated_run("two", dataset_name="elsewhere"), inspected_lines=0).text
    assert "elsewhere: validation/bca" in text
    assert "tiny: validation/bca" in text


def test_the_worst_lines_are_shown_with_the_number_of_others():
    found = page(lines=2)
    assert re.search(r"\b2\b.* of 7 lines .*\b5\b", found.text)
    assert len([one for tag, one in found.elements if one.get("class", "").startswith("line ")]) == 2


def test_a_report_can_have_no_lines():
    found = page(lines=0)
    assert re.search(r"No line.*\b7\b", found.text)
    assert "toolbar" not in [one.get("class") for _, one in found.elements]


def test_classes_of_columns_equal_the_inspection_s():
    random = np.random.default_rng(3)
    for seed in range(8):  # so few bits that scores are often equal
        design = random_design(seed, bits=(8, 8, 2, 2, 2), inputs=8, hidden=4, classes=5, limits=Limits(labels=3))
        columns = random.integers(-2, 2, size=(60, 8))
        expected = inspect_line(design, columns, ignore_limits=True)
        trace = simulate(design, columns, ignore_limits=True)
        seen, values = classes_of(trace, columns)
        assert np.array_equal(seen.best, expected.best)
        assert np.array_equal(seen.positive, expected.positive)
        assert np.array_equal(seen.emitted_at, expected.emitted_at)
        assert np.array_equal(values > 0, expected.positive & (expected.best != 0))


def test_every_emitted_label_has_a_letter_above_its_column():
    run = simulated_run()
    for line in LINES:
        columns = columns_of(line, run.design)
        trace = simulate(run.design, columns)
        plot = class_plot(trace, columns, run.design.alphabet)
        seen, _ = classes_of(trace, columns)
        letters = [
            (segment.start + (letter.x / SCALE - 0.5), letter.text)
            for segment in plot.segments
            for letter in segment.letters
            if letter.emitted
        ]
        assert sorted(letters) == sorted(zip(map(float, seen.emitted_at), trace.text, strict=True))
        assert sum(segment.columns for segment in plot.segments) == len(columns)


# Errors --------------------------------------------------------------------------------------------


def test_a_comparison_of_another_design_is_refused():
    run = replace(simulated_run(), design=simulated_run(seed=7).design)
    with pytest.raises(MismatchError, match=r"^The comparison of one does not match its design: .* validation/\S+ "):
        render_report(inputs(run))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": ()}, "runs is empty; a report needs at least one run."),
        ({"lines": -1}, "lines is -1; it must be 0 or more."),
        ({"inspected_lines": -2}, "inspected_lines is -2; it must be 0 or more."),
    ],
)
def test_inputs_outside_their_range_are_refused(changes, message):
    with pytest.raises(ConfigError) as error:
        ReportInputs(**{"runs": (simulated_run(),), "title": "", "made": "", **changes})
    assert str(error.value) == message


def test_two_runs_of_one_name_are_refused():
    with pytest.raises(ConfigError) as error:
        inputs(simulated_run(), simulated_run())
    assert str(error.value).startswith("runs has 'one' 2 times; ")


def test_a_report_is_written_whole_or_its_path_is_refused(tmp_path):
    write_report(tmp_path / "report.html", inputs(lines=1, inspected_lines=0))
    assert (tmp_path / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    with pytest.raises(FileError) as error:
        require_writable(tmp_path)
    assert str(error.value) == f"Cannot write {tmp_path}: it is a folder."
    with pytest.raises(FileError) as error:
        require_writable(tmp_path / "no" / "report.html")
    assert str(error.value) == f"Cannot write {tmp_path / 'no' / 'report.html'}: there is no folder {tmp_path / 'no'}."


def test_of_a_run_s_files_only_a_report_may_be_overwritten(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("design.npz", "report.html"):
        (run / name).touch()
    require_writable(run / "report.html", [run])
    require_writable(run / "new.txt", [run])
    require_writable(run / "design.npz", [tmp_path / "other"])
    with pytest.raises(FileError) as error:
        require_writable(run / "design.npz", [run])
    assert str(error.value) == f"Cannot write {run / 'design.npz'}: it is a file of the run {run}."


def test_no_more_lines_are_inspected_than_exist():
    few, many = (render_report(inputs(lines=0, inspected_lines=count)) for count in (len(LINES), 10**15))
    assert few == many


def test_lines_with_equal_errors_are_sorted_by_rate():
    views = worst_first([whole_run()])
    assert [(-view.errors, -view.rate) for view in views] == sorted((-view.errors, -view.rate) for view in views)
    assert len({view.errors for view in views}) < len({(view.errors, view.rate) for view in views})


def test_ink_is_dark_on_paper():
    uri = scan_uri(np.array([[0, 255, 128]], dtype=np.uint8))
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L")
    assert np.asarray(picture).ravel().tolist() == [255, 0, 119]  # grey levels 15, 0 and 7, times 17


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_requested_number_of_lines_is_inspected(count):
    run = simulated_run()
    ranked = [view.line.name for view in worst_first([run])]
    text = page(run, lines=0, inspected_lines=count).text
    names = text.partition("evenly spaced from worst to best: ")[2].partition(".")[0].split(", ")
    assert len(names) == count
    assert names[0] == ranked[0] and (count == 1 or names[-1] == ranked[-1])


def test_the_main_result_is_the_simulator_s_or_else_the_board_s():
    run = whole_run()
    simulated, board = (
        next(one for one in run.comparison.results if (one.name, one.decoding) == (name, "overlay labels"))
        for name in ("simulated", "board")
    )
    assert run.main_result is simulated
    assert replace(run, comparison=replace(run.comparison, results=(board,))).main_result is board


@pytest.mark.parametrize("least", [0.0, 0.5])
@pytest.mark.parametrize("most", [0.0, 8.0])
def test_a_network_that_takes_nothing_of_a_resource_is_in_its_plot(least, most):
    sizes = {
        "rate": Rate(value=1.0),
        "data": "lines",
        "columns_per_second": 1e6,
        "luts": 900,
        "ffs": 1,
        "dsps": 0,
        "fits": True,
    }
    marks = [Mark(kind=OURS, name=name, label=name, bram36=bram, **sizes) for name, bram in (("a", least), ("b", most))]
    drawn = pareto_plot(marks, next(axis for axis in AXES if axis.key == "bram36")).inline
    assert ">a<" in drawn and ">b<" in drawn


def test_control_characters_are_replaced():
    text = render_report(inputs(simulated_run("a\x00b\x1b[31m\x7f"), title="c\x08d\re", lines=0, inspected_lines=0))
    assert "a\ufffdb\ufffd[31m\ufffd" in text and "c\ufffdd\ufffde" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
