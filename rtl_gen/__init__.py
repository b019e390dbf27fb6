"""The accelerator as SystemVerilog: the library, a design's parameters and ROM files, and its simulation with Verilator."""
