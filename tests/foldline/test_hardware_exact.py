"""A network trained in the overlay's arithmetic scores every line as the simulated overlay does, in every bit."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from datapath import Alphabet, Design, Folding, image_columns
from fixedpoint_sim import Trace, simulate_lines
from train.checkpoint import Checkpoint
from train.config import FLOAT_BITS, FP, Hyperparameters
from train.data.batches import collate, read_pixels, samples_of
from train.data.dataset import Line, read_lines
from train.data.synthetic import ALPHABET, synthetic_line
from train.evaluation import Evaluation, class_scores, evaluate
from train.export import design_from_checkpoint
from train.loss import batch_loss
from train.model import Arithmetic, Recogniser

PRESETS = sorted((Path(__file__).parents[2] / "params").glob("QLSTM128_W*B8A*I8_FC_W8B8.json"))
FOLDING = Folding(pe=1, simd_input=1, simd_recurrent=1)
ALPHABET_OF_PROSE = Alphabet(("", *ALPHABET))
SPREAD = 1.1
"""Weights are drawn from twice this range, so that every value of their formats occurs, also both ends."""

SCORE_TOLERANCE = 1e-5
"""A float layer behind exact hidden outputs: scores of size 10 in single precision, in another order."""


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


def preset(path: Path, **changes) -> Hyperparameters:
    hardware = {"forward_arithmetic": "HARDWARE", "prefused_bn_fc": True, "bidirectional": True}
    return replace(Hyperparameters.from_json(path), **{**hardware, **changes})


def random_checkpoint(hp: Hyperparameters, alphabet: Alphabet) -> Checkpoint:
    model = Recogniser(hp, len(alphabet))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-SPREAD, SPREAD)
        # Else one column in 82 would be blank, and hardly a label would come out.
        model.fc.bias[0] = 1
        model.fc.weight[0] *= 2
    return Checkpoint(
        hyperparameters=hp,
        alphabet=alphabet,
        model=model.state_dict(),
        optimiser=None,
        epoch=0,
        batch=0,
        loss_sum=0.0,
        best_cer=math.inf,
        best_wer=math.inf,
        rng=torch.get_rng_state(),
        provenance={"author": "tests"},
    )


@cache
def synthetic_lines() -> tuple[Line, ...]:
    return tuple(
        synthetic_line(seed=7, split="validation", index=index, min_characters=8, max_characters=48)
        for index in range(6)
    )


def traces_of(design: Design, lines: tuple[Line, ...]) -> list[Trace]:
    """What the simulated overlay computes; lines past its limits too, as larger buffers would."""
    height, bits = design.inputs, design.precision.activation
    columns = (image_columns(line.source, target_height=height, bits=bits) for line in lines)
    return list(simulate_lines(design, columns, ignore_limits=True, threads=1))


def read(checkpoint: Checkpoint, lines: tuple[Line, ...]) -> tuple[list[np.ndarray], Evaluation]:
    """Class scores of every line, and what is read from them, with lines of several widths in a batch."""
    model = checkpoint.recogniser()
    pixels = read_pixels(lines, target_height=checkpoint.hyperparameters.target_height)
    references = [line.text for line in lines]
    return (
        class_scores(model, pixels, batch_size=4),
        evaluate(model, checkpoint.alphabet, references, pixels, batch_size=4),
    )


def assert_exact(hp: Hyperparameters, alphabet: Alphabet, lines: tuple[Line, ...]) -> None:
    checkpoint = random_checkpoint(hp, alphabet)
    exported = design_from_checkpoint(checkpoint, folding=FOLDING)
    assert exported.fc_scale == 1.0
    scores, evaluation = read(checkpoint, lines)
    traces = traces_of(exported.design, lines)
    for line, actual, trace in zip(lines, scores, traces, strict=True):
        np.testing.assert_array_equal(actual * 256, trace.scores, err_msg=line.name)
    assert evaluation.overlay_texts == tuple(trace.text for trace in traces)
    # Something was compared: no score stands still, and text is read.
    assert np.ptp(np.concatenate([trace.scores for trace in traces]), axis=0).min() > 256
    assert any(trace.text for trace in traces)


def test_there_are_five_presets():
    assert len(PRESETS) == 5


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("reduction", ["CONCAT", "SUM"])
@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_score_of_synthetic_lines(path, reduction, bias):
    hp = preset(path, reduce_bidirectional=reduction, recurrent_bias_enabled=bias)
    assert_exact(hp, ALPHABET_OF_PROSE, synthetic_lines())


@pytest.mark.slow
@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_score_of_all_validation_lines(shared_data, path):
    folder = shared_data / "uw3-500"
    lines, _ = read_lines(folder / "valid.txt", folder / "imgs")
    assert len(lines) == 100
    alphabet = Alphabet.read(shared_data / "lstm-pynq" / "alphabet.txt")
    assert_exact(preset(path), alphabet, lines)


@pytest.mark.parametrize("arithmetic", [Arithmetic.FLOAT_ACTIVATIONS, Arithmetic.LATENT])
@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_computing_in_floating_point_leaves_the_overlays_arithmetic(path, arithmetic):
    lines = synthetic_lines()[:2]
    model = random_checkpoint(preset(path), ALPHABET_OF_PROSE).recogniser()
    pixels = read_pixels(lines, target_height=32)
    fixed = np.concatenate(class_scores(model, pixels, batch_size=2))
    with model.computing_in(arithmetic):
        in_float = np.concatenate(class_scores(model, pixels, batch_size=2))
        assert not model.in_hardware_scores
    assert (fixed * 256 == np.round(fixed * 256)).all()
    assert (in_float * 256 != np.round(in_float * 256)).mean() > 0.5
    # The same weights without rounding, by the layer that never had the overlay's arithmetic.
    plain = Recogniser(replace(model.hyperparameters, forward_arithmetic="ORIGINAL"), len(ALPHABET_OF_PROSE)).eval()
    plain.load_state_dict(model.state_dict())
    with plain.computing_in(arithmetic):
        np.testing.assert_array_equal(in_float, np.concatenate(class_scores(plain, pixels, batch_size=2)))
    np.testing.assert_array_equal(fixed, np.concatenate(class_scores(model, pixels, batch_size=2)))


@pytest.mark.parametrize("reduction", ["CONCAT", "SUM"])
@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_float_output_layer_with_batch_norm_behind_the_overlays_recurrence(path, reduction):
    """The first of two stages of training: hidden outputs are the overlay's, behind them all is floating point."""
    float_fc = {f"fc_{part}_bit_width": FLOAT_BITS for part in ("weight", "bias")}
    float_fc |= {f"fc_{part}_quantization": FP for part in ("weight", "bias")}
    hp = preset(path, prefused_bn_fc=False, reduce_bidirectional=reduction, dropout=0.0, **float_fc)
    checkpoint = random_checkpoint(hp, ALPHABET_OF_PROSE)
    # Narrow lines: the gradients of a random network grow with every column.
    narrow = sorted(synthetic_lines(), key=lambda line: line.image().width / line.image().height)
    model, lines = checkpoint.recogniser().train(), narrow[:3]
    pixels = read_pixels(lines, target_height=32)
    samples = samples_of(lines, pixels, ALPHABET_OF_PROSE)

    batch = collate(samples, mask_padded=True)
    loss = batch_loss(model(batch.grey, batch.lengths), batch, hp)
    loss.backward()
    assert math.isfinite(loss.item())
    assert all(parameter.grad.isfinite().all() and parameter.grad.any() for parameter in model.parameters())
    assert model.batch_norm.running_mean.any()

    model.eval()
    assert not model.in_hardware_scores
    design = design_from_checkpoint(checkpoint, folding=FOLDING).design
    for trace, scores in zip(traces_of(design, lines), class_scores(model, pixels, batch_size=3), strict=True):
        hidden = np.concatenate([trace.hidden[:, 0], trace.hidden[::-1, 1]], axis=1)
        features = torch.tensor(hidden / 2.0 ** (hp.recurrent_activation_bit_width - 1), dtype=torch.float32)
        if reduction == "SUM":
            features = features[:, :128] + features[:, 128:]
        with torch.no_grad():
            expected = model.fc(model.batch_norm(features)).numpy()
        np.testing.assert_allclose(scores, expected, rtol=0, atol=SCORE_TOLERANCE * np.abs(expected).max())
