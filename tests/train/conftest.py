"""Fixtures of the trainer's tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """These networks are tiny, and the suite's workers share the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)
