"""The models of resources, by kernel."""

from __future__ import annotations

import hls_gen.resources
import rtl_gen.resources
from datapath.architecture import Architecture
from datapath.boards import Family
from datapath.manifest import Kernel
from datapath.resources import ResourceEstimate

RESOURCE_TITLES = {"luts": "LUT", "ffs": "FF", "bram36": "BRAM36", "dsps": "DSP"}


def resources_of(architecture: Architecture, kernel: Kernel, family: Family = Family.ZYNQ7000) -> ResourceEstimate:
    """Estimated resources of an architecture on a kernel.

    :param architecture: dimensions, widths, folding and limits.
    :param kernel: `rtl_gen.resources` has the model of the RTL kernel, `hls_gen.resources` that of the other two.
    :param family: of the part; it decides how large a memory of the kernels in C++ becomes.
    """
    if kernel is Kernel.RTL:
        return rtl_gen.resources.estimate_resources(architecture)
    return hls_gen.resources.estimate_resources(architecture, kernel, family=family)
