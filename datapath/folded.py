"""The weights as the hardware addresses them: the arrays of a header, and their conversion to and from a `Design`.

Unit u of 2H (forward 0..H-1, then backward) is processing element p = u % PE in unit block q = u // PE; input row r
is lane a = r % SIMD in fold b = r // SIMD.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from datapath.alphabet import Alphabet
from datapath.design import Design, Folding, Limits, Provenance
from datapath.peepholes import PeepholeFormat, Peepholes
from datapath.precision import Precision

DIRECTIONS = 2

SHAPE = ("inputs", "hidden", "classes", "precision", "limits", "peephole_format")
"""What a `FoldedNetwork` and a `Design` must have in common before their values can be compared."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldedNetwork:
    """What a header holds: integer arrays, folded, without an alphabet. Gates stand in `Gate` order.

    ================== ================================================
    weights_input      int8 [4, SIMD_INPUT, I/SIMD_INPUT, PE, 2H/PE]
    weights_recurrent  int8 [4, SIMD_RECURRENT, H/SIMD_RECURRENT, PE, 2H/PE]
    biases_input       int8 [4, PE, 2H/PE]
    biases_recurrent   int8 [4, PE, 2H/PE]
    fc_weights         int8 [H, 2C]
    fc_biases          int8 [1, 2C]
    peepholes          weights [3, PE, 2H/PE], None without them
    ================== ================================================
    """

    precision: Precision
    folding: Folding
    limits: Limits
    weights_input: np.ndarray
    weights_recurrent: np.ndarray
    biases_input: np.ndarray
    biases_recurrent: np.ndarray
    fc_weights: np.ndarray
    fc_biases: np.ndarray
    peepholes: Peepholes | None = None

    @property
    def peephole_format(self) -> PeepholeFormat | None:
        return self.peepholes and self.peepholes.format

    @property
    def inputs(self) -> int:
        return self.weights_input.shape[1] * self.weights_input.shape[2]

    @property
    def hidden(self) -> int:
        return self.fc_weights.shape[0]

    @property
    def classes(self) -> int:
        return self.fc_weights.shape[1] // DIRECTIONS


def fold_units(values: np.ndarray, pe: int) -> np.ndarray:
    """[direction, ..., unit] -> [..., PE, 2H/PE]."""
    units_last = np.moveaxis(values, 0, -2)
    flat = units_last.reshape(*units_last.shape[:-2], -1)
    return flat.reshape(*flat.shape[:-1], flat.shape[-1] // pe, pe).swapaxes(-1, -2)


def unfold_units(values: np.ndarray) -> np.ndarray:
    """[..., PE, 2H/PE] -> [direction, ..., unit]."""
    flat = values.swapaxes(-1, -2).reshape(*values.shape[:-2], -1)
    return np.moveaxis(flat.reshape(*flat.shape[:-1], DIRECTIONS, -1), -2, 0)


def fold_weights(weights: np.ndarray, *, pe: int, simd: int) -> np.ndarray:
    """[direction, gate, unit, row] -> [gate, SIMD, rows/SIMD, PE, 2H/PE]."""
    by_row = weights.swapaxes(-1, -2)
    gates, rows = by_row.shape[1:3]
    units = fold_units(by_row, pe)
    return np.ascontiguousarray(units.reshape(gates, rows // simd, simd, *units.shape[-2:]).swapaxes(1, 2))


def unfold_weights(folded: np.ndarray) -> np.ndarray:
    """[gate, SIMD, rows/SIMD, PE, 2H/PE] -> [direction, gate, unit, row]."""
    gates, simd, folds, pe, blocks = folded.shape
    by_row = folded.swapaxes(1, 2).reshape(gates, folds * simd, pe, blocks)
    return np.ascontiguousarray(unfold_units(by_row).swapaxes(-1, -2))


def fold(design: Design) -> FoldedNetwork:
    """The header arrays of a design, in its folding.

    :param design: whose folding decides the shapes.
    """
    pe, peepholes = design.folding.pe, design.peepholes
    return FoldedNetwork(
        precision=design.precision,
        folding=design.folding,
        limits=design.limits,
        weights_input=fold_weights(design.weights_input, pe=pe, simd=design.folding.simd_input),
        weights_recurrent=fold_weights(design.weights_recurrent, pe=pe, simd=design.folding.simd_recurrent),
        biases_input=np.ascontiguousarray(fold_units(design.biases_input, pe)),
        biases_recurrent=np.ascontiguousarray(fold_units(design.biases_recurrent, pe)),
        fc_weights=np.ascontiguousarray(design.fc_weights.transpose(2, 0, 1).reshape(design.hidden, -1)),
        fc_biases=design.fc_biases.reshape(1, -1).copy(),
        peepholes=peepholes and replace(peepholes, weights=fold_units(peepholes.weights, pe)),
    )


def unfold(network: FoldedNetwork, *, alphabet: Alphabet, provenance: Provenance) -> Design:
    """The design that a header holds; `unfold(fold(design))` is `design` again.

    :param network: what a header holds.
    :param alphabet: of as many classes.
    :param provenance: of the design.
    :raises DesignError: the alphabet has another number of classes, or an array breaks a rule of `Design`.
    """
    fc_weights, peepholes = network.fc_weights, network.peepholes
    return Design(
        precision=network.precision,
        folding=network.folding,
        limits=network.limits,
        alphabet=alphabet,
        weights_input=unfold_weights(network.weights_input),
        weights_recurrent=unfold_weights(network.weights_recurrent),
        biases_input=unfold_units(network.biases_input),
        biases_recurrent=unfold_units(network.biases_recurrent),
        fc_weights=fc_weights.reshape(network.hidden, DIRECTIONS, network.classes).transpose(1, 2, 0),
        fc_biases=network.fc_biases.reshape(DIRECTIONS, network.classes),
        provenance=provenance,
        peepholes=peepholes and replace(peepholes, weights=unfold_units(peepholes.weights)),
    )
