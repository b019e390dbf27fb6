"""`foldline estimate`: what it prints agrees with the models, and never passes for a measurement."""

import json
from dataclasses import replace
from functools import partial

import pytest

from datapath import Design, Folding, Limits
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.cycles import cycles_of
from datapath.manifest import Kernel
from datapath.published import PUBLISHED
from datapath.rtl_cycles import rtl_cycles
from foldline.hardware.estimate import RESOURCE_TITLES, estimate, report, resources_of
from tests.designs import random_design
from tests.foldline import command_line
from tests.foldline.command_line import fails
from tests.golden_data import REPOSITORY

run = partial(command_line.run, "estimate")
DESIGNS = REPOSITORY / "golden_vectors" / "designs"
W2A2 = DESIGNS / "QLSTM128_W2B8A2I8_FC_W8B8.npz"
FOLDINGS = {"W2A2": (2, 1), "W2A4": (1, 2), "W4A4": (1, 2), "W4A8": (1, 8)}
MEASURED = {"W2A2": 248.8, "W2A4": 570.5, "W4A4": 568.8, "W4A8": 2132.7}
"""Cycles per column, from the milliseconds of the published notebooks: ms * 100 000 / 520."""


def of_command(path, *arguments) -> dict:
    result = run(path, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("name", MEASURED)
def test_a_published_network_in_its_folding_is_within_three_percent_of_its_board(name):
    pe, steps = FOLDINGS[name]
    path = DESIGNS / f"QLSTM128_W{name[1]}B8A{name[3]}I8_FC_W8B8.npz"
    found = of_command(path, "--pe", pe, "--simd-factor", steps, "--kernel", "published")
    assert abs(found["cycles_per_column"] / MEASURED[name] - 1) < 0.03
    assert found["kernel"] == "published"
    (overlay,) = (one for one in PUBLISHED if one.name == name)
    assert found["published"] == {
        "name": name,
        "milliseconds": overlay.milliseconds,
        "cycles_per_column": overlay.cycles_per_column,
        "luts": overlay.luts,
        "ffs": overlay.ffs,
        "bram36": overlay.bram36,
        "dsps": overlay.dsps,
    }


def test_json_is_the_models():
    options = ("--pe", 4, "--simd-input", 8, "--simd-recurrent", 64, "--pe-out", 3, "--clock-mhz", 125)
    found = of_command(W2A2, *options, "--kernel", "hls", "--board", "pynq-z2", "--columns", 400)
    folding = Folding(pe=4, simd_input=8, simd_recurrent=64, pe_out=3)
    architecture = Architecture.of(Design.load(W2A2).refolded(folding))
    cycles = cycles_of(architecture, Kernel.HLS)
    assert found["folding"] == {"pe": 4, "simd_input": 8, "simd_recurrent": 64, "pe_out": 3}
    assert (found["kernel"], found["board"], found["clock_mhz"], found["columns"]) == ("hls", "pynq-z2", 125, 400)
    assert [(stage["stage"], stage["cycles_per_column"], stage["cycles_per_line"]) for stage in found["stages"]] == [
        (stage.key, stage.in_line(400) / 400, stage.in_line(400)) for stage in cycles.stages
    ]
    assert found["bottleneck"] == cycles.bottleneck.key
    assert found["cycles_per_line"] == cycles.line(400)
    assert found["cycles_per_column"] == cycles.line(400) / 400
    assert found["milliseconds"] == pytest.approx(cycles.line(400) / 125_000)
    assert found["columns_per_second"] == pytest.approx(400_000 / found["milliseconds"])
    assert found["lines_per_second"] == pytest.approx(1000 / found["milliseconds"])
    assert found["gops"] == pytest.approx(351_488 * found["columns_per_second"] / 1e9)
    estimated = resources_of(architecture, Kernel.HLS)
    assert found["resources"] == {name: getattr(estimated.total, name) for name in RESOURCE_TITLES}
    for name, total in found["resources"].items():
        assert total == sum(block[name] for block in found["blocks"])
    assert found["part"] == {"luts": 53200, "ffs": 106400, "bram36": 140, "dsps": 220}
    assert found["published"] is None


def test_without_options_it_is_the_folding_of_the_design():
    design = Design.load(W2A2)
    found = of_command(W2A2)
    assert found["folding"] == {"pe": 2, "simd_input": 16, "simd_recurrent": 64, "pe_out": 1}
    assert found["columns"] == 520
    assert (found["kernel"], found["board"]) == ("rtl", "pynq-z2")
    assert found["cycles_per_line"] == cycles_of(Architecture.of(design), Kernel.RTL).line(520)
    assert of_command(W2A2, "--kernel", "published")["cycles_per_line"] > found["cycles_per_line"]
    # PE_OUT decides no kernel: what `export --project` writes is the RTL at every folding.
    assert of_command(W2A2, "--pe-out", 2)["kernel"] == "rtl"


def test_report_of_a_published_overlay():
    lines = run(W2A2, "--pe", 2, "--simd-factor", 1, "--kernel", "published").stdout.splitlines()
    assert lines[0] == (
        "QLSTM128_W2B8A2I8_FC_W8B8, PE 2, SIMD 32 and 128, PE_OUT 1, in the published kernel on TUL PYNQ-Z2 at 100 MHz."
    )
    assert [line.split("  ")[0] for line in lines[4:12]] == [
        *("DMA in", "hidden layer", "output layer", "concatenate", "maximum", "label", "DMA out", "all, overlapped"),
    ]
    (slowest,) = (line for line in lines if line.endswith("slowest"))
    assert slowest.split() == ["output", "layer", "247.2", "128544", "slowest"]  # 2 * (81 + 42.6), by 520
    assert (
        "Published, measured on a PYNQ-Z1 at 100 MHz: 248.8 cycles per column, a line of 520 columns in 1.294 ms."
        in lines
    )
    assert lines[-1] == "Published, counted by Vivado 2017.4: 26423 LUT, 39703 FF, 119.5 BRAM36, 180 DSP."
    assert lines[-2] == "It fits, by this estimate."


def test_the_estimate_of_the_published_kernel_names_that_of_the_kernel_of_a_project():
    ours = of_command(W2A2)
    message = (
        "In Foldline's rtl kernel, which `export --project` writes and no board has run: "
        f"{ours['columns_per_second']:.0f} columns/s, {ours['resources']['luts']} LUT, "
        f"{ours['resources']['bram36']:g} BRAM36, modelled and estimated."
    )
    assert message in run(W2A2, "--kernel", "published").stdout.splitlines()
    assert "Foldline's rtl kernel" not in run(W2A2, "--kernel", "hls").stdout


def test_millions_are_written_out():
    architecture = Architecture.of(Design.load(W2A2).refolded(Folding(pe=128, simd_input=32, simd_recurrent=128)))
    found = estimate(architecture, kernel=Kernel.HLS)
    luts = found.resources.total.luts
    assert luts > 1_000_000
    assert any(line.startswith("all ") and str(luts) in line.split() for line in report(found))
    assert f"{luts} LUT of 53200" in list(report(found))[-1]


@pytest.mark.parametrize("change", [("--kernel", "published", "--pe", 4), ("--kernel", "hls"), ()])
def test_another_folding_or_kernel_was_not_measured(change):
    assert "measured" not in run(W2A2, "--pe", 2, "--simd-factor", 1, *change).stdout


def test_a_design_that_does_not_fit_names_the_exceeded_resources():
    design = Design.load(W2A2)
    architecture = Architecture.of(design.refolded(Folding(pe=32, simd_input=32, simd_recurrent=128, pe_out=82)))
    found = estimate(architecture, kernel=Kernel.HLS)
    need, has = found.resources.total, load_board("pynq-z1")
    over = {"luts": "LUT", "ffs": "FF", "bram36": "BRAM36", "dsps": "DSP"}
    assert found.exceeded == tuple(name for name in over if getattr(need, name) > getattr(has, name))
    assert "luts" in found.exceeded
    message = "; ".join(f"{getattr(need, name):g} {over[name]} of {getattr(has, name)}" for name in found.exceeded)
    assert f"It does not fit, by this estimate: {message}." in list(report(found))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--columns", 733), "columns is 733; the design's lines have 1 to 732."),
        (("--columns", 0), "columns is 0; the design's lines have 1 to 732."),
        (("--clock-mhz", 0), "clock_mhz is 0; it must be 10 to 250 MHz."),
        (("--board", "pynq-z3"), "There is no board 'pynq-z3'; did you mean 'pynq-z2'?"),
        (("--pe", 3), "pe is 3; it must divide the 128 hidden units."),
        (("--pe-out", 83), "pe_out is 83; it must be 1 to the 82 classes."),
    ],
)
def test_invalid_options_are_refused(arguments, message):
    assert fails(message, "estimate", W2A2, *arguments).stdout == ""


def test_the_limit_is_the_designs():
    design = random_design(0, inputs=32, hidden=8, classes=5)
    architecture = replace(Architecture.of(design), limits=Limits(columns=2000, labels=95))
    assert estimate(architecture, kernel=Kernel.HLS, columns=2000).columns == 2000


def test_a_file_that_is_no_network(tmp_path):
    (tmp_path / "no.npz").write_bytes(b"no")
    fails(
        f"{tmp_path / 'no.npz'} is neither a design nor a checkpoint, or it is cut off.",
        "estimate",
        tmp_path / "no.npz",
    )


def test_the_published_kernel_is_not_estimated_with_several_classes_at_a_time():
    message = "pe_out is 2; it must be 1 in the published kernel, which computes one class at a time."
    fails(message, "estimate", W2A2, "--kernel", "published", "--pe-out", 2)


def test_what_takes_all_of_a_resource_fits():
    found = estimate(Architecture.of(Design.load(W2A2)), kernel=Kernel.HLS)
    luts = found.resources.total.luts
    assert replace(found, board=replace(found.board, luts=luts)).exceeded == ()
    assert replace(found, board=replace(found.board, luts=luts - 1)).exceeded == ("luts",)


def test_the_cycles_of_the_rtl_are_exact_for_a_number_of_labels():
    options = ("--kernel", "rtl", "--columns", 100, "--labels", 6)
    found = of_command(W2A2, *options)
    cycles = rtl_cycles(Architecture.of(Design.load(W2A2)))
    assert found["cycles_per_line"] == cycles.line(100, 6)
    assert isinstance(found["cycles_per_line"], int)
    assert {stage["stage"]: stage["cycles_per_line"] for stage in found["stages"]}["dma_out"] == 7
    assert of_command(W2A2, *options[:-2])["cycles_per_line"] == cycles.line(100, 95)
    text = run(W2A2, *options).stdout
    assert "cycles, counted" in text
    assert "The cycles of a line are exact, with 6 labels" in text
    assert (
        "Resources are what yosys would count for a 7-series part (yosys 0.23, modelled); Vivado counts others." in text
    )


def test_json_says_whose_counts_the_resources_are():
    assert of_command(W2A2, "--kernel", "rtl")["resources_from"] == "yosys 0.23, modelled"
    for kernel in ("published", "hls"):
        assert of_command(W2A2, "--kernel", kernel)["resources_from"] == "Vivado 2017.4, modelled"


def test_each_kernel_has_its_own_resources():
    design = Architecture.of(Design.load(W2A2))
    totals = {kernel: resources_of(design, kernel).total for kernel in Kernel}
    assert len(set(totals.values())) == len(Kernel)
    assert totals[Kernel.RTL].dsps == 3 * design.folding.pe


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (
            ("--labels", 6, "--kernel", "hls"),
            "--labels needs --kernel rtl: the cycles of the other kernels do not depend on it.",
            2,
        ),
        (("--kernel", "rtl", "--labels", 96), "labels is 96; the design's lines have 0 to 95.", 1),
    ],
)
def test_labels_that_have_no_effect_or_do_not_fit_are_refused(arguments, message, status):
    fails(message, "estimate", W2A2, *arguments, status=status)
