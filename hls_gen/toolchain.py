"""The C++ compiler and the fixed-point types of a C simulation."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from datapath.errors import ToolError
from datapath.programs import find_compiler, run

TYPE_VARIABLES = ("XILINX_HLS", "VIVADO_HLS", "XILINX_VITIS")
"""Environment variables with the folder of a vendor's tool, whose ``include`` has the types; the first one that is set is used.

``settings64`` of the tools sets XILINX_HLS for Vitis HLS, 2020.1 to 2024.1 (``Vitis_HLS/2022.2/include``), and XILINX_VITIS for
Vitis, which has the types since 2024.2 (``Vitis/2024.2/include``; ``2025.1/Vitis/include``). Those of Vivado HLS 2019.2 are in
``Vivado/2019.2/include``; VIVADO_HLS is for users to set. The first two are for HLS alone, so they come before the third.
"""

TYPE_HEADERS = ("ap_fixed.h", "ap_int.h", "hls_stream.h")

STANDARD = "-std=c++11"
"""The newest C++ standard of Vivado HLS 2019.2."""

WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",  # the HLS pragmas
    "-Wno-unused-label",  # loop names, which reports use
    "-Wno-uninitialized",  # the vendor's types mask the unused bits of members that have no value yet
    "-Wno-maybe-uninitialized",  # the same; clang++ does not know it
)
"""Warnings are errors in the library and in generated files; the types are system headers."""


@dataclass(frozen=True)
class Toolchain:
    """A compiler and fixed-point types."""

    compiler: tuple[str, ...]  # its command, see `find_compiler`
    types: Path  # folder with ap_fixed.h

    @classmethod
    def find(cls) -> Toolchain:
        """$CXX or else g++, clang++, c++; types of an installed vendor tool or else those in the package hls4ml, see
        `find_types`.

        :raises ToolError: one of the two is missing; the message says what to install.
        """
        return cls(find_compiler(), find_types())

    def digest(self) -> str:
        """SHA-256, in hex, of the compiler's version and the text of the types."""
        digest = hashlib.sha256(f"{self.compiler}\n{run([*self.compiler, '--version'])}".encode())
        for header in sorted((*self.types.glob("ap_*.h"), *self.types.glob("hls_*.h"), *self.types.glob("etc/ap_*.h"))):
            digest.update(f"\n{header.name}\n".encode() + header.read_bytes())
        return digest.hexdigest()

    def command(self, sources: list[Path], output: Path, *, include: Path, flags: tuple[str, ...]) -> list[str]:
        """The command that builds a program, with `flags` besides standard and warnings; `include` has the headers.

        :raises ToolError: the compiler cannot be started.
        """
        warnings = WARNINGS if "clang" not in run([*self.compiler, "--version"]) else WARNINGS[:-1]
        options = [STANDARD, *warnings, *flags, "-isystem", str(self.types), f"-I{include}"]
        return [*self.compiler, *options, *map(str, sources), "-o", str(output)]

    def compile(self, sources: list[Path], output: Path, *, include: Path, flags: tuple[str, ...]) -> None:
        """Build one program, see `command`.

        :raises ToolError: the compiler fails; the message has its first error.
        """
        run(self.command(sources, output, include=include, flags=flags))


def find_types() -> Path:
    """The folder with ``ap_fixed.h``: of the first of `TYPE_VARIABLES` that is set, else of the package hls4ml.

    :raises ToolError: there is no such folder, or not where an environment variable says.
    """
    for variable in TYPE_VARIABLES:
        if installed := os.environ.get(variable):
            return _checked(Path(installed) / "include", f"${variable} is {installed}")
    package = importlib.util.find_spec("hls4ml")
    if package is None or package.origin is None:
        raise ToolError(
            "There are no fixed-point types to compile with: install the package hls4ml, which has them "
            "(pip install 'foldline[csim]'), or set XILINX_HLS to the folder of Vitis HLS, or XILINX_VITIS to that of Vitis 2024.2 or later."
        )
    return _checked(
        Path(package.origin).parent / "templates" / "vivado" / "ap_types", "The package hls4ml is installed"
    )


def _checked(folder: Path, where: str) -> Path:
    if missing := [name for name in TYPE_HEADERS if not (folder / name).is_file()]:
        raise ToolError(f"{where}, but {folder} has no {', '.join(missing)}.")
    return folder
