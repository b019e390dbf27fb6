"""How many threads torch computes with on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from datapath.errors import ConfigError

THREADS = 1
"""The recurrence is many small operations. A second thread gains a few percent on two idle cores, and on cores that
others use too its waiting made an epoch 7 times slower. One thread also gives the same bits on every number of cores."""


@contextmanager
def computing_threads(threads: int) -> Iterator[None]:
    """Let torch compute with `threads` threads within a ``with``.

    :raises ConfigError: fewer than 1.
    """
    if threads < 1:
        raise ConfigError(f"threads is {threads}; allowed is 1 or more.")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
