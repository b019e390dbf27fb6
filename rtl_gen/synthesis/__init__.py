"""Synthesis, placement and routing of the SystemVerilog with open tools: yosys, and nextpnr for ECP5."""
