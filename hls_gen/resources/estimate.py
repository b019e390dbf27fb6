"""Estimated LUT, FF, BRAM36 and DSP of an architecture on a kernel, stage by stage.

`hls_kernel` and `published_kernel` list operations and memories of a stage, `costs` has the look-up tables of an
operation (measured with yosys), `packing` those of a memory. Three numbers are fitted to the published utilisations
(`Scales`, ``python -m benchmarks.utilisation``). No build of the HLS kernel was ever measured: its estimates use the
scales of the published kernel. The RTL kernel has the same multipliers, adders and ROMs, and its estimates are those of
the HLS kernel; its pipeline registers are not counted separately.
"""

from __future__ import annotations

from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.manifest import Kernel
from hls_gen.resources import hls_kernel, published_kernel
from hls_gen.resources.parts import Part


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Fitted numbers.

    luts_per_table      LUTs of Vivado per look-up table of yosys: below 1, as a LUT6 holds two tables of up to five
                        inputs (UG474)
    fixed_luts          LUTs of every design: AXI master, registers, interconnects, reset, control of the stages
    ffs_per_bit         flip-flops per stored bit: result of a product or sum, vector, register; there is no constant
                        part, because a straight line through the four builds is negative at 0
    """

    luts_per_table: float
    fixed_luts: float
    ffs_per_bit: float


SCALES = Scales(luts_per_table=0.763, fixed_luts=7800, ffs_per_bit=1.567)
"""What `benchmarks.utilisation` fits to the four published utilisations, rounded."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Resources of a part, or of a design; half a `bram36` is a RAMB18."""

    luts: int = 0
    ffs: int = 0
    bram36: float = 0.0
    dsps: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(**{name: value + getattr(other, name) for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Block:
    """Estimated resources of a stage: its `name` in JSON, its `title` in tables, and what it is made of."""

    name: str
    title: str
    resources: Resources
    made_of: str


@dataclass(frozen=True, kw_only=True)
class ResourceEstimate:
    """All blocks in the order of the dataflow; the last one is the rest of the block design."""

    blocks: tuple[Block, ...]

    @property
    def total(self) -> Resources:
        """Of all blocks."""
        return sum((block.resources for block in self.blocks), Resources())


def kernel_parts(architecture: Architecture, kernel: Kernel) -> tuple[Part, ...]:
    """Operations and memories of a kernel's stages, not scaled."""
    return published_kernel.parts(architecture) if kernel is Kernel.PUBLISHED else hls_kernel.parts(architecture)


def estimate_resources(architecture: Architecture, kernel: Kernel, scales: Scales = SCALES) -> ResourceEstimate:
    """Estimated resources of the complete design.

    :param architecture: dimensions, widths, folding and limits.
    :param kernel: the published one has no PE_OUT; above 1 it is estimated with as many output layers in parallel.
    :param scales: fitted numbers.
    """
    blocks = tuple(_block(part, scales) for part in kernel_parts(architecture, kernel))
    rest = Block(
        name="rest",
        title="rest",
        resources=Resources(luts=round(scales.fixed_luts)),
        made_of="LUTs of AXI master, registers, interconnects, reset and control; flip-flops are not counted separately.",
    )
    return ResourceEstimate(blocks=(*blocks, rest))


def _block(part: Part, scales: Scales) -> Block:
    return Block(
        name=part.name,
        title=part.title,
        resources=Resources(
            luts=round(scales.luts_per_table * part.luts),
            ffs=round(scales.ffs_per_bit * part.bits),
            bram36=part.ramb18 / 2,
            dsps=part.dsps,
        ),
        made_of=part.made_of,
    )
