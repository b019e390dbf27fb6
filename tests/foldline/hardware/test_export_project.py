"""`foldline export --project`: files, memories; of the HLS kernel the test bench, compiled and run."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath import Design, Folding, Limits, image_columns
from datapath.architecture import Architecture
from datapath.boards import load_board
from datapath.errors import DesignError
from datapath.manifest import Kernel, Manifest
from foldline.console.text import counted
from foldline.demo import EMBEDDED
from foldline.hardware.estimate import resources_of
from foldline.hardware.known_answer_lines import random_lines, synthetic_lines
from foldline.hardware.projects import expected_lines, export_project
from hls_gen.toolchain import find_types
from hls_gen.vectors import render_line
from rtl_gen.sources import render_rtl
from tests.designs import random_design
from tests.foldline.command_line import run

pytestmark = pytest.mark.no_numpy2

W4A8 = EMBEDDED.parent / "QLSTM128_W4B8A8I8_FC_W8B8.npz"


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "design.npz"
    random_design(3, inputs=8, hidden=4, classes=5, folding=(2, 4, 2)).save(path)
    return path


def test_an_hls_project_is_written_and_described(saved, tmp_path):
    folder = tmp_path / "project"
    result = run(
        "export", saved, "--project", folder, "--kernel", "hls", "--board", "kv260", "--pe-out", 2, "--simd-input", 8
    )
    assert result.exit_code == 0
    design = Design.load(saved)
    lines = expected_lines(design, [*random_lines(design), *synthetic_lines(design)])
    labels = sum(expected.found for _, expected in lines)
    # Waiting halves: 2196 x 32, five RAMB18 of 512 x 36; the line: 732 x 24, two of them.
    # All ROMs are shallow, two bits to a LUT: 2 x 128 + 2 x 32 + 2 x 36 bits of gates, 2 x 32 + 2 x 8 of classes.
    assert result.output == (
        f"{folder}: QLSTM4_W4B8A4I8_FC_W8B8, PE 2, SIMD 8 and 2, PE_OUT 2, 23 files for AMD Kria KV260, kernel hls. "
        "Weights and buffers take 3.5 of 144 BRAM36 and 236 of 117120 LUTs. "
        f"The test bench has 4 lines with {counted(labels, 'label')}.\n"
    )
    assert "static const int pe_out = 2;" in (folder / "src" / "config.hpp").read_text()
    assert "xck26" in (folder / "run_hls.tcl").read_text()
    assert sum(path.is_file() for path in folder.rglob("*")) == 23
    refolded = design.refolded(Folding(pe=2, simd_input=8, simd_recurrent=2, pe_out=2))
    assert Design.load(folder / "QLSTM4_W4B8A4I8_FC_W8B8.npz") == refolded
    manifest = Manifest.read(folder / "QLSTM4_W4B8A4I8_FC_W8B8.json")
    assert (manifest.part, manifest.clock_mhz, manifest.control_base) == ("xck26-sfvc784-2LV-c", 1000 / 7, 0xA000_0000)
    manifest.require(design, "the project")


def test_without_an_option_the_project_is_of_the_rtl_kernel(saved, tmp_path):
    folder = tmp_path / "project"
    result = run("export", saved, "--project", folder, "--board", "kv260", "--pe-out", 2, "--simd-input", 8)
    assert result.exit_code == 0
    (path,) = folder.glob("*.npz")
    design, manifest = Design.load(path), Manifest.read(path.with_suffix(".json"))
    labels = sum(len(answer.labels) for answer in manifest.answers)
    # One ROM of each kind, all of them shallow, two bits to a LUT: words of 2 x 4 x 8 x 4, 2 x 4 x 2 x 4, 2 x 4 x 9 bits of
    # gates, 2 x 4 x 8 and 2 x 8 of classes.
    assert result.output == (
        f"{folder}: QLSTM4_W4B8A4I8_FC_W8B8, PE 2, SIMD 8 and 2, PE_OUT 2, {len(contents(folder))} files for AMD "
        "Kria KV260, kernel rtl. Weights take 0 of 144 BRAM36 and 236 of 117120 LUTs. "
        f"The manifest has {counted(len(manifest.answers), 'line')} with {counted(labels, 'label')}.\n"
    )
    assert design == Design.load(saved).refolded(Folding(pe=2, simd_input=8, simd_recurrent=2, pe_out=2))
    assert (manifest.part, manifest.clock_mhz, manifest.kernel) == ("xck26-sfvc784-2LV-c", 1000 / 7, Kernel.RTL)
    assert {entry.name for entry in folder.iterdir()} == {
        *("Makefile", "README.md", "build.tcl", "rtl", "foldline-files.sha256"),
        *(f"{design.experiment}.{suffix}" for suffix in ("json", "npz")),
    }
    assert {path.name: path.read_text() for path in (folder / "rtl").iterdir()} == render_rtl(design)
    assert "xck26" in (folder / "build.tcl").read_text()


KINDS = pytest.mark.parametrize(
    "options", [["--kernel", "rtl"], ["--kernel", "hls"], ["--target", "ecp5"]], ids=lambda words: words[1]
)


@pytest.mark.parametrize("kernel", ["rtl", "hls"])
@pytest.mark.parametrize("name", ["two words", "zürich", "a(1)", "dots."])
def test_a_folder_whose_path_the_tools_do_not_take_is_written_with_a_note(name, kernel, saved, tmp_path):
    folder = tmp_path / name
    result = run("export", saved, "--project", folder, "--kernel", kernel)
    assert result.exit_code == 0 and (folder / "build.tcl").is_file()
    assert result.stderr.splitlines()[-1].startswith(f"'{folder}' is not a path for the vendor's tools")


@KINDS
def test_a_project_has_the_name_that_is_asked_for(options, saved, tmp_path):
    """Nothing but the text of the name differs from the project without the option, and no file of the earlier name stays."""
    experiment = str(Design.load(saved).experiment)
    folder = tmp_path / "project"
    assert run("export", saved, "--project", folder, *options).exit_code == 0
    usual = contents(folder)
    assert run("export", saved, "--project", folder, *options, "--name", "slow.1").exit_code == 0
    named = contents(folder)
    assert set(named) == {path.replace(experiment, "slow.1") for path in usual}
    assert Design.load(folder / "slow.1.npz") == Design.load(saved)
    for path in ("Makefile", "build.tcl" if options[0] == "--kernel" else "synth.ys"):
        text = usual[path].decode()
        assert re.search(f"{experiment}(?!, design)", text)
        assert named[path].decode() == re.sub(f"{experiment}(?!, design)", "slow.1", text)  # a banner names the network


@pytest.mark.parametrize("kernel", ["rtl", "hls"])
def test_a_project_is_the_same_each_time_and_replaces_another_ones_sources(kernel, saved, tmp_path):
    """Of a network with peepholes; the one without any leaves none behind."""
    random_design(4, inputs=8, hidden=4, classes=5, peepholes=(9, 3)).save(tmp_path / "other.npz")
    for name in ("again", "project"):
        assert run("export", saved, "--project", tmp_path / name, "--kernel", kernel).exit_code == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "project")
    assert run("export", tmp_path / "other.npz", "--project", tmp_path / "again", "--kernel", kernel).exit_code == 0
    assert contents(tmp_path / "again") != contents(tmp_path / "project")
    assert run("export", saved, "--project", tmp_path / "again", "--kernel", kernel).exit_code == 0
    assert contents(tmp_path / "again") == contents(tmp_path / "project")


@KINDS
def test_an_edited_file_of_a_project_is_replaced_by_force_alone(options, saved, tmp_path):
    folder = tmp_path / "project"
    assert run("export", saved, "--project", folder, *options).exit_code == 0
    written = contents(folder)
    (folder / "Makefile").write_text("mine\n")
    refused = run("export", saved, "--project", folder, *options)
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"Error: Makefile in {folder} is not as Foldline wrote it; name another folder, or replace it with --force.\n"
    )
    assert (folder / "Makefile").read_text() == "mine\n"
    assert run("export", saved, "--project", folder, "--force", *options).exit_code == 0
    assert contents(folder) == written


def test_a_project_without_a_list_is_known_by_its_readme_and_what_differs_needs_force(saved, tmp_path):
    folder = tmp_path / "project"
    random_design(4, inputs=8, hidden=4, classes=5, peepholes=(9, 3)).save(tmp_path / "other.npz")
    assert run("export", tmp_path / "other.npz", "--project", folder).exit_code == 0
    (folder / "foldline-files.sha256").unlink()
    refused = run("export", saved, "--project", folder)
    assert refused.exit_code == 1
    assert "has no foldline-files.sha256, by which an edited file is known, and Makefile, " in refused.stderr
    assert run("export", saved, "--project", folder, "--force").exit_code == 0
    assert not list((folder / "rtl").glob("peephole*.mem"))
    assert run("export", saved, "--project", tmp_path / "new").exit_code == 0
    assert contents(tmp_path / "new").items() <= contents(folder).items()


def test_rtl_is_not_written_over_a_project_nor_a_project_over_rtl(saved, tmp_path):
    """Each has a list of its files; those that the other does not have would be removed."""
    for options in ([], ["--kernel", "hls"], ["--target", "ecp5"]):
        project = tmp_path / f"project-{'-'.join(options)}"
        assert run("export", saved, "--project", project, *options).exit_code == 0
        before = contents(project)
        refused = run("export", saved, "--rtl", project, "--force")
        assert refused.exit_code == 1
        assert "which is not of the RTL; name a new or an empty folder." in refused.stderr
        assert contents(project) == before
    rtl = tmp_path / "rtl"
    assert run("export", saved, "--rtl", rtl).exit_code == 0
    before = contents(rtl)
    for options in ([], ["--target", "ecp5"]):
        refused = run("export", saved, "--project", rtl, "--force", *options)
        assert refused.exit_code == 1
        assert "is not a Foldline project; name a new or an empty folder." in refused.stderr
        assert contents(rtl) == before


def test_force_needs_a_folder_to_write(saved, tmp_path):
    refused = run("export", saved, "-o", tmp_path / "net.hpp", "--force")
    assert refused.exit_code == 2
    assert "--force needs --project FOLDER or --rtl FOLDER." in refused.stderr


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_published_kernel_has_no_project(saved, tmp_path):
    result = run("export", saved, "--project", tmp_path / "project", "--kernel", "published")
    assert result.exit_code == 1
    assert result.output == (
        "Error: kernel is 'published'; it must be 'rtl' or 'hls': LSTM-PYNQ's sources are its own project.\n"
    )


def test_given_images_are_the_first_known_answer_lines(tmp_path):
    design = Design.load(EMBEDDED)
    image = tmp_path / "page.png"
    Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))).save(image)
    columns = image_columns(image, target_height=32, bits=4)
    exported = export_project(design, tmp_path / "project", images=[image])
    manifest = Manifest.read(tmp_path / "project" / f"{design.experiment}.json")
    np.testing.assert_array_equal(manifest.answers[0].columns, columns)
    assert exported.lines == len(manifest.answers) == 3
    assert exported.labels == sum(len(answer.labels) for answer in manifest.answers)


def test_weights_that_cannot_fit_are_refused_of_either_kernel(tmp_path):
    design = random_design(1, bits=(8, 8, 2, 8, 8), inputs=32, hidden=512, folding=(1, 32, 512))
    for kernel in (Kernel.RTL, Kernel.HLS):
        with pytest.raises(DesignError, match=r"^Weights and buffers need \d+ BRAM36, most of them recurrent_weights"):
            export_project(design, tmp_path / kernel.value, kernel=kernel)
        assert not (tmp_path / kernel.value).exists()


@pytest.mark.parametrize(("kernel", "pe"), [("rtl", 4), ("hls", None)])
def test_a_design_whose_logic_is_too_large_is_written_with_a_warning(kernel, pe, tmp_path):
    """Its memories fit, which is known exactly; the rest is estimated, and an estimate refuses nothing."""
    design, options = Design.load(W4A8), ()
    if pe is not None:
        design = design.refolded(Folding.by_factor(2, inputs=design.inputs, hidden=design.hidden, pe=pe))
        options = ("--pe", pe, "--simd-factor", 2)
    luts = resources_of(Architecture.of(design), Kernel(kernel)).total.luts
    assert luts > 53_200
    result = run("export", W4A8, "--project", tmp_path / "project", "--kernel", kernel, *options)
    assert result.exit_code == 0
    assert result.stderr == (
        f"Weights and logic together: It does not fit, by this estimate: {luts} LUT of 53200. See `foldline "
        "estimate` and `foldline explore`.\n"
    )


def test_a_trained_network_finds_labels_in_synthetic_lines(tmp_path):
    design = Design.load(EMBEDDED)
    (printed, expected), (turned, guessed) = expected_lines(design, synthetic_lines(design))
    assert expected.found >= 5
    assert guessed.found >= 5
    np.testing.assert_array_equal(turned, printed[::-1, ::-1])
    image = tmp_path / "page.png"
    Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))).save(image)
    exported = export_project(design, tmp_path / "project", kernel=Kernel.HLS, images=[image])
    columns = image_columns(image, target_height=32, bits=4)
    ((_, found_on_page),) = expected_lines(design, [columns])
    assert (exported.lines, exported.labels) == (5, expected.found + guessed.found + found_on_page.found)
    vectors = (tmp_path / "project" / "tb" / "vectors.txt").read_text()
    assert vectors.count("columns ") == 5
    manifest = Manifest.read(tmp_path / "project" / f"{design.experiment}.json")
    answers = [(len(answer.columns), len(answer.labels)) for answer in manifest.answers]
    assert {(len(printed), expected.found), (len(turned), guessed.found)} <= set(answers)
    assert render_line(columns, bits=4, expected=found_on_page) in vectors


@pytest.mark.parametrize(("columns", "lengths"), [(1, [1]), (5, [2]), (40, [2, 7])])
def test_no_line_is_longer_than_the_accelerator_takes(columns, lengths):
    design = random_design(3, inputs=32, limits=Limits(columns=columns))
    assert [len(line) for line in random_lines(design)] == lengths
    assert synthetic_lines(design) == []


def test_an_image_that_is_too_wide_or_none_is_refused(saved, tmp_path):
    Image.fromarray(np.full((8, 900), 255, dtype=np.uint8)).save(tmp_path / "wide.png")
    wide = len(image_columns(tmp_path / "wide.png", target_height=8, bits=4))
    for name, message in (
        ("wide.png", f"Error: {tmp_path / 'wide.png'} has {wide} columns; the accelerator takes 1 to 732.\n"),
        (
            "design.npz",
            f"Error: {saved} is not an image of kind PNG, TIFF, JPEG, GIF, WebP, BMP or PNM, or its header is damaged.\n",
        ),
    ):
        result = run("export", saved, "--project", tmp_path / "project", "--lines", tmp_path / name)
        assert (result.exit_code, result.output) == (1, message)
        assert not (tmp_path / "project").exists()


def test_a_header_and_a_project_can_be_written_at_once(saved, tmp_path):
    result = run("export", saved, "--project", tmp_path / "project", "-o", tmp_path / "net.hpp", "--clock-mhz", 125)
    assert result.exit_code == 0
    assert (tmp_path / "net.hpp").is_file()
    assert "125 MHz" in (tmp_path / "project" / "README.md").read_text()


@pytest.mark.skipif(not (shutil.which("g++") and shutil.which("make")), reason="g++ or make is not installed")
def test_make_csim_in_a_project_finds_no_difference_and_then_a_changed_weight(saved, tmp_path):
    folder = tmp_path / "project"
    assert run("export", saved, "--project", folder, "--kernel", "hls").exit_code == 0

    def make_csim():
        command = ["make", "-s", "csim", f"AP_TYPES={find_types()}", "CXXFLAGS=-O0"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    done = make_csim()
    assert (done.returncode, done.stdout) == (0, "4 lines, 0 differences\n")
    weights = folder / "src" / "weights.hpp"
    text = weights.read_text()
    digit = re.search(r"class_biases\[.*?0x", text, re.DOTALL).end()
    weights.write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :])
    done = make_csim()
    assert done.returncode == 2  # of make
    assert "scores[0] expected" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Error: Give -o FILE, --project FOLDER, --rtl FOLDER or --test-image FILE."),
        (
            ("-o", "x.hpp", "--board", "kv260"),
            "Error: --kernel, --name, --board, --clock-mhz and --lines need --project FOLDER.",
        ),
        (("--project", "p", "--board", "pynq-z9"), "Error: There is no board 'pynq-z9'; did you mean 'pynq-z2'?"),
        (("--project", "p", "--clock-mhz", 900), "Error: clock_mhz is 900; it must be 10 to 250 MHz."),
        (("--project", "p", "--hls-period", 5), "Error: --hls-period needs --project FOLDER --kernel hls."),
        (
            ("--project", "p", "--kernel", "hls", "--hls-period", 10.5),
            "Error: hls_period is 10.5; it must be 0.001 to 10.000 ns, the period of the accelerator's clock of 100 MHz.",
        ),
        (("--project", "p", "--pe-out", 6), "Error: pe_out is 6; it must be 1 to the 5 classes."),
        (
            ("--project", "p", "--name", "two words"),
            "Error: name is 'two words'; it must be 1 to 64 letters, digits, '_', '.' and '-', beginning with a letter, a digit "
            "or '_' and not ending with '.'.",
        ),
        (
            ("--project", "p", "--kernel", "hls", "--name", "Results"),
            "Error: name is 'Results'; Results.json is a file of the project's tools. Choose another name.",
        ),
        (
            ("--project", "p", "--target", "ecp5", "--name", "report"),
            "Error: name is 'report'; report.json is a file of the project's tools. Choose another name.",
        ),
        *(
            (
                ("--project", "p", "--name", name),
                f"Error: name is '{name}', which is a device on Windows and not a file there. Choose another name.",
            )
            for name in ("con", "NUL.v2", "lpt1")
        ),
        (("--project", "p", "--fast-csim"), "Error: --fast-csim needs -o FILE.hpp: it changes the header."),
    ],
)
def test_invalid_exports_are_refused(saved, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("export", saved, *arguments)
    assert result.exit_code != 0
    assert result.output.splitlines()[-1] == message
    assert not (tmp_path / "p").exists()


def test_the_period_for_hls_is_that_of_the_option(saved, tmp_path):
    result = run("export", saved, "--project", tmp_path / "project", "--kernel", "hls", "--hls-period", 6.25)
    assert result.exit_code == 0
    assert " period 6.250 accept 0}" in (tmp_path / "project" / "run_hls.tcl").read_text()


def own_board(tmp_path, **changes):
    values = (
        load_board("pynq-z2").to_dict() | {"name": "mine", "title": "My board", "part": "xc7z010clg400-1"} | changes
    )
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(values))
    return path


def test_a_project_for_a_user_s_own_board(saved, tmp_path):
    """1600 MHz / 13 is 123.077 MHz; the script, the manifest and the README have part, name and clock."""
    board = own_board(tmp_path, io_pll_mhz=1600)
    folder = tmp_path / "project"
    result = run("export", saved, "--project", folder, "--board", board, "--clock-mhz", 123.077)
    assert result.exit_code == 0 and "files for My board, kernel rtl" in result.stdout
    script = (folder / "build.tcl").read_text()
    assert "set part xc7z010clg400-1\n" in script and "set clock_mhz 123.077\n" in script
    assert Manifest.read(folder / f"{Design.load(saved).experiment}.json").clock_mhz == 1600 / 13


@pytest.mark.parametrize(
    "command",
    [
        ("export", "--project", "p"),
        ("export", "--project", "p", "--kernel", "hls"),
        ("manifest", "-o", "m.json"),
        ("estimate",),
        ("explore",),
        ("report", "-o", "r.html"),
    ],
)
def test_a_clock_that_the_board_cannot_make_is_refused(saved, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    name, *options = command
    for board in ((), ("--board", own_board(tmp_path))):
        result = run(name, saved, *options, *board, "--clock-mhz", 175)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "makes 1000 MHz / (d0 * d1) with dividers of 1 to 63. The nearest clocks are 166.667 and 200 MHz." in (
            result.stderr
        )
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".npz") == ["mine.json"]


def test_explore_names_the_file_of_a_user_s_own_board(saved, tmp_path):
    board = own_board(tmp_path)
    printed = run("explore", saved, "--board", board, "--min-columns-per-second", 1000).stdout
    assert f"--kernel rtl --board {board} --clock-mhz 100" in printed
