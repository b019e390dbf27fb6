"""The board: driver and virtual board. This room needs pynq, numpy and Pillow, and neither torch nor numba.

Nothing runs here yet; what the driver will move is already spoken by `datapath.packing` (input and output buffers).
"""
