"""Fixtures of the flows' tests."""

import pytest
import torch

from datapath import Limits
from tests.designs import random_design
from tests.foldline.command_line import draw_line


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """These networks are tiny, and the suite's workers share the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def csim_design():
    """The one design of the C simulation's tests here, so that few programs are compiled: W8A4, 2 and 2 folds."""
    return random_design(
        3,
        bits=(8, 8, 4, 8, 8),
        inputs=8,
        hidden=4,
        classes=5,
        folding=(2, 2, 1),
        pe_out=2,
        limits=Limits(columns=40, labels=95),
    )


@pytest.fixture(scope="module")
def design():
    """A small design that takes lines of 32 rows and at most 200 columns."""
    return random_design(3, inputs=32, hidden=8, classes=5, folding=(2, 16, 4), limits=Limits(columns=200, labels=95))


@pytest.fixture
def saved(design, tmp_path):
    """The design's file."""
    path = tmp_path / "design.npz"
    design.save(path)
    return path


@pytest.fixture
def image(tmp_path):
    """An image of a line that the design takes."""
    return draw_line(tmp_path / "line.png", width=120)
