"""`compiled`: how this room compiles its numba kernels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import numba


def compiled(*, sums_in_any_order: bool = False) -> Callable[[Callable], Callable]:
    """A decorator for kernels that release the GIL, kept in numba's cache for the next process.

    Where numba finds no place for its cache, neither beside the sources nor in the home, they are compiled for this
    process only.

    :param sums_in_any_order: let floating-point sums be taken in vectors and fused with products.
    """
    fastmath = {"contract", "reassoc"} if sums_in_any_order else False

    def compile_(function: Callable) -> Callable:
        try:
            return numba.njit(cache=True, nogil=True, fastmath=fastmath)(function)
        except RuntimeError:
            numba.config.CACHE_DIR = tempfile.mkdtemp(prefix="foldline-numba-")
            return numba.njit(cache=True, nogil=True, fastmath=fastmath)(function)

    return compile_
