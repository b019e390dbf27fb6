"""The test bench of a project, as a user or the vendor's tool runs it: vectors in, status and sentences out."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from datapath import Design
from fixedpoint_sim import simulate
from hls_gen.csim import CSimProgram
from hls_gen.vectors import parse_results, render_line
from tests.builds import QUICK, altered, as_result, patch_sources, random_columns
from tests.hls_gen.test_csim import golden_design

LENGTHS = (2, 9, 30)


@pytest.fixture
def design() -> Design:
    return golden_design("stress_w2a2_fold")


@pytest.fixture
def program(csim_builds, design) -> Path:
    return CSimProgram(design).program


@pytest.fixture
def results(design):
    return [as_result(simulate(design, random_columns(design, n, seed=n), ignore_limits=True)) for n in LENGTHS]


def vectors(design, results) -> str:
    bits = design.precision.activation
    pairs = zip(LENGTHS, results, strict=True)
    return "".join(render_line(random_columns(design, n, seed=n), bits=bits, expected=result) for n, result in pairs)


def run(program, *arguments) -> tuple[int, str, str]:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def checked(program, tmp_path):
    """Status, stdout and stderr of the test bench on a text of vectors."""

    def check(text: str) -> tuple[int, str, str]:
        (tmp_path / "vectors.txt").write_text(text)
        return run(program, tmp_path / "vectors.txt")

    return check


def test_equal_lines_end_with_status_0(design, results, checked):
    assert checked(vectors(design, results)) == (0, "3 lines, 0 differences\n", "")


@pytest.mark.parametrize("stage", ["hidden", "scores", "labels"])
def test_a_difference_is_named_and_ends_with_status_1(design, results, checked, stage):
    labelled = next(n for n, result in enumerate(results) if len(result.labels))
    right = getattr(results[labelled], stage)
    place = (0,) * right.ndim
    results[labelled] = altered(results[labelled], stage, place, 1 - int(right[place] == 1))
    wrong = int(getattr(results[labelled], stage)[place])
    number = 1 if stage == "labels" else 0  # the count stands before the labels
    difference = f"line {labelled}: {stage}[{number}] expected {_c(wrong)}, got {_c(int(right[place]))}\n"
    assert checked(vectors(design, results)) == (1, f"{difference}3 lines, 1 differences\n", "")


def _c(value: int) -> str:
    """As C's %#llx prints the 16 bits of a value."""
    return f"{value & 0xFFFF:#x}" if value else "0"


def test_of_many_differences_five_are_shown(design, results, checked):
    hidden = results[2].hidden ^ 1
    results[2] = altered(results[2], "hidden", slice(None), hidden)
    status, said, _ = checked(vectors(design, results))
    shown, rest = said.splitlines()[:5], said.splitlines()[5:]
    assert status == 1
    assert all(re.fullmatch(r"line 2: hidden\[\d\] expected \S+, got \S+", line) for line in shown)
    assert rest == [f"line 2: hidden differ in {hidden.size} places", f"3 lines, {hidden.size} differences"]


def test_another_number_of_labels_is_a_difference(design, results, checked):
    found = results[2].found
    assert found == len(results[2].labels) > 0
    results[2] = replace(results[2], labels=results[2].labels[:-1])
    difference = f"line 2: expected {found} labels, got {found + 1}\n"  # the count is one of them
    assert checked(vectors(design, results)) == (1, f"{difference}3 lines, 1 differences\n", "")


@pytest.mark.parametrize(
    ("pattern", "new", "message"),
    [
        (r"(?s).*", "", "{path} holds no line."),
        (r"columns \w+\n", "", "{path} is not a file of vectors: it cannot be read at pixels."),
        (r"columns 2", "columns x", "{path} is not a file of vectors: it cannot be read at columns."),
        (r"columns 2", "columns 3", "A line has another number of pixel words than its columns take."),
        (r"scores", "source", "{path} has an entry source, which no vectors have."),
        (r"(?s)\w+\s*$", "", "{path} is cut off within scores."),
        (r"pixels (\w+)\n\w+", r"pixels \1\nx", "{path} is cut off within pixels."),
        (r"labels \w+\n[^\n]*\n", "", "A line has no labels to compare with."),
    ],
)
def test_a_damaged_file_is_one_message_and_status_2(design, results, checked, tmp_path, pattern, new, message):
    text = re.sub(pattern, new, vectors(design, results), count=1)
    status, _, said = checked(text)
    assert (status, said) == (2, message.format(path=tmp_path / "vectors.txt") + "\n")


def test_files_that_cannot_be_read_or_written_and_a_wrong_call(program, design, results, tmp_path):
    path = tmp_path / "vectors.txt"
    assert run(program, path) == (2, "", f"Cannot read {path}.\n")
    assert run(program) == (2, "", "usage: test_bench VECTORS [RESULTS]\n")
    path.write_text(vectors(design, results))
    assert run(program, path, tmp_path / "none" / "r.txt") == (2, "", f"Cannot write {tmp_path}/none/r.txt.\n")
    assert run(program, path, "/dev/full") == (2, "", "Cannot write /dev/full.\n")


def test_results_of_several_lines_are_read_back(program, design, results, tmp_path):
    (tmp_path / "vectors.txt").write_text(vectors(design, results))
    assert run(program, tmp_path / "vectors.txt", tmp_path / "results.txt") == (0, "", "")
    got = parse_results((tmp_path / "results.txt").read_text(), design)
    for one, other in zip(got, results, strict=True):
        assert (one.found, one.labels.tolist()) == (other.found, other.labels.tolist())
        assert (one.hidden == other.hidden).all()
        assert (one.scores == other.scores).all()


@pytest.mark.parametrize("observed", [True, False])
def test_words_behind_the_labels_are_an_error_where_hidden_words_are_observed_and_else_a_warning(
    csim_builds, monkeypatch, design, results, tmp_path, observed
):
    """In a co-simulation the tool's memory model may write whole beats of a burst, or the whole buffer."""
    edit = "n <= written;", "n <= written + 1;"
    patch_sources(monkeypatch, "src/labels.hpp", lambda text: text.replace(*edit))
    program = CSimProgram(design, flags=QUICK if observed else QUICK[:1]).program
    path = tmp_path / "vectors.txt"
    path.write_text(vectors(design, results))
    warning = "WARNING: words of the output buffer behind the labels have changed; the driver does not read them.\n"
    expected = (2, "", "The accelerator wrote behind its labels.\n")
    assert run(program, path) == (expected if observed else (0, "3 lines, 0 differences\n", 3 * warning))
