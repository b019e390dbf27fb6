"""`Design`: one trained network together with the accelerator it is meant for. Everything else starts from it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from enum import IntEnum

import numpy as np

from datapath.alphabet import Alphabet
from datapath.design_file import PEEPHOLES, read_design_file, write_design_file
from datapath.errors import DesignError, FileError
from datapath.formats import unit_format
from datapath.peepholes import PeepholeFormat, Peepholes, frozen_integers
from datapath.precision import ExperimentName, Precision, require_integers
from datapath.quantities import MAX_VECTOR_BITS
from datapath.quoting import quoted
from datapath.text_form import TextForm

FORWARD, BACKWARD = 0, 1


class Gate(IntEnum):
    """Gate order of every stacked array (torch's), with each gate's spelling in the header's array names."""

    I = 0  # noqa: E741 - input
    F = 1  # forget
    G = 2  # cell candidate
    O = 3  # noqa: E741 - output

    @property
    def header_name(self) -> str:
        return ("gi", "gf", "ci", "go")[self]


@dataclass(frozen=True, kw_only=True)
class Folding:
    """How much is computed in parallel.

    `pe` hidden units at a time; `simd_input` and `simd_recurrent` products per gate and unit at a time; `pe_out`
    classes of the output layer at a time. The published overlay and its header have no `pe_out`: theirs is 1.

    :raises DesignError: one is not an integer.
    """

    pe: int
    simd_input: int
    simd_recurrent: int
    pe_out: int = 1

    def __post_init__(self) -> None:
        require_integers(self)

    @classmethod
    def by_factor(cls, factor: int, *, inputs: int, hidden: int, pe: int = 1, pe_out: int = 1) -> Folding:
        """The original's single number: both sides take `factor` steps.

        :param factor: steps of a unit, 1 or more; it must divide `inputs` and `hidden`.
        :param inputs: I, pixels of a column.
        :param hidden: H, hidden units per direction.
        :param pe: hidden units at a time.
        :param pe_out: classes at a time.
        :raises DesignError: the factor does not divide both dimensions.
        """
        for name, size in (("input rows", inputs), ("hidden units", hidden)):
            if factor < 1 or size % factor:
                raise DesignError(f"simd_factor is {factor}; it must divide the {size} {name}.")
        return cls(pe=pe, simd_input=inputs // factor, simd_recurrent=hidden // factor, pe_out=pe_out)

    def __str__(self) -> str:
        return f"PE {self.pe}, SIMD {self.simd_input} and {self.simd_recurrent}, PE_OUT {self.pe_out}"

    def check(self, *, inputs: int, hidden: int, classes: int) -> None:
        """Refuse a folding that does not divide the dimensions. `pe_out` need not divide: its last block is filled up.

        :param inputs: I, pixels of a column.
        :param hidden: H, hidden units per direction.
        :param classes: C, classes with the blank.
        :raises DesignError: names the number and the dimension that it must divide, or its range.
        """
        for name, value, what, size in (
            ("pe", self.pe, "hidden units", hidden),
            ("simd_input", self.simd_input, "input rows", inputs),
            ("simd_recurrent", self.simd_recurrent, "hidden units", hidden),
        ):
            if value < 1 or size % value:
                raise DesignError(f"{name} is {value}; it must divide the {size} {what}.")
        if not 1 <= self.pe_out <= classes:
            raise DesignError(f"pe_out is {self.pe_out}; it must be 1 to the {classes} classes.")


MAX_LIMIT = (1 << 15) - 1
"""Most columns, and most labels, of a line in our kernels: counters of 2 * columns, and of labels, have 16 bits."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the overlay's buffers hold: columns per line, labels per line. The published overlay: 732 and 95.

    :raises DesignError: a limit below 1.
    """

    columns: int = 732
    labels: int = 95

    def __post_init__(self) -> None:
        require_integers(self)
        for limit in fields(self):
            if getattr(self, limit.name) < 1:
                raise DesignError(f"The limit of {limit.name} is {getattr(self, limit.name)}; it must be 1 or more.")

    @classmethod
    def from_plain(cls, plain: object) -> Limits:
        """Both limits from a table of a file; one that is missing is not taken to be that of the published overlay.

        :param plain: the table.
        :raises DesignError: it is not a table, lacks one, or has another entry.
        """
        names = [limit.name for limit in fields(cls)]
        if not isinstance(plain, dict) or sorted(plain) != sorted(names):
            raise DesignError(f"limits is {quoted(plain)}; it must have {' and '.join(names)}, and nothing else.")
        return cls(**plain)

    def require_countable(self) -> None:
        """Refuse limits that exceed the counters of our kernels.

        :raises DesignError: a limit beyond `MAX_LIMIT`.
        """
        for limit in fields(self):
            if getattr(self, limit.name) > MAX_LIMIT:
                raise DesignError(
                    f"The limit of {limit.name} is {getattr(self, limit.name)}; the kernel takes 1 to {MAX_LIMIT}: its "
                    "counters of 2 * columns and of labels have 16 bits."
                )


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a design comes from: `author`, `source` (file and digest, or command), `tool` and version, and notes.

    :raises DesignError: a field that is not text, or notes that are not texts by name.
    """

    author: str
    source: str
    tool: str
    notes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("author", "source", "tool"):
            if not isinstance(getattr(self, name), str):
                raise DesignError(f"Provenance.{name} is {quoted(getattr(self, name))}; it must be text.")
        if not isinstance(self.notes, dict) or not all(isinstance(t, str) for pair in self.notes.items() for t in pair):
            raise DesignError(f"Provenance.notes is {quoted(self.notes)}; it must be texts by name.")
        object.__setattr__(self, "notes", dict(self.notes))  # the caller may change its dict

    def __hash__(self) -> int:
        return hash((self.author, self.source, self.tool, tuple(sorted(self.notes.items()))))


def require_vectors_fit(*, inputs: int, hidden: int, activation: int) -> None:
    """Refuse a column, or hidden outputs of a direction, of `activation` bits each, wider than an ``ap_int`` can be."""
    for name, size in (("inputs", inputs), ("hidden", hidden)):
        if size * activation > MAX_VECTOR_BITS:
            raise DesignError(
                f"{name} * activation bits is {size} * {activation} = {size * activation}; an ap_int holds at most "
                f"{MAX_VECTOR_BITS} bits."
            )


WEIGHTS = ("weights_input", "weights_recurrent", "biases_input", "biases_recurrent", "fc_weights", "fc_biases")


@dataclass(frozen=True, eq=False, kw_only=True)
class Design:
    """A quantized bidirectional LSTM recogniser as integers. Two designs are equal when all their fields are.

    Weights are raw two's-complement values of ``fixed<bits, 1>``, as read-only int8 arrays. Direction 0 reads
    columns left to right, direction 1 right to left; gates stand in `Gate` order.

    ================== =============== ==========================================================
    weights_input      [2, 4, H, I]    direction, gate, unit, input row
    weights_recurrent  [2, 4, H, H]    direction, gate, unit, hidden unit of the step before
    biases_input       [2, 4, H]       ``bias_ih``
    biases_recurrent   [2, 4, H]       ``bias_hh``
    fc_weights         [2, C, H]       direction, class, hidden unit
    fc_biases          [2, C]          the exporter leaves the backward half zero
    ================== =============== ==========================================================

    `peepholes`, None in the plain network, are weights [2, 3, H]: direction, input / forget / output gate, unit.

    :raises DesignError: shapes that contradict each other, a value outside its width, a folding that does not divide,
        or vectors wider than the 1024 bits of an ``ap_int``.
    """

    precision: Precision
    folding: Folding
    limits: Limits
    alphabet: Alphabet
    weights_input: np.ndarray
    weights_recurrent: np.ndarray
    biases_input: np.ndarray
    biases_recurrent: np.ndarray
    fc_weights: np.ndarray
    fc_biases: np.ndarray
    provenance: Provenance
    peepholes: Peepholes | None = None

    def __post_init__(self) -> None:
        bits = self.precision
        widths = (bits.weight, bits.weight, bits.bias, bits.bias, bits.fc_weight, bits.fc_bias)
        for name, width in zip(WEIGHTS, widths, strict=True):
            values = frozen_integers(name, getattr(self, name), unit_format(width), np.int8)
            object.__setattr__(self, name, values)
        shape = list(self.weights_input.shape)
        if len(shape) != 4 or 0 in shape:
            raise DesignError(f"weights_input has shape {shape}; it must be [2, 4, H, I] with H and I of 1 or more.")
        hidden, inputs, classes = self.hidden, self.inputs, self.classes
        expected = {
            "weights_input": (2, 4, hidden, inputs),
            "weights_recurrent": (2, 4, hidden, hidden),
            "biases_input": (2, 4, hidden),
            "biases_recurrent": (2, 4, hidden),
            "fc_weights": (2, classes, hidden),
            "fc_biases": (2, classes),
            "peepholes": (2, 3, hidden),
        }
        for name, array in self.arrays.items():
            if array.shape != expected[name]:
                raise DesignError(
                    f"{name} has shape {list(array.shape)}; with H {hidden}, I {inputs} and C {classes} it must be "
                    f"{list(expected[name])}."
                )
        self.folding.check(inputs=inputs, hidden=hidden, classes=classes)
        require_vectors_fit(inputs=inputs, hidden=hidden, activation=self.precision.activation)

    @property
    def inputs(self) -> int:
        """I, pixels of a column."""
        return self.weights_input.shape[3]

    @property
    def hidden(self) -> int:
        """H, hidden units per direction."""
        return self.weights_input.shape[2]

    @property
    def classes(self) -> int:
        """C, classes with the blank."""
        return len(self.alphabet)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All weight arrays by name: the six of `WEIGHTS`, and the raw `peepholes` of a network that has them."""
        arrays = {name: getattr(self, name) for name in WEIGHTS}
        return arrays if self.peepholes is None else {**arrays, "peepholes": self.peepholes.weights}

    @property
    def peephole_format(self) -> PeepholeFormat | None:
        """Format of the peephole weights; None without them."""
        return self.peepholes and self.peepholes.format

    @property
    def experiment(self) -> ExperimentName:
        """The name that its dimensions and widths spell, e.g. ``QLSTM128_W2B8A4I8_FC_W8B8``."""
        return ExperimentName.on_hardware(hidden=self.hidden, precision=self.precision)

    @property
    def text_form(self) -> TextForm:
        """How the texts are written that the network was trained on, by its provenance; its own texts are in that form."""
        return TextForm.of(self.provenance.notes)

    def with_text_form(self, form: TextForm) -> Design:
        """The same network, trained on texts in this form.

        :param form: of the texts.
        """
        return replace(self, provenance=replace(self.provenance, notes={**self.provenance.notes, **form.notes()}))

    def digest(self, *, folding: bool) -> str:
        """SHA-256, in hex, of all but the provenance: what decides its hardware, or without `folding` its results."""
        description = (
            asdict(self.precision),
            asdict(self.folding) if folding else None,
            asdict(self.limits),
            self.peepholes and asdict(self.peepholes.format),
            self.alphabet.symbols,
        )
        digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
        for name, values in self.arrays.items():
            digest.update(f"{name}{list(values.shape)}".encode() + values.tobytes())
        return digest.hexdigest()

    def refolded(self, folding: Folding) -> Design:
        """The same network with another folding.

        :param folding: must divide the dimensions, see `Folding.check`.
        """
        return replace(self, folding=folding)

    def same_network(self, other: Design) -> bool:
        """Whether both compute the same from the same pixels: equal in all but folding and provenance.

        :param other: the design to compare with.
        """
        return self.digest(folding=False) == other.digest(folding=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Design):
            return NotImplemented
        return self.provenance == other.provenance and self.digest(folding=True) == other.digest(folding=True)

    def __hash__(self) -> int:
        return hash((self.precision, self.folding, self.limits, self.weights_recurrent.tobytes()))

    def __repr__(self) -> str:
        peepholes = "" if self.peepholes is None else f"peepholes={self.peephole_format}, "
        return (
            f"Design({self.experiment}, inputs={self.inputs}, classes={self.classes}, {peepholes}folding={self.folding!r}, "
            f"limits={self.limits}, provenance={self.provenance})"
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write the design as one ``.npz``, byte-deterministic, without pickle.

        :param path: the file.
        :raises FileError: it cannot be written.
        :raises DesignError: its alphabet and provenance have more text than `load` reads.
        """
        description = {
            "precision": asdict(self.precision),
            "folding": asdict(self.folding),
            "limits": asdict(self.limits),
            "provenance": asdict(self.provenance),
            "alphabet": self.alphabet.symbols,
            "peepholes": self.peepholes and asdict(self.peepholes.format),
        }
        write_design_file(path, description, self.arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Design:
        """Read what `save` wrote; `Design.load(path)` after `design.save(path)` equals `design`.

        :param path: the file.
        :raises FileError: missing, cut off, not a design file, or with a larger array or another one than a design has.
        :raises DesignError: a design file whose contents are not a valid design, or of a newer version.
        """
        description, arrays = read_design_file(path, weights=WEIGHTS)
        try:
            peepholes = description.get("peepholes")
            if "notes" not in description["provenance"]:  # without them, texts would count as they are written
                raise DesignError("provenance has no notes.")
            return cls(
                precision=Precision(**description["precision"]),
                folding=Folding(**description["folding"]),
                limits=Limits.from_plain(description["limits"]),
                provenance=Provenance(**description["provenance"]),
                alphabet=Alphabet(tuple(description["alphabet"])),
                **{name: arrays[name] for name in WEIGHTS},
                peepholes=None
                if peepholes is None
                else Peepholes(format=PeepholeFormat(**peepholes), weights=arrays[PEEPHOLES]),
            )
        except (ValueError, TypeError) as error:  # of another structure
            raise FileError(f"{path} is not a design: its description cannot be read ({error}).") from error
        except DesignError as error:
            raise error.within(path) from error
