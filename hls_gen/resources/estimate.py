"""Estimated LUT, FF, BRAM36 and DSP of an architecture on a kernel, stage by stage.

`hls_kernel` and `published_kernel` list operations and memories of a stage, `costs` has the look-up tables of an
operation (measured with yosys), `packing` those of a memory. Three numbers are fitted to the published utilisations
(`Scales`, ``python -m benchmarks.utilisation``). No build of the HLS kernel was ever measured: its estimates use the
scales of the published kernel. `rtl_gen.resources` has the RTL kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.boards import Family
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.resources import Block, ResourceEstimate, Resources
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

COUNTED_BY = "Vivado 2017.4, modelled"
"""Whose counts of the published builds the scales are fitted to."""


def kernel_parts(architecture: Architecture, kernel: Kernel, family: Family = Family.ZYNQ7000) -> tuple[Part, ...]:
    """Operations and memories of a kernel's stages, not scaled.

    :param architecture: dimensions, widths, folding and limits.
    :param kernel: the published one or that in C++.
    :param family: of the part; it decides how large a memory becomes.
    :raises ConfigError: a kernel that is not in C++.
    """
    if kernel not in (Kernel.PUBLISHED, Kernel.HLS):
        raise ConfigError(f"kernel is {kernel.value!r}; the model is that of the kernels in C++, published and hls.")
    parts = published_kernel.parts if kernel is Kernel.PUBLISHED else hls_kernel.parts
    return parts(architecture, family)


def estimate_resources(
    architecture: Architecture, kernel: Kernel, scales: Scales = SCALES, *, family: Family = Family.ZYNQ7000
) -> ResourceEstimate:
    """Estimated resources of the complete design.

    :param architecture: dimensions, widths, folding and limits.
    :param kernel: the published one has no PE_OUT; above 1 it is estimated with as many output layers in parallel.
    :param scales: fitted numbers.
    :param family: of the part; it decides how large a memory becomes.
    :raises ConfigError: a kernel that is not in C++.
    """
    blocks = tuple(_block(part, scales) for part in kernel_parts(architecture, kernel, family))
    rest = Block(
        name="rest",
        title="rest",
        resources=Resources(luts=round(scales.fixed_luts)),
        made_of="LUTs of AXI master, registers, interconnects, reset and control; flip-flops are not counted separately.",
    )
    return ResourceEstimate(blocks=(*blocks, rest), counted_by=COUNTED_BY)


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
