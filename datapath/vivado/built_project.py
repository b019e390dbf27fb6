"""A project that the vendor's tools have built: its design, its manifest, and their results, which must be of one design."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from datapath.architecture import Architecture
from datapath.design import Design
from datapath.errors import ConfigError, FileError
from datapath.files import file_errors, is_folder
from datapath.manifest import Kernel, Manifest
from datapath.quoting import quoted
from datapath.vivado.project import design_digest
from datapath.vivado.results import HLS_RESULTS, RESULTS, HlsResults, VivadoResults, read_hls_results, read_results


@dataclass(frozen=True, kw_only=True)
class BuiltProject:
    """A project with its results.

    :param folder: of the project, as it was given.
    :param design: in its folding.
    :param design_file: of it, in the folder.
    :param vivado: what Vivado reported.
    :param hls: what HLS reported; None for the RTL kernel, or where `run_hls.tcl` did not write it.
    """

    folder: Path
    design: Design
    design_file: Path
    vivado: VivadoResults
    hls: HlsResults | None

    @property
    def name(self) -> str:
        """Of the folder."""
        return self.folder.absolute().name or str(self.folder)

    @property
    def kernel(self) -> Kernel:
        """Whose project it is."""
        return self.vivado.kernel

    @property
    def architecture(self) -> Architecture:
        """Of its design."""
        return Architecture.of(self.design)


def read_project(folder: str | os.PathLike) -> BuiltProject:
    """Read a project that was built.

    :param folder: of the project.
    :raises FileError: not a folder, not a project, not built, a file that is damaged, or files of different designs.
    """
    folder = Path(folder)
    if not is_folder(folder):
        raise FileError(f"Cannot read {folder}: it is not a folder; name that of a project.")
    with file_errors("read", folder):
        names = {entry.name for entry in folder.iterdir()}
    if RESULTS not in names:
        if "build.tcl" not in names:
            raise FileError(f"{folder} has neither build.tcl nor {RESULTS}; name the folder of a project.")
        raise FileError(
            f"{folder} has no {RESULTS}: build the project first, with `vivado -mode batch -source build.tcl` in that "
            "folder."
        )
    vivado = read_results(folder / RESULTS)
    name = _project_name(folder, names)
    design_file = folder / f"{name}.npz"
    design = Design.load(design_file)
    digest = design_digest(design)
    if digest != vivado.design:
        raise FileError(
            f"{folder / RESULTS} is of the design {vivado.design}, and {design_file.name} beside it is the design {digest}: the "
            "project was exported again after it was built. Build it again."
        )
    _require_manifest(folder / f"{name}.json", vivado, design)
    hls = None
    if HLS_RESULTS in names:
        hls = read_hls_results(folder / HLS_RESULTS)
        _require_same_build(folder, vivado, hls)
    return BuiltProject(folder=folder, design=design, design_file=design_file, vivado=vivado, hls=hls)


def read_projects(folders: Sequence[str | os.PathLike]) -> tuple[BuiltProject, ...]:
    """Read several built projects.

    :param folders: of the projects.
    :raises ConfigError: a folder is given twice.
    :raises FileError: see `read_project`.
    """
    real = [os.path.realpath(folder) for folder in folders]
    for place, folder in enumerate(folders):
        if real[place] in real[:place]:
            raise ConfigError(f"{folder} is given twice; the projects must differ.")
    return tuple(read_project(folder) for folder in folders)


def _require_same_build(folder: Path, vivado: VivadoResults, hls: HlsResults) -> None:
    if vivado.kernel is not Kernel.HLS:
        raise FileError(
            f"{folder} has {HLS_RESULTS}, and {RESULTS} is of the kernel {vivado.kernel.value}; one of them is of another "
            "project."
        )
    for name in ("design", "board", "part"):
        theirs, ours = getattr(hls, name), getattr(vivado, name)
        if theirs != ours:
            raise FileError(
                f"{folder / HLS_RESULTS}: {name} is {quoted(theirs)}, and {quoted(ours)} in {RESULTS}; run run_hls.tcl and "
                "build.tcl again."
            )


def _project_name(folder: Path, names: Set[str]) -> str:
    """Name of a project: that of its design file and its manifest."""
    stems = (name.removesuffix(".npz") for name in names if name.endswith(".npz"))
    found = sorted(stem for stem in stems if f"{stem}.json" in names)
    if len(found) != 1:
        there = f"are {len(found)}: {', '.join(map(quoted, found[:3]))}" if found else "is none"
        raise FileError(f"{folder} must have one design, NAME.npz, with its manifest, NAME.json; there {there}.")
    return found[0]


def _require_manifest(path: Path, vivado: VivadoResults, design: Design) -> None:
    """Check that the manifest is that of the design and of the build."""
    manifest = Manifest.read(path)
    manifest.require(design, str(path))
    for name, theirs, ours in (
        ("kernel", manifest.kernel.value, vivado.kernel.value),
        ("part", manifest.part, vivado.part),
        ("clock_mhz", f"{manifest.clock_mhz:g}", f"{vivado.clock_mhz:g}"),  # as build.tcl has it
    ):
        if theirs != ours:
            raise FileError(
                f"{path.parent / RESULTS}: {name} is {ours}, and {theirs} in {path.name}: the project was exported again "
                "after it was built. Build it again."
            )
