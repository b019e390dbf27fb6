"""C simulation of lines, each compared with the simulator in every hidden word, class score and label."""

from __future__ import annotations

import numpy as np

from datapath.design import Design
from datapath.kernel_result import KernelResult
from foldline.hardware.hardware_simulator import HardwareSimulator
from hls_gen.csim import CSimProgram

BACKEND = "The C simulation"


class CSimulator(HardwareSimulator):
    """A design as compiled C++; compiling takes some seconds the first time."""

    backend = BACKEND

    def _build(self, design: Design) -> CSimProgram:
        return CSimProgram(design)

    def _compute(self, program: CSimProgram, columns: np.ndarray) -> tuple[KernelResult, None]:
        return program.run(columns), None
