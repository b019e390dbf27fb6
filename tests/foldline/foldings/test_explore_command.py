"""`foldline explore`: its table and JSON, the command that exports the cheapest folding, and what it refuses."""

import json
import shlex
from functools import partial

import pytest

from datapath import Design, Folding
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.manifest import Kernel
from foldline.foldings.enumeration import folding_front, point_values
from foldline.hardware.estimate import RESOURCE_TITLES, estimate
from foldline.hardware.refit import refit_of
from tests.datapath.vivado.built import CORE, write_built
from tests.designs import random_design
from tests.foldline import command_line
from tests.golden_data import REPOSITORY

pytestmark = pytest.mark.no_numpy2

run = partial(command_line.run, "explore")
DESIGNS = REPOSITORY / "golden_vectors" / "designs"
W2A4 = DESIGNS / "QLSTM128_W2B8A4I8_FC_W8B8.npz"


def fails(message, *arguments, **options):
    return command_line.fails(message, "explore", *arguments, **options)


@pytest.fixture
def small(tmp_path):
    """A design of 16 hidden units, which has few foldings."""
    path = tmp_path / "small.npz"
    random_design(1, inputs=8, hidden=16, classes=11).save(path)
    return path


def front_of(path, kernel=Kernel.RTL, **settings):
    return folding_front(Architecture.of(Design.load(path)), load_board("pynq-z2"), kernel, **settings)


def succeeds(*arguments) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


# Foldings ------------------------------------------------------------------------------------------------------------


def test_a_design_is_shown_with_its_compact_front(small):
    text = succeeds(small).splitlines()
    front = front_of(small)
    assert text[0] == (
        "QLSTM16_W4B8A4I8_FC_W8B8, rtl kernel on TUL PYNQ-Z2 at 100 MHz, lines of 520 columns; columns/s are modelled, "
        "resources estimated as yosys counts them."
    )
    assert f"resources has {len(front.points)}, " in text[1]
    assert f"scarcest resource {len(front.compact)}." in text[1]
    rows = text[text.index("") + 3 :]
    assert [row.split()[4] for row in rows] == [f"{point.columns_per_second:.0f}" for point in front.compact]


def test_another_kernel_has_other_resources(small):
    first = succeeds(small, "--kernel", "hls").splitlines()[0]
    assert first.startswith("QLSTM16_W4B8A4I8_FC_W8B8, hls kernel")
    assert first.endswith("columns/s are modelled, resources estimated.")


def test_all_shows_the_complete_front(small):
    text = succeeds(small, "--all").splitlines()
    assert len(text[text.index("") + 3 :]) == len(front_of(small).points)


def test_json_is_always_complete(small):
    found = json.loads(succeeds(small, "--json", "--kernel", "published", "--clock-mhz", 50, "--columns", 100))
    front = front_of(small, Kernel.PUBLISHED, clock_mhz=50, columns=100)
    (design,) = found["designs"]
    assert design["front"] == [point_values(point) for point in front.points]
    assert (design["kernel"], design["clock_mhz"], design["columns"]) == ("published", 50, 100)
    assert design["published"] is None and "cheapest" not in design


def test_measured_projects_refit_the_models_of_all_foldings(small, tmp_path):
    design = Design.load(small)
    folder = write_built(tmp_path / "project", design, kernel="hls", hls={}, **CORE)
    far = write_built(tmp_path / "far", design, kernel="hls", board="kv260", luts=30000)
    options = ("--kernel", "hls", "--measured", folder)
    text = succeeds(small, *options, "--measured", far, "--all").splitlines()
    assert text[0].endswith("resources estimated, LUT and FF refitted to 2 built projects.")
    assert "of another family than TUL PYNQ-Z2" in text[1]
    (found,) = json.loads(succeeds(small, *options, "--json"))["designs"]
    assert found["refitted_to"] == [str(folder)]
    fitted, columns = refit_of([folder]), found["columns"]
    assert len(found["front"]) > 3
    for point in found["front"]:
        architecture = Architecture.of(design.refolded(Folding(**point["folding"])))
        one = estimate(architecture, kernel=Kernel.HLS, refit=fitted)
        assert {name: point[name] for name in RESOURCE_TITLES} == vars(one.resources.total)
        assert point["cycles_per_column"] == one.cycles.per_column(columns)
    (plain,) = json.loads(succeeds(small, "--kernel", "hls", "--json"))["designs"]
    assert plain["refitted_to"] == []
    assert plain["front"] != found["front"]
    fails(
        f"kernel is 'rtl'; {folder} was built with the kernel 'hls', and a refit holds for its own kernel only.",
        *(small, "--measured", folder),
    )


def test_the_published_folding_is_marked_on_the_front_that_holds_it():
    text = succeeds(W2A4)
    assert "The published W2A4 folding, PE 1, SIMD 16 and 64, PE_OUT 1, is on the front." in text
    (row,) = [line for line in text.splitlines() if line.endswith("  published")]
    assert row.split()[:4] == ["1", "16", "64", "1"]


def test_the_cheapest_folding_comes_with_the_command_that_exports_it(small, tmp_path, monkeypatch):
    text = succeeds(small, "--min-columns-per-second", "100000").splitlines()
    best = front_of(small).cheapest(100000)
    assert text[-2].startswith("The cheapest folding with 100000 columns/s or more: PE ")
    assert text[-2].endswith(" (estimated).") and " columns/s (modelled), " in text[-2]
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(text[-1])
    assert program == "foldline"
    exported = command_line.run(*arguments)
    assert exported.exit_code == 0, exported.output
    assert str(best.folding) in exported.stdout


def test_the_published_kernel_is_exported_as_a_header(small, tmp_path, monkeypatch):
    text = succeeds(small, "--min-columns-per-second", "100000", "--kernel", "published").splitlines()
    monkeypatch.chdir(tmp_path)
    assert command_line.run(*shlex.split(text[-1])[1:]).exit_code == 0
    assert (tmp_path / "network.hpp").is_file()


def test_a_rate_that_no_folding_reaches_is_an_error_after_the_table(small):
    front = front_of(small)
    folding = front.fastest.folding
    message = (
        "min_columns_per_second is 90000000; the fastest folding of QLSTM16_W4B8A4I8_FC_W8B8 that fits on TUL PYNQ-Z2 at "
        f"100 MHz reaches {front.fastest.columns_per_second:.0f}, as modelled: PE {folding.pe}, SIMD {folding.simd_input} "
        f"and {folding.simd_recurrent}, PE_OUT {folding.pe_out}."
    )
    result = fails(message, small, "--min-columns-per-second", "90000000")
    assert result.stdout.splitlines()[-1] == f"Not reached: {message}"
    result = fails(message, small, "--min-columns-per-second", "90000000", "--json")
    (design,) = json.loads(result.stdout)["designs"]
    assert (design["cheapest"], design["unreachable"]) == (None, message)


def test_several_designs_are_shown_one_after_the_other(small):
    text = succeeds(small, small)
    once = succeeds(small)
    assert text == f"{once}\n{once}"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--study", "x", "--trials", "3"], "foldline study run x --trials 3"),
        (["--board", "pynq-z1", "--study=a b", "-p", "x.json"], "foldline study run 'a b' --board pynq-z1 -p x.json"),
        (["--study", "x", "--show", "--max-cer", "2"], "foldline study show x --max-cer 2"),
        (["--study"], "foldline study run NAME"),
    ],
)
def test_a_study_of_version_0_1_is_answered_with_the_new_command(arguments, command):
    fails(f"Studies have their own command: {command}", *arguments, status=2)


def test_without_a_design_there_is_an_error():
    result = run()
    assert result.exit_code == 2
    assert "CHECKPOINT|DESIGN.npz" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "pynq-z3"], "There is no board 'pynq-z3'; did you mean 'pynq-z2'?"),
        (["--clock-mhz", "3"], "clock_mhz is 3; it must be 10 to 250 MHz."),
        (["--columns", "0"], "columns is 0; the design's lines have 1 to 732."),
        (["--columns", "733"], "columns is 733; the design's lines have 1 to 732."),
        (["--min-columns-per-second", "0"], "min_columns_per_second is 0; it must be above 0 and below 1e12."),
        (["--min-columns-per-second", "nan"], "min_columns_per_second is nan; it must be above 0 and below 1e12."),
    ],
)
def test_a_target_outside_its_ranges_is_refused(arguments, message):
    fails(message, W2A4, *arguments)


def test_all_designs_are_opened_before_anything_is_printed(small, tmp_path):
    result = fails(f"Cannot read {tmp_path / 'no.npz'}: no such file.", small, tmp_path / "no.npz")
    assert result.stdout == ""


@pytest.mark.slow
def test_the_commands_of_the_page_print_what_stands_there(monkeypatch):
    page = (REPOSITORY / "docs" / "explore.md").read_text(encoding="utf-8")
    first, other = [line.split()[1:] for line in page.splitlines() if line.startswith("    foldline explore ")]
    monkeypatch.chdir(REPOSITORY)
    assert page.partition("```text\n")[2].partition("```")[0] == command_line.run(*first).stdout
    assert command_line.run(*other).exit_code == 0
