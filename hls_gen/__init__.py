"""Hardware from a design: weight headers, HLS projects, their C simulation, and resource estimates.

header/         LSTM-PYNQ's weight header ``r_model_fw_bw.hpp``, written and parsed
library/        the accelerator in C++ for HLS; templates/: the generated files of a project
resources/      estimates of LUTs, flip-flops, block RAMs and DSP slices
sources, roms   C++ of a design: the library, its constants and packed weights
project, project_scripts, vectors     a project with its scripts, and lines for its test bench
csim, toolchain                       the project compiled and run by the system's compiler
boards, bench_line                    boards as data; one line as a C header
"""

from hls_gen.header import parse_header, read_header, render_header, write_header

__all__ = ["parse_header", "read_header", "render_header", "write_header"]
