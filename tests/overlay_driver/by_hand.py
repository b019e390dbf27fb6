"""The accelerator used through pynq directly, as in a notebook, without `Driver`."""

import numpy as np
import pynq

from datapath.manifest import Kernel, Manifest
from datapath.packing import pack_columns
from datapath.registers import CONTROL_BASE, CONTROL_BYTES, Control, Register
from foldline.hardware.board import simulated_core
from overlay_driver.accelerator import UNWRITTEN
from overlay_driver.virtual.device import VirtualBoard


class ByHand:
    """An accelerator used through pynq directly."""

    def __init__(self, design, kernel=Kernel.PUBLISHED):
        self.design = design
        self.board = VirtualBoard(simulated_core(design, kernel), Manifest.of(design, answers=(), kernel=kernel))
        self.board.load(None)
        self.device = self.board.device
        self.mmio = pynq.MMIO(CONTROL_BASE, CONTROL_BYTES, device=self.device)
        self.input = pynq.allocate(shape=(8192,), dtype="u8", target=self.device)
        self.output = pynq.allocate(shape=(128,), dtype="u8", target=self.device)
        np.asarray(self.output)[:] = UNWRITTEN
        self.output.sync_to_device()

    def fill(self, columns):
        words = pack_columns(columns, self.design.precision.activation)
        np.asarray(self.input)[: len(words)] = words
        self.mmio.write(Register.COLUMNS.value, len(columns))
        self.mmio.write(Register.RECORDS.value, 2 * len(columns))
        self.mmio.write(Register.INPUT_BYTES.value, words.nbytes)
        self.mmio.write(Register.INPUT_ADDRESS.value, self.input.physical_address)
        self.mmio.write(Register.OUTPUT_ADDRESS.value, self.output.physical_address)

    def start(self):
        self.mmio.write(Register.CONTROL.value, int(Control.START))

    def control(self):
        return Control(self.mmio.read(Register.CONTROL.value))

    def wait(self, polls=50):
        """Whether it has done within so many polls."""
        for _ in range(polls):
            if Control.DONE in self.control():
                return True
            self.board.timer.pause()
        return False

    def labels(self):
        words = np.asarray(self.output)
        return words[1 : 1 + int(words[0])]

    def run(self, columns):
        """A whole run with all that belongs to it; None if it hangs."""
        self.fill(columns)
        self.input.sync_to_device()
        self.start()
        if not self.wait():
            return None
        self.output.sync_from_device()
        return self.labels()
