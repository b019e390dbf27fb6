"""The FPGA's fixed-point datapath, bit for bit, in numba.

`simulate` is the vectorised simulator, `simulate_folded` reads the arrays of a header in the hardware's own order, and
`inspect_line` is the profiling simulator. The rules are those of the published LSTM-PYNQ sources, and all three are
checked against vectors computed by that C++.
"""

from fixedpoint_sim.folded_order import simulate_folded, simulate_folded_lines
from fixedpoint_sim.inspection import Inspection, Quantity, inspect_line
from fixedpoint_sim.simulator import Simulator, simulate, simulate_lines
from fixedpoint_sim.trace import ExceededLimit, Trace, trace_writer

__all__ = [
    "ExceededLimit",
    "Inspection",
    "Quantity",
    "Simulator",
    "Trace",
    "inspect_line",
    "simulate",
    "simulate_folded",
    "simulate_folded_lines",
    "simulate_lines",
    "trace_writer",
]
