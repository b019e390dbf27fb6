"""The demo: the whole way from printed lines to a header proved bit for bit, on the embedded data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from datapath.design import Design, Folding
from datapath.errors import MismatchError, TrainingError
from datapath.folded import fold
from datapath.images import quantize_pixels
from foldline.comparison import Comparison, compare
from foldline.headers import Proof, import_design, verify_header
from hls_gen import write_header
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data import Dataset
from train.experiment import BEST_CER
from train.export import design_from_checkpoint
from train.reporting import Reporter
from train.synthetic import synthetic_dataset
from train.trainer import train

PARAMS = Path(__file__).parent.parent / "params" / "demo.json"
FOLDING = Folding(pe=2, simd_input=16, simd_recurrent=64)
DATA_SEED, TRAINING_LINES, VALIDATION_LINES = 1, 800, 100
LINE_CHARACTERS = (16, 40)
PROVED_LINES = 10


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo made, in `folder`: checkpoint, header, alphabet, design; the proof, and the comparison."""

    folder: Path
    checkpoint: Path
    header: Path
    design: Path
    proof: Proof
    comparison: Comparison


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
    reporter: Reporter,
    say: Callable[[str], None],
) -> DemoResult:
    """Train, export to a header, read it back, prove it, and compare all levels.

    :param folder: where everything is kept.
    :param say: told each step in a sentence.
    :raises TrainingError: it was interrupted while it trained.
    :raises MismatchError: the header does not hold the design, or one walk gives other bits than the other.
    """
    say("1. Train a quantized BiLSTM on printed lines.")
    result = train(
        hyperparameters,
        dataset,
        experiments=folder,
        command="foldline demo",
        author="Foldline demo",
        reporter=reporter,
    )
    checkpoint = result.folder / BEST_CER
    if result.interrupted:
        raise TrainingError(f"The demo was interrupted; its training can be resumed from {result.resume_from}.")
    say("2. Export the best checkpoint as an LSTM-PYNQ header, and read that header back.")
    exported = design_from_checkpoint(checkpoint, folding=folding).design
    header, alphabet, design_path = (result.folder / name for name in ("demo.hpp", "alphabet.txt", "demo.npz"))
    write_header(header, fold(exported))
    exported.alphabet.write(alphabet)
    design = import_design(header, alphabet)
    if not design.same_network(exported):
        raise MismatchError(f"{header} does not give back the network that was exported.")
    exported.save(design_path)
    say(
        f"3. Prove the header: its folded walk (PE {folding.pe}, SIMD {folding.simd_input} and "
        f"{folding.simd_recurrent}) against the simulator."
    )
    lines = [
        quantize_pixels(line.pixels(design.inputs), design.precision.activation)
        for line in dataset.validation[:PROVED_LINES]
    ]
    proof = verify_header(Design.load(design_path), header, lines)
    say(
        f"   {proof.weights} weights, {proof.hidden_words} hidden words, {proof.scores} scores and {proof.labels} labels"
        f" of {proof.lines} lines: all equal."
    )
    say("4. Compare float PyTorch, quantized PyTorch and the simulated hardware.")
    comparison = compare(design, dataset.validation, checkpoint=Checkpoint.load(checkpoint))
    return DemoResult(
        folder=result.folder,
        checkpoint=checkpoint,
        header=header,
        design=design_path,
        proof=proof,
        comparison=comparison,
    )
