"""Drivers on the virtual board, and lines with their expected labels."""

from dataclasses import replace

import numpy as np

from datapath import Design, Limits
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.npz import read_npz
from fixedpoint_sim import simulate
from foldline.hardware.board import simulated_core
from foldline.hardware.rtl_core import RtlCore
from overlay_driver import Driver
from overlay_driver.virtual.device import VirtualBoard
from tests.golden_data import REPOSITORY

GOLDEN = REPOSITORY / "golden_vectors"
TRAINED = "QLSTM128_W2B8A4I8_FC_W8B8"
SMALL = "stress_w2a2_fold"
"""A network of 12 units, which is simulated quickly."""

MANY_LABELS = "stress_w3a5_odd"
"""A network with a limit of three labels, and a line that has more."""


def golden_design(name: str) -> Design:
    return Design.load(GOLDEN / "designs" / f"{name}.npz")


def golden_lines(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Columns and labels of a design's golden vectors."""
    vectors = read_npz(GOLDEN / "vectors" / f"{name}.npz", limit=1 << 30)
    count = sum(entry.startswith("pixels_") for entry in vectors)
    return [(vectors[f"pixels_{number}"], vectors[f"labels_{number}"]) for number in range(count)]


def golden_answer(name: str) -> KnownAnswer:
    """The shortest golden line."""
    return KnownAnswer(*min(golden_lines(name), key=lambda line: len(line[0])))


def driver_of(
    design: Design,
    *,
    answers: tuple[KnownAnswer, ...] = (),
    kernel: Kernel = Kernel.PUBLISHED,
    loaded: Design | None = None,
    **facts,
) -> Driver:
    """A driver on a virtual board that holds `loaded`, by default the same design; with the kernel `RTL` its RTL."""
    manifest = Manifest.of(design, answers=answers, kernel=kernel, **facts)
    held = loaded or design
    core = RtlCore(held) if kernel is Kernel.RTL else simulated_core(held, kernel)
    return Driver(design, board=VirtualBoard(core, manifest), manifest=manifest)


def small_design(*, columns: int = 732, labels: int = 95) -> Design:
    return replace(golden_design(SMALL), limits=Limits(columns=columns, labels=labels))


def random_line(design: Design, length: int, seed: int = 0) -> np.ndarray:
    """Random pixels, int8 [length, I]."""
    high = 1 << (design.precision.activation - 1)
    return np.random.default_rng(seed).integers(-high, high, size=(length, design.inputs)).astype(np.int8)


def line_with_labels(design: Design, length: int, *, more_than: int = 0) -> np.ndarray:
    """Random pixels in which the design finds more labels than that, within its limits or not."""
    for seed in range(1000):
        line = random_line(design, length, seed)
        if simulate(design, line, ignore_limits=True).found > more_than:
            return line
    raise LookupError(f"no line of {length} columns has more than {more_than} labels")
