"""The demo: train a small network, export and verify it, compare all backends, write a report; needs no downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from datapath.design import Design, Folding
from datapath.errors import MismatchError, ToolError
from datapath.folded import fold
from foldline.batch.failures import grouped
from foldline.compare.agreement import BOARD, CSIM, RTL, SIMULATED
from foldline.compare.backends import TITLES, TORCH
from foldline.compare.comparison import Comparison, Progress, compare
from foldline.compare.tables import agreement_notes, failure
from foldline.console.text import capitalised, now
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
from train.experiment import BEST_CER, TENSORBOARD
from train.export import design_from_checkpoint
from train.reporting import Reporter
from train.trainer import train

PARAMS = Path(__file__).parent.parent / "params" / "demo.json"
EMBEDDED = DEFAULT_FOLDER / "designs" / "QLSTM128_W2B8A4I8_FC_W8B8.npz"
"""A W2A4 network that was trained on scanned lines (docs/training.md), included with Foldline."""

FOLDING = Folding(pe=2, simd_input=16, simd_recurrent=64)
SYNTHETIC = {"seed": 1, "training": 800, "validation": 100, "min_characters": 16, "max_characters": 40, "plain": True}
"""Arguments of `synthetic_dataset`: short and plain lines, the same in every run."""

VERIFIED_LINES, CSIM_LINES, RTL_LINES = 10, 3, 3
"""Lines for the verification of a header, and for the simulations of C++ and RTL, which are slow."""


@dataclass(frozen=True, kw_only=True)
class VerifiedHeader:
    """An exported network.

    design      the exported design, equal to the one that was read back from the header
    verified    what was equal in both designs' simulations
    """

    header: Path
    design: Path
    verified: Verified


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """The demo's files and results.

    folder                  folder of the training run, with all files
    checkpoint              the epoch with the lowest validation error
    trained, embedded       headers and designs of the trained and of the included network
    comparison              the trained network on the validation lines, with every backend of this machine
    embedded_comparison     the included network on the validation lines, simulated
    """

    folder: Path
    checkpoint: Path
    trained: VerifiedHeader
    embedded: VerifiedHeader
    project: Path
    comparison: Comparison
    embedded_comparison: Comparison
    report: Path


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
    """Run all steps of the demo.

    :param folder: the training run's folder is created in it.
    :param hyperparameters: of the network to train.
    :param folding: of the trained network.
    :param embedded: a design that takes lines of the dataset's height.
    :param reporter: shows the training's progress, and `progress` that of a comparison.
    :param log: gets a line of text for each step.
    :raises KeyboardInterrupt: the training was interrupted.
    :raises MismatchError: a header does not reproduce its network, or bit-exact results differ.
    """
    log("1. Train a quantized BiLSTM on synthetic text lines.")
    origin = {"command": "foldline demo", "author": "Foldline demo"}
    result = train(hyperparameters, dataset, experiments=folder, reporter=reporter, **origin)
    if result.interrupted:
        raise KeyboardInterrupt(f"The demo's training can be resumed: foldline train -i {result.resume_from}")
    checkpoint, lines = Checkpoint.load(result.folder / BEST_CER), dataset.validation
    log("2. Export the best epoch as an LSTM-PYNQ header, read the header back, and verify it.")
    exported = design_from_checkpoint(checkpoint, folding=folding).design
    trained = _verify(exported, result.folder / "demo", lines, log=log)
    other = Design.load(embedded)
    trained_on = other.provenance.notes.get("dataset") or "an unknown dataset"
    log(f"3. Do the same with the included network {other.experiment}, trained on {trained_on}.")
    included = _verify(other, result.folder / embedded.stem, lines, log=log)
    log("4. Write a project for Vivado of the trained network.")
    design, project = Design.load(trained.design), result.folder / "project"
    fit = export_project(design, project).fit
    log(f"   project/ for {fit.board.title}: weights need {fit.bram36:g} of {fit.board.bram36} BRAM36.")
    log(
        "5. Compare the backends: PyTorch, the bit-exact simulator, the C++ for HLS, the project's RTL, the virtual board."
    )
    comparison = compare_all(design, lines, checkpoint=checkpoint, log=log, progress=progress)
    embedded_comparison = compare(other, lines)
    log("6. Write a report.")
    report = result.folder / "report.html"
    curves, on = read_curves(result.folder / TENSORBOARD, name=result.folder.name), dataset.name
    runs = (
        ReportRun(name="trained by the demo", design=design, comparison=comparison, dataset_name=on, curves=(curves,)),
        ReportRun(name="included with Foldline", design=other, comparison=embedded_comparison, dataset_name=on),
    )
    write_report(report, ReportInputs(runs=runs, title="Foldline demo", made=now()), progress=progress)
    return DemoResult(
        folder=result.folder,
        checkpoint=checkpoint.path,
        trained=trained,
        embedded=included,
        project=project,
        comparison=comparison,
        embedded_comparison=embedded_comparison,
        report=report,
    )


def _verify(exported: Design, stem: Path, lines: Sequence[Line], *, log: Callable[[str], None]) -> VerifiedHeader:
    """Write a header, read it back, and simulate both designs; `stem` is the path of the files without suffix."""
    header, alphabet, path = (stem.with_suffix(suffix) for suffix in (".hpp", ".alphabet.txt", ".npz"))
    write_header(header, fold(exported))
    exported.alphabet.write(alphabet)
    design = import_design(header, alphabet)
    if not design.same_network(exported):
        raise MismatchError(f"{header} does not reproduce the network that was exported.")
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
    """Compare the backends that this machine can compute.

    :param log: gets a message for each backend that is skipped, with the reason.
    :raises MismatchError: bit-exact backends differ.
    """
    backends = [*TORCH, SIMULATED]
    try:
        CSimProgram(design)  # compiled here, later taken from its cache
        backends.append(CSIM)
    except ToolError as error:  # no compiler
        log(f"   C simulation skipped: {error}")
    with ExitStack() as stack:
        drivers = {}
        for backend, device in ((RTL, "rtl"), (BOARD, "virtual")):
            try:
                drivers[backend] = stack.enter_context(open_driver(design, device=device))
            except ImportError as error:  # pynq is missing, or does not work with the installed numpy
                log(f"   {capitalised(TITLES[backend])} skipped: {_why_missing(error)}")
            except ToolError as error:  # no Verilator, or no compiler
                log(f"   {TITLES[backend]} skipped: {error}")
        backends += drivers
        comparison = compare(
            design,
            lines,
            checkpoint=checkpoint,
            backends=backends,
            **drivers,
            csim_lines=CSIM_LINES,
            rtl_lines=RTL_LINES,
            progress=progress,
        )
    wrong = failure(comparison)
    if wrong is not None:
        details = (*agreement_notes(comparison.agreement), *grouped(comparison.failed))
        raise MismatchError(wrong, details=details)
    return comparison


def _why_missing(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "pynq":
        return "pynq is not installed: pip install 'foldline[board]'."
    return f"pynq cannot be imported: {str(error).splitlines()[0].rstrip('.')}."
