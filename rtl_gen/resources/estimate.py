"""Estimated LUT, FF, BRAM36 and DSP of an architecture in SystemVerilog, stage by stage, as yosys would count them.

`stages` lists what a stage is made of. `Scales` are fitted to designs that yosys has synthesised
(``python -m benchmarks.rtl_resources``); nothing is fitted for block RAM and DSP slices.
"""

from __future__ import annotations

from dataclasses import dataclass

from datapath.architecture import Architecture
from datapath.resources import Block, ResourceEstimate, Resources
from rtl_gen.resources.parts import tool
from rtl_gen.resources.stages import Stage, stages


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Fitted numbers, all about 1: what yosys counts of a design for each one that the model has.

    :param products: look-up tables of dot products.
    :param datapath: look-up tables of cells, operands, memories and adders.
    :param control: look-up tables of counters, addresses and handshakes.
    :param ffs: flip-flops.
    """

    products: float = 1.0
    datapath: float = 1.0
    control: float = 1.0
    ffs: float = 1.0


SCALES = Scales(products=1.072, datapath=0.93, control=1.01, ffs=1.002)
"""What `benchmarks.rtl_resources` fits, rounded."""


def estimate_resources(architecture: Architecture, scales: Scales = SCALES) -> ResourceEstimate:
    """Estimated resources of the accelerator with its buses: what is between its ports, without the rest of a block design.

    :param architecture: dimensions, widths, folding and limits.
    :param scales: fitted numbers.
    """
    blocks = tuple(_block(stage, scales) for stage in stages(architecture))
    return ResourceEstimate(blocks=blocks, counted_by=f"{tool()}, modelled")


def _block(stage: Stage, scales: Scales) -> Block:
    every = stage.products + stage.datapath + stage.control
    luts = (
        scales.products * stage.products.luts
        + scales.datapath * stage.datapath.luts
        + scales.control * stage.control.luts
    )
    resources = Resources(luts=round(luts), ffs=round(scales.ffs * every.ffs), bram36=every.bram36, dsps=every.dsps)
    return Block(name=stage.name, title=stage.title, resources=resources, made_of=stage.made_of)
