"""`Part`: what a stage is made of, before the few fitted constants turn it into an estimate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hls_gen.resources.packing import Packed


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stage of a kernel.

    name, title     short name, as in JSON, and what a table calls it
    luts            look-up tables as yosys counts them, and shift registers
    bits            bits that are kept: results of products and sums, vectors, streams
    ramb18          block RAMs of 18 Kbit
    dsps            DSP slices
    made_of         what these are, in one sentence
    """

    name: str
    title: str
    luts: int
    bits: int
    made_of: str
    ramb18: int = 0
    dsps: int = 0

    def holding(self, *memories: Packed) -> Part:
        """The same with memories, or with arithmetic."""
        return replace(
            self,
            luts=self.luts + sum(memory.luts for memory in memories),
            bits=self.bits + sum(memory.ffs for memory in memories),
            ramb18=self.ramb18 + sum(memory.ramb18 for memory in memories),
        )
