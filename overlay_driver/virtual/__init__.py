"""A virtual board: the real pynq library on simulated memory, registers and accelerator.

The caller supplies the accelerator, or the function that computes its lines: `foldline.hardware.board` supplies the
bit-exact simulator, or the simulated RTL.
"""

from overlay_driver.virtual.core import Computed, Core, VirtualCore
from overlay_driver.virtual.faults import Faults
from overlay_driver.virtual.memory import PhysicalMemory

__all__ = ["Computed", "Core", "Faults", "PhysicalMemory", "VirtualCore"]
