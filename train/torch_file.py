"""`TorchFile`: the objects and tensors in a file of `torch.save`, in its old and its present form."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import torch
from torch import Tensor

from datapath.errors import CheckpointError
from datapath.quoting import quoted
from train.torch_pickle import MAX_PICKLE, PickleParser, Refused, Storage, StoredTensor

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of a file that torch wrote before version 1.6, or with ``_use_new_zipfile_serialization=False``."""

LEGACY_PROTOCOL = 1001

DAMAGE = (
    *(ValueError, LookupError, TypeError, ArithmeticError, struct.error, EOFError, OSError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, NotImplementedError),
)
"""What a damaged file raises in `pickletools`, in `zipfile`, in `train.torch_pickle` and below."""


class TorchFile:
    """A file of `torch.save`: `content` is the saved object, with a `StoredTensor` for every tensor.

    :param path: of the file, for messages.
    :param file: its bytes.
    :raises CheckpointError: not a file of torch, damaged, or with more than tables, lists, numbers, text and tensors.
    """

    def __init__(self, path: object, file: bytes) -> None:
        self._path = path
        self._blocks: dict[str, memoryview] = {}
        self._swapped = False
        try:
            self.content = self._read_zip(file) if zipfile.is_zipfile(io.BytesIO(file)) else self._read_legacy(file)
        except Refused as error:
            raise CheckpointError(f"{path} {error}.") from error
        except DAMAGE as error:
            raise CheckpointError(f"{path} is not a checkpoint, or it is damaged or cut off.") from error

    def tensor(self, stored: StoredTensor) -> Tensor:
        """Read a tensor, contiguous; its memory is not that of the file."""
        storage = stored.storage
        if storage.count == 0 or 0 in stored.shape:
            return torch.zeros(stored.shape, dtype=storage.dtype)
        block = bytearray(self._blocks[storage.key])
        if self._swapped:
            size = storage.dtype.itemsize
            block = bytearray(b"".join(block[at : at + size][::-1] for at in range(0, len(block), size)))
        numbers = torch.frombuffer(block, dtype=storage.dtype, count=storage.count)
        return numbers.as_strided(stored.shape, stored.stride, stored.offset).clone(
            memory_format=torch.contiguous_format
        )

    def _read_zip(self, file: bytes) -> object:
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            entries = {one.filename: one for one in archive.infolist()}
            pickled = [name for name in entries if name.endswith("/data.pkl")]
            if len(pickled) != 1:
                raise ValueError("an archive, but not one of torch")
            folder = pickled[0].removesuffix("data.pkl")
            if entries[pickled[0]].file_size > MAX_PICKLE:
                raise Refused(f"has a pickle of more than {MAX_PICKLE} bytes")
            # Without compression, no entry is larger than the file.
            packed = [name for name, one in entries.items() if one.compress_type != zipfile.ZIP_STORED]
            if packed:
                raise Refused(f"has a compressed entry, {quoted(packed[0])}, which torch does not write")
            parser = PickleParser(io.BytesIO(archive.read(pickled[0])))
            content = parser.load()
            self._swapped = f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder") == b"big"
            for key, storage in parser.storages.items():
                entry = entries[f"{folder}data/{key}"]
                _require_size(storage, entry.file_size)
                self._blocks[key] = memoryview(archive.read(entry))
        return content

    def _read_legacy(self, file: bytes) -> object:
        stream = io.BytesIO(file)

        def pickled() -> PickleParser:
            return PickleParser(stream)

        if file[:1] != b"\x80" or pickled().load() != LEGACY_MAGIC:
            raise Refused("is not a checkpoint, or it is cut off")
        protocol = pickled().load()
        if protocol != LEGACY_PROTOCOL:
            raise Refused(f"is a file of torch in form {quoted(protocol)}; Foldline reads form {LEGACY_PROTOCOL}")
        pickled().load()  # the machine that wrote it; numbers are stored with the low byte first on every one
        parser = pickled()
        content, keys = parser.load(), pickled().load()
        if not isinstance(keys, list) or {str(key) for key in keys} != parser.storages.keys():
            raise Refused("lists other blocks of numbers than its tensors use")
        place, view = stream.tell(), memoryview(file)
        for key in map(str, keys):
            storage = parser.storages[key]
            (count,) = struct.unpack_from("<q", view, place)
            size = count * storage.dtype.itemsize
            place += 8
            _require_size(storage, size)
            if place + size > len(view):
                raise Refused("is cut off")
            self._blocks[key] = view[place : place + size]
            place += size
        return content


def _require_size(storage: Storage, size: int) -> None:
    if size != storage.count * storage.dtype.itemsize:
        raise Refused(
            f"is damaged: block {quoted(storage.key)} has {size} bytes, and its {quoted(storage.count)} numbers take "
            f"{quoted(storage.count * storage.dtype.itemsize)}"
        )
