"""The lowest layer: what the accelerator *is*. Needs numpy and Pillow only, so that it runs on the board.

Number formats and tables, the `Design`, images to columns, columns to DMA words, labels to text, error rates.
"""

from datapath.alphabet import Alphabet, greedy_labels
from datapath.design import Design, Folding, Gate, Limits, Provenance
from datapath.error_rates import ErrorRates, edit_distance, error_rates
from datapath.folded import FoldedNetwork, fold, unfold
from datapath.formats import Format, Overflow, Rounding, ap_fixed_type, narrow, unit_format
from datapath.images import image_columns
from datapath.labels import overlay_labels
from datapath.peepholes import PeepholeFormat, Peepholes
from datapath.precision import ExperimentName, Precision

__all__ = [
    "Alphabet",
    "Design",
    "ErrorRates",
    "ExperimentName",
    "FoldedNetwork",
    "Folding",
    "Format",
    "Gate",
    "Limits",
    "Overflow",
    "PeepholeFormat",
    "Peepholes",
    "Precision",
    "Provenance",
    "Rounding",
    "ap_fixed_type",
    "edit_distance",
    "error_rates",
    "fold",
    "greedy_labels",
    "image_columns",
    "narrow",
    "overlay_labels",
    "unfold",
    "unit_format",
]
