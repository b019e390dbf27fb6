"""The check of ``run_hls.tcl`` on what a synthesis reports: sample reports of three releases, and what it says of others."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from datapath.boards import load_board
from datapath.resources import Resources
from datapath.vivado.results import HLS_RESULTS, HlsLoop, HlsResults, read_hls_results
from tests.hls_gen.project import FORMS, PIPELINES, SAMPLES, example_facts, write_project
from tests.vendor_tools import Run, needs_tclsh, run_script

TOP = "topLevel_BLSTM_CTC"
PASS = {
    "vivado_hls": "hidden_layer",
    "vitis_hls": "hidden_layer_Network_Pipeline_PASS",
    "vitis-run": "hidden_layer_Network_Pipeline_PASS",
}
"""Module with the loop PASS: in Vivado HLS within the loop STEPS, in Vitis HLS a module of its own."""

pytestmark = [needs_tclsh, pytest.mark.no_numpy2]


class Synthesis:
    """A project, and reports of its synthesis that a test may change."""

    def __init__(self, folder: Path, tool: str) -> None:
        self.tool = tool
        self.reports = folder / "given"
        shutil.copytree(SAMPLES / FORMS[tool], self.reports)
        self.project = write_project(folder / "project", example_facts())

    def edit(self, module: str, *changes: tuple[str, str]) -> None:
        """Replace text in the report of a module, each once."""
        path = self.reports / f"{module}_csynth.xml"
        text = path.read_text(encoding="utf-8")
        for before, after in changes:
            assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {path.name}"
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")

    def rename(self, module: str, loop: str, name: str) -> None:
        """Give a loop of a module another name."""
        path = self.reports / f"{module}_csynth.xml"
        text, count = re.subn(f"<(/?){loop}>", rf"<\1{name}>", path.read_text(encoding="utf-8"))
        assert count >= 2
        path.write_text(text, encoding="utf-8")

    def run(self, **environment: str) -> Run:
        given = {"STUB_CSYNTH": str(self.reports), "FOLDLINE_CSIM": "0"}
        return run_script(self.project, "run_hls.tcl", tool=self.tool, **(given | environment))

    def results(self) -> HlsResults:
        return read_hls_results(self.project / HLS_RESULTS)

    def lacking(self, **environment: str) -> list[str]:
        """What a run says that the synthesis did not reach; it must export nothing."""
        run = self.run(**environment)
        assert run.status == 1
        assert not run.named("export_design") and not run.named("cosim_design")
        lines = run.errors.splitlines()
        assert lines[0] == "ERROR: The core is not as the project needs it, and is not exported:"
        assert lines[-1] == (
            "Schedule for a longer period with FOLDLINE_HLS_PERIOD, which is 5.000 ns and at most 10.000 ns; or export the "
            "project again, with a slower clock (--clock-mhz) or another folding. FOLDLINE_ACCEPT=1 exports the core as it "
            "is."
        )
        return [line.removeprefix("  ") for line in lines[1:-1]]


@pytest.fixture(params=FORMS)
def synthesis(request, tmp_path):
    """One for each generation of tools."""
    return Synthesis(tmp_path, request.param)


@pytest.fixture
def newest(tmp_path):
    return Synthesis(tmp_path, "vitis-run")


# What the sample reports say, read by hand.


def test_the_figures_of_a_report_are_written(synthesis):
    run = synthesis.run()
    assert (run.status, run.errors) == (0, "")
    older = synthesis.tool == "vivado_hls"
    board = load_board("pynq-z1")
    assert synthesis.results() == HlsResults(
        design="0123456789abcdef",
        board="pynq-z1",
        part=board.part,
        hls={"vivado_hls": "2019.2", "vitis_hls": "2022.2", "vitis-run": "2024.2"}[synthesis.tool],
        period_ns=5.0,
        uncertainty_ns=0.625,
        estimated_ns=4.375 if older else 3.65,
        loops={
            "WORDS": HlsLoop(ii=1, depth=3),
            "PASS": HlsLoop(ii=1, depth=8),
            "CLASSES": HlsLoop(ii=1, depth=11),
            "HALVES": HlsLoop(ii=1, depth=4),  # merged with STEPS around it: STEPS_HALVES
            "COLUMNS": HlsLoop(ii=1, depth=3),
            "IMAGE_ORDER": HlsLoop(ii=1, depth=2),
            "RUNS": HlsLoop(ii=1, depth=4),
            "LABELS": HlsLoop(ii=1, depth=3),
        },
        resources=Resources(luts=11873 if older else 12210, ffs=6120 if older else 6544, bram36=15.5, dsps=0),
    )
    estimated = "4.375" if older else "3.650"
    assert (
        f"INFO: all 8 loops start an iteration in each cycle; the estimated clock is {estimated} ns of 5.000 ns.\n"
        in run.output
    )


def test_the_order_of_the_loops_in_the_results_is_that_of_the_project(newest):
    assert newest.run().status == 0
    assert list(newest.results().loops) == [label for _, label in PIPELINES]


# What a synthesis may not reach.


def test_a_loop_that_starts_an_iteration_every_other_cycle_stops_the_script(synthesis):
    module = PASS[synthesis.tool]
    synthesis.edit(module, ("<PipelineII>1<", "<PipelineII>2<"))
    assert synthesis.lacking(FOLDLINE_COSIM="1") == [
        f"loop PASS of src/hidden_layer.hpp, in the module {module}: initiation interval 2, must be 1"
    ]
    assert synthesis.results().loops["PASS"] == HlsLoop(ii=2, depth=8)


@pytest.mark.parametrize("value", ["undef", "", "0", "1.5", "-1", "1 ~ 2"])
def test_an_initiation_interval_that_is_not_1_is_never_taken_for_1(newest, value):
    newest.edit(PASS["vitis-run"], ("<PipelineII>1<", f"<PipelineII>{value}<"))
    reached = f"initiation interval {value}, must be" if value else "not pipelined, must have the initiation interval"
    assert newest.lacking() == [f"loop PASS of src/hidden_layer.hpp, in the module {PASS['vitis-run']}: {reached} 1"]
    assert "PASS" not in newest.results().loops


def test_a_loop_that_is_not_pipelined_stops_the_script(synthesis):
    module = PASS[synthesis.tool]
    synthesis.edit(
        module,
        ("<PipelineII>1</PipelineII>\n<PipelineDepth>8</PipelineDepth>", "<IterationLatency>8</IterationLatency>"),
    )
    assert synthesis.lacking() == [
        f"loop PASS of src/hidden_layer.hpp, in the module {module}: not pipelined, must have the initiation interval 1"
    ]
    assert "PASS" not in synthesis.results().loops


def test_a_loop_that_no_report_has_stops_the_script(synthesis):
    synthesis.rename(PASS[synthesis.tool], "PASS", "VITIS_LOOP_1_1")
    assert synthesis.lacking() == [
        "loop PASS of src/hidden_layer.hpp: in 0 reports, must be in 1; the tool's log says whether it was unrolled, merged "
        "or removed"
    ]
    assert list(synthesis.results().loops) == [label for _, label in PIPELINES if label != "PASS"]


def test_a_module_without_a_report_is_a_missing_loop(newest):
    (newest.reports / f"{PASS['vitis-run']}_csynth.xml").unlink()
    (lacking,) = newest.lacking()
    assert lacking.startswith("loop PASS of src/hidden_layer.hpp: in 0 reports, must be in 1; ")


@pytest.mark.parametrize("module", ["hidden_layer_Network_s", "recognise", TOP])
def test_a_clock_over_the_budget_stops_the_script_whatever_the_module(newest, module):
    text = (newest.reports / f"{module}_csynth.xml").read_text(encoding="utf-8")
    estimated = "3.650" if "3.650" in text else "3.602"
    newest.edit(module, (f"<EstimatedClockPeriod>{estimated}<", "<EstimatedClockPeriod>4.376<"))
    assert newest.lacking() == [f"module {module}: estimated clock 4.376 ns, must be at most 4.375 ns"]
    assert newest.results().estimated_ns == (4.376 if module == TOP else 3.65)


def test_a_clock_of_the_whole_budget_is_met(newest):
    newest.edit(TOP, ("<EstimatedClockPeriod>3.650<", "<EstimatedClockPeriod>4.375<"))
    assert newest.run().status == 0


def test_a_budget_with_more_digits_than_the_report_is_met_at_its_last_digit(newest):
    """3.331 ns less 12.5 % are 2.914625 ns, which a report shows as 2.915; the stub scales what is given for 5 ns."""
    newest.edit(TOP, ("<EstimatedClockPeriod>3.650<", "<EstimatedClockPeriod>4.3755<"))
    assert newest.run(FOLDLINE_HLS_PERIOD="3.331").status == 0
    results = newest.results()
    assert (results.period_ns, results.uncertainty_ns, results.estimated_ns) == (3.331, 0.416375, 2.915)
    newest.edit(TOP, ("<EstimatedClockPeriod>4.3755<", "<EstimatedClockPeriod>4.377<"))
    assert "estimated clock 2.916 ns, must be at most 2.915 ns" in newest.run(FOLDLINE_HLS_PERIOD="3.331").errors


def test_all_that_is_not_reached_is_named(newest):
    newest.edit(PASS["vitis-run"], ("<PipelineII>1<", "<PipelineII>3<"), ("Period>3.602<", "Period>5.101<"))
    newest.edit("output_layer_Network_s", ("<PipelineII>1<", "<PipelineII>2<"))
    assert newest.lacking() == [
        f"loop PASS of src/hidden_layer.hpp, in the module {PASS['vitis-run']}: initiation interval 3, must be 1",
        "loop CLASSES of src/output_layer.hpp, in the module output_layer_Network_s: initiation interval 2, must be 1",
        f"module {PASS['vitis-run']}: estimated clock 5.101 ns, must be at most 4.375 ns",
    ]


# Names of loops.


@pytest.mark.parametrize("name", ["CLASSES_1", "CLASSES2", "STEPS_CLASSES", "A_B_CLASSES_12"])
def test_a_number_behind_a_name_and_outer_loops_before_it_are_known(newest, name):
    newest.rename("output_layer_Network_s", "CLASSES", name)
    assert newest.run().status == 0
    newest.edit("output_layer_Network_s", ("<PipelineII>1<", "<PipelineII>2<"))
    assert newest.lacking() == [
        f"loop {name} of src/output_layer.hpp, in the module output_layer_Network_s: initiation interval 2, must be 1"
    ]


@pytest.mark.parametrize("name", ["CLASSESX", "XCLASSES", "CLASSES_STEPS", "classes", "CLASSES_1_2"])
def test_another_loop_is_not_taken_for_it(newest, name):
    newest.rename("output_layer_Network_s", "CLASSES", name)
    assert newest.lacking()[0].startswith("loop CLASSES of src/output_layer.hpp: in 0 reports, must be in 1; ")


def test_a_name_that_ends_with_another_is_not_taken_for_it(tmp_path):
    """Two pipelined loops ORDER and IMAGE_ORDER: the report's IMAGE_ORDER is only the second."""
    synthesis = Synthesis(tmp_path, "vitis-run")
    shutil.rmtree(synthesis.project)
    facts = example_facts()
    write_project(synthesis.project, replace(facts, pipelines=(("src/labels.hpp", "ORDER"), *facts.pipelines)))
    (lacking,) = synthesis.lacking()
    assert lacking.startswith("loop ORDER of src/labels.hpp: in 0 reports, must be in 1; ")


def test_every_loop_of_one_name_counts(newest):
    """Two copies of a module, as for two instances of a template: one slow, the other deep."""
    module = PASS["vitis-run"]
    shutil.copy(newest.reports / f"{module}_csynth.xml", newest.reports / f"{module}1_csynth.xml")
    newest.edit(f"{module}1", ("<PipelineII>1<", "<PipelineII>2<"), ("<PipelineDepth>8<", "<PipelineDepth>5<"))
    assert newest.lacking() == [
        f"loop PASS of src/hidden_layer.hpp, in the module {module}1: initiation interval 2, must be 1"
    ]
    assert newest.results().loops["PASS"] == HlsLoop(ii=2, depth=8)


def test_one_label_in_two_files_needs_two_loops(tmp_path):
    synthesis = Synthesis(tmp_path, "vitis-run")
    shutil.rmtree(synthesis.project)
    facts = example_facts()
    write_project(synthesis.project, replace(facts, pipelines=(*facts.pipelines, ("src/kernel.hpp", "PASS"))))
    (lacking,) = synthesis.lacking()
    assert lacking.startswith("loop PASS of src/hidden_layer.hpp and src/kernel.hpp: in 1 reports, must be in 2; ")


def test_two_loops_of_one_name_in_a_module_are_both_read(tmp_path):
    synthesis = Synthesis(tmp_path, "vivado_hls")
    again = "<PASS>\n<TripCount>9</TripCount>\n<PipelineII>4</PipelineII>\n</PASS>\n"
    synthesis.edit("hidden_layer", ("</PASS>\n</STEPS>", f"</PASS>\n{again}</STEPS>"))
    assert synthesis.lacking() == [
        "loop PASS of src/hidden_layer.hpp, in the module hidden_layer: initiation interval 4, must be 1"
    ]


@pytest.mark.parametrize("depth", ["undef", "<range>\n<min>7</min>\n<max>9</max>\n</range>", "0"])
def test_a_depth_that_varies_is_left_out(newest, depth):
    newest.edit(PASS["vitis-run"], ("<PipelineDepth>8<", f"<PipelineDepth>{depth}<"))
    assert newest.run().status == 0
    assert newest.results().loops["PASS"] == HlsLoop(ii=1, depth=None)


# Reports that cannot be read.


def unreadable(newest: Synthesis) -> str:
    """Why; the script must have exported and written nothing."""
    (lacking,) = newest.lacking()
    assert not (newest.project / HLS_RESULTS).exists()
    start = "the reports cannot be read: "
    assert lacking.startswith(start)
    return lacking.removeprefix(start)


@pytest.mark.parametrize("tool", FORMS)
def test_a_report_that_is_cut_off_is_never_taken(tool, tmp_path):
    """At 40 places of the report with PASS, the first and the last byte among them; the end alone is not missed."""
    synthesis = Synthesis(tmp_path, tool)
    path = synthesis.reports / f"{PASS[tool]}_csynth.xml"
    text = path.read_text(encoding="utf-8")
    whole = len(text.rstrip())
    for at in sorted({*range(0, whole, whole // 38), whole - 1}):
        path.write_text(text[:at], encoding="utf-8")
        message = unreadable(synthesis)
        assert path.name in message, f"cut off at {at}: {message}"
    path.write_text(text[:whole], encoding="utf-8")
    assert synthesis.run().status == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("<profile>", "<report>"), "SOURCE: </profile> does not end <report>."),
        (("</profile>", ""), "SOURCE ends within <profile>; it is cut off."),
        (("</InstanceList>", "</PASS>"), "SOURCE: </PASS> does not end <InstanceList>."),
        (("<Slack>4", "<Slack><4"), "SOURCE: a '<' does not begin an element; the file is cut off or damaged."),
        (("<profile>", "<!DOCTYPE x>\n<profile>"), "SOURCE: <!DOCTYPE x> is not understood."),
        (("<profile>", "<profile><profile>"), "SOURCE ends within <profile>; it is cut off."),
        (
            ("<profile>", "<a/><profile>"),
            "SOURCE is not a report of a known form: its outermost element must be one <profile>.",
        ),
        (
            ("<SummaryOfLoopLatency>\n", "<SummaryOfLoopLatency>\n<PASS><II>1</II></PASS>\n"),
            "The report of hidden_layer_Network_s: <PASS> in SummaryOfLoopLatency is not a loop of a known form.",
        ),
        (
            ("<EstimatedClockPeriod>3.602</EstimatedClockPeriod>", ""),
            "The report of hidden_layer_Network_s must have one PerformanceEstimates/SummaryOfTimingAnalysis/"
            "EstimatedClockPeriod; it has 0 of EstimatedClockPeriod.",
        ),
        (
            ("<EstimatedClockPeriod>3.602<", "<EstimatedClockPeriod>undef<"),
            "The report of hidden_layer_Network_s: PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod is "
            "'undef'; it must be a number.",
        ),
    ],
)
def test_another_form_is_refused_with_what_is_not_understood(newest, change, message):
    newest.edit("hidden_layer_Network_s", change)
    assert unreadable(newest) == message.replace("SOURCE", "hidden_layer_Network_s_csynth.xml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("<LUT>12210</LUT>", ""), " must have one AreaEstimates/Resources/LUT; it has 0 of LUT."),
        (("<DSP>0</DSP>", ""), " must have one AreaEstimates/Resources/DSP; it has 0 of DSP."),
        (("<FF>6544<", "<FF>many<"), ": AreaEstimates/Resources/FF is 'many'; it must be a number."),
        (("<Version>2024.2</Version>", ""), " must have one ReportVersion/Version; it has 0 of Version."),
        (
            ("<Version>2024.2<", '<Version>2024.2"<'),
            ": its version is '2024.2\"'; it must be letters, digits, blanks, '.', '_', '-' and brackets.",
        ),
        ((f"<TopModelName>{TOP}<", "<TopModelName>other<"), " says that it is of other."),
    ],
)
def test_what_the_report_of_the_top_function_lacks_is_named(newest, change, message):
    newest.edit(TOP, change)
    assert unreadable(newest) == f"The report of {TOP}{message}"


def test_the_top_functions_report_may_be_csynth_xml(synthesis):
    (synthesis.reports / f"{TOP}_csynth.xml").unlink()
    run = synthesis.run()
    assert (run.status, run.errors) == (0, "")
    assert synthesis.results().resources.luts == (11873 if synthesis.tool == "vivado_hls" else 12210)
    (synthesis.reports / "csynth.xml").unlink()
    assert unreadable(synthesis) == (
        f"{synthesis.project}/hls/solution1/syn/report has neither {TOP}_csynth.xml nor csynth.xml; run the synthesis again."
    )


def test_attributes_comments_and_entities_are_read_over(newest):
    newest.edit(
        "hidden_layer_Network_s",
        ("<profile>", '<?xml version="1.0"?>\n<!-- it\'s <b> -->\n<profile a="x > y" b=\'<c>\'>'),
        ("<TripCount>\n<range>", '<TripCount unit="1"><x y="/"/>\n<range>'),
    )
    assert newest.run().status == 0


# An older release, another clock, and what is done all the same.


@pytest.mark.parametrize(
    ("board", "version", "needed"),
    [("pynq-z1", "2018.3", "2019.2"), ("kv260", "2020.1", "2020.2.2"), ("kv260", "2019.2", "2020.2.2")],
)
def test_an_older_release_in_the_report_is_refused(tmp_path, board, version, needed):
    synthesis = Synthesis(tmp_path, "vitis-run")
    shutil.rmtree(synthesis.project)
    write_project(synthesis.project, example_facts(board))
    synthesis.edit(TOP, ("<Version>2024.2<", f"<Version>{version}<"))
    loaded = load_board(board)
    run = synthesis.run(FOLDLINE_ACCEPT="1")
    assert (run.status, run.errors) == (
        1,
        f"ERROR: This is HLS {version}; {loaded.title} ({loaded.part}) needs HLS {needed} or later.\n",
    )


@pytest.mark.parametrize("version", ["2020.2", "2020.2.2", "2021.1", "2025.1 (Build 1)"])
def test_a_report_that_names_no_update_is_not_taken_for_the_first(tmp_path, version):
    synthesis = Synthesis(tmp_path, "vitis-run")
    shutil.rmtree(synthesis.project)
    write_project(synthesis.project, example_facts("kv260"))
    synthesis.edit(TOP, ("<Version>2024.2<", f"<Version>{version}<"))
    run = synthesis.run()
    assert (run.status, run.errors) == (0, "")
    assert synthesis.results().hls == version


def test_an_export_checks_the_reports_of_an_earlier_synthesis(newest):
    newest.edit(PASS["vitis-run"], ("<PipelineII>1<", "<PipelineII>2<"))
    assert newest.run().status == 1
    assert len(newest.lacking(FOLDLINE_CSYNTH="0")) == 1
    run = newest.run(FOLDLINE_CSYNTH="0", FOLDLINE_HLS_PERIOD="6")
    assert (
        f"The report of {TOP} has TargetClockPeriod 5.00 ns; this run asks for 6.000 ns. Run the synthesis again."
        in (run.errors)
    )
    assert not run.named("export_design")


@pytest.mark.parametrize("step", ["EXPORT", "COSIM"])
@pytest.mark.parametrize("path", ["run_hls.tcl", "src/config.hpp"])
def test_an_earlier_synthesis_of_other_files_is_neither_reported_nor_exported(newest, path, step):
    """The project was exported again, perhaps in another folding, and its script has another digest."""
    assert newest.run().status == 0
    before = (newest.project / HLS_RESULTS).read_text(encoding="utf-8")
    file = newest.project / path
    file.write_text(f"{file.read_text(encoding='utf-8')}\n# of another export\n", encoding="utf-8")
    steps = {"FOLDLINE_EXPORT": "0", "FOLDLINE_CSYNTH": "0"} | {f"FOLDLINE_{step}": "1"}
    run = newest.run(**steps)
    assert (run.status, run.errors) == (
        1,
        f"ERROR: The synthesis is of another {path} than the project's; run the synthesis again.\n",
    )
    assert not run.named("export_design") and not run.named("cosim_design")
    assert (newest.project / HLS_RESULTS).read_text(encoding="utf-8") == before
    assert newest.run(**steps | {"FOLDLINE_CSYNTH": "1"}).status == 0


def test_a_simulation_of_an_earlier_synthesis_checks_its_reports(newest):
    newest.edit(PASS["vitis-run"], ("<PipelineII>1<", "<PipelineII>2<"))
    assert newest.run().status == 1
    assert len(newest.lacking(FOLDLINE_CSYNTH="0", FOLDLINE_EXPORT="0", FOLDLINE_COSIM="1")) == 1


def test_a_new_synthesis_discards_the_reports_of_modules_that_are_no_more(newest):
    assert newest.run().status == 0
    old = newest.project / "hls/solution1/syn/report/hidden_layer_Old_Pipeline_PASS_csynth.xml"
    shutil.copy(newest.reports / f"{PASS['vitis-run']}_csynth.xml", old)
    old.write_text(old.read_text(encoding="utf-8").replace("<PipelineII>1<", "<PipelineII>2<"), encoding="utf-8")
    assert newest.run(FOLDLINE_CSYNTH="0").status == 1
    assert newest.run().status == 0


def test_a_failed_check_leaves_no_core_of_an_earlier_run_for_the_bitstream(newest):
    assert newest.run().status == 0
    assert (newest.project / "hls/solution1/impl/foldline/run_hls.tcl").exists()
    newest.edit(PASS["vitis-run"], ("<PipelineII>1<", "<PipelineII>2<"))
    assert newest.run().status == 1
    run = run_script(newest.project, "build.tcl", tool="vivado")
    assert run.status == 1
    assert "run run_hls.tcl again" in run.errors and not run.commands


def test_a_failed_synthesis_leaves_no_results_of_an_earlier_run(newest):
    assert newest.run().status == 0
    assert newest.run(STUB_FAIL="csynth_design").status == 1
    assert not (newest.project / HLS_RESULTS).exists()


def test_a_user_may_go_on_and_is_told_so(newest):
    newest.edit(PASS["vitis-run"], ("<PipelineII>1<", "<PipelineII>2<"))
    run = newest.run(FOLDLINE_ACCEPT="1")
    assert (run.status, run.errors) == (0, "")
    assert [line for line in run.output.splitlines() if line.startswith("WARNING: ")] == [
        f"WARNING: loop PASS of src/hidden_layer.hpp, in the module {PASS['vitis-run']}: initiation interval 2, must be 1.",
        "WARNING: the core is not as the project needs it, and is exported all the same: FOLDLINE_ACCEPT is 1.",
    ]
    assert len(run.named("export_design")) == 1
    assert newest.results().loops["PASS"].ii == 2


def test_a_user_may_go_on_with_reports_that_cannot_be_read(newest):
    newest.edit(TOP, ("</profile>", ""))
    run = newest.run(FOLDLINE_ACCEPT="1")
    assert (run.status, run.errors) == (0, "")
    assert (
        f"WARNING: the reports cannot be read: {TOP}_csynth.xml ends within <profile>; it is cut off.\n" in run.output
    )
    assert not (newest.project / HLS_RESULTS).exists()
