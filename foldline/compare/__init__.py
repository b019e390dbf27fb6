"""Comparison of one network on the same lines across backends: float, quantized, simulated, C simulation, board."""
