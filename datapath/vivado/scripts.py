"""`build.tcl` of a project, and the parts of its README that are the same for all kernels.

Needs Jinja2, as `datapath.templates` does.
"""

from __future__ import annotations

from textwrap import wrap

from datapath.boards import FIRST_RELEASE, TargetBoard
from datapath.boards.clocks import clock_text
from datapath.packing import column_words
from datapath.registers import TOP, Register
from datapath.templates import render_template
from datapath.vivado.project import FOLDER_PATTERN, BoardProject
from datapath.vivado.results import RESULTS

PACKAGE = "datapath.vivado"

CONTROL_INTERFACE, MEMORY_INTERFACE = "s_axi_control", "m_axi_gmem"
"""AXI interfaces of the accelerator in the block design, whatever the kernel."""

WINDOWS_PATH = 259
"""Most characters of a path on Windows (AMD's article 52787: 260 with the end of the text)."""

LONGEST_MADE = len(
    "vivado/foldline.gen/sources_1/bd/overlay/ip/overlay_control_path_0/bd_0/ip/ip_10/bd_1a2b_psr_aclk_0_board.xdc"
)
"""Characters of the longest path that Vivado makes below a project for the block design of `build.tcl`: in the SmartConnect,
a block design of its own. Names as in public projects of 2017.4 to 2024.2; those of the accelerator come on top."""

README_PARTS = ("bitstream", "place", "registers", "results", "table", "to_board")
"""Names of the texts of `readme_parts`."""


def render_build(project: BoardProject, *, origin: str, kernel: str) -> str:
    """`build.tcl`: the block design, its implementation, the bitstream and `RESULTS`. Deterministic.

    :param project: decides part, addresses and clock.
    :param origin: what the bitstream is made of, for the first lines: "the IP core of run_hls.tcl".
    :param kernel: Tcl of the kernel: the procedures `check_kernel`, before Vivado starts; `add_kernel`, in the new project;
        `kernel_files`, the files that Vivado copies into the block design, as paths in their folder; `create_kernel`, the cell ``$kernel`` in the block design; and `set_kernel_clock`, once the cells are connected.
    """
    values = _values(project) | {
        "origin": origin,
        "kernel_text": kernel,
        "procedures": render_procedures(project.board),
        "longest_made": LONGEST_MADE,
        "slower_clocks": wrap(" ".join(slower_clocks(project.board, project.clock_mhz)), width=110),
        "first_release": first_release(project.board),
    }
    return render_template(PACKAGE, "build.tcl.j2", **values)


def render_procedures(board: TargetBoard) -> str:
    """Tcl procedures that the scripts of a project share; deterministic.

    They are `read_file PATH`; `files_below FOLDER PATTERN`; `check_folder FOLDER LONGEST`, an error where the tools cannot work
    in a folder, with the characters of the longest path that they make below it; `release_numbers TEXT`; and
    `check_release TOOL TEXT`, an error where the release in what a tool says of its version does not know the board's part.

    :param board: whose part and first release count.
    """
    values = {
        "board": board,
        "first_release": first_release(board),
        "windows_path": WINDOWS_PATH,
        "folder_pattern": FOLDER_PATTERN,
    }
    return render_template(PACKAGE, "procedures.tcl.j2", **values)


def slower_clocks(board: TargetBoard, clock_mhz: float) -> list[str]:
    """Clocks for a project that misses its own, MHz, as `--clock-mhz` takes them, from the fastest on.

    :param board: makes them.
    :param clock_mhz: of the project, one that the board makes.
    """
    return [clock_text(clock) for clock in reversed(board.clocks) if float(clock) < clock_mhz]


def first_release(board: TargetBoard) -> str:
    """The first release of Vivado for the scripts of a project.

    :param board: whose part must be known.
    """
    return max(FIRST_RELEASE, board.first_release, key=lambda release: [int(number) for number in release.split(".")])


def readme_parts(project: BoardProject) -> dict[str, str]:
    """Texts for the README by name, see `README_PARTS`, and ``first_release``, that of Vivado; deterministic.

    :param project: whose README it is.
    """
    values = _values(project)
    texts = {name: render_template(PACKAGE, f"readme_{name}.md.j2", **values).strip("\n") for name in README_PARTS}
    return texts | {"first_release": first_release(project.board)}


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
