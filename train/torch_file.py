"""`TorchFile`: the objects and tensors in a file of `torch.save`, in its old and its present form."""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from datapath.design_file import MAX_LIST_BYTES, MEMBER, PICKLE, TORCH_MEMBER
from datapath.errors import CheckpointError
from datapath.quoting import quoted
from datapath.reading import open_file, open_zip
from train.torch_pickle import MAX_PICKLE, PickleParser, Refused, Storage, StoredTensor

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of a file that torch wrote before version 1.6, or with ``_use_new_zipfile_serialization=False``."""

LEGACY_PROTOCOL = 1001
LEGACY_PICKLES = 5
"""Pickles in front of the numbers of such a file."""

MAX_CHECKPOINT_BYTES = 4 * 2**30
"""Limit of a file; the checkpoint of the largest network with its optimiser has some 2 GB."""

DAMAGE = (
    *(ValueError, LookupError, TypeError, ArithmeticError, struct.error, EOFError, OSError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError),
)
"""What a damaged file raises in `pickletools`, in `zipfile`, in `train.torch_pickle` and below."""


class TorchFile:
    """A file of `torch.save`: `content` is the saved object, with a `StoredTensor` for every tensor.

    Tensors are read when they are asked for, and no more bytes of them than the file has: views of one block of numbers,
    and blocks in one place of the file, can state far more.

    :param path: of the file, for messages.
    :param file: the open file, which must stay open while tensors are read.
    :raises CheckpointError: not a file of torch, larger than `MAX_CHECKPOINT_BYTES`, damaged, or with more than tables,
        lists, numbers, text and tensors.
    """

    def __init__(self, path: object, file: BinaryIO) -> None:
        self.path = path
        self._file, self._size = file, file.seek(0, os.SEEK_END)
        self._left = self._size
        self._blocks: dict[str, Callable[[], bytes]] = {}
        self._numbers: dict[str, Tensor] = {}
        self._swapped = False
        with self._reading():
            if self._size > MAX_CHECKPOINT_BYTES:
                raise Refused(f"has {self._size} bytes; at most {MAX_CHECKPOINT_BYTES} are read of a checkpoint")
            self.content, storages = self._read_zip() if zipfile.is_zipfile(file) else self._read_legacy()
            stated = sum(one.count * one.dtype.itemsize for one in storages)
            if stated > self._size:
                raise Refused(f"has {self._size} bytes, and its blocks of numbers state {stated}")

    def tensor(self, stored: StoredTensor) -> Tensor:
        """Read a tensor, contiguous; its memory is not that of the file.

        :param stored: in `content`.
        :raises CheckpointError: the file is damaged there, or all tensors that were read have more bytes than it.
        """
        storage = stored.storage
        if storage.count == 0 or 0 in stored.shape:
            return torch.zeros(stored.shape, dtype=storage.dtype)
        with self._reading():
            self._left -= math.prod(stored.shape) * storage.dtype.itemsize
            if self._left < 0:
                raise Refused(f"has {self._size} bytes, and its tensors state more")
            known = self._numbers.get(storage.key)
            numbers = self._block(storage) if known is None else known
            tensor = numbers.as_strided(stored.shape, stored.stride, stored.offset)
            if known is None and tensor.is_contiguous() and tensor.numel() == len(numbers):
                return tensor  # all of a block, as nearly always
            self._numbers[storage.key] = numbers
            return tensor.clone(memory_format=torch.contiguous_format)

    def _block(self, storage: Storage) -> Tensor:
        block = np.frombuffer(self._blocks[storage.key](), np.uint8)
        if self._swapped:
            block = block.reshape(-1, storage.dtype.itemsize)[:, ::-1]
        return torch.from_numpy(block.flatten()).view(storage.dtype)  # a copy, which can be written to

    def _read_zip(self) -> tuple[object, list[Storage]]:
        archive = open_zip(self._file, name=self.path, limit=MAX_LIST_BYTES)
        entries = {one.filename: one for one in archive.infolist()}
        if len(entries) < len(archive.infolist()):  # torch would read the first of two, and Python the last
            raise Refused("has an entry twice")
        if MEMBER in entries:
            raise Refused("is a design, not a checkpoint")
        pickled = [name for name in entries if name.endswith(TORCH_MEMBER)]
        if len(pickled) != 1:
            raise ValueError("an archive, but not one of torch")
        folder = pickled[0].removesuffix(TORCH_MEMBER)
        if entries[pickled[0]].file_size > MAX_PICKLE:
            raise Refused(f"has a pickle of more than {MAX_PICKLE} bytes")
        # Without compression, no entry is larger than the file.
        packed = [name for name, one in entries.items() if one.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise Refused(f"has a compressed entry, {quoted(packed[0])}, which torch does not write")
        parser = PickleParser(io.BytesIO(_entry(archive, pickled[0])))
        content, order = parser.load(), f"{folder}/byteorder"
        stated = _entry(archive, order) if order in entries else b"little"
        if stated not in (b"little", b"big"):
            raise Refused(f"states {quoted(stated)} as the order of bytes; torch writes little or big")
        self._swapped = stated == b"big"
        for key, storage in parser.storages.items():
            name = f"{folder}/data/{key}"
            _require_size(storage, entries[name].file_size)
            self._blocks[key] = partial(_entry, archive, name)
        return content, list(parser.storages.values())

    def _read_legacy(self) -> tuple[object, list[Storage]]:
        self._file.seek(0)
        stream = io.BytesIO(self._file.read(LEGACY_PICKLES * MAX_PICKLE))

        def pickled() -> PickleParser:
            return PickleParser(stream)

        if stream.getvalue()[:1] != PICKLE or pickled().load() != LEGACY_MAGIC:
            raise Refused("is not a checkpoint, or it is cut off")
        protocol = pickled().load()
        if protocol != LEGACY_PROTOCOL:
            raise Refused(f"is a file of torch in form {quoted(protocol)}; Foldline reads form {LEGACY_PROTOCOL}")
        pickled().load()  # the machine that wrote it; numbers are stored with the low byte first on every one
        parser = pickled()
        content, keys = parser.load(), pickled().load()
        if not isinstance(keys, list) or {str(key) for key in keys} != parser.storages.keys():
            raise Refused("lists other blocks of numbers than its tensors use")
        place = stream.tell()
        for key in map(str, keys):
            storage = parser.storages[key]
            self._file.seek(place)
            (count,) = struct.unpack("<q", self._file.read(8))
            size = count * storage.dtype.itemsize
            place += 8
            _require_size(storage, size)
            if place + size > self._size:
                raise Refused("is cut off")
            self._blocks[key] = partial(self._part, place, size)
            place += size
        return content, list(parser.storages.values())

    def _part(self, place: int, size: int) -> bytes:
        self._file.seek(place)
        return self._file.read(size)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            raise CheckpointError(f"{self.path} {error}.") from error
        except DAMAGE as error:
            raise CheckpointError(f"{self.path} is not a checkpoint, or it is damaged or cut off.") from error


@contextmanager
def open_torch_file(path: str | os.PathLike) -> Iterator[TorchFile]:
    """Open a file of `torch.save` for reading.

    :param path: of the file.
    :raises FileError: it is missing, unreadable, or no file.
    :raises CheckpointError: see `TorchFile`.
    """
    with open_file(path) as handle:
        yield TorchFile(path, handle)


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except zipfile.BadZipFile as error:
        if "CRC" in str(error):
            raise Refused(f"is damaged: the checksum of {quoted(name)} is wrong") from error
        raise


def _require_size(storage: Storage, size: int) -> None:
    if size != storage.count * storage.dtype.itemsize:
        raise Refused(
            f"is damaged: block {quoted(storage.key)} has {size} bytes, and its {quoted(storage.count)} numbers take "
            f"{quoted(storage.count * storage.dtype.itemsize)}"
        )
