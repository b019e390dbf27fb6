"""Fixtures of the flows' tests."""

import pytest
import torch

from datapath import Limits
from tests.designs import random_design


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
