"""The wheel, installed alone, on the Python and the packages of a PYNQ-Z1 or Z2."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.golden_data import REPOSITORY
from tests.overlay_driver.bit_files import write_bit_file

SECONDS = 600
TRAINED = "QLSTM128_W2B8A4I8_FC_W8B8"
PACKED = (
    *("datapath", "fixedpoint_sim", "foldline", "golden_vectors", "hls_gen", "overlay_driver", "params", "rtl_gen"),
    "train",
)
BUILT_FROM = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An installation.

    python      the interpreter
    packages    requirements that are installed before Foldline
    pynq        requirements of pynq, installed later; empty for none
    """

    python: str
    packages: tuple[str, ...]
    pynq: tuple[str, ...]


# Ubuntu 22.04, on which the images v3.0.1 and v3.1 are based; its pydantic 1 needs an old pynqmetadata.
BOARD_PACKAGES = ("numpy==1.21.5", "pillow==9.0.1", "click==8.0.3")
BOARD_PYNQ = ("pynq==3.0.1", "pynqmetadata==0.1.9", "pynqutils==0.1.3", "pydantic==1.9.1", "pycparser==2.19")

# Without Python 3.10: the first versions with wheels for this Python, but Pillow 9.4, as 9.1 to 9.3 warn of
# Image.BILINEAR.
FIRST_WHEELS = {
    (3, 11): ("numpy==1.23.2", "pillow==9.4.0"),
    (3, 12): ("numpy==1.26.0", "pillow==10.1.0"),
    (3, 13): ("numpy==2.1.0", "pillow==11.0.0"),
}
LATER_PYNQ = ("pynq==3.1.2", "pynqmetadata==0.2.0", "pynqutils==0.1.3", "pycparser==2.23")


def machine_like_a_board() -> Machine:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.10*/bin/python3.10")
    for python in ("python3.10", *sorted(map(str, pyenv))):
        if shutil.which(python) and run(python, "-c", "import ensurepip, venv").returncode == 0:
            return Machine(python=python, packages=BOARD_PACKAGES, pynq=BOARD_PYNQ)
    this = sys.version_info[:2]
    packages = ("click==8.0.3", *FIRST_WHEELS.get(this, ("numpy", "pillow")))
    return Machine(python=sys.executable, packages=packages, pynq=LATER_PYNQ if this < (3, 13) else ())


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def output_of(*command: str | Path, cwd: Path | None = None) -> str:
    result = run(*command, cwd=cwd)
    assert result.returncode == 0, f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"
    return result.stdout


def pip(python: str | Path, *arguments: str | Path, cwd: Path) -> None:
    output_of(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, cwd=cwd)


def require_package_index(folder: Path) -> None:
    download = ("download", "--quiet", "--no-deps", "--retries", "1", "--timeout", "20", "-d", folder, "click==8.0.3")
    result = run(sys.executable, "-m", "pip", *download, cwd=folder)
    if result.returncode:
        pytest.skip(
            f"the package index cannot be reached: {(result.stderr.strip() or 'no reason given').splitlines()[-1]}"
        )


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy: a build leaves files in its tree, and would pack those of an earlier one."""
    tree = folder / "tree"
    for name in (*PACKED, "tests"):
        shutil.copytree(REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILT_FROM:
        shutil.copy(REPOSITORY / name, tree)
    pip(sys.executable, "wheel", "--no-deps", "-w", folder / "dist", ".", cwd=tree)
    (wheel,) = (folder / "dist").iterdir()
    check_contents(wheel, tree)
    return wheel


def check_contents(wheel: Path, tree: Path) -> None:
    """Check that the wheel has every source and data file of every package, and no others."""
    assert wheel.name.endswith("-py3-none-any.whl")
    files = {
        path.relative_to(tree).as_posix() for name in PACKED for path in (tree / name).rglob("*") if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == files - LEFT_OUT


LEFT_OUT = {"hls_gen/library/.clang-format", "rtl_gen/library/.rules.verible_lint"}
"""Files that only developers need."""

SLIM_CHECKS = """
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

import datapath, datapath.npz, overlay_driver, golden_vectors
from datapath.packing import pack_columns

for package in ("torch", "numba", "rich", "jinja2", "matplotlib", "pynq"):
    if importlib.util.find_spec(package):
        raise SystemExit(f"{package} is installed here")

folder = Path(golden_vectors.__file__).parent
for path in sorted(folder.glob("vectors/*.npz")):
    design = datapath.Design.load(folder / "designs" / path.name)
    bits = design.precision.activation
    vectors = datapath.npz.read_npz(path, limit=1 << 30)
    lines = sum(name.startswith("pixels_") for name in vectors)
    images = 0
    for i in range(lines):
        pixels = vectors[f"pixels_{i}"]
        if f"image_{i}" in vectors:
            images += 1
            image = Image.fromarray(vectors[f"image_{i}"])
            columns = datapath.image_columns(image, target_height=design.inputs, bits=bits)
            if not (columns.dtype == pixels.dtype and np.array_equal(columns, pixels)):
                raise SystemExit(f"{path.name}: pixels_{i} differ")
        if not np.array_equal(pack_columns(pixels, bits), vectors[f"words_{i}"]):
            raise SystemExit(f"{path.name}: words_{i} differ")
    print(path.stem, images, lines)
"""

BOARD_CHECKS = """
import sys
from pathlib import Path

import golden_vectors, numpy as np, pynq
from datapath import Design
from datapath.manifest import Kernel, Manifest
from foldline.hardware.board import known_answers
from overlay_driver import Driver
from overlay_driver.virtual import Computed, VirtualCore
from overlay_driver.virtual.device import VirtualBoard

print(pynq.__version__)
for path in sorted((Path(golden_vectors.__file__).parent / "designs").glob("QLSTM*.npz")):
    design = Design.load(path)
    answers = known_answers(design)
    known = {answer.columns.tobytes(): answer.labels for answer in answers}

    def compute(columns):
        labels = known[columns.tobytes()]  # without a simulator, only the known lines have labels
        return Computed(labels, len(labels))

    manifest = Manifest.of(design, answers=answers, kernel=Kernel.PUBLISHED)
    board = VirtualBoard(VirtualCore(design, Kernel.PUBLISHED, compute), manifest)
    with Driver(design, board=board, manifest=manifest) as driver:
        for answer in answers:
            if not np.array_equal(driver.read_columns(answer.columns).labels, answer.labels):
                raise SystemExit(f"{path.name}: labels differ")
    print(path.stem, len(answers))
if heavy := {"torch", "numba", "fixedpoint_sim", "train", "hls_gen"} & set(sys.modules):
    raise SystemExit(f"the driver imports {heavy}")
"""


@pytest.mark.slow
def test_the_wheel_on_a_board_s_python_and_packages(tmp_path):
    require_package_index(tmp_path)
    machine = machine_like_a_board()
    wheel = build_wheel(tmp_path)
    output_of(machine.python, "-m", "venv", tmp_path / "board")
    python, foldline = tmp_path / "board/bin/python", tmp_path / "board/bin/foldline"
    pip(python, "install", "--no-compile", "--only-binary", "numpy,pillow", *machine.packages, wheel, cwd=tmp_path)
    equal = output_of(python, "-W", "error", "-c", SLIM_CHECKS, cwd=tmp_path).splitlines()
    assert equal == committed_vectors()
    assert output_of(foldline, "--version", cwd=tmp_path).startswith("foldline, version ")
    assert output_of(foldline, "--help", cwd=tmp_path).startswith("Usage: foldline [OPTIONS] COMMAND [ARGS]...\n")
    result = run(foldline, "simulate", "net.npz", "line.png", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (1, NEEDS_NUMBA)

    if not machine.pynq:
        return
    pip(python, "install", "--no-compile", *machine.packages, *machine.pynq, cwd=tmp_path)
    version, *read = output_of(python, "-c", BOARD_CHECKS, cwd=tmp_path).splitlines()
    assert f"pynq=={version}" == machine.pynq[0]
    assert read == [f"{name} {lines}" for name, _images, lines in map(str.split, equal) if name.startswith("QLSTM")]
    assert "--device" in output_of(foldline, "run", "--help", cwd=tmp_path)
    design = REPOSITORY / f"golden_vectors/designs/{TRAINED}.npz"
    lines = ("--pixels", REPOSITORY / f"golden_vectors/vectors/{TRAINED}.npz")
    assert run(foldline, "run", design, *lines).stderr == NEEDS_NUMBA
    bitstream = write_bit_file(tmp_path / "plain-W2A4-pynq.bit")
    result = run(foldline, "run", design, *lines, "--bitstream", bitstream, "--device", "board")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "Error: pynq finds no board here. On a board, run as root in pynq's own environment"
    )


NEEDS_NUMBA = "Error: This command needs numba, which is not installed: pip install 'foldline[sim]'.\n"


def committed_vectors() -> list[str]:
    """Name, number of images and number of lines of each file, as the board's Python must print them."""
    found = []
    for path in sorted((REPOSITORY / "golden_vectors/vectors").glob("*.npz")):
        with zipfile.ZipFile(path) as archive:
            stages = [name.partition("_")[0] for name in archive.namelist()]
        found.append(f"{path.stem} {stages.count('image')} {stages.count('pixels')}")
    return found
