"""Models refitted to built projects: what a project determines, and `foldline estimate --measured`."""

import json
from functools import partial

import pytest

from datapath import Folding
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.cycles import DEPTHS, Depths, cycles_of
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.resources import Resources
from datapath.vivado.built_project import read_project, read_projects
from foldline.hardware.estimate import RESOURCE_TITLES, estimate, resources_of
from foldline.hardware.projects import export_project
from foldline.hardware.refit import Scale, measured_of, refit, resource_differences
from tests.datapath.vivado.built import CORE, write_built
from tests.designs import random_design
from tests.foldline import command_line
from tests.foldline.command_line import fails
from tests.hls_gen.project import FORMS, SAMPLES
from tests.vendor_tools import needs_tclsh, run_script

run = partial(command_line.run, "estimate")
pytestmark = pytest.mark.no_numpy2

DESIGN = random_design(26, bits=(4, 8, 4, 8, 8), inputs=8, hidden=8, classes=5)
LARGER = DESIGN.refolded(Folding(pe=4, simd_input=8, simd_recurrent=8, pe_out=2))
KERNELS = ("hls", "rtl")


@pytest.fixture
def built(tmp_path):
    """A function that writes and reads a built project."""
    return lambda name="one", design=DESIGN, **options: read_project(write_built(tmp_path / name, design, **options))


def estimated(design, kernel) -> Resources:
    return resources_of(Architecture.of(design), Kernel(kernel)).total


@pytest.mark.parametrize("core", [{}, CORE], ids=["whole", "core"])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("luts", [20_001, 26_423, 1_000_003])
def test_one_project_is_reproduced_exactly(built, kernel, core, luts):
    project = built(kernel=kernel, luts=luts, **core)
    found = estimate(project.architecture, kernel=Kernel(kernel), refit=refit([project]))
    total, model = found.resources.total, estimated(DESIGN, kernel)
    assert (total.luts, total.ffs) == (luts, 39703)
    assert (total.bram36, total.dsps) == (model.bram36, model.dsps)  # compared, not fitted
    assert found.resources.counted_by == "Vivado 2022.2, refitted"


@pytest.mark.parametrize("kernel", KERNELS)
def test_another_folding_is_scaled_by_what_was_measured(built, kernel):
    fitted = refit([built(kernel=kernel, luts=20_000, ffs=30_000)])
    found = estimate(Architecture.of(LARGER), kernel=Kernel(kernel), refit=fitted)
    model, before = estimated(LARGER, kernel), estimated(DESIGN, kernel)
    assert found.resources.total.luts == round(model.luts * 20_000 / before.luts)
    assert found.resources.total.ffs == round(model.ffs * 30_000 / before.ffs)
    assert found.unfitted.resources.total == model


def test_what_is_around_the_core_is_a_constant(built):
    whole = {"luts": 21_500, "ffs": 32_000, "bram36": 101.0, "dsps": 180}
    fitted = refit([built(**whole, **CORE)])
    model, before = estimated(LARGER, "rtl"), estimated(DESIGN, "rtl")
    found = estimate(Architecture.of(LARGER), kernel=Kernel.RTL, refit=fitted).resources
    assert found.total.luts == round(model.luts * 20_000 / before.luts) + 1500
    assert found.total.ffs == round(model.ffs * 30_000 / before.ffs) + 2000
    assert found.blocks[-1].name == "around"
    assert found.blocks[-1].resources == Resources(luts=1500, ffs=2000)


def test_what_was_measured_around_the_core_replaces_its_part_of_the_rest_of_the_hls_kernel(built):
    """7800 look-up tables are the rest of every design (`hls_gen.resources.estimate.SCALES`)."""
    fitted = refit([built(kernel="hls", luts=21_500, **CORE)])
    assert (fitted.luts.constant, fitted.luts.replaced) == (1500, 1500)
    blocks = {
        block.name: block.resources.luts
        for block in fitted.resources(resources_of(Architecture.of(LARGER), Kernel.HLS)).blocks
    }
    assert blocks["around"] == 1500
    assert blocks["rest"] == pytest.approx(fitted.luts.scale * 6300, abs=1)
    assert refit([built("large", kernel="hls", luts=40_000, **CORE)]).luts.replaced == 7800


@pytest.mark.parametrize(
    "scale", [Scale(scale=1.37, constant=0, replaced=0), Scale(scale=0.61, constant=1501, replaced=700)]
)
def test_the_blocks_add_up_to_the_whole(scale):
    counts = {"a": 3, "b": 1001, "c": 0, "d": 7, "rest": 999}
    assert sum(scale.blocks(counts).values()) == scale(sum(counts.values()))


def test_of_several_projects_the_relative_errors_are_least(built):
    """The scale is sum(e / m) / sum((e / m)^2), from setting the derivative of sum((s e / m - 1)^2) to 0."""
    model = estimated(DESIGN, "rtl").luts
    fitted = refit([built("one", luts=model), built("two", luts=2 * model)])
    assert fitted.luts.scale == pytest.approx((1 + 0.5) / (1 + 0.25))
    with_core = {
        "luts": model + 2000,
        "ffs": 9000,
        "core_luts": model,
        "core_ffs": 8000,
        "core_bram36": 1,
        "core_dsps": 1,
    }
    mixed = refit([built("three", luts=model), built("four", **with_core)])
    assert not mixed.has_core
    assert mixed.luts.constant == 0


def test_the_depths_of_the_pipelines_are_those_that_hls_reported(built):
    """PASS 31 and CLASSES 44 cycles, and 2 in which a loop is entered and left."""
    project = built(kernel="hls", hls={})
    fitted = refit([project])
    assert fitted.pipelines == {"PASS": 31, "CLASSES": 44}
    depths = Depths(hidden=33, hidden_per_step=0, output=46)
    assert fitted.depths == depths
    for design in (DESIGN, LARGER):
        found = estimate(Architecture.of(design), kernel=Kernel.HLS, refit=fitted)
        assert found.cycles == cycles_of(Architecture.of(design), Kernel.HLS, depths)
        assert found.unfitted.cycles == cycles_of(Architecture.of(design), Kernel.HLS)


def test_a_depth_that_is_not_known_is_the_model_s(built):
    fitted = refit([built(kernel="hls", hls={"loops": {"CLASSES": {"ii": 1, "depth": 10}, "PASS": {"ii": 1}}})])
    assert fitted.depths.of_hidden(1) == DEPTHS.of_hidden(1)
    assert fitted.depths.output == 12
    (note,) = fitted.notes(load_board("pynq-z2"), 100)
    assert "PASS" in note and "the model's" in note
    assert refit([built("two", kernel="hls")]).depths == DEPTHS


def test_depths_of_several_projects_are_their_mean(built):
    deeper = {"loops": {"PASS": {"ii": 1, "depth": 34}}}
    projects = [
        built("one", kernel="hls", hls={}),
        built("two", kernel="hls", hls=deeper),
        built("three", kernel="hls"),
    ]
    assert refit(projects).pipelines == {"PASS": 32.5, "CLASSES": 44}


def test_a_pipeline_that_is_not_one_is_refused(built):
    project = built(kernel="hls", hls={"loops": {"PASS": {"ii": 2, "depth": 31}}})
    with pytest.raises(ConfigError, match=r"loop PASS has an initiation interval of 2; .* needs 1"):
        refit([project])


def test_a_refit_is_of_one_kernel_and_holds_for_it(built, tmp_path):
    ours, theirs = built("one"), built("two", kernel="hls")
    with pytest.raises(ConfigError, match=r"one was built with the kernel 'rtl', and .*two with 'hls'"):
        refit([ours, theirs])
    for kernel in (Kernel.HLS, Kernel.PUBLISHED):
        with pytest.raises(ConfigError, match=f"kernel is '{kernel.value}'; .*one was built with the kernel 'rtl'"):
            estimate(Architecture.of(DESIGN), kernel=kernel, refit=refit([ours]))
    with pytest.raises(ConfigError, match="measured is empty"):
        refit([])
    with pytest.raises(ConfigError, match="given twice"):
        read_projects([tmp_path / "one", tmp_path / "two", tmp_path / "two" / ".." / "one"])


def test_notes_name_another_family_a_missed_clock_and_what_the_scales_contain(built):
    far = built(board="kv260", wns=-1.0, reachable_mhz=90.9)
    family, clock, scales = refit([far]).notes(load_board("pynq-z2"), 100)
    assert "xck26-sfvc784-2LV-c, of another family than TUL PYNQ-Z2" in family
    assert "does not meet its clock" in clock
    assert "no interconnect" in scales
    assert len(list(refit([far]).notes(load_board("zcu104"), 150))) == 2
    assert list(refit([built("near", **CORE)]).notes(load_board("pynq-z1"), 50)) == []


def test_a_note_names_the_clock_of_a_project_of_hls_where_the_estimate_is_for_another(built):
    fitted = refit([built(kernel="hls", hls={})])
    (note,) = fitted.notes(load_board("pynq-z2"), 125)
    assert "one was built for 100 MHz, and the estimate is for 125 MHz" in note
    assert list(fitted.notes(load_board("pynq-z2"), 100)) == []


def test_differences_are_those_of_the_estimate_to_what_was_measured():
    measured = Resources(luts=100, ffs=50, bram36=0, dsps=0)
    found = resource_differences(measured, Resources(luts=110, ffs=25, bram36=1.5, dsps=0))
    assert found == {"luts": pytest.approx(10), "ffs": pytest.approx(-50), "bram36": None, "dsps": 0.0}


def figures(found: Resources) -> list[str]:
    return [f"{getattr(found, name):g}" for name in RESOURCE_TITLES]


def test_an_estimate_is_one_of_the_core_only_for_the_rtl_kernel(built):
    rtl, hls, whole = built("one", **CORE), built("two", kernel="hls", **CORE), built("three")
    assert measured_of(rtl) == rtl.vivado.core
    assert measured_of(hls) == hls.vivado.resources
    assert measured_of(whole) == whole.vivado.resources


# The command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    LARGER.save(tmp_path / "larger.npz")
    return tmp_path / "larger.npz"


def test_the_command_shows_estimate_refit_and_measurement(saved, tmp_path):
    folder = write_built(tmp_path / "project", DESIGN, kernel="hls", hls={})
    lines = run(saved, "--kernel", "hls", "--measured", folder).stdout.splitlines()
    rows = {
        line.split("  ")[0]: line.split()[-4:] for line in lines if f"{folder}, " in line or "this design, " in line
    }
    model, before = estimated(LARGER, "hls"), estimated(DESIGN, "hls")
    assert rows["this design, estimated"] == figures(model)
    luts, ffs = round(model.luts * 26423 / before.luts), round(model.ffs * 39703 / before.ffs)
    assert rows["this design, refitted"] == [f"{luts}", f"{ffs}", *figures(model)[2:]]
    assert rows[f"{folder}, estimated"] == figures(before)
    assert rows[f"{folder}, refitted"] == ["26423", "39703", *figures(before)[2:]]
    assert rows[f"{folder}, measured"] == ["26423", "39703", "119.5", "180"]
    errors = [
        f"{value:+.1f}"
        for value in resource_differences(Resources(luts=26423, ffs=39703, bram36=119.5, dsps=180), before).values()
    ]
    (row,) = (line.split()[4:] for line in lines if line.startswith("  estimate against the whole "))
    assert row[::2] == errors
    assert "Refitted to 1 built project of the kernel hls:" in lines
    assert any("hidden layer 33 cycles (before: 26.75)" in line for line in lines)
    assert any(line.startswith("By the model before its refit: a line of 520 columns takes ") for line in lines)


def test_the_estimate_of_the_rtl_kernel_is_compared_with_the_core(saved, tmp_path):
    folder = write_built(tmp_path / "project", DESIGN, **CORE)
    lines = run(saved, "--measured", folder).stdout.splitlines()
    assert any(line.endswith("flip-flops are refitted to the counts of Vivado 2022.2.") for line in lines)
    core = Resources(luts=20000, ffs=30000, bram36=100.5, dsps=180)
    (measured,) = (line.split()[-4:] for line in lines if line.startswith(f"{folder}, measured core "))
    assert measured == figures(core)
    errors = [f"{value:+.1f}" for value in resource_differences(core, estimated(DESIGN, "rtl")).values()]
    (row,) = (line.split()[4:] for line in lines if line.startswith("  estimate against the core "))
    assert row[::2] == errors
    assert any("+ 6423 around the core; FF" in line and "+ 9703 around the core." in line for line in lines)


def test_json_has_the_refit(saved, tmp_path):
    one, two = (write_built(tmp_path / name, DESIGN) for name in ("one", "two"))
    found = json.loads(run(saved, "--measured", one, "--measured", two, "--json").stdout)
    model = estimated(LARGER, "rtl")
    assert found["refit"]["estimated"] == {name: getattr(model, name) for name in RESOURCE_TITLES}
    assert found["resources"]["luts"] == round(found["refit"]["luts"]["scale"] * model.luts)
    assert found["refit"]["depths"] is None
    assert [project["project"] for project in found["refit"]["projects"]] == [str(one), str(two)]
    for project in found["refit"]["projects"]:
        assert project["measured"] == {"luts": 26423, "ffs": 39703, "bram36": 119.5, "dsps": 180}
        assert (project["refitted"]["luts"], project["refitted"]["ffs"]) == (26423, 39703)
        assert (project["wns"], project["power_w"], project["core"]) == (0.412, 1.737, None)
    assert json.loads(run(saved, "--json").stdout)["refit"] is None


@needs_tclsh
def test_a_project_that_the_scripts_have_run_through_with_stubs_of_the_tools_is_what_a_refit_takes(tmp_path):
    """The figures are those of the sample reports; FOLDLINE_ACCEPT, because these are of another version of the kernel."""
    for kernel in KERNELS:
        folder = tmp_path / kernel
        export_project(DESIGN, folder, kernel=Kernel(kernel), board="pynq-z1")
        if kernel == "hls":
            given = {"STUB_CSYNTH": str(SAMPLES / FORMS["vitis_hls"]), "FOLDLINE_CSIM": "0", "FOLDLINE_ACCEPT": "1"}
            assert run_script(folder, "run_hls.tcl", tool="vitis_hls", **given).status == 0
        assert run_script(folder, "build.tcl", tool="vivado").status == 0
        project = read_project(folder)
        found = estimate(project.architecture, kernel=Kernel(kernel), refit=refit([project]))
        assert found.resources.total.luts == project.vivado.resources.luts == 17302
        assert found.resources.total.ffs == project.vivado.resources.ffs == 18379
        if kernel == "hls":
            assert found.refit.depths == Depths(hidden=8 + 2, hidden_per_step=0, output=11 + 2)


def test_without_a_refit_nothing_is_said_of_one(saved):
    assert "efitted" not in run(saved).stdout


def test_errors_of_the_command(saved, tmp_path):
    folder = write_built(tmp_path / "project", DESIGN, kernel="hls")
    fails(
        f"kernel is 'rtl'; {folder} was built with the kernel 'hls', and a refit holds for its own kernel only.",
        *("estimate", saved, "--measured", folder),
    )
    fails((folder, "is given twice"), "estimate", saved, "--kernel", "hls", "--measured", folder, "--measured", folder)
    fails((tmp_path / "none", "it is not a folder"), "estimate", saved, "--measured", tmp_path / "none")
    fails((saved, "it is not a folder"), "estimate", saved, "--measured", saved)
    (folder / "results.json").unlink()
    fails(("build the project first", "vivado"), "estimate", saved, "--kernel", "hls", "--measured", folder)
