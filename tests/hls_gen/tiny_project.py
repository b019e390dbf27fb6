"""The committed project: `python -m tests.hls_gen.tiny_project` writes it anew (`make golden` does).

The library's files are left out of the repository's copy: they would be copies, and the test compares them with the
library itself.
"""

from pathlib import Path

from datapath import Design
from datapath.boards import load_board
from datapath.files import write_text
from foldline.hardware.known_answer_lines import random_lines
from foldline.hardware.projects import expected_lines
from hls_gen.project import render
from hls_gen.sources import library_files
from tests.designs import random_design

FOLDER = Path(__file__).with_name("tiny_project")


def tiny_design() -> Design:
    """Two classes at a time of three, peepholes, unequal folds on the two sides."""
    return random_design(
        7, bits=(3, 4, 5, 6, 7), inputs=6, hidden=4, classes=3, folding=(2, 2, 2), pe_out=2, peepholes=(5, 2)
    )


def tiny_project() -> dict[str, str]:
    """All its files by path, of which the library's are not in `FOLDER`."""
    design = tiny_design()
    return render(design, load_board("pynq-z2"), lines=expected_lines(design, random_lines(design)))


if __name__ == "__main__":
    for path, text in tiny_project().items():
        if path not in library_files():
            (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
            write_text(FOLDER / path, text)
