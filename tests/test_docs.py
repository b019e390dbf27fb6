"""Every example in a docstring and in the README does what it says; every command of a page runs as it stands."""

import ast
import contextlib
import doctest
import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from datapath import Design, fold
from datapath.manifest import Manifest
from datapath.npz import read_npz
from foldline.cli import COMMANDS, main
from foldline.hardware.board import virtual_board
from hls_gen import write_header
from tests.builds import random_columns
from tests.designs import random_design
from tests.golden_data import REPOSITORY
from tests.overlay_driver.bit_files import write_bit_file
from tests.rtl_gen.synthesis.stand_ins import report_json, small_netlist
from tests.vendor_tools import environment, needs_tclsh, write_stand_ins
from train.data.synthetic import synthetic_dataset

pytestmark = pytest.mark.no_numpy2

PACKAGES = ("datapath", "fixedpoint_sim", "hls_gen", "rtl_gen", "train", "overlay_driver", "foldline")


def modules_with_examples() -> list[str]:
    """Modules with a doctest prompt somewhere in their text."""
    paths = (path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py")))
    return [module_name(path) for path in paths if ">>> " in path.read_text(encoding="utf-8")]


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


def test_modules_with_examples_are_found():
    assert {"datapath.formats", "datapath.precision", "datapath.error_rates"} <= set(modules_with_examples())


PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]
PAGES_WITH_EXAMPLES = [path for path in PAGES if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", PAGES_WITH_EXAMPLES, ids=lambda path: path.name)
def test_examples_on_a_page(path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    result = doctest.testfile(str(path), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0, "see the captured output"


def commands_of(page: str) -> list[list[str]]:
    """Words of every `foldline` command that stands on a line of its own."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    lines = (line.partition("  #")[0] for line in text.splitlines() if line.startswith("    foldline "))
    return [shlex.split(line) for line in lines]


FEW = {"800": "20", "100": "4", "uw3-500": "lines", "synthetic:6000": "synthetic:4", "400": "2"}
"""Lines in place of a page's: the commands are tried here, not the network."""


def with_few_lines(words: list[str]) -> list[str]:
    few = [FEW.get(word, word) for word in words[1:]]
    return [*few, "--epochs", "3", "--no-cuda"] if words[1] in {"train", "recipe"} else few


@pytest.fixture
def workplace(tmp_path, monkeypatch) -> Path:
    """An empty folder, with what a checkout has."""
    monkeypatch.chdir(tmp_path)
    for name in ("params", "golden_vectors"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


@pytest.mark.slow
def test_commands_of_the_tutorial_run_as_they_stand(workplace, rtl_builds):
    commands = commands_of("docs/tutorial.md")
    assert [words[1] for words in commands] == [
        *("data", "train", "export", "compare", "simulate", "estimate", "rtlsim", "export", "export", "verify", "run")
    ]
    for words in commands[:-1]:
        runs(*with_few_lines(words))
    assert {"trace.npz", "alphabet.txt", "net.hpp", "board"} <= {path.name for path in workplace.iterdir()}


@pytest.mark.pynq
def test_the_last_command_of_the_tutorial_runs_on_the_virtual_board(workplace):
    *_, (_, command, design, image) = commands_of("docs/tutorial.md")
    runs("data", "synth", "-o", "lines", "--training", "1", "--validation", "1")
    (workplace / design).symlink_to(REPOSITORY / "golden_vectors" / "designs" / f"{CARRIED}.npz")
    assert image in runs(command, design, image)


def test_commands_of_the_estimates_page_run_as_they_stand(workplace):
    ((_, *words),) = commands_of("docs/estimates.md")
    runs(*words)


def test_commands_of_the_pages_on_comparing_and_inspecting_run_as_they_stand(workplace):
    compared, *_ = commands_of("docs/compare.md")
    assert "overlay labels" in runs(*compared[1:])
    runs("data", "synth", "-o", "lines", "--training", "1", "--validation", "1")
    (workplace / "line.png").symlink_to(next((workplace / "lines" / "imgs").rglob("*.png")))
    inspected, bounded = commands_of("docs/inspect.md")
    runs(*inspected[1:])
    assert (workplace / "inspect.png").is_file()
    page = (REPOSITORY / "docs" / "inspect.md").read_text(encoding="utf-8")
    (shown,) = re.findall("^    (gate .*)$", page, re.MULTILINE)
    assert shown in runs(*bounded[1:])


def test_commands_for_large_jobs_run_as_they_stand(workplace):
    design = random_design(1, inputs=32, hidden=8, classes=5)
    design.save("net.npz")
    runs("data", "synth", "-o", "lines", "--training", "4", "--validation", "1")
    scans = sorted(Path("lines/imgs").rglob("*.png"))
    Path("scans.txt").write_text("".join(f"{scan}\n" for scan in scans))
    folder, listed, *_, one, two = commands_of("docs/large-jobs.md")
    results = []
    for words in (folder, listed):
        runs(*words[1:])
        results.append(Path("texts.jsonl").read_bytes())
    text = (REPOSITORY / "docs" / "large-jobs.md").read_text(encoding="utf-8")
    split, concatenate = re.findall(r"^    ((?:split|cat) .*)$", text, re.MULTILINE)
    Path("texts.jsonl").unlink()
    subprocess.run(split, shell=True, check=True)
    for words in (one, two):
        runs(*words[1:])
    subprocess.run(concatenate, shell=True, check=True)
    results.append(Path("texts.jsonl").read_bytes())
    assert results[0] == results[1] == results[2]
    assert len(results[0].splitlines()) == len(scans)


@pytest.mark.slow
def test_commands_of_the_readme_run_as_they_stand(workplace):
    commands = commands_of("README.md")
    assert [words[1] for words in commands] == ["data", "recipe", "compare", "export"]
    (workplace / "scans").mkdir()
    for number, line in enumerate(synthetic_dataset(seed=0, training=24, validation=1).training):
        line.image().save(workplace / "scans" / f"{number}.png")
        (workplace / "scans" / f"{number}.gt.txt").write_text(line.text + "\n", encoding="utf-8")
    for words in commands:
        runs(*with_few_lines(words))
    assert (workplace / "board" / "rtl" / "topLevel_BLSTM_CTC.v").is_file()
    assert (workplace / "board" / "build.tcl").is_file()


def test_the_readme_fits_on_a_page_and_says_what_is_not_shown():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 900
    assert "**Not shown yet:**" in "".join(text.splitlines(keepends=True)[:30])


def save_small_network(path: Path) -> None:
    """Write a design, and into the current folder lines for it: line.png, lines/0.png, pixels.npz."""
    design = random_design(1, inputs=32, hidden=8, classes=5)
    path.parent.mkdir(parents=True, exist_ok=True)
    design.save(path)
    Path("lines").mkdir()
    for name in ("line.png", "lines/0.png"):
        Image.fromarray(np.tile(np.arange(0, 256, 4, dtype=np.uint8), (32, 1))).save(name)
    np.savez("pixels.npz", pixels_0=random_columns(design, 4))


HARDWARE_PAGE = (REPOSITORY / "docs" / "hardware.md").read_text(encoding="utf-8")


def test_commands_of_the_rest_of_the_hardware_page_run_as_they_stand(tmp_path, monkeypatch, csim_builds):
    """With a small network in place of the recipe's, which takes long to train."""
    _, _, rest = HARDWARE_PAGE.partition("\n## Clocks and boards\n")
    commands = [line.partition("#")[0].split() for line in rest.splitlines() if line.startswith("    foldline ")]
    assert [words[1] for words in commands] == ["export", "csim", "csim"]
    monkeypatch.chdir(tmp_path)
    save_small_network(Path("net.npz"))
    for words in commands:
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, (words, result.output)
    assert {"README.md", "Makefile", "build.tcl", "rtl"} <= {path.name for path in Path("board-long").iterdir()}


def blocks_below(heading: str) -> list[str]:
    """The indented blocks of a section of the page on the hardware."""
    section = HARDWARE_PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)


@needs_tclsh
@pytest.mark.slow
def test_both_ways_of_the_hardware_page_end_in_a_bitstream(tmp_path, monkeypatch, csim_builds):
    """As a shell runs them, with stubs of the vendor's tools; then with the other tools' commands on the page, and by make.

    A small network is in place of the recipe's, which takes long to train.
    """
    monkeypatch.chdir(tmp_path)
    begin, *ways = blocks_below("Commands")
    recipe, export = begin.splitlines()
    assert recipe.startswith("    foldline recipe ")
    save_small_network(Path(shlex.split(export)[2]))
    write_stand_ins(tmp_path / "bin", tmp_path / "commands.log")
    (tmp_path / "bin" / "foldline").write_text(f'#!/bin/sh\nexec {sys.executable} -m foldline "$@"\n', encoding="utf-8")
    (tmp_path / "bin" / "foldline").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"

    def shell(commands: str, folder: str = ".") -> None:
        done = subprocess.run(
            ["bash", "-e", "-c", commands],
            cwd=folder,
            env=environment(PATH=path, PYTHONPATH=str(REPOSITORY)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    shell(export)
    assert [("csim" in way, "vitis_hls -f run_hls.tcl" in way) for way in ways] == [(False, False), (True, True)]
    for way, folder in zip(ways, ("board", "board-hls"), strict=True):
        shell(way)
        assert {".bit", ".hwh", ".json", ".npz"} <= {file.suffix for file in Path(folder).iterdir()}
        (bitstream,) = Path(folder).glob("*.bit")
        bitstream.unlink()
        shell("make bitstream", folder)
        assert bitstream.is_file()
    others = ("vitis-run --mode hls --tcl run_hls.tcl", "vivado_hls -f run_hls.tcl")
    by_make = ("make hls HLS='vitis-run --mode hls --tcl'",)
    for command in (*others, *by_make):
        assert f"`{command}`" in HARDWARE_PAGE
        (core,) = Path("board-hls").rglob("component.xml")
        core.unlink()
        shell(command, "board-hls")
        assert core.is_file()


RTL_PAGE = (REPOSITORY / "docs" / "rtl.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_commands_of_the_page_on_the_rtl_run_as_they_stand(workplace, rtl_builds):
    commands = commands_of("docs/rtl.md")
    assert [words[1] for words in commands] == ["export", "rtlsim", "rtlsim", "run", "synth", "synth"]
    _, simulated, _ = (runs(*words[1:]) for words in commands[:3])
    assert (workplace / "rtl" / "topLevel_BLSTM_CTC.v").is_file()
    assert simulated.splitlines()[0] in RTL_PAGE
    shown = re.findall(r"^(TOP\..*)$", (REPOSITORY / "docs" / "rtl.gtkw").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) > 10
    assert set(shown) <= set(signals(workplace / "line.vcd"))


def signals(vcd: Path) -> Iterator[str]:
    """Names of the signals of a waveform as GTKWave spells them."""
    scopes = []
    for words in map(str.split, vcd.read_text(encoding="ascii").partition("$enddefinitions")[0].splitlines()):
        match words:
            case ["$scope", _, name, "$end"]:
                scopes.append(name)
            case ["$upscope", "$end"]:
                scopes.pop()
            case ["$var", _, _, _, *name, "$end"]:
                yield ".".join([*scopes, "".join(name)])


@pytest.mark.pynq
@pytest.mark.slow
def test_the_last_command_of_the_page_on_the_rtl_runs_on_the_virtual_board(workplace, rtl_builds):
    (words,) = (words for words in commands_of("docs/rtl.md") if words[1] == "run")
    assert "1971 been expected" in runs(*words[1:])


def test_commands_of_the_page_on_the_rtl_synthesise(workplace, synthesis_tools):
    """With stand-ins for the tools, which take long."""
    for words in (words for words in commands_of("docs/rtl.md") if words[1] == "synth"):
        placed = "--place" in words
        synthesis_tools.yosys(small_netlist("ecp5" if placed else "xc7"))
        synthesis_tools.nextpnr(report_json())
        assert ("Routed with seed 2: 80.0 MHz" in runs(*words[1:])) == placed


def rows_of_foldings() -> list[list[str]]:
    """Cells of the page's table of clocks."""
    table = RTL_PAGE[RTL_PAGE.index("| network | PE |") :].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def test_the_table_of_the_cross_validation_is_that_of_its_results(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    page = (REPOSITORY / "docs" / "training.md").read_text(encoding="utf-8")
    command = "foldline sweep show benchmarks/cross_validation"
    assert f"`{command}` prints" in page
    result = CliRunner().invoke(main, command.split()[1:], catch_exceptions=False)
    assert re.findall(r"```text\n(.*?)```", page, re.DOTALL) == [result.stdout]


@pytest.mark.parametrize("row", rows_of_foldings(), ids=" ".join)
def test_clocks_of_the_page_on_the_rtl_are_those_of_estimate(row):
    network, pe, simd, pe_out, *expected = row
    bits = re.fullmatch(r"W(\d)A(\d)", network)
    simd_input, simd_recurrent = simd.split(" / ")
    design = REPOSITORY / "golden_vectors" / "designs" / f"QLSTM128_W{bits[1]}B8A{bits[2]}I8_FC_W8B8.npz"
    folding = ("--pe", pe, "--simd-input", simd_input, "--simd-recurrent", simd_recurrent, "--pe-out", pe_out)
    found = json.loads(runs("estimate", str(design), "--kernel", "rtl", *folding, "--json"))
    clocks = {stage["stage"]: stage["cycles_per_column"] for stage in found["stages"]}
    products = 4 * int(pe) * (int(simd_input) + int(simd_recurrent)) + int(pe_out) * 128
    stages = (clocks["hidden"], clocks["output"], clocks["dma_in"], clocks[found["bottleneck"]])
    assert [int(cell) for cell in expected] == [products, *stages, found["cycles_per_line"]]


def test_systemverilog_on_the_page_stands_in_the_library():
    library = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "rtl_gen" / "library").glob("*.sv")]
    excerpts = re.findall(r"^```systemverilog\n(.*?)^```$", RTL_PAGE, re.MULTILINE | re.DOTALL)
    assert excerpts
    assert all(any(excerpt in text for text in library) for excerpt in excerpts)


def test_the_page_names_every_module_of_the_library():
    modules = {path.stem for path in (REPOSITORY / "rtl_gen" / "library").glob("*.sv")}
    assert {module for module in modules if module not in re.findall(r"\w+", RTL_PAGE)} == set()


def test_the_picture_of_the_passes_is_that_of_the_cycles():
    spec = importlib.util.spec_from_file_location("rtl_passes", REPOSITORY / "docs" / "rtl_passes.py")
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert (REPOSITORY / "docs" / "rtl-passes.svg").read_text(encoding="utf-8") == drawing.render()


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("mkdocs")
    command = (sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path))
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = {path.relative_to(tmp_path): path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert len(pages) > 40
    for path, text in pages.items():
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=[\"']?(?:https?:)?//[^\"' >]+", text)
        assert loaded == [], path
    for name in COMMANDS:
        assert f'id="foldline-{name}"' in pages[Path("cli/index.html")]


def test_the_first_command_of_the_page_on_the_ecp5_writes_the_files_that_it_lists(workplace):
    export, run = commands_of("docs/ecp5.md")
    runs(*export[1:])
    written = {path.name for path in (workplace / "board").iterdir()}
    page = (REPOSITORY / "docs" / "ecp5.md").read_text(encoding="utf-8")
    listed = re.findall(r"`([\w.*-]+)`", page[page.index("| files |") : page.index("Then in that folder")])
    kinds = {"*.sv", "*.mem", "NAME.npz"}
    assert kinds < set(listed)
    assert {name for name in written if not name.endswith((".sv", ".mem", ".npz"))} == set(listed) - kinds
    assert run[1:3] == ["run", "NAME.npz"]


# The board's page -----------------------------------------------------------------------------------------------------

BOARD_PAGE = (REPOSITORY / "docs" / "board.md").read_text(encoding="utf-8")
PROMPT = "board# "
CARRIED = "QLSTM128_W2B8A4I8_FC_W8B8"


def commands_of_the_board_page() -> list[list[str]]:
    """PC's and board's, in the page's order."""
    lines = (line.strip().removeprefix(PROMPT) for line in BOARD_PAGE.splitlines() if line.startswith("    "))
    return [shlex.split(line, comments=True) for line in lines if line.startswith("foldline ")]


def python_of_the_board_page() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", BOARD_PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """The folder with what someone has who reads the page: the published files of a network, lines, and a build's.

    The network is one that Foldline carries; the bitstreams hold nothing, and the virtual board plays the design.
    """
    monkeypatch.chdir(tmp_path)
    design = Design.load(REPOSITORY / "golden_vectors" / "designs" / f"{CARRIED}.npz")
    vectors = read_npz(REPOSITORY / "golden_vectors" / "vectors" / f"{CARRIED}.npz", limit=1 << 30)
    write_header(tmp_path / "r_model_fw_bw.hpp", fold(design))
    design.alphabet.write(tmp_path / "alphabet.txt")
    design.save(tmp_path / "net.npz")
    for name in ("plain-W2A4-pynq.bit", "NAME.bit"):
        write_bit_file(tmp_path / name)
    (tmp_path / "lines").mkdir()
    for path, number in (("line.png", 0), ("lines/0.png", 0), ("lines/1.png", 1)):
        Image.fromarray(vectors[f"image_{number}"]).save(tmp_path / path)
    runs("data", "synth", "-o", "uw3-500", "--training", "4", "--validation", "2")
    return tmp_path


def runs(*arguments: str) -> str:
    """What a command prints that must end well."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, (arguments, result.output)
    return result.stdout


def on_the_virtual_board(words: list[str]) -> list[str]:
    return ["virtual" if before == "--device" else word for before, word in zip(["", *words], words, strict=False)]


@pytest.mark.pynq
@pytest.mark.slow
def test_commands_on_the_board_page_run_on_the_virtual_board(desk):
    commands = commands_of_the_board_page()
    assert [words[1] for words in commands] == [
        *("--version", "import-header", "manifest", "run", "simulate", "export", "run"),
        *("compare", "run", "simulate", "compare", "run", "run"),
    ]
    assert sum(words[1:] != on_the_virtual_board(words[1:]) for words in commands) == 5
    read = []
    for words in commands:
        printed = runs(*on_the_virtual_board(words[1:]))
        if words[1] == "export":
            for suffix in ("json", "npz"):
                (found,) = (desk / "project").glob(f"*.{suffix}")
                found.rename(desk / f"NAME.{suffix}")
        if words[1] == "run":
            read.append([line.split("\t")[1] for line in printed.splitlines()])
    line, other = "1971 been expected", "12 describes the"
    assert read == [[line], [line], [line, other], [line], [line]]
    check_python_of_the_board_page(desk, "2 lines, 0 differ []\n")


def check_python_of_the_board_page(desk: Path, compared: str) -> None:
    """Both blocks, the first on the virtual board in place of this one."""
    design, manifest = Design.load(desk / "W2A4.npz"), Manifest.read(desk / "plain-W2A4-pynq.json")
    on_board, comparing = python_of_the_board_page()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("overlay_driver.this_board", lambda: virtual_board(design, manifest))
        first, *others = printed_by(on_board).splitlines()
    assert first == "1971 been expected"
    assert [re.sub(r"[\d.]+ (ms|GOPS)", r"# \1", line) for line in others] == [f"{first}: # ms, # GOPS"] * 2
    assert printed_by(comparing) == compared


def printed_by(source: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(source, {})
    return printed.getvalue()


MESSAGES_OF = (
    *sorted((REPOSITORY / "overlay_driver").glob("*.py")),
    *(REPOSITORY / "foldline" / path for path in ("hardware/board.py", "cli.py")),
    *(REPOSITORY / "datapath" / path for path in ("manifest.py", "reading.py")),
)
FROM_A_USER = {"BoardError", "ConfigError", "DataError", "DesignError", "FileError", "LimitError"}


def template(node: ast.expr) -> str | None:
    """A message as it stands in a source, with … for what is filled in; None where it is no literal."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)
    return None


def messages(paths: tuple[Path, ...]) -> Iterator[tuple[str, bool]]:
    """Every piece of text in some sources, and whether it is the message of an error."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FROM_A_USER:
                yield from ((text, True) for text in map(template, node.args[:1]) if text is not None)
            elif isinstance(node, ast.expr) and (text := template(node)) is not None:
                yield text, False


def rows_of_messages() -> list[str]:
    table = BOARD_PAGE[BOARD_PAGE.index("| message |") : BOARD_PAGE.index("### What pynq says")]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("row", rows_of_messages())
def test_a_message_on_the_board_page_is_one_that_the_sources_have(row):
    assert any(text.startswith(row) for text, _ in messages(MESSAGES_OF))


def test_every_message_of_the_driver_is_on_the_board_page():
    rows = rows_of_messages()
    ours = (path for path in MESSAGES_OF if path.name != "serial_port.py")  # of another board
    driver = tuple(path for path in ours if path.parent.name == "overlay_driver" or path.name == "board.py")
    raised = [text for text, is_message in messages(driver) if is_message]
    assert len(raised) > 20
    assert [text for text in raised if not any(text.startswith(row) for row in rows)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_placeholder_is_left_in_a_page(path):
    assert "@@" not in path.read_text(encoding="utf-8")
