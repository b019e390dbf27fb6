"""`foldline sweep` with networks that are trained: two workers, kill -9, a clone, and what it refuses."""

import json
import shutil
from dataclasses import replace

import pytest

from datapath import Design
from foldline.compare.agreement import SIMULATED
from foldline.compare.comparison import compare
from foldline.sweep.folder import lines_in_folds
from foldline.sweep.results import DESIGNS, RESULTS, read_results
from foldline.sweep.settings import SETTINGS, read_settings
from tests.foldline import command_line
from tests.foldline.processes import forked
from tests.foldline.study.studies import PRESET, disable_fsync
from tests.foldline.sweep.sweeps import NAME, settings, work
from tests.train import tiny
from train.data.dataset import write_dataset

pytestmark = pytest.mark.no_numpy2

PRECISIONS = "float,W2A2"
FIGURE = ("cer-precision.svg", "cer-precision.pdf")
FINISHED = ["float-seed0-fold1", "W2A2-seed0-fold1", "float-seed0-fold2", "W2A2-seed0-fold2"]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Lines, in `lines`, and `params.json`."""
    folder = tmp_path_factory.mktemp("lines")
    write_dataset(tiny.dataset(), folder / "lines")
    replace(PRESET, epochs=3).to_json(folder / "params.json")
    return folder


def arguments(lines, folder, **changes):
    options = {"precisions": PRECISIONS, "folds": 2, "params": lines / "params.json", "data": lines / "lines"}
    given = {**options, **changes}
    return ["sweep", *(word for name, value in given.items() for word in (f"--{name}", str(value))), "-o", str(folder)]


def run(*words):
    result = command_line.run(*words, *([] if "show" in words else ["--no-cuda"]))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def done(lines, tmp_path_factory):
    """The folder of a finished sweep, and what the command printed."""
    folder = tmp_path_factory.mktemp("sweeps") / "done"
    return folder, run(*arguments(lines, folder))


def texts(folder):
    return [(one.job.name, one.greedy, one.overlay, one.design) for one in results(folder).results]


def results(folder):
    return read_results(folder, read_settings(folder))


def committed(folder, clone):
    """A clone of a sweep: what of it is worth a commit."""
    clone.mkdir()
    shutil.copy(folder / SETTINGS, clone)
    for name in (RESULTS, DESIGNS):
        shutil.copytree(folder / name, clone / name)
    return clone


def test_the_command_trains_all_networks_and_ends_with_the_table(done):
    folder, printed = done
    assert "lines, 2 folds by line, 1 seed: 4 of 4 networks finished." in printed
    assert run("sweep", "show", folder) in printed
    shown = json.loads(run("sweep", "show", folder, "--json"))
    assert (shown["finished"], shown["missing"]) == (FINISHED, [])
    assert all((folder / name).is_file() for name in ("table.csv", "table.tex", *FIGURE))
    # One float stage for each fold, which both precisions share.
    assert sorted(path.name for path in (folder / "work" / "warm-up").iterdir() if path.is_dir()) == [
        "seed0-fold1",
        "seed0-fold2",
    ]


def test_a_report_takes_the_designs(done, lines, tmp_path):
    designs, page = sorted((done[0] / DESIGNS).glob("*-fold1.npz")), tmp_path / "report.html"
    result = command_line.run("report", *designs, "--data", lines / "lines", "-o", page, "--export", tmp_path / "paper")
    assert result.exit_code == 0, result.output
    assert "W2A2-seed0-fold1" in page.read_text()
    assert {path.suffix for path in (tmp_path / "paper").iterdir()} >= {".svg", ".pdf", ".csv", ".tex"}


def test_every_line_is_validated_once_and_the_texts_are_those_of_the_design(done):
    folder, _ = done
    dataset = tiny.dataset()
    validated = [line for fold in read_settings(folder).lines for line in fold]
    assert sorted(validated) == sorted((line.name, line.text) for line in (*dataset.training, *dataset.validation))
    folds = lines_in_folds(dataset, folds=2, target_height=tiny.HEIGHT)
    quantized = next(one for one in results(folder).results if one.job.name == FINISHED[1])
    design = Design.load(folder / DESIGNS / f"{FINISHED[1]}.npz")
    comparison = compare(design, folds.datasets[1].validation, backends=[SIMULATED], ignore_limits=True)
    assert [one.texts for one in comparison.results] == [quantized.greedy, quantized.overlay]
    assert quantized.design == design.digest(folding=False)


def test_a_clone_trains_what_is_missing_with_the_same_result(done, tmp_path):
    folder, _ = done
    clone = committed(folder, tmp_path / "clone")
    for path in (clone / RESULTS / f"{FINISHED[3]}.json", clone / DESIGNS / f"{FINISHED[3]}.npz"):
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in (clone / RESULTS).iterdir()}
    shown = run("sweep", "show", clone)
    assert "3 of 4 networks finished." in shown and f"Not finished: {FINISHED[3]}." in shown
    printed = run("sweep", "-o", clone)
    assert printed.count("Network ") == 1 and f"Network 4 of 4: {FINISHED[3]}." in printed
    assert texts(clone) == texts(folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_a_killed_worker_loses_nothing_and_a_second_one_ends_the_sweep(done, lines, tmp_path):
    """Both begin at the same time; the one that trains first is killed, and the other takes over what it had begun."""
    folder, _ = done
    words = [*arguments(lines, tmp_path / "sweep"), "--no-cuda", "--heartbeat", "1", "--grace", "4"]
    with (
        forked(words, tmp_path / "one", first=disable_fsync) as one,
        forked(words, tmp_path / "two", first=disable_fsync) as two,
    ):
        one.wait_until(lambda: one.announced > 0 or two.announced > 0)
        victim, other = (one, two) if one.announced else (two, one)
        victim.kill()
        victim.end()
        assert other.end() == 0, other.said
    assert texts(tmp_path / "sweep") == texts(folder)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"folds": 3}, ("folds is 3", "has 2.")),
        ({"epochs": 4}, ("epochs is 4", "has 3.")),
        ({"precisions": "W2A2"}, ("precisions is W2A2", "also has float")),
    ],
)
def test_what_would_be_another_sweep_is_refused(done, lines, tmp_path, changes, named):
    clone = committed(done[0], tmp_path / "clone")
    command_line.fails(named, *arguments(lines, clone, **changes))
    assert texts(clone) == texts(done[0])


def test_a_refused_start_leaves_no_settings(done, lines, tmp_path):
    """Neither of a new folder nor of one that would be extended."""
    storage, new, clone = tmp_path / "shared.db", tmp_path / "new", committed(done[0], tmp_path / "clone")
    work(tmp_path / "tiny", settings(), [], storage=storage)  # another sweep
    (tmp_path / "text.db").write_text("no database")
    before = (clone / SETTINGS).read_bytes()
    for named, where in (
        (("folds_by is 'line', and the sweep tiny has 'page'.",), {"storage": storage, "study": NAME}),
        (("text.db",), {"storage": tmp_path / "text.db"}),
    ):
        command_line.fails(named, *arguments(lines, new, **where))
        command_line.fails(named, *arguments(lines, clone, precisions=f"{PRECISIONS},W4A4", **where))
    assert not (new / SETTINGS).exists()
    assert (clone / SETTINGS).read_bytes() == before


def test_a_result_of_other_lines_is_refused_by_name(done, lines, tmp_path):
    clone = committed(done[0], tmp_path / "clone")
    path = clone / RESULTS / f"{FINISHED[0]}.json"
    path.write_text(path.read_text().replace(read_settings(clone).digest, "0" * 64))
    message = f"{path} is of other lines than the sweep, with other names or texts."
    command_line.fails(message, "sweep", "-o", clone)
    command_line.fails(message, "sweep", "show", clone)


def test_what_is_no_sweep_is_refused(lines, tmp_path):
    command_line.fails(f"{tmp_path} is not the folder of a sweep: it has no sweep.json.", "sweep", "show", tmp_path)
    command_line.fails(("--precisions is missing",), "sweep", "-o", tmp_path, status=2)
    command_line.fails(("Missing option '-o'",), "sweep", status=2)
    words = arguments(lines, tmp_path / "new", precisions="W2A4,W3A9")
    command_line.fails(("precisions has 'W3A9'", "2 to 8"), *words)
    assert not (tmp_path / "new" / SETTINGS).exists()
