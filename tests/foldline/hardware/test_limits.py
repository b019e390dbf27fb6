"""Limits that are asked for: in the design, the project, the manifest, the RTL, the C++ and the driver."""

import json
from dataclasses import replace

import numpy as np
import pytest

from datapath import Design, Limits
from datapath.errors import LimitError
from datapath.manifest import Manifest
from fixedpoint_sim import simulate
from tests.designs import random_design
from tests.foldline.command_line import fails, run

ASKED = ("--max-columns", 740, "--max-labels", 200)
LENGTH = 740
"""Columns of a line that the published overlay does not take, and on which the design finds more than 95 labels."""


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "design.npz"
    random_design(11, inputs=2, hidden=2, classes=3).save(path)
    return path


def line_of(design):
    high = 1 << (design.precision.activation - 1)
    return np.random.default_rng(0).integers(-high, high, size=(LENGTH, design.inputs)).astype(np.int8)


def exported(saved, tmp_path, *options):
    """The design, and the manifest, of a project."""
    folder = tmp_path / f"project{len(list(tmp_path.iterdir()))}"
    result = run("export", saved, "--project", folder, *options)
    assert result.exit_code == 0, result.output
    (path,) = folder.glob("*.npz")
    return Design.load(path), path.with_suffix(".json"), folder


def test_the_limits_reach_design_manifest_and_sources(saved, tmp_path):
    before = Design.load(saved)
    for kernel, source, lines in (
        ("rtl", "rtl/topLevel_BLSTM_CTC.v", (".MAX_COLUMNS(740)", ".MAX_LABELS(200)")),
        ("hls", "src/config.hpp", ("max_columns = 740;", "max_labels = 200;")),
    ):
        design, manifest, folder = exported(saved, tmp_path, "--kernel", kernel, *ASKED)
        assert design.limits == Manifest.read(manifest).limits == Limits(columns=740, labels=200)
        assert replace(design, limits=before.limits) == before
        assert all(line in (folder / source).read_text() for line in lines)
    assert Design.load(saved) == before


def test_a_limit_that_is_not_asked_for_is_the_design_s(tmp_path):
    saved = tmp_path / "design.npz"
    random_design(1, inputs=2, hidden=2, limits=Limits(columns=50, labels=20)).save(saved)
    assert exported(saved, tmp_path)[0] == Design.load(saved)
    assert exported(saved, tmp_path, "--max-labels", 7)[0].limits == Limits(columns=50, labels=7)


@pytest.mark.pynq
def test_rtl_and_virtual_board_compute_a_line_beyond_the_published_limits_as_the_simulator(saved, tmp_path, rtl_builds):
    """740 columns and more than 95 labels: the published overlay takes neither."""
    from foldline.hardware.board import open_driver

    design, manifest, _ = exported(saved, tmp_path, *ASKED)
    line = line_of(design)
    expected = simulate(design, line)
    assert len(expected.labels) > 95 and expected.exceeded == ()
    with pytest.raises(LimitError, match=r"^The line exceeds the overlay: 740 columns, allowed at most 732\.$"):
        simulate(Design.load(saved), line)
    for device in ("virtual", "rtl"):
        with open_driver(design, device=device, manifest=manifest) as driver:
            np.testing.assert_array_equal(driver.read_columns(line).labels, expected.labels)
            with pytest.raises(LimitError, match=r"^The line has 742 columns; the accelerator takes 1 to 740\.$"):
                driver.read_columns(np.concatenate([line, line[:2]]))


@pytest.mark.parametrize(
    ("command", "message", "status"),
    [
        (
            ("export", "--project", "p", "--max-columns", 32768),
            "The limit of columns is 32768; the kernel takes 1 to 32767: its counters of 2 * columns and of labels have 16 bits.",
            1,
        ),
        (("estimate", "--max-labels", 0), "The limit of labels is 0; it must be 1 or more.", 1),
        (
            ("estimate", "--max-labels", 96, "--kernel", "published"),
            "max_labels needs the kernel rtl or hls: the published overlays are built, and their buffers hold 732 columns and "
            "95 labels.",
            1,
        ),
        (
            ("explore", "--max-columns", 740, "--kernel", "published"),
            "max_columns needs the kernel rtl or hls: the published overlays are built, and their buffers hold 732 columns and "
            "95 labels.",
            1,
        ),
        (
            ("export", "-o", "net.hpp", "--max-columns", 740),
            "--max-columns cannot go with -o net.hpp: the header is LSTM-PYNQ's, whose overlays are built with fixed buffers; "
            "write it with a command of its own.",
            2,
        ),
        (
            ("export", "--test-image", "t", "--max-labels", 96),
            "--max-labels needs --project FOLDER, --rtl FOLDER or a design to write.",
            2,
        ),
    ],
)
def test_limits_that_cannot_be_are_refused(saved, tmp_path, monkeypatch, command, message, status):
    monkeypatch.chdir(tmp_path)
    name, *options = command
    fails(message, name, saved, *options, status=status)
    assert [path.name for path in tmp_path.iterdir()] == ["design.npz"]


def test_estimate_and_explore_take_a_longer_line(saved, tmp_path):
    assert json.loads(run("estimate", saved, "--columns", 740, *ASKED, "--json").stdout)["columns"] == 740
    fails("columns is 740; the design's lines have 1 to 732.", "estimate", saved, "--columns", 740)
    printed = run("explore", saved, "--columns", 740, *ASKED, "--min-columns-per-second", 1000).stdout
    assert printed.splitlines()[-1].endswith(
        "--max-columns 740 --max-labels 200"
    )  # its command makes what was asked for


def test_the_line_buffers_grow_with_the_limit(saved):
    """Half scores wait in a RAM of ceil(columns / 2) blocks: 16384 columns need more block RAM than 732."""
    small, large = (
        json.loads(run("estimate", saved, *options, "--json").stdout)["resources"]["bram36"]
        for options in ((), ("--max-columns", 16384))
    )
    assert large > small
