"""The committed project of the RTL kernel: `python -m tests.rtl_gen.tiny_project` writes it anew (`make golden` does).

Library and memory files are left out of the repository's copy: the former would be copies, the latter are compared with the
weights elsewhere.
"""

from pathlib import Path

from datapath.boards import load_board
from datapath.files import write_text
from foldline.hardware.known_answer_lines import random_lines
from foldline.hardware.projects import expected_lines
from rtl_gen.project import render_project
from tests.hls_gen.tiny_project import tiny_design

FOLDER = Path(__file__).with_name("tiny_project")


def tiny_project() -> dict[str, str]:
    """All its files by path."""
    design = tiny_design()
    return render_project(design, load_board("pynq-z2"), lines=expected_lines(design, random_lines(design)))


def committed(path: str) -> bool:
    """Whether `FOLDER` has this file."""
    return not path.endswith((".sv", ".mem"))


if __name__ == "__main__":
    for path, text in tiny_project().items():
        if committed(path):
            (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
            write_text(FOLDER / path, text)
