"""What was published of the LSTM-PYNQ overlays: times, utilisation, and the error rates of their networks.

Times are those of the published notebooks, a line of 520 columns (Fraktur: 566) on a PYNQ-Z1 at 100 MHz; utilisation is
the whole design's after Vivado 2017.4, on the board's xc7z020; foldings are those of the published weight headers. The
error rates are ours: the published weights, simulated bit for bit (``python -m benchmarks.published``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from datapath.architecture import DIMENSIONS, Architecture
from datapath.design import Folding
from datapath.precision import Precision

CLOCK_MHZ, COLUMNS = 100, 520
"""Of the measurements of the plain networks."""


@dataclass(frozen=True, kw_only=True)
class PublishedOverlay:
    """One overlay of the plain network, by the name of its bitstream; LUTs to DSPs are the whole design's, by Vivado."""

    name: str
    architecture: Architecture
    milliseconds: float
    """Of a line of 520 columns at 100 MHz, measured."""
    luts: int
    ffs: int
    bram36: float
    dsps: int
    cer: float
    """Percent, total distance / total length, 100 validation lines of UW3-500, limits ignored, overlay's labels."""

    @property
    def cycles_per_column(self) -> float:
        return self.milliseconds * CLOCK_MHZ * 1000 / COLUMNS

    @property
    def columns_per_second(self) -> float:
        return COLUMNS / self.milliseconds * 1000


def _plain(name: str, *, pe: int, steps: int, **measured: float) -> PublishedOverlay:
    """The plain network with the widths in the name, WxAy."""
    precision = Precision(weight=int(name[1]), bias=8, activation=int(name[3]), fc_weight=8, fc_bias=8)
    folding = Folding.by_factor(steps, inputs=32, hidden=128, pe=pe)
    architecture = Architecture(inputs=32, hidden=128, classes=82, precision=precision, folding=folding)
    return PublishedOverlay(name=name, architecture=architecture, **measured)


PUBLISHED = (
    _plain("W2A2", pe=2, steps=1, milliseconds=1.29355, luts=26_423, ffs=39_703, bram36=119.5, dsps=180, cer=4.70),
    _plain("W2A4", pe=1, steps=2, milliseconds=2.96678, luts=26_173, ffs=24_649, bram36=83.5, dsps=7, cer=4.41),
    _plain("W4A4", pe=1, steps=2, milliseconds=2.95800, luts=38_260, ffs=26_618, bram36=103.5, dsps=7, cer=4.41),
    _plain("W4A8", pe=1, steps=8, milliseconds=11.08989, luts=41_895, ffs=41_588, bram36=105.0, dsps=7, cer=4.68),
)

FRAKTUR_MILLISECONDS, FRAKTUR_COLUMNS = 2.53095, 566
"""Of the Fraktur overlay (H 100, I 25, C 110, W5A5, peepholes), whose folding and utilisation were not published."""


def published_overlay(architecture: Architecture) -> PublishedOverlay | None:
    """The overlay of a network of these dimensions and widths, whatever its folding and its weights."""
    for overlay in PUBLISHED:
        theirs = overlay.architecture
        # Their folding need not divide another network.
        same_size = all(getattr(theirs, name) == getattr(architecture, name) for name in DIMENSIONS)
        if same_size and theirs == replace(architecture, folding=theirs.folding, sum_widths=theirs.sum_widths):
            return overlay
    return None
