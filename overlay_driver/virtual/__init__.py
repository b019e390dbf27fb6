"""A board that is not there: pynq's own library on top, physical memory, registers and an accelerator below.

The accelerator computes what it is given to compute with; `foldline.hardware.board` gives it the bit-exact simulator.
"""

from overlay_driver.virtual.core import Computed, VirtualCore
from overlay_driver.virtual.faults import Faults
from overlay_driver.virtual.memory import PhysicalMemory

__all__ = ["Computed", "Faults", "PhysicalMemory", "VirtualCore"]
