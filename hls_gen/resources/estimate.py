"""Estimated LUT, FF, BRAM36 and DSP of an architecture on a kernel, stage by stage.

Bottom-up: what a stage is made of stands in `hls_kernel` and `published_kernel`, what an operation costs was measured with
yosys (`costs`), how memories are packed is in `memories`. Three numbers are fitted to the published utilisations (`Scales`,
``python -m benchmarks.utilisation``): how many LUTs of Vivado one of yosys' is, what every design has besides, and
flip-flops per bit that is kept. No build of our kernel was ever measured: its estimates rest on the published one's scales.
"""

from __future__ import annotations

from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.manifest import Kernel
from hls_gen.resources import hls_kernel, published_kernel
from hls_gen.resources.parts import Part


@dataclass(frozen=True, kw_only=True)
class Scales:
    """What is fitted.

    luts_per_table      LUTs that Vivado takes for one look-up table of yosys: below 1, as a LUT6 holds two of up to five
                        inputs (UG474)
    fixed_luts          LUTs of every design: AXI master, registers, interconnects, reset, control of the stages
    ffs_per_bit         flip-flops per bit that is kept: result of a product or sum, vector, register. What every design
                        has besides cannot be told apart from four builds: a straight line through them begins below 0
    """

    luts_per_table: float
    fixed_luts: float
    ffs_per_bit: float


SCALES = Scales(luts_per_table=0.763, fixed_luts=7800, ffs_per_bit=1.567)
"""What `benchmarks.utilisation` fits to the four published utilisations, rounded."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a part has or a design takes; `bram36` comes in halves, a half is a RAMB18."""

    luts: int = 0
    ffs: int = 0
    bram36: float = 0.0
    dsps: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            luts=self.luts + other.luts,
            ffs=self.ffs + other.ffs,
            bram36=self.bram36 + other.bram36,
            dsps=self.dsps + other.dsps,
        )


@dataclass(frozen=True, kw_only=True)
class Block:
    """A stage: its short name as in JSON, what a table calls it, what it takes, and one sentence on what it is made of."""

    name: str
    title: str
    resources: Resources
    made_of: str


@dataclass(frozen=True, kw_only=True)
class ResourceEstimate:
    """All blocks in the order of the data's way, the rest of the block design at the end."""

    blocks: tuple[Block, ...]

    @property
    def total(self) -> Resources:
        """Of all blocks."""
        return sum((block.resources for block in self.blocks), Resources())


def kernel_parts(architecture: Architecture, kernel: Kernel) -> tuple[Part, ...]:
    """What a kernel's stages are made of, before any scale."""
    return published_kernel.parts(architecture) if kernel is Kernel.PUBLISHED else hls_kernel.parts(architecture)


def estimate_resources(architecture: Architecture, kernel: Kernel, scales: Scales = SCALES) -> ResourceEstimate:
    """What an architecture takes of a part, whole design. An estimate: nothing here was synthesised for it.

    The published kernel knows no PE_OUT; with one above 1 this is what as many output layers side by side take.
    """
    blocks = tuple(_block(part, scales) for part in kernel_parts(architecture, kernel))
    rest = Block(
        name="rest",
        title="rest",
        resources=Resources(luts=round(scales.fixed_luts)),
        made_of="LUTs of AXI master, registers, interconnects, reset and control; their flip-flops are in the ratio.",
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
