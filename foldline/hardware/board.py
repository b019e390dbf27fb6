"""A driver for a design on a board, a remote board, or the virtual board, whose accelerator is the simulator."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datapath.design import Design
from datapath.errors import BoardError, ConfigError
from datapath.files import read_npz
from datapath.manifest import Kernel, KnownAnswer, Manifest
from golden_vectors import FOLDER
from overlay_driver import BitFile, Board, Driver, read_bit_file, this_board

if TYPE_CHECKING:
    from overlay_driver.virtual import VirtualCore
    from overlay_driver.virtual.device import VirtualBoard

BOARD, VIRTUAL, REMOTE = "board", "virtual", "remote"


def open_driver(
    design: Design, *, device: str = VIRTUAL, bitstream: Path | None = None, manifest: Path | None = None
) -> Driver:
    """A driver for a design on a device; entering it as a context loads the bitstream.

    :param design: what the bitstream holds.
    :param device: ``board``, ``virtual`` or ``remote:HOST[:PORT]``.
    :param bitstream: the ``.bit`` file; None for the virtual board.
    :param manifest: of the bitstream; None for the ``.json`` file beside it, or else for that of `manifest_for`.
    :raises ConfigError: an unknown device, or no bitstream for one that needs it.
    :raises DesignError: the bitstream holds another design.
    :raises FileError: a file cannot be read.
    :raises BoardError: no board, a bitstream for another board, or no known-answer lines.
    """
    host = _remote_host(device)
    if bitstream is None and device != VIRTUAL:
        raise ConfigError(f"--device {device} needs --bitstream FILE.bit.")
    facts = manifest_for(design, None if bitstream is None else read_bit_file(bitstream), manifest)
    if device == VIRTUAL:
        board: Board = virtual_board(design, facts)
    elif device == BOARD:
        board = this_board()
    else:
        from overlay_driver.remote import remote_board

        board = remote_board(host)
    return Driver(design, board=board, manifest=facts, bitstream=bitstream)


def _remote_host(device: str) -> str:
    kind, _, host = device.partition(":")
    if device in (BOARD, VIRTUAL) or (kind == REMOTE and host):
        return host
    raise ConfigError(f"--device is {device!r}; it must be {BOARD}, {VIRTUAL} or {REMOTE}:HOST[:PORT].")


def manifest_for(design: Design, bit: BitFile | None = None, path: Path | None = None) -> Manifest:
    """The manifest of a file, else the one beside the bitstream, else one made of the design.

    :param design: of the bitstream.
    :param bit: the bitstream; None for the virtual board.
    :param path: of the manifest.
    :raises FileError: it cannot be read.
    :raises BoardError: there is no file, and no known-answer line.
    """
    if path is None and bit is not None:
        path = bit.manifest
    if path is not None:
        return Manifest.read(path)
    return Manifest.of(design, answers=known_answers(design))


def known_answers(design: Design) -> tuple[KnownAnswer, ...]:
    """Lines with their labels for a design: its golden vectors, or synthetic lines through the simulator.

    :raises BoardError: it has no golden vectors, and the simulator is not installed.
    """
    for path in sorted((FOLDER / "designs").glob("*.npz")):
        if Design.load(path).same_network(design):
            return _golden_answers(design, read_npz(FOLDER / "vectors" / path.name))
    if importlib.util.find_spec("numba") is None:
        raise BoardError(
            "There is no known-answer line for this design, and the simulator is not installed here: make a manifest where "
            "it is (foldline manifest DESIGN.npz -o NAME.json) and put it beside the bitstream, as NAME.json for NAME.bit."
        )
    from fixedpoint_sim import Simulator
    from foldline.hardware.known_answer_lines import random_lines, synthetic_lines

    simulator = Simulator(design)
    lines = synthetic_lines(design) or random_lines(design)
    traces = [(columns, simulator.run(columns, ignore_limits=True)) for columns in lines]
    return tuple(KnownAnswer(columns, trace.labels) for columns, trace in traces if not trace.exceeded)


def _golden_answers(design: Design, vectors: dict[str, np.ndarray]) -> tuple[KnownAnswer, ...]:
    """The golden lines that both kernels take, and whose labels do not fill the output buffer."""
    lines = [(vectors[f"pixels_{i}"], vectors[f"labels_{i}"]) for i in range(len(vectors)) if f"pixels_{i}" in vectors]
    return tuple(
        KnownAnswer(columns, labels)
        for columns, labels in lines
        if len(columns) <= design.limits.columns and len(columns) % 2 == 0 and len(labels) < design.limits.labels
    )


def virtual_board(design: Design, manifest: Manifest) -> VirtualBoard:
    """The virtual board with a design loaded, in the kernel of its manifest."""
    from overlay_driver.virtual.device import VirtualBoard

    return VirtualBoard(simulated_core(design, manifest.kernel), manifest)


def simulated_core(design: Design, kernel: Kernel) -> VirtualCore:
    """The accelerator of a design, with a kernel's registers and limits, computed by the simulator."""
    from fixedpoint_sim import Simulator
    from overlay_driver.virtual import Computed, VirtualCore

    simulator = Simulator(design)

    def compute(columns: np.ndarray) -> Computed:
        trace = simulator.run(columns, ignore_limits=True)
        return Computed(trace.labels, trace.found)

    return VirtualCore(design, kernel, compute)
