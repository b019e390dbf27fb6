"""`computing_threads`: the number of threads of torch on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from datapath.errors import ConfigError

THREADS = 1
"""One thread gives the same bits on every number of cores. A second one makes a step 1.5 times faster on two idle cores
(benchmarks/training.py)."""


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
