"""What a design takes of a chip: look-up tables, flip-flops, block RAM and DSP slices, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Resources of a part, or of a design.

    :param luts: look-up tables.
    :param ffs: flip-flops.
    :param bram36: block RAM in units of 36 Kbit; half a one is a RAMB18.
    :param dsps: DSP slices.
    """

    luts: int = 0
    ffs: int = 0
    bram36: float = 0.0
    dsps: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def __mul__(self, count: int) -> Resources:
        return Resources(**{name: value * count for name, value in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Block:
    """Estimated resources of a stage.

    :param name: in JSON.
    :param title: in tables.
    :param resources: of the stage.
    :param made_of: what they are, in a sentence.
    """

    name: str
    title: str
    resources: Resources
    made_of: str


@dataclass(frozen=True, kw_only=True)
class ResourceEstimate:
    """An estimate of a design.

    :param blocks: the stages, in the order of the dataflow, and what is besides them.
    :param counted_by: whose counts the estimate is fitted to.
    """

    blocks: tuple[Block, ...]
    counted_by: str

    @property
    def total(self) -> Resources:
        """Of all blocks."""
        return sum((block.resources for block in self.blocks), Resources())
