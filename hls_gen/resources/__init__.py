"""Resources of an FPGA that an architecture takes: `estimate_resources`, bottom-up from its structure, and `fit`.

costs               look-up tables of single operations, measured with yosys
packing             block RAMs and look-up tables that a memory takes
kernel_memories     memories of the HLS kernel, by shape
hls_kernel          what the stages of the HLS kernel are made of; `published_kernel`: of LSTM-PYNQ's
parts, stages       what both kernels have
estimate            the sum, scaled to Vivado's counts
fit                 refuses a design whose memories exceed the part
"""

from hls_gen.resources.estimate import estimate_resources

__all__ = ["estimate_resources"]
