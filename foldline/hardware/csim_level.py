"""What a design's compiled C++ reads on lines, each compared with the simulator; a difference is part of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from datapath.design import Design
from datapath.errors import MismatchError
from fixedpoint_sim import Simulator, Trace
from fixedpoint_sim.simulator import run_in_order
from foldline.compare.agreement import LineResult
from foldline.hardware.csim import Compared, buffer_columns, require_equal, with_room
from hls_gen.csim import CSimProgram


class CSimulatedLines:
    """A design as compiled C++ and as its simulator; building takes some seconds the first time.

    :param longest: columns of the longest line; the buffers are made larger where it is past the design's limit.
    :raises LimitError: longer than a C simulation takes.
    :raises ToolError, DesignError, FileError: see `hls_gen.csim.CSimProgram`.
    """

    def __init__(self, design: Design, *, longest: int) -> None:
        self.compared = Compared()
        """What was equal so far, in every hidden word, score and label."""
        self._design = design
        self._simulator = Simulator(design)
        self._program = CSimProgram(with_room(design, buffer_columns(design.limits.columns, longest)))

    def read(self, lines: Sequence[Callable[[], np.ndarray]], *, threads: int | None = None) -> Iterator[LineResult]:
        """What the C simulation reads, line by line; where it differs from the simulator, `mismatch` says where first.

        :param lines: each gives its columns.
        :raises ToolError: the program fails.
        """
        for read, equal in run_in_order(self._run, lines, threads=threads):
            if equal is not None:
                self.compared.add(equal)
            yield read

    def _run(self, line: Callable[[], np.ndarray]) -> tuple[LineResult, Trace | None]:
        columns = line()
        expected = self._simulator.run(columns, ignore_limits=True)
        result = self._program.run(columns)
        mismatch = ""
        try:
            require_equal(self._design, columns, expected, result)
        except MismatchError as error:
            mismatch = str(error)
        text = self._design.alphabet.text(result.labels)
        return LineResult(
            labels=tuple(result.labels.tolist()), text=text, mismatch=mismatch
        ), None if mismatch else expected
