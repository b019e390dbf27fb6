"""Check that the memories of a design fit a board's part, before an hour of synthesis.

Only weights and line buffers are counted: a lower bound. They are known exactly, and most of the block RAM of the
published designs (83.5 to 119.5 of 140).

A memory becomes block RAMs of 18 Kbit (RAMB18; two are a RAMB36) of one of `RAMB18_SHAPES` (AMD UG473, UG573), side by
side for the width and one behind the other for the depth, separately for each limb of a word. On the 7 series Vivado
first extends the depth to a power of two, see `built_depth`. The cheapest tiling of that is counted; docs/estimates.md
says what is known of the tiling that Vivado chooses. The two ports of a RAMB18 could serve two ROMs; synthesis does not
do that for ROMs that are read in the same cycle. A ROM of up to `LUT_ROM_DEPTH` words becomes look-up tables. UltraRAM
has no initial contents and is not counted.

Without free block RAM Vivado moves ROMs into look-up tables of 64 bits each, 576 for a RAMB36: a design that is refused
here could fit a part with that many unused look-up tables, which none of the committed designs leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from datapath.boards import Family, TargetBoard
from datapath.errors import DesignError
from hls_gen.resources.kernel_memories import Memory

RAMB18_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
"""Words and bits of a word of one RAMB18 with one port."""

LUT_ROM_DEPTH = 64
"""Words of the deepest ROM that is counted as look-up tables: one table of six inputs per bit."""

LUT_PAIR_DEPTH = 32
"""Words of the deepest ROM of which one look-up table holds two bits: two functions of the same five inputs."""

_HELP = "fewer bits per weight, a smaller network, less parallel computation or a larger board helps."


@dataclass(frozen=True, kw_only=True)
class RomFit:
    """Resources of one ROM, all its memories together."""

    name: str  # in C++
    parallel: int  # number of memories
    depth: int  # words of each
    width: int  # bits of a word
    ramb18: int  # block RAMs of 18 Kbit
    luts: int  # look-up tables; 0 for a ROM in block RAM

    @property
    def bram36(self) -> float:
        """Block RAMs of 36 Kbit, in halves."""
        return self.ramb18 / 2


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """Resources of a board's part that the memories of a design take."""

    board: TargetBoard
    roms: tuple[RomFit, ...]

    @property
    def bram36(self) -> float:
        return sum(rom.bram36 for rom in self.roms)

    @property
    def luts(self) -> int:
        return sum(rom.luts for rom in self.roms)


def check_fits(roms: Iterable[Memory], board: TargetBoard) -> FitReport:
    """Resources of the board's part that memories take.

    :param roms: ROMs and buffers.
    :param board: decides the part.
    :raises DesignError: more block RAM, or more look-up tables, than the part has: the design cannot fit.
    """
    report = FitReport(board=board, roms=tuple(fit_memory(rom, board.family) for rom in roms))
    if report.bram36 > board.bram36:
        most = max(report.roms, key=lambda rom: rom.ramb18)
        raise DesignError(
            f"Weights and buffers need {report.bram36:g} BRAM36, most of them {most.name} with {most.bram36:g}, and "
            f"{board.title} ({board.part}) has {board.bram36}; {_HELP}"
        )
    if report.luts > board.luts:
        most = max(report.roms, key=lambda rom: rom.luts)
        raise DesignError(
            f"Memories of up to {LUT_ROM_DEPTH} words need {report.luts} LUTs, most of them {most.name} with "
            f"{most.luts}, and {board.title} ({board.part}) has {board.luts}; {_HELP}"
        )
    return report


def built_depth(depth: int, family: Family) -> int:
    """Words of the block RAM that Vivado makes of a memory.

    On the 7 series it extends the depth to a power of two (AMD answer record 61995; UG906, "Optimizing RAMB Utilization
    when Memory Depth is not a Power of 2"); for UltraScale and later families it does not, by the same answer record.

    >>> built_depth(17000, Family.ZYNQ7000), built_depth(17000, Family.ZYNQMP)
    (32768, 17000)

    :param depth: words that the source declares.
    :param family: of the part.
    """
    return 1 << (depth - 1).bit_length() if family is Family.ZYNQ7000 else depth


def fit_memory(rom: Memory, family: Family) -> RomFit:
    """Resources of one ROM or buffer on a part of a family."""
    in_luts, depth = rom.depth <= LUT_ROM_DEPTH, built_depth(rom.depth, family)
    return RomFit(
        name=rom.name,
        parallel=rom.parallel,
        depth=rom.depth,
        width=sum(rom.limb_widths),
        ramb18=0 if in_luts else rom.parallel * sum(ramb18(depth=depth, width=width) for width in rom.limb_widths),
        luts=rom.parallel * sum(_luts(depth=rom.depth, width=width) for width in rom.limb_widths) if in_luts else 0,
    )


@cache
def ramb18(*, depth: int, width: int) -> int:
    """RAMB18 of the cheapest tiling of `depth` words: columns of one shape each, side by side until `width` bits."""
    cheapest = [0]
    for bits in range(1, width + 1):
        cheapest.append(min(cheapest[max(0, bits - columns)] + -(-depth // words) for words, columns in RAMB18_SHAPES))
    return cheapest[width]


def _luts(*, depth: int, width: int) -> int:
    """Look-up tables of a ROM of few words; one word is a constant and takes none."""
    if depth <= 1:
        return 0
    return -(-width // 2) if depth <= LUT_PAIR_DEPTH else width
