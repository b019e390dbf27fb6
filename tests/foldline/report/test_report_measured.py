"""What Vivado reported of built projects, in the report."""

import json
import re
from functools import partial

import pytest

from datapath import Folding
from datapath.architecture import Architecture
from datapath.cycles import cycles_of
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.vivado.built_project import read_project
from datapath.vivado.project import design_digest
from foldline.hardware.estimate import resources_of
from foldline.report import Target, render_report
from tests.datapath.vivado.built import CORE, write_built
from tests.foldline import command_line
from tests.foldline.command_line import fails
from tests.foldline.report import reports
from tests.foldline.report.page import Page
from tests.train import tiny
from train.data.dataset import write_dataset

run = partial(command_line.run, "report")
pytestmark = pytest.mark.no_numpy2

DESIGN, OTHER = reports.tiny_design(), reports.tiny_design(7)
MISSED = {"wns": -0.4, "reachable_mhz": 96.1}


@pytest.fixture
def built(tmp_path):
    """A function that writes and reads a built project."""
    return lambda name="one", design=DESIGN, **options: read_project(write_built(tmp_path / name, design, **options))


def rendered(*projects, columns: int = 100) -> str:
    runs = (reports.simulated_run("first", 7), reports.simulated_run("second"))
    return render_report(reports.inputs(*runs, built=projects, target=Target(columns=columns), inspected_lines=0))


def section(text: str) -> str:
    """The text of the section, its markup left out."""
    found = re.search(r'<section id="measured".*?</section>', text, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", found[0]))


def test_a_report_without_projects_has_no_such_section():
    page = Page(rendered())
    assert "measured" not in page.ids
    assert "#measured" not in [attributes.get("href") for _, attributes in page.elements]


@pytest.mark.parametrize("kernel", ["hls", "rtl"])
def test_vivado_s_counts_stand_beside_the_estimate(built, kernel):
    page = Page(rendered(built(kernel=kernel)))
    (table,) = page.tables["measured"]
    model = resources_of(Architecture.of(DESIGN), Kernel(kernel)).total
    assert table[0] == ["resource", "measured,whole design", "estimated", "error"]
    assert [row[0] for row in table[1:]] == ["LUT", "FF", "BRAM36", "DSP"]
    assert table[3][1:3] == ["119.5", f"{model.bram36:g}"]
    assert [row[1].replace("\N{NARROW NO-BREAK SPACE}", "") for row in table[1:]] == ["26423", "39703", "119.5", "180"]
    assert [row[2] for row in table[1:]] == [
        f"{value:g}" for value in (model.luts, model.ffs, model.bram36, model.dsps)
    ]
    measured = (26423, 39703, 119.5, 180)
    errors = [100 * (ours / real - 1) for ours, real in zip(vars(model).values(), measured, strict=True)]
    assert [row[3] for row in table[1:]] == [f"{error:+.1f} %" for error in errors]
    assert "measured" in page.ids
    assert "#measured" in [attributes.get("href") for _, attributes in page.elements]


def test_the_core_of_the_rtl_kernel_is_what_its_estimate_is_compared_with(built):
    (table,) = Page(text := rendered(built(**CORE))).tables["measured"]
    model = resources_of(Architecture.of(DESIGN), Kernel.RTL).total
    assert table[0] == ["resource", "measured,whole design", "measured,core", "estimated", "error"]
    assert table[1][-1] == f"{100 * (model.luts / 20000 - 1):+.1f} %"
    assert "against the core" in section(text)
    (table,) = Page(text := rendered(built("two", kernel="hls", **CORE))).tables["measured"]
    model = resources_of(Architecture.of(DESIGN), Kernel.HLS).total
    assert table[1][-1] == f"{100 * (model.luts / 26423 - 1):+.1f} %"
    assert "against the whole design" in section(text)


def test_slack_clock_power_time_and_energy(built):
    """Energy of a line: 1.737 W times the milliseconds of 100 columns at 142.857 MHz."""
    text = section(rendered(built(clock_mhz=142.857, period_ns=7.0, wns=0.5, reachable_mhz=153.8)))
    milliseconds = cycles_of(Architecture.of(DESIGN), Kernel.RTL).milliseconds(100, 142.857)
    assert "setup 0.500 ns, hold 0.020 ns, at a period of 7.000 ns" in text
    assert "153.8 MHz (+7.7 % to the clock of 142.857 MHz)" in text  # 153.8 / 142.857
    assert "1.737 W on the chip, estimated by Vivado" in text
    assert f"{milliseconds:.3f} ms for 100 columns at 142.857 MHz; counted" in text
    assert f"{1.737 * milliseconds:.3f} mJ, power times time" in text
    assert "no board was measured" in text
    assert "not met" not in text
    assert "at 100 MHz; modelled" in section(rendered(built("two", kernel="hls")))


def test_a_clock_that_is_not_met_is_marked(built):
    text = rendered(built(**MISSED))
    words = section(text)
    assert "Timing is not met at 100 MHz: setup slack -0.400 ns; this implementation reaches 96.1 MHz." in words
    assert "at 100 MHz, which this build does not reach; counted" in words
    assert 'class="over">setup -0.400 ns' in text
    assert "Hold slack" not in words
    held = section(rendered(built("two", whs=-0.01)))
    assert "Timing is not met at 100 MHz: Hold slack -0.010 ns, which no slower clock changes." in held
    assert "this implementation reaches" not in held


def test_loops_and_clock_of_hls(built):
    page = Page(text := rendered(built(kernel="hls", hls={"estimated_ns": 4.376})))
    resources, loops = page.tables["measured"]
    assert resources[0][2] == "HLS's estimate,core"
    assert resources[3][2] == "100.5"  # 201 RAMB18
    # The model's depths are 23.5 + 3.25 and 42.6 cycles, of which 2 are the entry and exit of the loop.
    assert loops[1:] == [["PASS", "1", "31", "24.8"], ["CLASSES", "1", "44", "40.6"], ["RUNS", "1", "not reported", ""]]
    words = section(text)
    assert "estimated 4.376 ns of a budget of 4.375 ns (period 5.000 ns less 0.625 ns), 2022.2 (Build 3670227)" in words
    assert 'class="over">estimated 4.376 ns' in text
    slow = {"estimated_ns": 4.375, "loops": {"PASS": {"ii": 2}}}
    text = rendered(built("two", kernel="hls", hls=slow))
    assert 'class="over">estimated' not in text
    assert '<td class="over">2</td>' in text
    assert "modelled, with an initiation interval of 1 of PASS, too: it takes longer" in section(text)
    assert "initiation interval of 1" not in words


def test_a_project_stands_under_the_network_that_it_was_built_of(built):
    text = section(rendered(built("<b>1", OTHER), built("b", DESIGN), built("c", OTHER, kernel="hls")))
    found = re.findall(r"(\d) W8A4 (\w+), built in (\S+) (\w+) kernel on xc7z020clg400-1 \(pynq-z2\)", text)
    assert found == [("1", "first", "&lt;b&gt;1", "rtl"), ("2", "second", "b", "rtl"), ("1", "first", "c", "hls")]


def test_a_project_of_another_design_is_refused_with_both_digests(built):
    stranger = reports.tiny_design(8)
    project = built(design=stranger)
    with pytest.raises(ConfigError) as caught:
        rendered(project)
    for named in (
        design_digest(stranger),
        design_digest(DESIGN),
        design_digest(OTHER),
        project.folder,
        project.design_file,
    ):
        assert str(named) in str(caught.value)
    assert "same network" not in str(caught.value)
    refolded = DESIGN.refolded(Folding(pe=2, simd_input=1, simd_recurrent=1))
    with pytest.raises(ConfigError, match="the same network in the folding PE 2, SIMD 1 and 1, PE_OUT 1"):
        rendered(built("two", refolded))


# The command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    DESIGN.save(tmp_path / "design.npz")
    return tmp_path / "design.npz"


@pytest.fixture
def options(tmp_path):
    data = write_dataset(tiny.dataset(), tmp_path / "data")
    return ("-o", tmp_path / "report.html", "--data", data, "--backends", "simulated", "--inspect", 0)


def test_the_command_reports_several_projects(saved, options, tmp_path):
    one = write_built(tmp_path / "one", DESIGN)
    two = write_built(tmp_path / "two", DESIGN, kernel="hls", hls={})
    result = run(saved, *options, "--vivado", one, "--vivado", two)
    assert result.exit_code == 0, result.output
    assert len(Page((tmp_path / "report.html").read_text(encoding="utf-8")).tables["measured"]) == 3
    result = run(one / "net.npz", *options, "--vivado", one)  # the design that was built
    assert result.exit_code == 0, result.output


def test_errors_come_before_the_computation(saved, options, tmp_path):
    folder = write_built(tmp_path / "one", OTHER)
    digests = (design_digest(OTHER), f"design is {design_digest(DESIGN)}")
    fails((folder, *digests, folder / "net.npz"), "report", saved, *options, "--vivado", folder)
    fails((folder, "is given twice"), "report", saved, *options, "--vivado", folder, "--vivado", folder)
    fails((saved, "it is not a folder"), "report", saved, *options, "--vivado", saved)
    values = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(values | {"wns": "fast"}))
    fails(("results.json", "wns is 'fast'", "-1000 to 1000"), "report", saved, *options, "--vivado", folder)
    (folder / "results.json").unlink()
    fails(("build the project first", "vivado"), "report", saved, *options, "--vivado", folder)
    assert not (tmp_path / "report.html").exists()


def test_a_report_never_replaces_a_file_of_the_project(saved, options, tmp_path):
    folder = write_built(tmp_path / "one", DESIGN)
    output = folder / "results.json"
    fails((output, "it is a file of"), "report", saved, "-o", output, *options[2:], "--vivado", folder)
