"""The demo: the whole way from printed lines to a header, a hardware project and a board proved bit for bit, on embedded
data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from datapath.design import Design, Folding
from datapath.errors import MismatchError, ToolError, TrainingError
from datapath.folded import fold
from foldline.compare.agreement import BOARD, CSIM, SIMULATED
from foldline.compare.comparison import TORCH, Comparison, Progress, compare
from foldline.compare.tables import agreement_notes, failure
from foldline.console.text import now
from foldline.differences import Verified
from foldline.golden import DEFAULT_FOLDER
from foldline.hardware.board import open_driver
from foldline.hardware.headers import import_design, verify_header
from foldline.hardware.projects import export_project
from foldline.report import ReportInputs, ReportRun, write_report
from foldline.report.curves import read_curves
from hls_gen import write_header
from hls_gen.csim import CSimProgram
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import Dataset, Line
from train.data.synthetic import synthetic_dataset
from train.experiment import BEST_CER, TENSORBOARD
from train.export import design_from_checkpoint
from train.reporting import Reporter
from train.trainer import train

PARAMS = Path(__file__).parent.parent / "params" / "demo.json"
EMBEDDED = DEFAULT_FOLDER / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"
"""The network that Foldline carries: W2A4, trained on real lines (docs/training.md)."""

FOLDING = Folding(pe=2, simd_input=16, simd_recurrent=64)
DATA_SEED, TRAINING_LINES, VALIDATION_LINES = 1, 800, 100
LINE_CHARACTERS = (16, 40)
VERIFIED_LINES = 10
CSIM_LINES = 3
"""Lines of the C simulation, which computes one or two hundred columns a second."""


@dataclass(frozen=True, kw_only=True)
class VerifiedHeader:
    """The header that was written of a network, the design that was read back from it, and the lines on which both were
    verified."""

    header: Path
    design: Path
    verified: Verified


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo made, in `folder`: the checkpoint that it trained and that network's way to the header, the
    embedded network's way, the hardware project of the first; what each level of both reads on the validation lines, of
    the trained network all backends; and the report of it all."""

    folder: Path
    checkpoint: Path
    trained: VerifiedHeader
    embedded: VerifiedHeader
    project: Path
    comparison: Comparison
    embedded_comparison: Comparison
    report: Path


def demo_dataset(progress: Callable[[int, int], None] | None = None) -> Dataset:
    """Short printed lines, always the same."""
    return synthetic_dataset(
        seed=DATA_SEED,
        training=TRAINING_LINES,
        validation=VALIDATION_LINES,
        min_characters=LINE_CHARACTERS[0],
        max_characters=LINE_CHARACTERS[1],
        progress=progress,
    )


def run_demo(
    folder: Path,
    dataset: Dataset,
    *,
    hyperparameters: Hyperparameters,
    folding: Folding = FOLDING,
    embedded: Path = EMBEDDED,
    reporter: Reporter,
    log: Callable[[str], None],
    progress: Progress | None = None,
) -> DemoResult:
    """Train, export to a header, read it back and verify it; then the same with the embedded network; then the trained one
    as a hardware project; compare all backends, the C simulation and the virtual board among them; and write a report.

    :param folder: where everything is kept.
    :param embedded: a design, the one that Foldline carries by default; it reads lines of the dataset's height.
    :param log: gets the text of each step.
    :param progress: of the comparison.
    :raises TrainingError: it was interrupted while it trained.
    :raises MismatchError: the header does not hold the design, or one walk or level gives other bits than the other.
    """
    log("1. Train a quantized BiLSTM on printed lines.")
    result = train(
        hyperparameters,
        dataset,
        experiments=folder,
        command="foldline demo",
        author="Foldline demo",
        reporter=reporter,
    )
    path = result.folder / BEST_CER
    if result.interrupted:
        raise TrainingError(f"The demo was interrupted; its training can be resumed from {result.resume_from}.")
    lines = dataset.validation
    log("2. Export its best epoch as an LSTM-PYNQ header, read it back, and verify it.")
    trained = _verify(design_from_checkpoint(path, folding=folding).design, result.folder / "demo", lines, log=log)
    design = Design.load(embedded)
    log(f"3. The same with the network that Foldline carries: {design.experiment}, trained on {_data_of(design)}.")
    carried = _verify(design, result.folder / embedded.stem, lines, log=log)
    log("4. Write the demo's network as a hardware project.")
    own = Design.load(trained.design)
    project = result.folder / "project"
    fit = export_project(own, project).fit
    log(
        f"   {project.name}/ for {fit.board.title}: weights and buffers take {fit.bram36:g} of its {fit.board.bram36} BRAM36."
    )
    log(
        "5. Compare what all backends read: PyTorch, the simulator, the project's C++, and a board, here a virtual one."
    )
    comparison = compare_all(own, lines, checkpoint=Checkpoint.load(path), log=log, progress=progress)
    embedded_comparison = compare(design, lines)
    log("6. Write all of it into a report.")
    return DemoResult(
        folder=result.folder,
        checkpoint=path,
        trained=trained,
        embedded=carried,
        project=project,
        comparison=comparison,
        embedded_comparison=embedded_comparison,
        report=_report(
            result.folder,
            ReportRun(name="the demo's own", design=own, comparison=comparison, dataset_name=dataset.name),
            ReportRun(name="embedded", design=design, comparison=embedded_comparison, dataset_name=dataset.name),
            progress,
        ),
    )


def _report(folder: Path, own: ReportRun, embedded: ReportRun, progress: Progress | None) -> Path:
    """The report of both networks, in `folder`, where the first one was trained."""
    path = folder / "report.html"
    runs = (replace(own, curves=(read_curves(folder / TENSORBOARD, name=folder.name),)), embedded)
    write_report(path, ReportInputs(runs=runs, title="Foldline demo", made=now()), progress=progress)
    return path


def _data_of(design: Design) -> str:
    return design.provenance.notes.get("dataset") or "data that its provenance does not name"


def _verify(exported: Design, stem: Path, lines: Sequence[Line], *, log: Callable[[str], None]) -> VerifiedHeader:
    """Header out, header in, and both walks on some lines.

    :param stem: path of the files without their suffix.
    """
    header, alphabet, path = (stem.with_suffix(suffix) for suffix in (".hpp", ".alphabet.txt", ".npz"))
    write_header(header, fold(exported))
    exported.alphabet.write(alphabet)
    design = import_design(header, alphabet)
    if not design.same_network(exported):
        raise MismatchError(f"{header} does not give back the network that was exported.")
    exported.save(path)
    columns = [line.columns(design) for line in lines[:VERIFIED_LINES]]
    verified = verify_header(Design.load(path), header, columns)
    log(f"   {header.name}, {exported.folding}: all weights equal, {verified}.")
    return VerifiedHeader(header=header, design=path, verified=verified)


def compare_all(
    design: Design,
    lines: Sequence[Line],
    *,
    checkpoint: Checkpoint,
    log: Callable[[str], None],
    progress: Progress | None = None,
) -> Comparison:
    """Compare every level of a design that this machine can compute; it is said which are left out, and why.

    :raises MismatchError: backends that must agree do not.
    """
    backends = [*TORCH, SIMULATED]
    try:
        CSimProgram(design)  # kept, so that it is built once
        backends.append(CSIM)
    except ToolError as error:  # a compiler is not ours to bring
        log(f"   The C simulation is left out. {error}")
    with ExitStack() as stack:
        board = None
        try:
            board = stack.enter_context(open_driver(design))
            backends.append(BOARD)
        except ImportError as error:  # pynq does not go with everything that Foldline goes with
            log(f"   The board is left out. {_why_missing(error)}")
        comparison = compare(
            design,
            lines,
            checkpoint=checkpoint,
            backends=backends,
            board=board,
            csim_lines=CSIM_LINES,
            progress=progress,
        )
    wrong = failure(comparison)
    if wrong is not None:
        raise MismatchError("\n".join((wrong, *agreement_notes(comparison.agreement), *comparison.failed)))
    return comparison


def _why_missing(error: ImportError) -> str:
    """Why the board's library cannot be had."""
    if isinstance(error, ModuleNotFoundError) and error.name == "pynq":
        return "pynq is not installed: pip install 'foldline[board]'."
    return f"pynq cannot be imported: {str(error).splitlines()[0].rstrip('.')}."
