"""The models of resources, by kernel."""

from __future__ import annotations

import hls_gen.resources
import rtl_gen.resources
from datapath.architecture import Architecture
from datapath.manifest import Kernel
from datapath.resources import ResourceEstimate

RESOURCE_TITLES = {"luts": "LUT", "ffs": "FF", "bram36": "BRAM36", "dsps": "DSP"}


def resources_of(architecture: Architecture, kernel: Kernel) -> ResourceEstimate:
    """Estimated resources of an architecture on a kernel.

    :param architecture: dimensions, widths, folding and limits.
    :param kernel: `rtl_gen.resources` has the model of the RTL kernel, `hls_gen.resources` that of the other two.
    """
    if kernel is Kernel.RTL:
        return rtl_gen.resources.estimate_resources(architecture)
    return hls_gen.resources.estimate_resources(architecture, kernel)
