"""`NetworkResult`: what a finished network of a sweep read, and the files of a sweep's folder.

=========================== ==========================================================================================
sweep.json                  settings, names and references of validated lines (`foldline.sweep.settings`)
results/NAME.json           what the network NAME read (`foldline.sweep.jobs.Job.name`): a few KB per hundred lines
designs/NAME.npz            its design; a float network has none
table.csv, table.tex        the table of the sweep
cer-precision.svg, .pdf     its figure
work/                       trials, checkpoints and logs of this machine; all but this is worth a commit
=========================== ==========================================================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from filelock import FileLock

from datapath import Design
from datapath.errors import ConfigError, FileError
from datapath.files import file_errors, write_text
from datapath.quoting import quoted
from datapath.reading import read_text
from foldline.sweep.jobs import FLOAT, Job
from foldline.sweep.settings import Lines, SweepSettings, of_version
from train.config import Hyperparameters

VERSION = 1
"""Form of the files; any other is refused."""

RESULTS, DESIGNS, WORK = "results", "designs", "work"

MAX_BYTES = 2**26
"""Limit of a result, which has some 5 KB for 50 lines."""


@dataclass(frozen=True, kw_only=True)
class NetworkResult:
    """What one network read.

    precision        of its `Job`; seed and fold, too
    lines            digest of all lines of the sweep, see `SweepSettings.digest`
    text_form        see `TextForm.notes`
    hyperparameters  of its recipe, all by name
    greedy           texts of the validation lines of its fold, in the order of `SweepSettings.lines`, by greedy CTC
    overlay          by the overlay's labels; both simulated with limits ignored, of a float network by PyTorch
    design           digest of the unfolded design (`Design.digest`); None of a float network
    minutes          of its own training: the recipe without the float stage
    warm_up_minutes  of the float stage that it started from, which networks of the same seed and fold share on a machine
    threads          on the CPU
    machine          on which it was trained; a folder that several see may have a float stage of another one
    versions         of Foldline and torch
    command          of the worker

    :raises ConfigError: a field of another kind.
    """

    precision: str
    seed: int
    fold: int
    lines: str
    text_form: dict[str, str]
    hyperparameters: dict[str, bool | int | float | str]
    greedy: tuple[str, ...]
    overlay: tuple[str, ...]
    design: str | None
    minutes: float
    warm_up_minutes: float
    threads: int
    machine: str
    versions: dict[str, str]
    command: str

    def __post_init__(self) -> None:
        for name in ("greedy", "overlay"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for one in fields(self):
            value, fits = getattr(self, one.name), _KINDS.get(one.name, _is_text)
            if not fits(value):
                raise ConfigError(f"{one.name} is {quoted(value)}, which it cannot be.")

    @property
    def job(self) -> Job:
        return Job(precision=self.precision, seed=self.seed, fold=self.fold)

    def as_text(self) -> str:
        """The JSON text of `from_text`."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_text(cls, text: str, *, source: object) -> NetworkResult:
        """Read what `as_text` wrote.

        :param text: of a file or a storage.
        :param source: its path, for messages.
        :raises FileError: damaged, or of another version.
        """
        return of_version(cls, text, what="a result", version=VERSION, source=source)

    def require_of(self, settings: SweepSettings, *, source: object) -> None:
        """Refuse a result that is not of a sweep.

        :param settings: of the sweep.
        :param source: the file of the result, for messages.
        :raises FileError: names what does not fit.
        """
        if settings.space.network_of({one.name: getattr(self, one.name) for one in fields(Job)}) is None:
            raise FileError(f"{source} is of {self.job.name}, which is no network of the sweep.")
        if self.lines != settings.digest:
            raise FileError(f"{source} is of other lines than the sweep, with other names or texts.")
        if self.text_form != settings.text_form:
            form = f"{self.text_form or 'none'}, and that of the sweep is {settings.text_form or 'none'}"
            raise FileError(f"{source} does not fit the sweep: its text_form is {form}.")
        wanted, validated = self.job.hyperparameters(settings.hyperparameters), settings.validated(self.fold)
        try:
            found = Hyperparameters.from_dict(self.hyperparameters, source="hyperparameters")
        except ConfigError as error:
            raise FileError(f"{source} is damaged: {error}") from error
        for name, value in found.to_dict().items():
            if value != getattr(wanted, name):
                this = f"{quoted(value)}, and the sweep has {quoted(getattr(wanted, name))}"
                raise FileError(f"{source} does not fit the sweep: its {name} is {this}.")
        for name in ("greedy", "overlay"):
            if len(getattr(self, name)) != len(validated):
                texts = f"{len(getattr(self, name))} texts, and its fold has {len(validated)} lines"
                raise FileError(f"{source} does not fit the sweep: {name} has {texts}.")
        if (self.design is None) != (self.precision == FLOAT):
            raise FileError(f"{source} is damaged: design is {quoted(self.design)} of precision {self.precision}.")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_integer(value: object) -> bool:
    return type(value) is int and value >= 0


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


_KINDS = {
    **dict.fromkeys(("seed", "fold", "threads"), _is_integer),
    **dict.fromkeys(("greedy", "overlay"), _are_texts),
    **dict.fromkeys(("minutes", "warm_up_minutes"), _is_number),
    **dict.fromkeys(("text_form", "versions"), _is_table),
    "hyperparameters": lambda value: isinstance(value, dict),
    "design": lambda value: value is None or isinstance(value, str),
}
"""What a field must be, if not a text."""


@dataclass(frozen=True, kw_only=True)
class SweepResults:
    """A sweep as far as it is finished.

    settings  of the sweep
    results   of finished networks, in the order of `Jobs`
    designs   names of networks whose design is not in the folder
    """

    settings: SweepSettings
    results: tuple[NetworkResult, ...]
    designs: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Job, ...]:
        """Networks without a result."""
        had = {result.job for result in self.results}
        return tuple(job for job in self.settings.space if job not in had)

    def of(self, precision: str) -> Mapping[tuple[int, int], NetworkResult]:
        """Results of a precision by seed and fold."""
        return {(one.seed, one.fold): one for one in self.results if one.precision == precision}

    def validated(self, result: NetworkResult) -> Lines:
        """Names and references of a result's lines."""
        return self.settings.validated(result.fold)


def result_path(folder: Path, job: Job) -> Path:
    """The file of a network's result."""
    return folder / RESULTS / f"{job.name}.json"


def design_path(folder: Path, job: Job) -> Path:
    """The file of a network's design."""
    return folder / DESIGNS / f"{job.name}.npz"


def read_results(folder: Path, settings: SweepSettings) -> SweepResults:
    """All results in the folder of a sweep.

    :param folder: of the sweep.
    :param settings: of the sweep.
    :raises FileError: one is damaged, or does not fit the sweep or its design; it is named.
    """
    jobs = {f"{job.name}.json": job for job in settings.space}
    found: dict[Job, NetworkResult] = {}
    with file_errors("read", folder / RESULTS):
        paths = sorted((folder / RESULTS).glob("*.json"))
    for path in paths:
        result = read_result(path, settings)
        if jobs.get(path.name) != result.job:
            raise FileError(f"{path} has the result of {result.job.name}; its name is wrong.")
        _require_design(folder, result)
        found[result.job] = result
    in_order = [job for job in settings.space if job in found]
    designs = [job.name for job in in_order if found[job].design and not design_path(folder, job).is_file()]
    return SweepResults(settings=settings, results=tuple(found[job] for job in in_order), designs=tuple(designs))


def _require_design(folder: Path, result: NetworkResult) -> None:
    """Refuse a design in the folder of a sweep that is of another training than the result."""
    path, kept = result_path(folder, result.job), design_path(folder, result.job)
    if kept.is_file() and (digest := Design.load(kept).digest(folding=False)) != result.design:
        digests = f"its digest is {digest}, and that in the result is {result.design or 'none'}"
        raise FileError(f"{kept} is not the design of {path}: {digests}. Remove the design, or both to train it again.")


def read_result(path: Path, settings: SweepSettings) -> NetworkResult:
    """One result.

    :raises FileError: damaged, or it does not fit the sweep.
    """
    result = NetworkResult.from_text(read_text(path, limit=MAX_BYTES), source=path)
    result.require_of(settings, source=path)
    return result


def write_result(result: NetworkResult, folder: Path, design: Design | None = None) -> Path:
    """Write a result and its design into the folder of a sweep, unless there is a result; returns the result's path.

    The design is written first: a worker that is killed leaves one without a result, which the next worker replaces.

    :param result: of a network.
    :param folder: of the sweep.
    :param design: of the result; None of a float network, and where it is on another machine.
    :raises FileError: a file cannot be written, or the design in the folder is damaged.
    """
    path, kept = result_path(folder, result.job), design_path(folder, result.job)
    for one in (path.parent, folder / WORK):
        make_folder(one)
    with FileLock(folder / WORK / "results.lock"):
        if path.exists():
            return path
        if design is not None:
            make_folder(kept.parent)
            design.save(kept)
        elif kept.exists() and Design.load(kept).digest(folding=False) != result.design:
            with file_errors("remove", kept):
                kept.unlink()
        write_text(path, result.as_text())
    return path


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing."""
    with file_errors("make the folder", folder):
        folder.mkdir(parents=True, exist_ok=True)


def references_of(lines: Sequence[tuple[str, str]]) -> list[str]:
    """The references of lines."""
    return [reference for _, reference in lines]
