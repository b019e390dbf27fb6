"""`Part`: operations and memories of a stage, not scaled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hls_gen.resources.packing import Packed


@dataclass(frozen=True, kw_only=True)
class Part:
    """A stage of a kernel."""

    name: str  # in JSON
    title: str  # in tables
    luts: int  # look-up tables as yosys counts them, and shift registers
    bits: int  # stored: results of products and sums, vectors, streams
    made_of: str  # operations and memories, one sentence
    ramb18: int = 0  # block RAMs of 18 Kbit
    dsps: int = 0

    def holding(self, *memories: Packed) -> Part:
        """The same with more memories or operations."""
        return replace(
            self,
            luts=self.luts + sum(memory.luts for memory in memories),
            bits=self.bits + sum(memory.ffs for memory in memories),
            ramb18=self.ramb18 + sum(memory.ramb18 for memory in memories),
        )
