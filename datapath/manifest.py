"""`Manifest`: what a bitstream holds, a text file beside it that lets a driver check that it is the right one.

``NAME.json`` beside ``NAME.bit`` names the network (dimensions, widths, digest), the accelerator (its kernel, limits,
clock, register address, part) and lines whose labels are known.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any, TypeVar

import numpy as np

from datapath.alphabet import MAX_CLASSES, MAX_LABEL
from datapath.design import Design, Limits
from datapath.errors import DataError, DesignError, FileError, suggestion
from datapath.files import write_text
from datapath.json_text import parse_json
from datapath.labels import most_labels
from datapath.packing import WORD_DTYPE, pack_columns, unpack_columns
from datapath.precision import Precision
from datapath.quantities import MAX_VECTOR_BITS
from datapath.quoting import quoted
from datapath.reading import read_text
from datapath.registers import CONTROL_BASE, require_register_base

FORMAT, VERSION = "foldline manifest", 1

MAX_BYTES = 32 * 2**20
"""Limit of a manifest; a known answer of the published overlay has some 25 KB."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"[0-9A-Za-z-]{1,64}")
_ADDRESS = re.compile(r"0x[0-9A-Fa-f]{1,16}")
_MAX_MHZ = 1000

Part = TypeVar("Part", Precision, Limits)


class Kernel(Enum):
    """Whose accelerator it is; they differ in what they do with a line that they cannot take."""

    PUBLISHED = "published"
    """LSTM-PYNQ's: an odd number of columns pairs the directions wrongly, more labels than fit let it hang."""

    HLS = "hls"
    """Ours in C++ for HLS: any number of columns up to the limit; counts all labels and writes those that fit."""

    RTL = "rtl"
    """Ours in SystemVerilog: the same lines and results as `HLS`."""

    @classmethod
    def _missing_(cls, value: object) -> Kernel | None:
        """`HLS` was called "foldline" in earlier manifests."""
        return cls.HLS if value == "foldline" else None

    @property
    def takes_odd_lines(self) -> bool:
        return self is not Kernel.PUBLISHED

    @property
    def counts_all_labels(self) -> bool:
        """Whether a line with more labels than fit ends, and its count includes them."""
        return self is not Kernel.PUBLISHED


DEFAULT_KERNEL = Kernel.RTL
"""The kernel of every command that is given none, and that of the projects which `foldline export` writes."""


@dataclass(frozen=True, eq=False)
class KnownAnswer:
    """A line, int8 [T, I], raw pixels, and the labels, uint8 [n], that the network gives for it."""

    columns: np.ndarray
    labels: np.ndarray

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnownAnswer):
            return NotImplemented
        return np.array_equal(self.columns, other.columns) and np.array_equal(self.labels, other.labels)

    def __hash__(self) -> int:
        return hash((self.columns.tobytes(), self.labels.tobytes()))


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a bitstream holds; see the module.

    :raises DesignError: a field of a wrong type or outside its range, or a known answer that no such accelerator gives.
    """

    network: str
    """Digest of the design's network, `Design.digest(folding=False)`."""
    precision: Precision
    inputs: int
    hidden: int
    classes: int
    peepholes: bool
    kernel: Kernel
    limits: Limits
    part: str
    """Part number as Vivado spells it."""
    clock_mhz: float
    """Clock that the accelerator was built for, MHz."""
    control_base: int
    """Byte address of its registers."""
    answers: tuple[KnownAnswer, ...]

    def __post_init__(self) -> None:
        _require(self, "network", _is_text(self.network, _DIGEST), "64 hexadecimal digits in lower case")
        for name, most in (("inputs", MAX_VECTOR_BITS), ("hidden", MAX_VECTOR_BITS), ("classes", MAX_CLASSES)):
            value = getattr(self, name)
            _require(self, name, _is_integer(value) and 1 <= value <= most, f"an integer of 1 to {most}")
        _require(self, "peepholes", isinstance(self.peepholes, bool), "true or false")
        _require(self, "part", _is_text(self.part, _PART), "a part number as Vivado spells it")
        clock = self.clock_mhz
        is_number = isinstance(clock, float) or _is_integer(clock)
        _require(self, "clock_mhz", is_number and 0 < clock <= _MAX_MHZ, f"above 0 MHz and at most {_MAX_MHZ} MHz")
        require_register_base(self.control_base)
        for number, answer in enumerate(self.answers):
            self._require_possible(answer, f"Known answer {number}")

    def _require_possible(self, answer: KnownAnswer, which: str) -> None:
        columns, labels = answer.columns, answer.labels
        length = len(columns)
        most = min(self.limits.labels, most_labels(length))
        if columns.ndim != 2 or columns.shape[1] != self.inputs:
            raise DesignError(f"{which} has columns of shape {list(columns.shape)}; it must be [T, {self.inputs}].")
        if not 1 <= length <= self.limits.columns:
            raise DesignError(f"{which} has {length} columns; allowed is 1 to {self.limits.columns}.")
        if length % 2 and not self.kernel.takes_odd_lines:
            raise DesignError(f"{which} has {length} columns; the published overlay takes an even number of them.")
        if labels.ndim != 1 or len(labels) > most:
            raise DesignError(f"{which} has labels of shape {list(labels.shape)}; it must be [n], n at most {most}.")
        if labels.size and (labels.min() < 1 or labels.max() >= self.classes):
            span, last = f"{labels.min()} to {labels.max()}", self.classes - 1
            raise DesignError(f"{which} has labels of {span}; allowed is 1 to {last}.")

    @classmethod
    def of(
        cls,
        design: Design,
        *,
        answers: tuple[KnownAnswer, ...],
        kernel: Kernel = DEFAULT_KERNEL,
        part: str = "xc7z020clg400-1",
        clock_mhz: float = 100,
        control_base: int = CONTROL_BASE,
    ) -> Manifest:
        """The manifest of a design on an accelerator, by default of our projects on a PYNQ-Z1 or Z2.

        :param answers: lines and the labels that the network gives for them.
        :param kernel: whose accelerator.
        :param part: part number as Vivado spells it.
        :param clock_mhz: clock that the accelerator was built for, MHz.
        :param control_base: byte address of its registers.
        :raises DesignError: see `Manifest`.
        """
        accelerator = {"part": part, "clock_mhz": clock_mhz, "control_base": control_base}
        return cls(**_network_facts(design), limits=design.limits, kernel=kernel, answers=answers, **accelerator)

    def require(self, design: Design, where: str) -> None:
        """Refuse a design that is not the manifest's.

        :param where: what the manifest describes, as in "plain.bit".
        :raises DesignError: names each dimension or width that differs, or that the weights do.
        """
        ours = _network_facts(design)
        differing = [
            f"{name} is {quoted(getattr(self, name))} there and {quoted(value)} in the design"
            for name, value in {**ours, "limits": design.limits}.items()
            if name != "network" and getattr(self, name) != value
        ]
        if differing:
            raise DesignError(f"{where} holds another network: {'; '.join(differing)}.")
        if self.network != ours["network"]:
            raise DesignError(
                f"{where} holds other weights, or another alphabet, than the design: its network has digest "
                f"{self.network[:12]}, the design's {ours['network'][:12]}."
            )

    def as_text(self) -> str:
        """The file's contents, byte-deterministic."""
        bits = self.precision.activation
        entries = {
            "format": FORMAT,
            "version": VERSION,
            **{one.name: getattr(self, one.name) for one in fields(self)},
            "precision": asdict(self.precision),
            "kernel": self.kernel.value,
            "limits": asdict(self.limits),
            "clock_mhz": float(self.clock_mhz),
            "control_base": f"0x{self.control_base:08X}",
            "answers": [
                {"words": pack_columns(answer.columns, bits).tobytes().hex(), "labels": answer.labels.tolist()}
                for answer in self.answers
            ],
        }
        return json.dumps(entries, indent=1) + "\n"

    def write(self, path: str | os.PathLike) -> None:
        """Write `as_text` (FileError where the file cannot be written)."""
        write_text(path, self.as_text())

    @classmethod
    def read(cls, path: str | os.PathLike) -> Manifest:
        """Read what `write` wrote.

        :raises FileError: missing, unreadable, not a manifest, of another version, or a field out of its range.
        """
        entries = parse_json(read_text(path, limit=MAX_BYTES), name=f"{path} is not a manifest")
        if not isinstance(entries, dict) or entries.get("format") != FORMAT:
            raise FileError(f"{path} is not a manifest: it has no format {quoted(FORMAT)}.")
        version = entries.get("version")
        if type(version) is not int or version != VERSION:
            raise FileError(f"{path} is a manifest of version {quoted(version)}; this Foldline reads {VERSION}.")
        try:
            return cls._of_entries(entries)
        except (DataError, DesignError) as error:
            raise FileError(f"{path} is damaged: {error}") from error

    @classmethod
    def _of_entries(cls, entries: dict[str, Any]) -> Manifest:
        _require_names(entries, ("format", "version", *(field.name for field in fields(cls))), "The manifest")
        base, answers = entries["control_base"], entries["answers"]
        try:
            kernel = Kernel(entries["kernel"])
        except ValueError:
            allowed = " or ".join(repr(one.value) for one in Kernel)
            raise DesignError(f"kernel is {quoted(entries['kernel'])}; it must be {allowed}.") from None
        if not _is_text(base, _ADDRESS):
            raise DesignError(f"control_base is {quoted(base)}; it must be a hexadecimal address such as '0x43C00000'.")
        if not isinstance(answers, list):
            raise DesignError(f"answers is of type {type(answers).__name__}; it must be a list.")
        plain = ("network", "inputs", "hidden", "classes", "peepholes", "part", "clock_mhz")
        manifest = cls(
            **{name: entries[name] for name in plain},
            precision=_part(entries, "precision", Precision),
            kernel=kernel,
            limits=_part(entries, "limits", Limits),
            control_base=int(base, 16),
            answers=(),
        )
        return replace(manifest, answers=tuple(_answer(*pair, manifest) for pair in enumerate(answers)))


def _answer(number: int, entry: object, manifest: Manifest) -> KnownAnswer:
    """A known answer as `Manifest.as_text` writes it; what is in it is checked later."""
    which = f"Known answer {number}"
    _require_names(entry, ("words", "labels"), which)
    try:
        words = np.frombuffer(bytes.fromhex(entry["words"]), dtype=WORD_DTYPE)
    except (TypeError, ValueError) as error:
        raise DesignError(f"{which} has words that are not 64-bit words in hexadecimal.") from error
    if not len(words):
        raise DesignError(f"{which} has no columns.")
    labels = entry["labels"]
    if not isinstance(labels, list) or not all(_is_integer(label) and 0 <= label <= MAX_LABEL for label in labels):
        raise DesignError(f"{which} has labels that are not a list of integers of 0 to {MAX_LABEL}.")
    columns = unpack_columns(words, inputs=manifest.inputs, bits=manifest.precision.activation)
    return KnownAnswer(columns, np.array(labels, dtype=np.uint8))


def _part(entries: dict[str, Any], name: str, kind: type[Part]) -> Part:
    _require_names(entries[name], tuple(field.name for field in fields(kind)), name)
    return kind(**entries[name])


def _require_names(entry: object, names: tuple[str, ...], what: str) -> None:
    """Make sure that a part of the file has these fields, and no others."""
    if not isinstance(entry, dict):
        raise DesignError(f"{what} is of type {type(entry).__name__}; it must be an object with {', '.join(names)}.")
    for name in names:
        if name not in entry:
            raise DesignError(f"{what} has no {name}.")
    for name in entry:
        if name not in names:
            raise DesignError(f"{what} has a field {quoted(name)}{suggestion(name, names)}")


def _network_facts(design: Design) -> dict[str, object]:
    facts = {name: getattr(design, name) for name in ("precision", "inputs", "hidden", "classes")}
    return {"network": design.digest(folding=False), **facts, "peepholes": design.peepholes is not None}


def _require(manifest: Manifest, name: str, holds: bool, rule: str) -> None:
    if not holds:
        raise DesignError(f"{name} is {quoted(getattr(manifest, name))}; it must be {rule}.")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
