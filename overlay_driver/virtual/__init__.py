"""A virtual board: the real pynq library on simulated memory, registers and accelerator.

The caller supplies the function that computes a line; `foldline.hardware.board` supplies the bit-exact simulator.
"""

from overlay_driver.virtual.core import Computed, VirtualCore
from overlay_driver.virtual.faults import Faults
from overlay_driver.virtual.memory import PhysicalMemory

__all__ = ["Computed", "Faults", "PhysicalMemory", "VirtualCore"]
