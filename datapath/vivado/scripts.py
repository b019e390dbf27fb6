"""`build.tcl` of a project, and the parts of its README that are the same for all kernels.

Needs Jinja2, as `datapath.templates` does.
"""

from __future__ import annotations

from datapath.packing import column_words
from datapath.registers import TOP, Register
from datapath.templates import render_template
from datapath.vivado.project import BoardProject

PACKAGE = "datapath.vivado"

CONTROL_INTERFACE, MEMORY_INTERFACE = "s_axi_control", "m_axi_gmem"
"""AXI interfaces of the accelerator in the block design, whatever the kernel."""

RESULTS = "results.json"
"""What Vivado reports of the implemented design, as a path in the project."""

README_PARTS = ("bitstream", "to_board", "registers", "results", "table")
"""Names of the texts of `readme_parts`."""


def render_build(project: BoardProject, *, origin: str, kernel: str) -> str:
    """`build.tcl`: the block design, its implementation, the bitstream and `RESULTS`. Deterministic.

    :param project: decides part, addresses and clock.
    :param origin: what the bitstream is made of, for the first lines: "the IP core of run_hls.tcl".
    :param kernel: Tcl of the kernel: the procedures `check_kernel`, before Vivado starts; `add_kernel`, in the new project;
        `create_kernel`, the cell ``$kernel`` in the block design; `set_kernel_clock`, once the cells are connected; and
        `order_sources`, before synthesis.
    """
    values = _values(project) | {"origin": origin, "kernel_text": kernel}
    return render_template(PACKAGE, "build.tcl.j2", **values)


def readme_parts(project: BoardProject) -> dict[str, str]:
    """Texts for the README by name, see `README_PARTS`; deterministic.

    :param project: whose README it is.
    """
    values = _values(project)
    return {name: render_template(PACKAGE, f"readme_{name}.md.j2", **values).strip("\n") for name in README_PARTS}


def _values(project: BoardProject) -> dict[str, object]:
    board, architecture = project.board, project.architecture
    addresses = ("control_base", "control_bytes", "memory_base", "memory_bytes", "memory_last")
    return {
        "project": project,
        "banner": project.banner,
        "name": project.name,
        "board": board,
        "zynq": board.family.value == "zynq7000",
        "architecture": architecture,
        "bits": architecture.precision.activation,
        "column_words": column_words(architecture.inputs, architecture.precision.activation),
        "output_words": 1 + architecture.limits.labels,  # the count and the labels
        "addresses": {name: f"0x{getattr(board, name):08X}" for name in addresses},
        "clock": f"{project.clock_mhz:g}",
        "top": TOP,
        "control_interface": CONTROL_INTERFACE,
        "memory_interface": MEMORY_INTERFACE,
        "registers": [(f"0x{register:02X}", register.meaning) for register in Register],
        "results": RESULTS,
    }
