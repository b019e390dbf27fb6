"""The commands that are killed: what each is given, what must be equal at its end, and what a kill must not lose."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog

from datapath import Design, Limits
from datapath.errors import ToolError
from foldline.study.result import read_study
from hls_gen.toolchain import Toolchain
from rtl_gen.verilator import Verilator
from tests.designs import random_design
from tests.faults.killing import Ended
from tests.foldline.study.studies import PRESET
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data.dataset import write_dataset

IMAGES = 12
EPOCHS = 4

EVENTS = re.compile(r"events\.out\.tfevents\.[1-9].*")
"""The trace of a session, whose name holds its time: a resumed run has one more."""

Tree = dict[str, bytes]
"""Content of each file by its path."""


@dataclass(frozen=True)
class Inputs:
    """What the commands read, in a folder: it is written once."""

    folder: Path

    @classmethod
    def write(cls, folder: Path) -> Inputs:
        """Make the files.

        :param folder: which is made.
        """
        inputs = cls(folder)
        write_dataset(tiny.dataset(), folder / "lines")
        # A state that has everything in it: batch norm, and a learning rate that falls.
        state = {"prefused_bn_fc": False, "lr_schedule": "STEP", "lr_step": 2}
        tiny.quantized(epochs=EPOCHS, batch_size=5, checkpoint_interval=2, **state).to_json(folder / "train.json")
        PRESET.to_json(folder / "recipe.json")
        sizes = {"inputs": tiny.HEIGHT, "hidden": 4, "classes": 5, "folding": (2, 2, 1), "pe_out": 2}
        limits = Limits(columns=40, labels=95)
        random_design(3, bits=(8, 8, 4, 8, 8), limits=limits, **sizes).save(inputs.design)
        (folder / "source").mkdir()
        for number, path in enumerate(inputs.images):
            text = ("cab", "abc", "bcab", "c")[number % 4]
            tiny.draw(text).save(path)
            path.with_suffix(".gt.txt").write_text(f"{text}\n")
        return inputs

    @property
    def design(self) -> Path:
        return self.folder / "design.npz"

    @property
    def images(self) -> list[Path]:
        return [self.folder / "source" / f"{number:02d}.png" for number in range(IMAGES)]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One of the commands.

    arguments  of `foldline`, given the inputs and the working folder: a run that has begun is resumed
    facts      of the working folder at the end: equal after any kills
    done       what is whole in it after a kill
    lost       a sentence on what the next run, from its output, did again of that or lost; None if nothing
    compiles   whether it compiles programs
    own_cache  whether the cache of these is in the working folder
    atomic     whether each file that is there after a kill is that of an undisturbed run
    """

    name: str
    arguments: Callable[[Inputs, Path], list[object]]
    facts: Callable[[Path], object]
    done: Callable[[Path, Ended, Inputs], object]
    lost: Callable[[object, Ended, Inputs], str | None]
    compiles: bool = False
    own_cache: bool = False
    atomic: bool = False


def tree(folder: Path) -> Tree:
    """All files below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def names(folder: Path) -> set[str]:
    """All paths below a folder, with one name for all sessions' traces."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {EVENTS.sub("events", name) for name in found}


# Training


def _runs(work: Path) -> dict[str, Checkpoint]:
    """The last checkpoint of each run, by the run's folder."""
    return {str(path.parent.relative_to(work)): Checkpoint.load(path) for path in sorted(work.rglob("last.pt"))}


def _plain(value: object) -> object:
    """A state without tensors, which can be compared."""
    if isinstance(value, torch.Tensor):
        return value.dtype, value.tolist()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def epochs_traced(run: Path) -> dict[str, list[int]]:
    """The epochs of each curve as TensorBoard shows it: what a later session starts with drops what it will repeat.

    :param run: folder of a run.
    """
    sessions = [list(EventFileLoader(str(path)).Load()) for path in (run / "tensorboard").iterdir()]
    epochs: dict[str, list[int]] = {}
    for session in sorted((one for one in sessions if one), key=lambda events: events[0].wall_time):
        for event in session:
            if event.session_log.status == SessionLog.START:
                epochs = {name: [epoch for epoch in done if epoch < event.step] for name, done in epochs.items()}
            for value in event.summary.value:
                epochs.setdefault(value.tag, []).append(event.step)
    return epochs


def _trained(work: Path) -> object:
    """Every checkpoint's state, the traces, and the design of a recipe."""
    states = {}
    for path in sorted(work.rglob("*.pt")):
        one = Checkpoint.load(path)
        state = (one.epoch, one.batch, one.loss_sum, one.best_cer, one.best_wer, one.rng, one.model, one.optimiser)
        states[str(path.relative_to(work))] = _plain(list(state))
    designs = {str(path.relative_to(work)): Design.load(path) for path in sorted(work.rglob("design.npz"))}
    traces = {str(path.relative_to(work)): epochs_traced(path.parent) for path in sorted(work.rglob("tensorboard"))}
    return states, traces, designs


def announced(said: str) -> dict[str, list[int]]:
    """The epochs that a command said were done, by the folder of the run."""
    found: dict[str, list[int]] = {}
    folder = ""
    for line in said.splitlines():
        if start := re.search(r" parameters, .* lines, in (.*)$", line):
            folder = f"runs/{start[1].rpartition('runs/')[2]}"  # a resumed run is named by its whole path
        elif epoch := re.match(r"epoch +(\d+) ", line):
            found.setdefault(folder, []).append(int(epoch[1]))
    return found


def _epochs(work: Path, ended: Ended, inputs: Inputs) -> object:
    kept = {folder: one.epoch for folder, one in _runs(work).items()}
    for folder, epochs in announced(ended.said).items():
        assert kept.get(folder, 0) >= max(epochs), f"{folder}/last.pt lacks epoch {max(epochs)}, which was announced"
    return kept


def _repeated_epochs(kept: dict[str, int], again: Ended, inputs: Inputs) -> str | None:
    for folder, epochs in announced(again.said).items():
        if min(epochs) <= kept.get(folder, 0):
            return f"epoch {min(epochs)} of {folder} was trained again, and last.pt had epoch {kept[folder]}"
    return None


def _train(inputs: Inputs, work: Path) -> list[object]:
    begun = sorted(work.glob("runs/*/last.pt"))
    how = ["-i", begun[0].relative_to(work)] if begun else ["-e", "runs", "-p", inputs.folder / "train.json"]
    return ["train", *how, "--data", inputs.folder / "lines", "--no-cuda"]


def _recipe(inputs: Inputs, work: Path) -> list[object]:
    begun = sorted(work.glob("runs/*-recipe-*/hyperparameters.json"))
    how = ["-i", begun[0].parent.relative_to(work)] if begun else ["-e", "runs", "-p", inputs.folder / "recipe.json"]
    return ["recipe", *how, "--data", inputs.folder / "lines", "--no-cuda"]


def _study(inputs: Inputs, work: Path) -> list[object]:
    return [
        *("study", "run", "tiny", "-e", "runs", "--trials", "2", "-p", inputs.folder / "recipe.json"),
        *("--data", inputs.folder / "lines", "--min-columns-per-second", "1000", "--prune-factor", "1000"),
        *("--weights", "2,4", "--activations", "4", "--fc-weights", "8", "--hidden", "4"),
        *("--heartbeat", "1", "--grace", "2", "--no-cuda"),
    ]


def _studied(work: Path) -> object:
    """The error rates of every network: retried trials have other numbers."""
    trials = read_study("tiny", str(work / "runs" / "tiny.db")).trials
    return sorted(
        (trial.choice.name, trial.error_rates.cer, trial.error_rates.wer) for trial in trials if trial.error_rates
    )


# Lines


def _lines_of(command: str) -> Callable[[Inputs, Path], list[object]]:
    return lambda inputs, work: [command, inputs.design, *inputs.images, "-o", "out.jsonl"]


def _whole_lines(work: Path, ended: Ended, inputs: Inputs) -> int:
    """Result lines that are in OUT.partial, or in OUT."""
    for name, header in (("out.jsonl", 0), ("out.jsonl.partial", 1)):
        if (work / name).exists():
            return max((work / name).read_bytes().count(b"\n") - header, 0)
    return 0


def _computed_again(lines: int, again: Ended, inputs: Inputs) -> str | None:
    repeated = [path.name for path in inputs.images[:lines] if str(path) in again.read]
    if repeated and lines < IMAGES:  # what is finished is begun anew
        return f"{repeated[0]} was computed again, and {lines} lines were whole"
    return None


# Files that appear whole or not at all


def _nothing(work: Path, ended: Ended, inputs: Inputs) -> None:
    return None


def _nothing_lost(done: object, again: Ended, inputs: Inputs) -> None:
    return None


def _export(*options: object) -> Callable[[Inputs, Path], list[object]]:
    return lambda inputs, work: ["export", inputs.design, *options]


def _report(work: Path) -> object:
    text = (work / "report.html").read_text()
    return text.startswith("<!doctype html>"), text.rstrip().endswith("</html>")


def _whole(name: str, arguments: Callable[[Inputs, Path], list[object]], **changes: object) -> Command:
    return Command(
        **{"name": name, "arguments": arguments, "facts": tree, "done": _nothing, "lost": _nothing_lost, "atomic": True}
        | changes
    )


def _trains(name: str, arguments: Callable[[Inputs, Path], list[object]], facts: Callable[[Path], object]) -> Command:
    return Command(name=name, arguments=arguments, facts=facts, done=_epochs, lost=_repeated_epochs)


def _computes(name: str, *, compiles: bool = False) -> Command:
    lines = {"facts": tree, "done": _whole_lines, "lost": _computed_again}
    return Command(name=name, arguments=_lines_of(name), compiles=compiles, **lines)


COMMANDS = {
    one.name: one
    for one in (
        _trains("train", _train, _trained),
        _trains("recipe", _recipe, _trained),
        _trains("study run", _study, _studied),
        _computes("simulate"),
        _computes("csim", compiles=True),
        _computes("rtlsim", compiles=True),
        _whole(
            "csim, building",
            lambda inputs, work: ["csim", inputs.design, inputs.images[0], "-o", "out.jsonl"],
            facts=lambda work: (work / "out.jsonl").read_bytes(),
            compiles=True,
            own_cache=True,
            atomic=False,
        ),
        _whole("export --project, RTL", _export("--project", "project")),
        _whole("export --project, HLS", _export("--project", "project", "--kernel", "hls")),
        _whole("export --project, ECP5", _export("--project", "project", "--target", "ecp5")),
        _whole("export, header", _export("-o", "weights.hpp")),
        _whole("data import", lambda inputs, work: ["data", "import", inputs.folder / "source", "-o", "imported"]),
        _whole(
            "data synth",
            lambda inputs, work: ["data", "synth", "-o", "rendered", "--training", "8", "--validation", "2"],
        ),
        _whole("golden make", lambda inputs, work: ["golden", "make", "--dir", "golden"]),
        _whole(
            "report",
            lambda inputs, work: ["report", inputs.design, "--data", inputs.folder / "lines", "-o", "report.html"],
            facts=_report,
            atomic=False,
        ),
    )
}


def can_run(command: Command) -> bool:
    """Whether the tools of a command are here.

    :param command: of `COMMANDS`.
    """
    try:
        if command.name == "rtlsim":
            Verilator.find()
        elif command.compiles:
            Toolchain.find()
    except ToolError:
        return False
    return True
