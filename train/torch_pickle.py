"""`PickleParser`: the pickles that `torch.save` writes, of any version since 0.2, without unpickling them.

`pickletools.genops` splits a pickle into its opcodes; those that build tables, lists, numbers, text and tensors are carried
out here. A pickle names functions and classes; the few that are known below stand for plain values, any other is refused,
and none is ever imported or called. A tensor stays a reference until its shape was checked.
"""

from __future__ import annotations

import io
import math
import pickletools
from dataclasses import dataclass

import torch

from datapath.quoting import quoted

MAX_PICKLE = 4 * 2**20
"""Limit of a pickle, in bytes: it holds names and shapes, some kilobytes; the numbers lie outside it."""

MAX_COPIED = MAX_PICKLE
"""Limit of the items that calls and states copy: in a file of torch each of them also stands in the pickle."""

MAX_DIMENSIONS = 8

DTYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
STORAGES = {f"torch.{gpu}{name}Storage": dtype for name, dtype in DTYPES.items() for gpu in ("", "cuda.")}
"""Storage classes; what lay on a GPU is read into the CPU's memory."""

TABLES = ("collections.OrderedDict", "argparse.Namespace")
OBJDICT = "objdict"
"""Class of pytorch-ocr's hyperparameters, a dict, in whichever module."""

UNREAD = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype", "_codecs.encode")
"""What a number of numpy is made of; such numbers stand beside the weights and are not read."""


class Refused(Exception):  # noqa: N818 - a message on its way to the CheckpointError that names the file
    """A file that is not damaged but holds what is not read; the text is a clause about the file."""


@dataclass(frozen=True)
class _Name:
    """A function or class that a pickle names."""

    name: str


@dataclass(frozen=True)
class Unread:
    """A value that is not read: a number of numpy."""


class _Fields(dict):
    """The attributes or items of an object whose class is a kind of table."""


@dataclass(frozen=True)
class Storage:
    """Numbers of one type in the file: their type, the name of their block, and their count."""

    dtype: torch.dtype
    key: str
    count: int


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that lies in the file.

    :param storage: the numbers that it is a part of.
    :param offset: of its first element, in elements.
    :param shape: of the tensor.
    :param stride: step of each dimension, in elements.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.offset, *self.shape, *self.stride)
        if not all(type(one) is int and one >= 0 for one in numbers) or len(self.shape) != len(self.stride):
            raise Refused(f"holds a tensor of shape {quoted(self.shape)} and stride {quoted(self.stride)}")
        elements = math.prod(self.shape) if len(self.shape) <= MAX_DIMENSIONS else math.inf
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        if elements > self.storage.count or (elements and last >= self.storage.count):
            raise Refused(f"holds a tensor of shape {quoted(self.shape)} in {quoted(self.storage.count)} numbers")

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""
        return self.storage.dtype


class PickleParser:
    """Carries out the opcodes of one pickle.

    :param stream: at the start of the pickle; `load` leaves it behind its end.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        self._stream = stream
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._copied = 0
        self.storages: dict[str, Storage] = {}

    def load(self) -> object:
        """The object."""
        start = self._stream.tell()
        for opcode, argument, place in pickletools.genops(self._stream):
            if place is not None and place - start > MAX_PICKLE:
                raise Refused(f"has a pickle of more than {MAX_PICKLE} bytes")
            if opcode.name == "STOP":
                return self._stack.pop()
            self._carry_out(opcode.name, argument)
        raise ValueError("no end")

    def _carry_out(self, name: str, argument: object) -> None:
        stack = self._stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            stack.append(argument.decode("latin-1") if isinstance(argument, bytes) else argument)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            self._memo[len(self._memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[argument])
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name in _BUILDERS:
            _BUILDERS[name](self)
        elif name == "GLOBAL":
            stack.append(_named(argument.replace(" ", ".", 1)))
        elif name not in ("PROTO", "FRAME"):
            raise Refused(f"has a pickle with {name}, which torch does not write for weights")

    def _marked(self) -> list[object]:
        """The values above the last mark, which are taken from the stack with it."""
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def _taken(self, count: int) -> list[object]:
        start = len(self._stack) - count
        if start < 0:
            raise ValueError("an opcode without its values")
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def _push_tuple(self, count: int | None) -> None:
        self._stack.append(tuple(self._marked() if count is None else self._taken(count)))

    def _push_new(self, kind: type) -> None:
        self._stack.append(kind())

    def _push_list(self) -> None:
        self._stack.append(self._marked())

    def _push_dict(self) -> None:
        values = self._marked()
        self._stack.append({})
        self._set_items(values)

    def _add_items(self, values: list[object]) -> None:
        if not isinstance(self._stack[-1], list):
            raise ValueError("items of what is not a list")
        self._stack[-1].extend(values)

    def _set_items(self, values: list[object]) -> None:
        table = self._stack[-1]
        if not isinstance(table, dict):
            raise ValueError("items of what is not a table")
        for key, value in zip(values[::2], values[1::2], strict=True):
            table[_key(key)] = value

    def _push_global(self) -> None:
        module, name = self._taken(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is not text")
        self._stack.append(_named(f"{module}.{name}"))

    def _call(self) -> None:
        function, arguments = self._taken(2)
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise ValueError("a call of what is not a name")
        self._count_copied(arguments[0] if arguments else ())
        self._stack.append(_value_of(function.name, arguments))

    def _set_state(self) -> None:
        (state,) = self._taken(1)
        target = self._stack[-1]
        if not isinstance(target, Unread) and not (isinstance(target, dict) and isinstance(state, dict)):
            raise ValueError("a state of what has none")
        if isinstance(target, _Fields):
            self._count_copied(state)
            target.update(state)  # that of an OrderedDict has versions of modules, which are not read

    def _count_copied(self, items: object) -> None:
        """A list can be named again and again in a few bytes each, and copied each time."""
        self._copied += len(items) if isinstance(items, tuple | list | dict) else 0
        if self._copied > MAX_COPIED:
            raise Refused(f"copies more than {MAX_COPIED} items, which torch does not write")

    def _push_storage(self) -> None:
        (identity,) = self._taken(1)
        if not isinstance(identity, tuple) or len(identity) < 5 or identity[0] != "storage":
            raise Refused("holds a module, not only weights; save model.state_dict()")
        _, kind, key, _, count = identity[:5]
        if identity[5:] not in ((), (None,)):
            raise Refused("holds a view of a block of numbers, as torch 0.1 wrote them")
        if not isinstance(kind, _Name) or kind.name not in STORAGES or type(count) is not int or count < 0:
            raise ValueError("not a storage")
        storage = Storage(STORAGES[kind.name], str(_key(key)), count)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise ValueError("two descriptions of one block")
        self._stack.append(storage)


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("BINBYTES", "SHORT_BINBYTES"),
    )
)
_BUILDERS = {
    "EMPTY_DICT": lambda parser: parser._push_new(dict),
    "EMPTY_LIST": lambda parser: parser._push_new(list),
    "EMPTY_TUPLE": lambda parser: parser._push_new(tuple),
    "DICT": PickleParser._push_dict,
    "LIST": PickleParser._push_list,
    "TUPLE": lambda parser: parser._push_tuple(None),
    "TUPLE1": lambda parser: parser._push_tuple(1),
    "TUPLE2": lambda parser: parser._push_tuple(2),
    "TUPLE3": lambda parser: parser._push_tuple(3),
    "APPEND": lambda parser: parser._add_items(parser._taken(1)),
    "APPENDS": lambda parser: parser._add_items(parser._marked()),
    "SETITEM": lambda parser: parser._set_items(parser._taken(2)),
    "SETITEMS": lambda parser: parser._set_items(parser._marked()),
    "STACK_GLOBAL": PickleParser._push_global,
    "REDUCE": PickleParser._call,
    "NEWOBJ": PickleParser._call,
    "BUILD": PickleParser._set_state,
    "BINPERSID": PickleParser._push_storage,
}
"""Opcodes that build a value from those on the stack."""


def _key(value: object) -> str | int:
    if not isinstance(value, str | int):
        raise ValueError("a key that is neither text nor an integer")
    return value


def _is_table(name: str) -> bool:
    return name in TABLES or name.rpartition(".")[2] == OBJDICT


_REBUILT = {"torch._utils._rebuild_tensor": 4, "torch._utils._rebuild_tensor_v2": 6}
"""Functions that stand for a tensor, and how many arguments they have at least."""

_PARAMETER, _SIZE = "torch._utils._rebuild_parameter", "torch.Size"


def _named(name: str) -> _Name:
    if name in STORAGES or name in UNREAD or name in _REBUILT or name in (_PARAMETER, _SIZE) or _is_table(name):
        return _Name(name)
    raise Refused(
        f"names {name!r:.100}, which does not belong to weights, and nothing of it was executed; a file with weights alone is "
        f"written by torch.save(model.state_dict(), FILE)"
    )


def _value_of(name: str, arguments: tuple) -> object:
    """What the call of a known function or class stands for."""
    if _is_table(name):
        table = {} if name == TABLES[0] else _Fields()
        for key, value in arguments[0] if arguments else ():  # Python 2 gives the items of an OrderedDict
            table[_key(key)] = value
        return table
    if name in UNREAD:
        return Unread()
    if name == _SIZE:
        return tuple(arguments[0])
    if name == _PARAMETER and isinstance(arguments[0], StoredTensor):
        return arguments[0]
    if name not in _REBUILT or len(arguments) < _REBUILT[name]:
        raise ValueError("a call that torch does not write")
    storage, offset, shape, stride = arguments[:4]
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(stride, tuple):
        raise ValueError("not a tensor")
    return StoredTensor(storage, offset, shape, stride)
