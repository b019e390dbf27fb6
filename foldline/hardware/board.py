"""A driver for a design on a board, a remote board, or the virtual board, whose accelerator is our simulator."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
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
    from overlay_driver.virtual.device import VirtualBoard

BOARD, VIRTUAL, REMOTE = "board", "virtual", "remote"


def open_driver(
    design: Design, *, device: str = VIRTUAL, bitstream: Path | None = None, manifest: Path | None = None
) -> Driver:
    """A driver that holds a design on a device; enter it to load the bitstream.

    :param device: ``board``, ``virtual`` or ``remote:HOST[:PORT]``.
    :param manifest: what the bitstream holds; by default the ``.json`` beside the bitstream, or what is known of the
        design.
    :raises ConfigError: another device, or no bitstream for one that needs it.
    :raises DesignError: the bitstream is that of another design.
    :raises FileError: a file that cannot be read.
    :raises BoardError: no board, or a bitstream for another one; the design's answers are not known here.
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
    """The manifest that is named, else the one beside the bitstream, else what is known of the design.

    :raises FileError: it cannot be read.
    :raises BoardError: there is none, and no line with a known answer either.
    """
    if path is None and bit is not None:
        path = bit.manifest
    if path is not None:
        return Manifest.read(path)
    return Manifest.of(design, answers=known_answers(design))


def known_answers(design: Design) -> tuple[KnownAnswer, ...]:
    """Lines whose labels are known for a design: its golden vectors, or a printed line through the simulator.

    :raises BoardError: it has no golden vectors, and the simulator is not installed.
    """
    for path in sorted((FOLDER / "designs").glob("*.npz")):
        if Design.load(path).same_network(design):
            return _golden_answers(design, read_npz(FOLDER / "vectors" / path.name))
    if importlib.util.find_spec("numba") is None:
        raise BoardError(
            "No line is known whose labels this design must give, and the simulator is not installed here: make a manifest "
            "where it is (foldline manifest DESIGN.npz -o NAME.json) and put it beside the bitstream, with its name."
        )
    from foldline.hardware.known_answer_lines import printed_lines, random_lines

    return simulated_answers(design, printed_lines(design) or random_lines(design))


def _golden_answers(design: Design, vectors: dict[str, np.ndarray]) -> tuple[KnownAnswer, ...]:
    """The golden lines that every kernel takes, and that do not fill the room for labels."""
    lines = [(vectors[f"pixels_{i}"], vectors[f"labels_{i}"]) for i in range(len(vectors)) if f"pixels_{i}" in vectors]
    return tuple(
        KnownAnswer(columns, labels)
        for columns, labels in lines
        if len(columns) <= design.limits.columns and len(columns) % 2 == 0 and len(labels) < design.limits.labels
    )


def simulated_answers(design: Design, lines: Iterable[np.ndarray]) -> tuple[KnownAnswer, ...]:
    """What the simulator says of lines, without those that go past a limit."""
    from fixedpoint_sim import Simulator

    simulator = Simulator(design)
    traces = [(columns, simulator.run(columns, ignore_limits=True)) for columns in lines]
    return tuple(KnownAnswer(columns, trace.labels) for columns, trace in traces if not trace.exceeded)


def virtual_board(design: Design, manifest: Manifest) -> VirtualBoard:
    """The virtual board with a design in it."""
    from overlay_driver.virtual.device import VirtualBoard

    return VirtualBoard(simulated_core(design, manifest.kernel), manifest)


def simulated_core(design: Design, kernel: Kernel):
    """The accelerator of a design, computed by the simulator."""
    from fixedpoint_sim import Simulator
    from overlay_driver.virtual import Computed, VirtualCore

    simulator = Simulator(design)

    def compute(columns: np.ndarray) -> Computed:
        trace = simulator.run(columns, ignore_limits=True)
        return Computed(trace.labels, trace.found)

    return VirtualCore(design, kernel, compute)
