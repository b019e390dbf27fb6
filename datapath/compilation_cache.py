"""`cached_njit`: how every room compiles its numba kernels, and keeps them for the next process.

With ``njit(cache=True)`` processes that fill one cache together come by wrong code, and silently. We met this with numba
0.68, in two ways:

- Code is linked by a symbol made of the function's qualified name, its argument types and a number that counts the
  compilations of one process. Kernels made by one factory differ in that number alone. Two processes that compile them
  in different orders give two of them the same symbol, and a third that loads both runs one for the other.
- The index of a function's files is read, extended and written back without a lock: two processes that add two types of
  argument at a time choose the same file for both.

Therefore a kernel's name holds the values that it closes over, and each kernel lies in a file of its own that is named
after what it was compiled from, and says so itself. There is no index.
"""

from __future__ import annotations

import hashlib
import numbers
import pickle
from collections.abc import Callable
from contextlib import suppress

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.serialize import loads


def cached_njit(*, sums_in_any_order: bool = False) -> Callable[[Callable], Callable]:
    """A decorator for kernels that release the GIL, kept for the next process.

    They may close over numbers, which are constants to the compiler. What else they use must stand in their own file: by
    a change of that file alone a kept kernel is known to be out of date. Where kernels cannot be kept, neither beside
    the sources nor in the home, or where the disk is full, they are compiled for this process only.

    :param sums_in_any_order: let floating-point sums be taken in vectors and fused with products.
    :raises TypeError: the kernel closes over something that is no number.
    """
    flags = ("contract", "reassoc") if sums_in_any_order else ()
    options = {"nogil": True, "fastmath": set(flags) or False}
    described = repr({**options, "fastmath": flags})  # a set is written in another order by each process

    def compile_(function: Callable) -> Callable:
        _name_by_values(function)
        kernel = numba.njit(**options)(function)
        with suppress(RuntimeError):  # no place
            kernel._cache = _KernelCache(function, described)
        return kernel

    return compile_


def _name_by_values(function: Callable) -> None:
    """Add the values that the function closes over to its qualified name."""
    cells = (cell.cell_contents for cell in function.__closure__ or ())
    for name, value in zip(function.__code__.co_freevars, cells, strict=True):
        if not isinstance(value, numbers.Real):
            raise TypeError(f"{function.__qualname__} closes over {name}, which is no number.")
        function.__qualname__ += f".{name}_{value}"


class _KernelCache(FunctionCache):
    """numba's cache of one function, with other files."""

    def __init__(self, function: Callable, options: str) -> None:
        super().__init__(function)
        if type(getattr(self, "_cache_file", None)) is not IndexDataCacheFile:
            raise RuntimeError("This numba keeps its files otherwise: they cannot be replaced.")
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _FilePerKernel(self.cache_path, self._impl.filename_base, stamp, options)

    def save_overload(self, sig: object, data: object) -> None:
        with suppress(OSError):
            super().save_overload(sig, data)


class _FilePerKernel(IndexDataCacheFile):
    """Compiled code by numba's key for it: argument types, processor, bytecode and closure."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: object, options: str) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._base = filename_base
        self._made_with = (numba.__version__, np.__version__, options, source_stamp)

    def save(self, key: tuple, data: object) -> None:
        code = self._dump(data)
        self._save_data(self._name(key), (key, hashlib.sha256(code).digest(), code))

    def load(self, key: tuple) -> object | None:
        try:
            kept_key, digest, code = self._load_data(self._name(key))
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):  # not there, or cut off by a power cut
            return None
        return loads(code) if kept_key == key and hashlib.sha256(code).digest() == digest else None

    def _name(self, key: tuple) -> str:
        made_from = repr((*self._made_with, key))
        return f"{self._base}.{hashlib.sha256(made_from.encode()).hexdigest()[:32]}.nbc"
