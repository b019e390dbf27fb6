"""A project for Vivado: what the projects of all kernels have in common.

`datapath.vivado.project` has the facts of a project, its manifest and known-answer lines, and writes its files;
`datapath.vivado.scripts` has `build.tcl`, from the accelerator to a bitstream, and parts of the README. A kernel adds its
sources, and how its cell in the block design is made.
"""
