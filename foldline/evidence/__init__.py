"""Evidence for error rates: intervals, paired differences and confusions, from the errors of every line."""

from foldline.evidence.bootstrap import (
    Difference,
    Interval,
    SeedsRate,
    paired_difference,
    rate_interval,
    rate_over_seeds,
    sign_flip_p_value,
)
from foldline.evidence.confusions import Confusion, confusions, merged_confusions
from foldline.evidence.line_errors import LineErrors

__all__ = [
    "Confusion",
    "Difference",
    "Interval",
    "LineErrors",
    "SeedsRate",
    "confusions",
    "merged_confusions",
    "paired_difference",
    "rate_interval",
    "rate_over_seeds",
    "sign_flip_p_value",
]
