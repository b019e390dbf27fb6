"""The notebooks run on the virtual board and give their stored outputs.

`text_ocr.ipynb` also runs as on a board: with bitstreams, designs and manifests in a folder, and without the simulator.
"""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datapath import Design, Folding
from datapath.architecture import Architecture
from datapath.cycles import cycles_of, operations_per_column
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.npz import read_npz
from tests.golden_data import REPOSITORY
from tests.overlay_driver.bit_files import write_bit_file

NOTEBOOKS = REPOSITORY / "notebooks"
TEXT_OCR, YOUR_NETWORK = "text_ocr.ipynb", "your_network.ipynb"
GOLDEN = REPOSITORY / "golden_vectors"
NETWORKS = ("W2A2", "W2A4", "W4A4", "W4A8")
SECONDS = 600


def cells(name: str) -> list[dict]:
    return json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


def outputs(cell: dict) -> list[tuple[str, str]]:
    """A cell's outputs as (kind, text); images have no text, as their bytes depend on the encoder."""
    found = []
    for output in cell.get("outputs", ()):
        if output["output_type"] == "stream":
            name, text = output["name"], "".join(output["text"])
            if found and found[-1][0] == name:  # a kernel may flush within a line
                found[-1] = (name, found[-1][1] + text)
            else:
                found.append((name, text))
        else:
            found += [(kind, "") for kind in output.get("data", {output["output_type"]: ""})]
    return found


def printed(executed: list[dict]) -> str:
    return "".join(text for cell in executed for kind, text in outputs(cell) if kind == "stdout")


def included(network: str) -> tuple[Design, dict[str, np.ndarray]]:
    """The included design with the widths of a published network, and its golden vectors."""
    name = f"QLSTM128_W{network[1]}B8A{network[3]}I8_FC_W8B8.npz"
    return Design.load(GOLDEN / "designs" / name), read_npz(GOLDEN / "vectors" / name, limit=1 << 30)


# Stored outputs -----------------------------------------------------------------------------------------------------


def test_there_are_two_notebooks():
    assert {path.name for path in NOTEBOOKS.iterdir() if path.suffix == ".ipynb"} == {TEXT_OCR, YOUR_NETWORK}


@pytest.mark.parametrize("name", [TEXT_OCR, YOUR_NETWORK])
def test_a_notebook_is_valid_and_executed(name):
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.read(NOTEBOOKS / name, as_version=nbformat.NO_CONVERT)
    nbformat.validate(book)
    assert (book.nbformat, book.nbformat_minor) == (4, 5)
    counts = [cell.execution_count for cell in book.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert {kind for cell in cells(name) for kind, _ in outputs(cell)} <= {"stdout", "image/png", "text/plain"}


def test_the_settings_are_those_of_the_virtual_board():
    assert 'DEVICE = "virtual"' in next(source_of(cell) for cell in cells(TEXT_OCR) if cell["id"] == "settings")


def test_modelled_times_in_the_table_are_the_model_s():
    """The table has the model's times for a line of 520 columns, with the notebook's foldings."""
    sources = {cell["id"]: source_of(cell) for cell in cells(TEXT_OCR)}
    table = re.findall(r"^\| (W\dA\d) \| ([\d.]+) \| ([\d.]+) \|$", sources["reading-it"], re.MULTILINE)
    assert [network for network, _, _ in table] == list(NETWORKS)
    foldings = dict(re.findall(r'"(W\dA\d)": \((\d, \d)\)', sources["networks"]))
    for network, measured, modelled in table:
        pe, factor = map(int, foldings[network].split(", "))
        design, _ = included(network)
        design = design.refolded(Folding.by_factor(factor, inputs=design.inputs, hidden=design.hidden, pe=pe))
        assert modelled == f"{cycles_of(Architecture.of(design), Kernel.PUBLISHED).milliseconds(520, 100):.3f}"
        assert abs(float(measured) / float(modelled) - 1) < 0.01  # the model was fitted to these
        assert f"{operations_per_column(design):,}".replace(",", " ") in sources["reading-it"]


# Execution -----------------------------------------------------------------------------------------------------------

EXECUTE = """
import sys
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

source, result, folder = sys.argv[1:]
book = nbformat.read(source, as_version=4)
with TemporaryDirectory(prefix="nb") as sockets:  # concurrent tests could choose the same ports
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets}/kernel")
    NotebookClient(book, km=manager, timeout=300, resources={"metadata": {"path": folder}}).execute()
nbformat.write(book, result)
"""


def executed(name: str, folder: Path) -> list[dict]:
    """The cells of a notebook after its execution in a folder, in another process."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package)
    result = folder / "executed.ipynb"
    run(EXECUTE, NOTEBOOKS / name, result, folder, cwd=REPOSITORY)
    return json.loads(result.read_text(encoding="utf-8"))["cells"]


def run(script: str, *arguments: Path, cwd: Path, stdin: str = "") -> str:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.pynq
@pytest.mark.slow
@pytest.mark.parametrize("name", [TEXT_OCR, YOUR_NETWORK])
def test_executing_a_notebook_gives_its_stored_outputs(name, tmp_path):
    stored, again = cells(name), executed(name, tmp_path)
    assert [outputs(cell) for cell in again] == [outputs(cell) for cell in stored]
    assert [path.name for path in tmp_path.iterdir()] == ["executed.ipynb"]  # no other file remains


def readings_of(table: str) -> list[tuple[str, int, str]]:
    """Network, columns and text of each row that `text_ocr.ipynb` prints."""
    rows = re.findall(r"^(W\dA\d) +(\d+) +[<=]*[\d.]+ +[>=]*[\d.]+  (.*)$", table, re.MULTILINE)
    return [(network, int(columns), text) for network, columns, text in rows]


def golden_readings() -> list[tuple[str, int, str]]:
    vectors = {network: included(network)[1] for network in NETWORKS}
    return [
        (network, len(vectors[network][f"pixels_{number}"]), str(vectors[network][f"text_{number}"]))
        for number in range(2)
        for network in NETWORKS
    ]


def test_the_texts_are_the_golden_ones():
    text = printed(cells(TEXT_OCR))
    assert readings_of(text) == golden_readings()
    assert text.endswith("Times are modelled from a cycle count.\n")


@pytest.mark.parametrize(("name", "cell_id"), [(TEXT_OCR, "lines"), (YOUR_NETWORK, "read")])
def test_the_pictures_are_the_scans(name, cell_id):
    (cell,) = (cell for cell in cells(name) if cell["id"] == cell_id)
    pictures = [output["data"]["image/png"] for output in cell["outputs"] if "data" in output]
    _, vectors = included("W2A4")
    assert len(pictures) == 2
    for number, picture in enumerate(pictures):
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            np.testing.assert_array_equal(np.asarray(image), vectors[f"image_{number}"])


def test_your_network_gives_the_simulated_labels():
    by_id = {cell["id"]: printed([cell]) for cell in cells(YOUR_NETWORK)}
    _, vectors = included("W2A4")
    assert re.findall(r"^'(.*)': (\d+) columns in [\d.]+ ms \(modelled\)$", by_id["read"], re.MULTILINE) == [
        (str(vectors[f"text_{number}"]), str(len(vectors[f"pixels_{number}"]))) for number in range(2)
    ]
    assert by_id["compare"] == "".join(f"{len(vectors[f'labels_{number}'])} labels: all equal\n" for number in range(2))
    assert by_id["import"].endswith("The network that was written: True\n")
    assert by_id["wrong"].startswith("This bitstream does not hold this design: ")


# Execution as on a board -------------------------------------------------------------------------------------------------------

AS_ON_A_BOARD = """
import json, sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numba", "torch", "jinja2", "rich", "matplotlib", "fixedpoint_sim", "tests"}:
            raise ModuleNotFoundError(f"{name} is not on a board", name=name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])

import foldline.hardware.board
import golden_vectors
from datapath import Design
from datapath.npz import read_npz
from datapath.manifest import Manifest
from overlay_driver.virtual import Computed, VirtualCore
from overlay_driver.virtual.device import VirtualBoard

class StandIn(VirtualBoard):
    '''A board that a bitstream's name tells which golden labels to give; its time is a clock's.'''

    kind = "board"

    def __init__(self):
        design, manifest = self.known("W2A2")
        super().__init__(VirtualCore(design, manifest.kernel, self.compute), manifest)
        self.timer.modelled = False

    def known(self, network):
        design, manifest = Design.load(f"{network}.npz"), Manifest.read(f"plain-{network}-pynq.json")
        vectors = read_npz(golden / "vectors" / f"{design.experiment}.npz", limit=1 << 30)
        self.lines = {vectors[f"pixels_{n}"].tobytes(): vectors[f"labels_{n}"] for n in range(3)}
        return design, manifest

    def load(self, bit):
        self.device.core.design, _ = self.known(bit.path.name.split("-")[1])
        return super().load(bit)

    def compute(self, columns):
        labels = self.lines[columns.tobytes()]
        return Computed(labels, len(labels))

golden = Path(golden_vectors.__file__).parent
foldline.hardware.board.this_board = StandIn

names = {"__name__": "__main__"}
for source in json.load(sys.stdin):
    exec(source, names)
"""


@pytest.mark.pynq
def test_text_ocr_runs_as_on_a_board(tmp_path):
    for network in NETWORKS:
        design, vectors = included(network)
        design.save(tmp_path / f"{network}.npz")
        answer = KnownAnswer(vectors["pixels_0"], vectors["labels_0"])
        Manifest.of(design, answers=(answer,), kernel=Kernel.PUBLISHED).write(tmp_path / f"plain-{network}-pynq.json")
        write_bit_file(tmp_path / f"plain-{network}-pynq.bit")
    sources = [source_of(cell) for cell in cells(TEXT_OCR) if cell["cell_type"] == "code"]
    sources[0] = sources[0].replace('"virtual"', '"board"').replace('Path("bitstreams")', 'Path(".")')
    result = run(AS_ON_A_BOARD, REPOSITORY, cwd=tmp_path, stdin=json.dumps(sources))
    assert readings_of(result) == golden_readings()
    assert result.endswith("Times are measured on the board.\n")
