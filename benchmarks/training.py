"""How fast training computes: the hardware-exact W2A4 layer next to torch.nn.LSTM (and to brevitas), in one run.

    python -m benchmarks.training [--json] [--threads N] [--rounds N] [--cliffs]

One pass is forward and backward of a bidirectional layer, with a random gradient of its output. The layer skips pixels
of the background value, so it reads two kinds of columns: random pixels, of which hardly any are background (the
headline), and synthetic lines. The layers take turns, round after round. --cliffs times torch.nn.LSTM at every shape
too, which takes minutes.

A training step of the whole network, with augmentation, overlay CTC and optimiser, is divided by torch's profiler into
its parts, and its operations per second are set against those of a product of two large float32 matrices in the same run.

Brevitas is no dependency; without it its ratio is null. To compare, install brevitas==0.13.4 into an environment of its
own that has Foldline's packages too (its requirements are at odds with newer ones), and run this there; a pass of
brevitas takes about a minute.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.profiler import profile, record_function

import params
from benchmarks.measuring import cpu_name, interleaved, options, seconds_of, show_table
from train.arithmetic.quantizers import activation_quantizer
from train.config import SIGNED_FIXED_UNIT, Hyperparameters
from train.data.batches import collate
from train.data.synthetic import synthetic_dataset
from train.data.training_data import prepare
from train.loss import batch_loss
from train.model import Recogniser, unit_pixels
from train.recurrent import QuantLSTM
from train.threads import computing_threads

INPUTS = 32
WEIGHT, BIAS, ACTIVATION, INTERNAL = 2, 8, 4, 8
"""Bits."""

BRIEF = 10
"""Columns of brevitas's untimed pass."""

BACKGROUND = -1.0
"""Lowest pixel value."""

AUGMENTATION, OPTIMISER, OTHER = "augmentation and batch", "optimiser", "other"
PARTS = {
    "LSTMFunction": "recurrence, forward",
    "LSTMFunctionBackward": "recurrence, backward",
    "aten::mm": "matrix products of the gradients",
    "aten::bmm": "matrix products of the gradients",
    "_HardwareScores": "scores, forward",
    "_OverlayCTC": "CTC",
    "_OverlayCTCBackward": "CTC",
    "aten::_log_softmax": "CTC",
    "aten::_log_softmax_backward_data": "CTC",
    AUGMENTATION: AUGMENTATION,
}
"""Part of a step, by the profiler's name of an operation; and what is named `Optimizer` is the optimiser's."""

PRESET = "QLSTM128_W2B8A4I8_FC_W8B8"
"""Whose step is timed."""

MATRIX = 2048
"""Rows and columns of the large product."""

SEED = 1
RANDOM, SYNTHETIC = "random pixels", "synthetic lines"
TORCH, BREVITAS = "torch.nn.LSTM", "brevitas"

Pass = Callable[[], object]


Size = argparse.Namespace
"""Of one run: `lines` of `columns` in the comparison, `hidden` units per direction, timed `rounds`, and `lengths`, columns
of the lines in the search for cliffs."""


def random_columns(lines: int, columns: int) -> Tensor:
    """Pixels that are anything, in A bits: [T, B, I]."""
    return _pixels(torch.randint(0, 256, (columns, lines, INPUTS), dtype=torch.uint8))


def synthetic_columns(lines: int, columns: int) -> Tensor:
    """Generated lines of text, in A bits, end to end and cut into lines of `columns`: [T, B, I]."""
    texts = synthetic_dataset(seed=SEED, training=1 + lines * columns // 300, validation=1).training
    page = torch.cat([torch.from_numpy(line.pixels(INPUTS)) for line in texts])
    page = page.repeat(1 + lines * columns // len(page), 1)[: lines * columns]
    return _pixels(page).view(lines, columns, INPUTS).transpose(0, 1).contiguous()


def _pixels(grey: Tensor) -> Tensor:
    return activation_quantizer(SIGNED_FIXED_UNIT, ACTIVATION)(unit_pixels(grey))


def hardware_layer(hidden: int) -> QuantLSTM:
    return QuantLSTM(
        INPUTS,
        hidden,
        weight=(SIGNED_FIXED_UNIT, WEIGHT),
        bias=(SIGNED_FIXED_UNIT, BIAS),
        activation=(SIGNED_FIXED_UNIT, ACTIVATION),
        internal_bits=INTERNAL,
        hardware=True,
    )


def brevitas_layer(hidden: int) -> nn.Module | None:
    """The nearest that brevitas has: the same widths and constant powers of two as scales, accumulators and cell state
    in 16 bits; None where it is not installed."""
    if importlib.util.find_spec("brevitas") is None:
        return None
    import brevitas.nn
    from brevitas import quant
    from brevitas.inject.enum import ScalingImplType

    def format_(base: type, bits: int, bound: float = 1.0) -> type:
        settings = {"bit_width": bits, "scaling_impl_type": ScalingImplType.CONST, "scaling_init": bound}
        return type(f"{base.__name__}Of{bits}Bits", (base,), settings)

    signed, sixteen = quant.Int8ActPerTensorFixedPoint, format_(quant.Int8ActPerTensorFixedPoint, 16, 128.0)
    return brevitas.nn.QuantLSTM(
        INPUTS,
        hidden,
        bidirectional=True,
        weight_quant=type("Weights", (format_(quant.Int8WeightPerTensorFixedPoint, WEIGHT),), {"narrow_range": False}),
        bias_quant=format_(quant.Int8BiasPerTensorFixedPointInternalScaling, BIAS),
        io_quant=format_(signed, ACTIVATION),
        gate_acc_quant=sixteen,
        sigmoid_quant=format_(quant.Uint8ActPerTensorFixedPoint, INTERNAL),
        tanh_quant=format_(signed, INTERNAL),
        cell_state_quant=sixteen,
    )


def hardware_pass(layer: QuantLSTM, columns: Tensor, lengths: Tensor | None = None) -> Pass:
    """Forward and backward of `layer`; without `lengths` every line is as wide as `columns`."""
    T, B, _ = columns.shape
    lengths = torch.full((B,), T) if lengths is None else lengths
    gradient = torch.randn(T, B, 2 * layer.hidden)
    return lambda: layer(columns, lengths).backward(gradient)


def plain_pass(layer: nn.Module, columns: Tensor, hidden: int) -> Pass:
    """Forward and backward of torch's or brevitas's layer."""
    gradient = torch.randn(*columns.shape[:2], 2 * hidden)
    return lambda: layer(columns)[0].backward(gradient)


def training_step(size: Size) -> tuple[Pass, int, int]:
    """One step of the preset's network on generated lines, the columns of its batch, and its operations per column."""
    hp = replace(Hyperparameters.from_json(params.find(Path(PRESET))), layer_size=size.hidden, extra_lines=0)
    dataset = synthetic_dataset(seed=SEED, training=size.lines, validation=1)
    alphabet = dataset.alphabet()
    data = prepare(dataset, alphabet, hp)
    model = Recogniser(hp, len(alphabet))
    optimiser = torch.optim.Adam(model.parameters(), lr=hp.lr)
    columns = sum(sample.columns for sample in data.samples)

    def step() -> None:
        with record_function(AUGMENTATION):
            batch = collate([data.in_epoch(index, 1) for index in range(size.lines)], mask_padded=True)
        loss = batch_loss(model(batch.grey, batch.lengths), batch, hp)
        optimiser.zero_grad(set_to_none=True)
        (loss / size.lines).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), hp.max_norm)
        optimiser.step()

    H, C = size.hidden, len(alphabet)
    of_direction = 4 * H * (2 * (INPUTS + H) + H)  # forward, gradients of weights, gradients of states
    return step, columns, 2 * (2 * of_direction + 3 * 2 * H * C)


def measure_step(size: Size) -> dict[str, object]:
    """Speed of a training step, the shares of its parts in percent of the processor time, and the machine's ceiling."""
    step, columns, operations = training_step(size)
    matrix = torch.rand(MATRIX, MATRIX)
    seconds = interleaved({"step": step, "product": lambda: matrix @ matrix}, size.rounds)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    with profile() as profiled:
        for _ in range(size.rounds):
            step()
    times = dict.fromkeys((*PARTS.values(), OPTIMISER, OTHER), 0.0)
    for event in profiled.key_averages():
        times[PARTS.get(event.key, OTHER)] += event.self_cpu_time_total
        if event.key.startswith("Optimizer"):  # the plain operations in it are among the others
            times[OPTIMISER] += event.cpu_time_total
            times[OTHER] -= event.cpu_time_total
    return {
        "training_columns_per_second": columns / medians["step"],
        "operations_per_column": operations,
        "step_gflop_per_second": operations * columns / medians["step"] / 1e9,
        "product_gflop_per_second": 2 * MATRIX**3 / medians["product"] / 1e9,
        "percent_of_step": {part: 100 * time / sum(times.values()) for part, time in times.items()},
    }


def measure_layers(size: Size) -> dict[str, object]:
    """The layer next to torch's and, where it is installed, brevitas's."""
    columns = {RANDOM: random_columns(size.lines, size.columns), SYNTHETIC: synthetic_columns(size.lines, size.columns)}
    layer = hardware_layer(size.hidden)
    passes = {TORCH: plain_pass(nn.LSTM(INPUTS, size.hidden, bidirectional=True), columns[RANDOM], size.hidden)}
    passes |= {name: hardware_pass(layer, pixels) for name, pixels in columns.items()}
    seconds = interleaved(passes, size.rounds)
    rival = brevitas_layer(size.hidden)
    if rival is not None:
        plain_pass(rival, columns[RANDOM][:BRIEF], size.hidden)()
        seconds[BREVITAS] = [seconds_of(plain_pass(rival, columns[RANDOM], size.hidden))]
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    lengths = torch.full((size.lines,), size.columns)
    return {
        "ratio_to_nn_lstm": medians[RANDOM] / medians[TORCH],
        "ratio_to_nn_lstm_on_synthetic_lines": medians[SYNTHETIC] / medians[TORCH],
        "ratio_of_best_to_nn_lstm": min(seconds[RANDOM]) / min(seconds[TORCH]),
        "speedup_over_brevitas": medians[BREVITAS] / medians[RANDOM] if BREVITAS in medians else None,
        "median_seconds": medians,
        "best_seconds": {name: min(times) for name, times in seconds.items()},
        "share_of_background": {name: share(pixels, BACKGROUND) for name, pixels in columns.items()},
        "share_of_zero_outputs": {name: share(layer(pixels, lengths), 0.0) for name, pixels in columns.items()},
    }


def share(values: Tensor, value: float) -> float:
    return (values == value).float().mean().item()


def measure_shapes(size: Size, *, cliffs: bool) -> dict[str, object]:
    """Time per column on random pixels for batches of one length each, at most as many columns as in the comparison,
    and for lengths mixed in one batch; with `cliffs` of torch.nn.LSTM too, which has no mixed batches."""
    columns = size.lines * size.columns
    batches = {f"{min(size.lines, max(columns // n, 1))} x {n}": n for n in size.lengths}
    lengths = {name: torch.full((int(name.split()[0]),), n) for name, n in batches.items()}
    least, most = min(size.lengths), max(size.lengths)
    mixed = torch.linspace(least, most, max(2 * columns // (least + most), 2)).long()
    lengths[f"{len(mixed)} x {least}..{most}"] = mixed
    layer, rival = hardware_layer(size.hidden), nn.LSTM(INPUTS, size.hidden, bidirectional=True)
    pixels = {name: random_columns(len(each), int(each.max())) for name, each in lengths.items()}
    seconds = interleaved({name: hardware_pass(layer, pixels[name], lengths[name]) for name in pixels}, size.rounds)
    ours = {name: statistics.median(times) / int(lengths[name].sum()) for name, times in seconds.items()}
    theirs = {}
    if cliffs:
        seconds = interleaved({name: plain_pass(rival, pixels[name], size.hidden) for name in batches}, 1)
        theirs = {name: times[0] / int(lengths[name].sum()) for name, times in seconds.items()}
    return {
        "seconds_per_column": ours,
        "per_column_spread": max(ours.values()) / min(ours.values()),
        "nn_lstm_seconds_per_column": theirs or None,
        "nn_lstm_per_column_spread": max(theirs.values()) / min(theirs.values()) if theirs else None,
    }


def main() -> None:
    """Print the tables, or with --json one object as the last line."""
    parser = options(__doc__, threads=os.cpu_count(), rounds=5, lines=32, columns=632, hidden=128)
    parser.add_argument("--cliffs", action="store_true")
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 300, 632, 1200, 2000])
    size = parser.parse_args()
    machine = {"threads": size.threads, "rounds": size.rounds, "cpu": cpu_name(), "load": os.getloadavg()[0]}
    torch.manual_seed(SEED)
    with computing_threads(size.threads):
        figures = measure_layers(size) | measure_shapes(size, cliffs=size.cliffs)
        figures |= measure_step(size)
    if size.json:
        print(json.dumps(figures | machine))
    else:
        print(f"{machine['threads']} threads of {machine['cpu']}, load before {machine['load']:.1f}")
        show(figures, size)


def show(figures: dict, size: Size) -> None:
    """Print the measurements of one run as tables."""
    medians, best = figures["median_seconds"], figures["best_seconds"]
    shares = [figures[f"share_of_{part}"] for part in ("background", "zero_outputs")]
    show_table(
        f"Forward and backward, {size.lines} x {size.columns} columns x {INPUTS}, H {size.hidden}, both directions",
        ("", "median s", "best s", "/ torch.nn.LSTM", "brevitas /", "background %", "zero outputs %"),
        (
            (
                f"W{WEIGHT}A{ACTIVATION}, {name}" if name in (RANDOM, SYNTHETIC) else name,
                f"{median:.3f}",
                f"{best[name]:.3f}",
                f"{median / medians[TORCH]:.2f}",
                f"{medians[BREVITAS] / median:.1f}" if BREVITAS in medians else "-",
                *(f"{100 * part[name]:.0f}" if name in part else "-" for part in shares),
            )
            for name, median in medians.items()
        ),
    )
    if BREVITAS not in medians:
        print("brevitas is not installed here; --help says how to compare with it.")
    rival, spread = figures["nn_lstm_seconds_per_column"] or {}, figures["nn_lstm_per_column_spread"]
    rows = [
        (name, f"{1e6 * seconds:.1f}", f"{1e6 * rival[name]:.1f}" if name in rival else "-")
        for name, seconds in figures["seconds_per_column"].items()
    ]
    slowest = "-" if spread is None else f"{spread:.1f}"
    rows.append(("slowest / fastest", f"{figures['per_column_spread']:.2f}", slowest))
    show_table("Microseconds per column, random pixels", ("", f"W{WEIGHT}A{ACTIVATION}", TORCH), rows)
    parts = sorted(figures["percent_of_step"].items(), key=lambda part: -part[1])
    rows = [(name, f"{percent:.1f}") for name, percent in parts]
    show_table(f"A training step of the whole network, {size.lines} lines", ("", "% of processor time"), rows)
    reached, ceiling = figures["step_gflop_per_second"], figures["product_gflop_per_second"]
    print(
        f"{figures['training_columns_per_second']:,.0f} columns per second, {figures['operations_per_column']:,} "
        f"operations per column: {reached:.1f} GFLOP/s, of {ceiling:.1f} in a product of two {MATRIX} x {MATRIX} matrices"
    )


if __name__ == "__main__":
    main()
