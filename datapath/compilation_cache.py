"""`cached_njit`: compile a numba kernel, and store the machine code for the next process.

In place of ``njit(cache=True)``, with which processes that fill one cache at the same time can load wrong code without
a message. We met this with numba 0.68, in two ways:

- Code is linked by a symbol made of the function's qualified name, its argument types and a number that counts the
  compilations of one process. Kernels of one factory differ in that number alone, so two processes that compile them
  in different orders give two of them the same symbol, and a third that loads both runs one for the other.
- The index of a function's files is read, extended and written again without a lock: two processes that add two types
  of argument at the same time choose the same file for both.

Here a digest of the kernel's content is part of its symbol and of its file's name, and there is no index. The content
is the bytecode, the options and all that the kernel refers to, in any file: other kernels (their content), constants
and closure values. A change of any of it gives another digest. No private name of numba is used; what stands in
``numba.core`` may change between its releases all the same.

Machine code is code: whoever can write a file of the cache can run it as whoever loads it. So the files lie in a folder of
the user alone, below the one that numba chooses, and a file is loaded only where folder and file are this user's and no other
can write to them. The checksum, which is over the raw bytes and checked before they are unpickled, finds damage; a file
that is whole and cannot be loaded, of another build of numba or LLVM with the same version, is replaced, too.
"""

from __future__ import annotations

import dis
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from types import FunctionType, ModuleType

import numba
import numpy as np
from numba.core import types
from numba.core.caching import CompileResultCacheImpl
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.core.registry import CPUDispatcher
from numba.core.serialize import dumps, loads
from numba.core.sigutils import normalize_signature

from datapath.errors import FileError
from datapath.files import atomic_write

UNLOADABLE = (
    *(
        ArithmeticError,
        AttributeError,
        BufferError,
        EOFError,
        ImportError,
        LookupError,
        MemoryError,
        NameError,
        OSError,
    ),
    *(RuntimeError, SyntaxError, TypeError, ValueError, UnpicklingError, NumbaError),
)
"""What loading a file of another build of numba or LLVM raises."""

LLVMLITE = version("llvmlite")
"""numba generates machine code with it; its version is part of the key."""

LIBRARIES = {"math", "numba", "numpy"}
"""Modules that kernels use: their versions are part of the key."""

OWN_FOLDER, OWN_FILE, OTHERS_WRITE = 0o700, 0o600, stat.S_IWGRP | stat.S_IWOTH
"""Mode of the cache's folder, and of its files; with one of the last bits a file is not loaded."""

PLAIN = (bool, int, float, complex, str, bytes, slice, type(None), type(...), np.generic)
"""Types of constants whose repr gives the value."""


def cached_njit(*, sums_in_any_order: bool = False) -> Callable[[Callable], Callable]:
    """A decorator for kernels that release the GIL and whose machine code is stored, beside the sources or in NUMBA_CACHE_DIR.

    Where neither the sources' folder nor the home can be written to, the cache's folder belongs to another user, or the disk
    is full, a kernel is compiled for this process only.

    :param sums_in_any_order: let floating-point sums be taken in vectors and fused with products.
    :raises TypeError: (on the first call) the kernel refers to something that cannot be part of a key: a list, a
        module of ours as a whole, a function in it, a plain ``njit`` function that is not inlined.
    """
    fastmath = {"contract", "reassoc"} if sums_in_any_order else False

    def compile_(function: FunctionType) -> Callable:
        kernel = numba.njit(nogil=True, fastmath=fastmath)(function)
        if not isinstance(kernel, Dispatcher):  # NUMBA_DISABLE_JIT
            return kernel
        return CachedKernel(py_func=function, targetoptions=kernel.targetoptions)

    return compile_


class CachedKernel(CPUDispatcher):
    """A numba dispatcher that reads machine code from disk before it compiles, and writes what it has compiled."""

    def compile(self, sig: object) -> object:
        """The entry point for a signature, loaded or compiled; called by numba."""
        with global_compiler_lock:
            arguments, result = normalize_signature(sig)
            if tuple(arguments) in self.overloads:
                return super().compile(sig)
            key = self._key((*arguments, result))
            path = self._folder and self._folder / f"{self.py_func.__module__}.{self.py_func.__name__}.{key[:32]}.nbc"
            compiled = path and self._loaded(path, key)
            if compiled:
                self.targetctx.insert_user_function(compiled.entry_point, compiled.fndesc, [compiled.library])
                self.add_overload(compiled)
                return compiled.entry_point
            name = self.py_func.__qualname__
            self.py_func.__qualname__ = f"{name}_{self.digest[:32]}"  # numba makes the symbol of it
            try:
                entry_point = super().compile(sig)
            finally:
                self.py_func.__qualname__ = name
            compiled = self.overloads[tuple(arguments)]
            if path and self._files.check_cachable(compiled):
                code = dumps(self._files.reduce(compiled))
                _store(path, _checksum(key, code) + code)
            return entry_point

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the kernel's content; TypeError where something in it cannot be part of a key."""
        return hashlib.sha256(repr([*_contents(self)]).encode()).hexdigest()

    @cached_property
    def _files(self) -> CompileResultCacheImpl:
        return CompileResultCacheImpl(self.py_func)

    @cached_property
    def _folder(self) -> Path | None:
        """Where files of this kernel lie; None where nothing can be written, or others can write."""
        with suppress(RuntimeError, OSError):
            self._files.locator.ensure_cache_path()
            return _own_folder(Path(self._files.locator.get_cache_path()))
        return None

    def _key(self, signature: tuple) -> str:
        """SHA-256, in hex, of all that decides the machine code."""
        target = self.targetctx.codegen().magic_tuple()
        versions = (numba.__version__, LLVMLITE, np.__version__, sys.implementation.cache_tag)
        signature = [_type_contents(one) for one in signature]
        return hashlib.sha256(repr((self.digest, signature, target, versions)).encode()).hexdigest()

    def _loaded(self, path: Path, key: str) -> object | None:
        """The compile result in a file; None where there is none that is whole, of this key and this user's, or it does not load."""
        try:
            checksum, code = (whole := _read_own(path))[:32], whole[32:]
        except OSError:
            return None
        if checksum != _checksum(key, code):
            return None
        self.targetctx.refresh()
        try:
            return self._files.rebuild(self.targetctx, loads(code))
        except UNLOADABLE:
            return None


def _own_folder(parent: Path) -> Path | None:
    """The folder of this user's files below a folder, made where it is missing; None where it is another user's.

    :raises OSError: it cannot be made.
    """
    folder = parent / f"foldline-{_user()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=OWN_FOLDER)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _user():
        return None
    if stat.S_IMODE(found.st_mode) != OWN_FOLDER:
        folder.chmod(OWN_FOLDER)
    return folder


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _read_own(path: Path) -> bytes:
    """The content of a file that no other user can have written; OSError of any other."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != _user() or found.st_mode & OTHERS_WRITE:
            raise PermissionError
        return file.read()


def _store(path: Path, content: bytes) -> None:
    """Write a file, or nothing where this cannot be done."""
    with suppress(FileError, OSError):
        if path.is_symlink() or path.exists():
            path.unlink()  # so that owner and rights of what was there do not stay
        with atomic_write(path) as file:
            file.write(content)
        path.chmod(OWN_FILE)


def _checksum(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def _type_contents(type_: types.Type | None) -> tuple:
    """An argument's type; the repr of a named tuple's leaves out the fields."""
    parts = getattr(type_, "types", ())
    return (repr(type_), getattr(type_, "fields", None), [_type_contents(part) for part in parts])


def _contents(kernel: Dispatcher) -> Iterator[object]:
    """What decides the machine code of a kernel but its argument types, as values whose repr is the same in every process."""
    function, code = kernel.py_func, kernel.py_func.__code__
    yield function.__module__, function.__qualname__
    options = kernel.targetoptions.items()
    yield sorted((name, sorted(value) if isinstance(value, set) else value) for name, value in options)
    yield [_described(value, function) for value in function.__defaults__ or ()]
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield name, _described(cell.cell_contents, function)
    yield code.co_code, code.co_names, code.co_varnames
    yield [_described(value, function) for value in code.co_consts]
    for name in sorted({step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}):
        if name in function.__globals__:
            yield name, _described(function.__globals__[name], function)


def _described(value: object, user: FunctionType) -> object:
    """What `value` is to the compiler, as a value whose repr is the same in every process."""
    if isinstance(value, CachedKernel) and value.py_func is not user:
        return value.digest
    if isinstance(value, Dispatcher) and value.targetoptions.get("inline") == "always":
        return [*_contents(value)]
    if isinstance(value, PLAIN):
        return type(value).__name__, repr(value)
    if type(value) is tuple:
        return [_described(part, user) for part in value]
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, ModuleType) and value.__name__.partition(".")[0] in LIBRARIES:
        return value.__name__
    raise TypeError(
        f"The kernel {user.__qualname__} uses {value!r}, which cannot be part of its key: use numbers, tuples, arrays, "
        f"cached kernels and kernels that are inlined."
    )
