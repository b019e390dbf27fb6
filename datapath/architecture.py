"""`Architecture`: a design without its weights, but with the bits that their sums need. Resources and cycles depend on
nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from datapath.bounds import SumWidths
from datapath.design import Design, Folding, Limits, require_vectors_fit
from datapath.errors import DesignError
from datapath.peepholes import PeepholeFormat
from datapath.precision import ExperimentName, Precision
from datapath.quoting import quoted

DIMENSIONS = ("inputs", "hidden", "classes")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Dimensions, widths, folding and limits of a network on the accelerator, trained or not.

    :raises DesignError: a dimension below 1, a folding that does not divide, or vectors wider than the 1024 bits of an
        ``ap_int``.
    """

    inputs: int
    """I, pixels of a column."""
    hidden: int
    """H, hidden units per direction."""
    classes: int
    """C, classes with the blank."""

    precision: Precision
    folding: Folding
    limits: Limits = field(default_factory=Limits)
    peephole_format: PeepholeFormat | None = None
    sum_widths: SumWidths = field(default_factory=SumWidths)
    """Bits of the sums in the SystemVerilog. Only these depend on the weights: what no weights are known of has 16."""

    def __post_init__(self) -> None:
        for name in DIMENSIONS:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise DesignError(f"{name} is {quoted(value)}; it must be an integer of 1 or more.")
        self.folding.check(inputs=self.inputs, hidden=self.hidden, classes=self.classes)
        require_vectors_fit(inputs=self.inputs, hidden=self.hidden, activation=self.precision.activation)

    @classmethod
    def of(cls, design: Design) -> Architecture:
        """The architecture of a design; its weights decide the widths of the sums.

        :param design: in its folding.
        """
        described = {one.name: getattr(design, one.name) for one in fields(cls) if one.name != "sum_widths"}
        return cls(**described, sum_widths=SumWidths.of(design))

    def refolded(self, folding: Folding) -> Architecture:
        """The same network with another folding."""
        return replace(self, folding=folding)

    @property
    def input_steps(self) -> int:
        """Steps in which a unit's products of the input side are computed, I / SIMD_INPUT."""
        return self.inputs // self.folding.simd_input

    @property
    def recurrent_steps(self) -> int:
        """The same on the recurrent side, H / SIMD_RECURRENT."""
        return self.hidden // self.folding.simd_recurrent

    @property
    def steps(self) -> int:
        """Cycles that a unit needs: its fold, that of the side with more steps."""
        return max(self.input_steps, self.recurrent_steps)

    @property
    def unit_blocks(self) -> int:
        """Blocks of PE units in a direction."""
        return self.hidden // self.folding.pe

    @property
    def class_blocks(self) -> int:
        """Blocks of PE_OUT classes; the last one may be filled up."""
        return -(-self.classes // self.folding.pe_out)

    @property
    def experiment(self) -> ExperimentName:
        """The name that its dimensions and widths spell, e.g. ``QLSTM128_W2B8A4I8_FC_W8B8``."""
        return ExperimentName.on_hardware(hidden=self.hidden, precision=self.precision)
