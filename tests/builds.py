"""Builds of the HLS library for tests: quick flags, a cache for one test run, and a fake compiler."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datapath import Design
from datapath.formats import unit_format
from datapath.kernel_result import KernelResult
from fixedpoint_sim import Trace
from hls_gen import csim

QUICK = ("-O1", "-DFOLDLINE_OBSERVE")
"""Three quarters of the time of the flags that users get, whose optimiser is the difference."""

SANITIZED = (
    "-O0",  # an optimiser works on checks for longer than these lines take without one
    "-DFOLDLINE_OBSERVE",
    "-fsanitize=address,undefined",
    "-fno-sanitize=shift",  # the vendor's types shift negative numbers to the left
    "-fno-sanitize-recover=all",
)


def random_columns(design: Design, length: int, *, seed: int = 0) -> np.ndarray:
    """Columns [length, I], uniform over the pixels' whole range."""
    pixel = unit_format(design.precision.activation)
    return np.random.default_rng(seed).integers(pixel.min, pixel.max, (length, design.inputs), np.int8, endpoint=True)


def as_result(trace: Trace, *, gates: np.ndarray | None = None) -> KernelResult:
    """What the accelerator gives where it computes this trace."""
    return KernelResult(found=trace.found, labels=trace.labels, hidden=trace.hidden, scores=trace.scores, gates=gates)


def altered(result: KernelResult, name: str, place: tuple[int, ...] | int, value: int) -> KernelResult:
    """The result with one value of one of its arrays replaced."""
    values = getattr(result, name).copy()
    values[place] = value
    return replace(result, **{name: values})


def write_sources(design: Design, folder: Path) -> None:
    """The C++ of a design as files."""
    csim.write_sources(folder, csim.render_sources(design))


def patch_sources(monkeypatch: pytest.MonkeyPatch, path: str, edit: Callable[[str], str]) -> None:
    """Let every build that is made from now on have one of its files edited."""
    render = csim.render_sources

    def rendered(design: Design) -> dict[str, str]:
        sources = render(design)
        edited = edit(sources[path])
        assert edited != sources[path]
        return {**sources, path: edited}

    monkeypatch.setattr(csim, "render_sources", rendered)


class FakeCompiler:
    """A program in place of the compiler, which writes a program of its own, and counts how often.

    :param before: shell commands that it runs first where it is asked to compile.
    :param program: shell commands that are the compiled program; none does nothing.
    """

    def __init__(self, folder: Path, *, before: str = "", version: str = "fake 1.0", program: str = "") -> None:
        self.path, self._log, body = folder / "fake-compiler", folder / "compiled", folder / "compiled-program"
        body.write_text(f"#!/bin/sh\n{program}\n")
        self.path.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit\necho "$@" >> "{self._log}"\n{before}\n'
            f'for output; do :; done\ncat "{body}" > "$output"\nchmod +x "$output"\n'
        )
        self.path.chmod(0o755)

    @property
    def commands(self) -> list[str]:
        """What it was asked to compile, one entry each time."""
        return self._log.read_text().splitlines() if self._log.exists() else []


def builds_folder(base: Path) -> Path:
    """The folder of builds of one run of the tests; pytest-xdist's workers share one."""
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "builds"
