"""`foldline simulate`: what it prints and writes, and its errors."""

import json

import numpy as np

from datapath import image_columns
from datapath.files import write_npz
from fixedpoint_sim import simulate
from tests.foldline.command_line import draw_line, fails, run


def test_simulate_prints_name_and_text(design, saved, image):
    trace = simulate(design, image_columns(image, target_height=32, bits=4))
    result = run("simulate", saved, image)
    assert (result.exit_code, result.stdout) == (0, f"{image}\t{trace.text}\n")


def test_simulate_json_has_one_object_per_line(design, saved, image):
    trace = simulate(design, image_columns(image, target_height=32, bits=4))
    (line,) = run("simulate", saved, image, "--json").stdout.splitlines()
    assert json.loads(line) == {
        "name": str(image),
        "text": trace.text,
        "labels": trace.labels.tolist(),
        "columns": len(trace.scores),
        "exceeded": [],
    }


def test_simulate_writes_the_trace(design, saved, tmp_path):
    random = np.random.default_rng(0)
    lines = [random.integers(-8, 8, size=(length, 32)).astype(np.int8) for length in (2, 50)]
    write_npz(tmp_path / "pixels.npz", {f"pixels_{i}": line for i, line in enumerate(lines)})
    trace_path = tmp_path / "trace.npz"
    result = run("simulate", saved, "--pixels", tmp_path / "pixels.npz", "--trace", trace_path, "--threads", 2)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["pixels_0", "pixels_1"]
    with np.load(trace_path, allow_pickle=False) as written:
        assert written["alphabet"].tolist() == list(design.alphabet.symbols)
        for i, line in enumerate(lines):
            trace = simulate(design, line)
            for stage in ("hidden", "scores", "labels"):
                assert np.array_equal(written[f"{stage}_{i}"], getattr(trace, stage))


def test_simulate_takes_a_folder(saved, tmp_path):
    folder = tmp_path / "scans" / "deep"
    folder.mkdir(parents=True)
    names = [str(draw_line(folder / f"{n}.png", width=60 + n)) for n in range(3)]
    (folder / "notes.txt").write_text("no image")
    result = run("simulate", saved, tmp_path / "scans")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == names


def test_a_line_that_exceeds_a_limit_is_an_error_and_the_others_are_computed(saved, image, tmp_path):
    wide = draw_line(tmp_path / "wide.png", width=300)
    result = fails(
        f"1 of 2 lines failed. No trace was written to {tmp_path / 't.npz'}.",
        *("simulate", saved, wide, image, "--trace", tmp_path / "t.npz"),
    )
    assert result.stderr.splitlines()[0] == (
        f"Error: {wide}: The line exceeds the overlay: 300 columns, allowed at most 200. "
        "--ignore-limits computes it nevertheless."
    )
    assert result.stdout.startswith(f"{image}\t")
    assert not (tmp_path / "t.npz").exists()


def test_with_ignore_limits_the_line_names_the_limit(design, saved, tmp_path):
    wide = draw_line(tmp_path / "wide.png", width=300)
    trace = simulate(design, image_columns(wide, target_height=32, bits=4), ignore_limits=True)
    result = run("simulate", saved, wide, "--ignore-limits")
    assert result.exit_code == 0
    assert result.stdout == f"{wide}\t{trace.text}\texceeds the overlay: 300 columns, allowed at most 200\n"


def test_an_odd_line_is_an_error(saved, tmp_path):
    write_npz(tmp_path / "odd.npz", {"pixels_0": np.zeros((3, 32), dtype=np.int8)})
    fails(
        "pixels_0: The line exceeds the overlay: 3 columns, allowed an even number. "
        "--ignore-limits computes it nevertheless.",
        *("simulate", saved, "--pixels", tmp_path / "odd.npz"),
    )


def test_what_a_user_gets_wrong_with_files(saved, tmp_path):
    missing, text, empty = tmp_path / "missing.png", tmp_path / "text.png", tmp_path / "empty"
    text.write_text("This is not an image.")
    empty.mkdir()
    fails((missing, "no such file"), "simulate", saved, missing)
    fails((text, "not an image"), "simulate", saved, text)
    both = fails("2 of 2 lines failed.", "simulate", saved, missing, text)
    assert len(both.stderr.splitlines()) == 3
    fails((empty, "no image"), "simulate", saved, empty)
    fails((tmp_path / "no.npz", "no such file"), "simulate", tmp_path / "no.npz", text)
    fails((empty, "folder"), "simulate", empty, text)
    fails((text, "neither a design nor a checkpoint"), "simulate", text, text)
    fails(("--list", "--pixels"), "simulate", saved, status=2)


def test_a_truncated_design_is_one_sentence(saved, image, tmp_path):
    whole = saved.read_bytes()
    cut = tmp_path / "cut.npz"
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        fails((cut, ".npz"), "simulate", cut, image)


def test_pixels_that_do_not_count_from_zero_are_refused(saved, tmp_path):
    path = tmp_path / "pixels.npz"
    write_npz(path, {"pixels_1": np.zeros((2, 32), dtype=np.int8)})
    fails((path, "1 pixel arrays", "pixels_0"), "simulate", saved, "--pixels", path)
    write_npz(path, {"other": np.zeros(3)})
    fails((path, "0 pixel arrays", "pixels_0"), "simulate", saved, "--pixels", path)
