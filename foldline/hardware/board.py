"""A driver for a design on a board, a remote board, or the virtual board, whose accelerator is the simulator or the RTL."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datapath.design import Design
from datapath.errors import BoardError, ConfigError, DesignError
from datapath.manifest import DEFAULT_KERNEL, Kernel, KnownAnswer, Manifest
from datapath.npz import read_npz
from datapath.quoting import quoted
from datapath.serial_frames import BAUD, BAUDS
from golden_vectors import FOLDER, MAX_VECTOR_BYTES
from overlay_driver import BitFile, Board, Driver, SerialDriver, SerialLink, open_port, read_bit_file, this_board

if TYPE_CHECKING:
    from overlay_driver.virtual import VirtualCore
    from overlay_driver.virtual.device import VirtualBoard

BOARD, VIRTUAL, RTL, REMOTE, SERIAL = "board", "virtual", "rtl", "remote", "serial"
MAX_SEED = 999_999_999
DEVICES = f"{BOARD}, {VIRTUAL}, {RTL}[:SEED], {REMOTE}:HOST[:PORT] or {SERIAL}:PATH[:BAUD]"


def open_driver(
    design: Design,
    *,
    device: str = VIRTUAL,
    bitstream: Path | None = None,
    manifest: Path | None = None,
    kernel: Kernel | None = None,
    check_every: int | None = None,
) -> Driver | SerialDriver:
    """A driver for a design on a device; entering it as a context loads the bitstream, except where it is serial.

    :param design: what the bitstream holds.
    :param device: one of `DEVICES`. `RTL` is the virtual board whose accelerator is the simulated RTL, with random stalls
        on its buses where there is a seed.
    :param bitstream: the ``.bit`` file; None for the virtual board.
    :param manifest: of the bitstream; None for the ``.json`` file beside it, or else for that of `manifest_for`.
    :param kernel: of the accelerator; None for the manifest's, see `manifest_for`.
    :param check_every: lines between two checks of the known-answer lines, see `overlay_driver.Driver`.
    :raises ConfigError: an unknown device, or no bitstream for one that needs it, or one for a serial device; a kernel for
        a device that has another, or for a serial one.
    :raises DesignError: the bitstream holds another design, or the manifest has another kernel.
    :raises ToolError: the RTL cannot be built.
    :raises FileError: a file cannot be read.
    :raises BoardError: no board, a bitstream for another board, or no known-answer lines.
    """
    kind, detail = _parse_device(device)
    if kind == SERIAL:
        if bitstream is not None or manifest is not None or kernel is not None:
            raise ConfigError(f"--device {device} loads no bitstream: leave out --bitstream, --manifest and --kernel.")
        return serial_driver(design, detail, check_every=check_every)
    if bitstream is None and kind in (BOARD, REMOTE):
        raise ConfigError(f"--device {device} needs --bitstream FILE.bit.")
    if kind == RTL and kernel not in (None, Kernel.RTL):
        raise ConfigError(f"--kernel is {kernel.value}; the accelerator of --device {device} is {Kernel.RTL.value}.")
    bit = None if bitstream is None else read_bit_file(bitstream)
    asked_by = f"--device {RTL}" if kind == RTL else "--kernel"
    facts = manifest_for(design, bit, manifest, kernel=Kernel.RTL if kind == RTL else kernel, asked_by=asked_by)
    if kind == VIRTUAL:
        board: Board = virtual_board(design, facts)
    elif kind == RTL:
        board = rtl_board(design, facts, seed=int(detail) if detail else None)
    elif kind == BOARD:
        board = this_board()
    else:
        from overlay_driver.remote import remote_board

        board = remote_board(detail)
    return Driver(design, board=board, manifest=facts, bitstream=bitstream, check_every=check_every)


def _parse_device(device: str) -> tuple[str, str]:
    """Kind of a device, and what stands behind the colon: a host, or a seed from 1 on.

    >>> _parse_device("remote:pynq:1234"), _parse_device("rtl:7"), _parse_device("virtual")
    (('remote', 'pynq:1234'), ('rtl', '7'), ('virtual', ''))
    """
    kind, colon, detail = device.partition(":")
    seed = re.fullmatch("[1-9][0-9]{0,8}", detail) is not None  # up to MAX_SEED
    if kind == RTL and colon and not seed:
        raise ConfigError(f"The seed of --device is {quoted(detail)}; it must be 1 to {MAX_SEED}.")
    known = {BOARD: not colon, VIRTUAL: not colon, RTL: True, REMOTE: bool(detail), SERIAL: bool(detail)}
    if not known.get(kind, False):
        raise ConfigError(f"--device is {quoted(device)}; it must be {DEVICES}.")
    return kind, detail


def serial_driver(design: Design, detail: str, *, check_every: int | None = None) -> SerialDriver:
    """The driver of a board at a serial port, which is opened now.

    :param design: that the board must hold.
    :param detail: path of the port, and behind a colon the rate in bit/s, `BAUD` where there is none.
    :param check_every: see `open_driver`.
    :raises ConfigError: a rate outside `BAUDS`.
    :raises BoardError: the port cannot be opened.
    """
    path, colon, last = detail.rpartition(":")
    rated = colon != "" and re.fullmatch("[0-9]+", last) is not None
    least, most = BAUDS
    if rated and not (len(last.lstrip("0")) <= len(str(most)) and least <= int(last) <= most):
        raise ConfigError(f"The rate of --device is {last[:40]} bit/s; it must be {least} to {most}.")
    path, baud = (path, int(last)) if rated else (detail, BAUD)
    answers = known_answers(design)
    link = SerialLink(open_port(path, baud), name=path, baud=baud)
    return SerialDriver(design, link, answers=answers, check_every=check_every)


def manifest_for(
    design: Design,
    bit: BitFile | None = None,
    path: Path | None = None,
    *,
    kernel: Kernel | None = None,
    asked_by: str = "--kernel",
) -> Manifest:
    """The manifest of a file, else the one beside the bitstream, else one made of the design.

    :param design: of the bitstream.
    :param bit: the bitstream; None for the virtual board.
    :param path: of the manifest.
    :param kernel: that the manifest must have; None for any. Where one is made, None takes the published kernel for a
        bitstream with a published name, and `DEFAULT_KERNEL` where there is no bitstream.
    :param asked_by: the option that decides `kernel`, for messages.
    :raises FileError: it cannot be read.
    :raises DesignError: it has another kernel.
    :raises BoardError: there is no file, and no known-answer line; or nothing says which kernel a bitstream has.
    """
    if path is None and bit is not None:
        path = bit.manifest
    if path is None:
        if kernel is None and bit is not None:
            if not bit.has_published_name:
                raise BoardError(
                    f"{bit.path} has no manifest beside it, {bit.path.stem}.json: give --manifest FILE, or --kernel "
                    f"{Kernel.PUBLISHED.value} for a bitstream of LSTM-PYNQ."
                )
            kernel = Kernel.PUBLISHED
        return Manifest.of(design, answers=known_answers(design), kernel=kernel or DEFAULT_KERNEL)
    found = Manifest.read(path)
    if kernel is not None and found.kernel is not kernel:
        raise DesignError(
            f"The kernel of {path} is {quoted(found.kernel.value)}; {asked_by} needs {quoted(kernel.value)}."
        )
    return found


def known_answers(design: Design) -> tuple[KnownAnswer, ...]:
    """Lines with their labels for a design: its golden vectors, or synthetic lines through the simulator.

    :raises BoardError: it has no golden vectors, and the simulator is not installed.
    """
    for path in sorted((FOLDER / "designs").glob("*.npz")):
        if Design.load(path).same_network(design):
            return _golden_answers(design, read_npz(FOLDER / "vectors" / path.name, limit=MAX_VECTOR_BYTES))
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
    """The golden lines that all kernels take, and whose labels do not fill the output buffer."""
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


def rtl_board(design: Design, manifest: Manifest, *, seed: int | None = None) -> VirtualBoard:
    """The virtual board whose accelerator is the simulated RTL of a design; see `foldline.hardware.rtl_core.RtlCore`.

    :param seed: of random stalls; None for no stalls.
    """
    from foldline.hardware.rtl_core import RtlCore
    from overlay_driver.virtual.device import VirtualBoard

    return VirtualBoard(RtlCore(design, seed=seed), manifest)


def simulated_core(design: Design, kernel: Kernel) -> VirtualCore:
    """The accelerator of a design, with a kernel's registers and limits, computed by the simulator."""
    from fixedpoint_sim import Simulator
    from overlay_driver.virtual import Computed, VirtualCore

    simulator = Simulator(design)

    def compute(columns: np.ndarray) -> Computed:
        trace = simulator.run(columns, ignore_limits=True)
        return Computed(trace.labels, trace.found)

    return VirtualCore(design, kernel, compute)
