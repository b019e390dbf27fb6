"""Resources that the SystemVerilog takes of a 7-series chip: `estimate_resources`, bottom-up from its structure.

memories    block RAM and look-up tables of a memory, as yosys maps it
parts       products, adders, cells, selections: measured or counted
stages      what the modules are made of
estimate    the sum, and its fit to designs that yosys has synthesised
"""

from rtl_gen.resources.estimate import estimate_resources

__all__ = ["estimate_resources"]
