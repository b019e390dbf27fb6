"""`run_recipe`: three training runs that lead from text lines to the design for the board, or to a float network.

================= ================================================================================================
1-float           floating point, with batch norm
2-recurrent       weights, biases and activations of the recurrent layer in the overlay's arithmetic; FC in float
3-hardware        batch norm fused into the FC layer, all in the overlay's arithmetic, bit for bit
================= ================================================================================================

A float network (``neuron_type LSTM``) is trained alike, so that the two can be compared: the stages 1-float, 2-float and
3-float have the same epochs, and all are in floating point with batch norm. Its network is the last stage's checkpoint.

Each stage is a run (`train.trainer`) in a folder within the recipe's, and starts from the weights at the end of the
stage before. An interrupted or killed recipe is resumed from its folder. The float stage (warm-up) does not depend on
the widths: recipes of several precisions can use the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from datapath.design import Limits
from datapath.errors import CheckpointError, ConfigError, DesignError, FileError
from datapath.files import file_errors, is_folder, write_text
from datapath.json_text import parse_json
from datapath.reading import read_text
from datapath.text_form import TextForm
from foldline.compare.comparison import Comparison, compare
from foldline.stages import FLOAT_STAGES, TrainingStage, stages_of
from train.checkpoint import Checkpoint, opened
from train.config import Hyperparameters
from train.data.dataset import Dataset
from train.data.forms import in_form
from train.data.record import DataRecord, require_same_lines
from train.experiment import BEST_CER, HYPERPARAMETERS, LAST, locked_folder, new_folder, require_unlocked
from train.export import design_from_checkpoint
from train.reporting import EpochResult, Reporter, RunStart
from train.starting import Pretrained, require_same_sizes
from train.trainer import train

MAX_START_BYTES = 2**20
"""Limit of `START`, which has some 2 KB."""

DESIGN, START, WARM_UP = "design.npz", "recipe.json", "warm-up.pt"
BEGUN = frozenset((START, WARM_UP))
"""What a recipe has before its hyperparameters, with which it can be resumed."""


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """How a stage ended: the checkpoint that the next stage starts from, and the result of the last epoch, None if the
    stage was done before this session."""

    stage: TrainingStage
    checkpoint: Path
    last_epoch: EpochResult | None


@dataclass(frozen=True, kw_only=True)
class RecipeResult:
    """What a recipe gives.

    network     the design, or the checkpoint of a float network; None if the recipe was interrupted
    design      the design; None of a float network, or if the recipe was interrupted
    comparison  error rates of the network on all validation lines; None if the recipe was interrupted
    """

    folder: Path
    stages: tuple[StageResult, ...]
    network: Path | None
    design: Path | None
    comparison: Comparison | None


def run_recipe(
    hyperparameters: Hyperparameters | None,
    dataset: Dataset,
    *,
    experiments: str | os.PathLike,
    folder: str | os.PathLike | None = None,
    warm_up: str | os.PathLike | Checkpoint | None = None,
    change_data: bool = False,
    log: Callable[[str], None],
    reporter: Reporter,
    limits: Limits | None = None,
    **settings: object,
) -> RecipeResult:
    """Run all stages, or those that are left, and write the design; a float network has none.

    The network is that of the last stage's best epoch if held-out lines choose it (`selection_lines`), else of its last
    epoch: the validation lines choose nothing.

    :param hyperparameters: of the last stage, see `stages_of`; None takes those of `folder`.
    :param dataset: lines to train and validate on.
    :param experiments: folder in which a new recipe's folder is made.
    :param folder: of a recipe to resume; None begins a new one.
    :param warm_up: checkpoint, or its path, that replaces the first stage, such as that of another recipe's first stage;
        one that Foldline did not write (`train.original`) is copied into the recipe's folder.
    :param change_data: whether a resumed recipe may have other lines than it had before.
    :param log: gets a line of text after each stage.
    :param reporter: gets the progress of each stage.
    :param limits: of the design of a new recipe; None for those of the published overlay, or of `folder`. A float network
        has none.
    :param settings: of every stage, see `train`: device, threads, command, author, extend_alphabet.
    :raises ConfigError, FileError, CheckpointError, TrainingError: see `train` and `stages_of`; a resumed recipe has the lines
        that it began with, and no other process trains in its folder.
    """
    home = None if folder is None else Path(folder)
    target = (hyperparameters or Hyperparameters()) if home is None else target_of(home)
    if hyperparameters not in (None, target):
        raise ConfigError(f"{home} was started with other hyperparameters; leave them out to resume it.")
    stages = stages_of(target)  # what has no stages is refused before anything is written
    if limits is not None and stages[-1].name == FLOAT_STAGES[-1]:
        raise ConfigError("limits are those of a design's buffers, and a float network has no design.")
    data = DataRecord.of(dataset)
    with ExitStack() as held:
        if home is None:
            first = _warm_up(warm_up, target)
            home = held.enter_context(new_folder(experiments, f"{target.experiment_name()}-recipe", BEGUN))
            _begin(home, target, first, str(settings.get("command", "")), data, limits)
        else:
            held.enter_context(locked_folder(home))
        settings |= {"change_data": change_data}
        return _completed(home, target, dataset, data, log=log, reporter=reporter, settings=settings)


def _completed(
    home: Path,
    target: Hyperparameters,
    dataset: Dataset,
    data: DataRecord,
    *,
    log: Callable[[str], None],
    reporter: Reporter,
    settings: dict[str, object],
) -> RecipeResult:
    """Run the stages that are left of a begun recipe, and measure its network; see `run_recipe`."""
    started = RecipeStart.read(home)
    _keep_lines(home, started, data, change=bool(settings["change_data"]))
    # The provenance of every stage is the command that started the recipe, not one that resumed it.
    settings = {**settings, "command": started.command}
    stages = stages_of(target, batch_norm=started.batch_norm)
    before = None if started.warm_up is None else Path(started.warm_up)
    results: list[StageResult] = []
    for stage in stages if before is None else stages[1:]:
        later = sum(one.hyperparameters.epochs for one in stages[stages.index(stage) + 1 :])
        ended = _run_stage(stage, dataset, home / stage.name, before, _StageReporter(reporter, later), settings)
        if ended is None:
            return RecipeResult(folder=home, stages=tuple(results), network=None, design=None, comparison=None)
        result, before = ended
        results.append(result)
        log(stage_line(result))
    final = results[-1].checkpoint
    chosen = Checkpoint.load(final.parent / BEST_CER if target.selection_lines else final)
    ended = {"folder": home, "stages": tuple(results)}
    if target.is_float:
        lines = in_form(dataset, TextForm.of(chosen.provenance)).validation
        comparison = compare(None, lines, checkpoint=chosen)
        return RecipeResult(**ended, network=chosen.path, design=None, comparison=comparison)
    design = design_from_checkpoint(chosen, limits=started.limits).design
    dataset = in_form(dataset, design.text_form)
    comparison = compare(design, dataset.validation, checkpoint=chosen, ignore_limits=True)
    notes = {**design.provenance.notes, "error_rates": error_rates_note(comparison, dataset.name)}
    replace(design, provenance=replace(design.provenance, notes=notes)).save(home / DESIGN)
    return RecipeResult(**ended, network=home / DESIGN, design=home / DESIGN, comparison=comparison)


def error_rates_note(comparison: Comparison, name: str) -> str:
    """Error rates of the simulated hardware on all validation lines of the dataset `name`, as one line of text."""
    rates = "; ".join(
        f"{one.decoding}: CER {one.rates.cer:.2f} %, WER {one.rates.wer:.2f} %, {one.rates.exact} exact"
        for one in comparison.results
        if one.name == "simulated"
    )
    return f"{len(comparison.lines)} validation lines of {name}, beyond the limits, simulated, by {rates}"


def target_of(folder: Path) -> Hyperparameters:
    """The hyperparameters that the recipe in `folder` was started with.

    :raises FileError: it is not the folder of a recipe.
    :raises ConfigError: the hyperparameters are damaged.
    """
    if not is_folder(folder) or not (folder / HYPERPARAMETERS).is_file():
        raise FileError(f"{folder} is not the folder of a recipe: it has no {HYPERPARAMETERS}.")
    return Hyperparameters.from_json(folder / HYPERPARAMETERS)


def _warm_up(warm_up: str | os.PathLike | Checkpoint | None, target: Hyperparameters) -> Checkpoint | None:
    """The checkpoint that replaces the first stage; one that does not fit is refused before anything is written."""
    first = None if warm_up is None else opened(warm_up)
    if first is not None:
        try:
            require_same_sizes(first.hyperparameters, target)
        except CheckpointError as error:
            raise error.within(first.name) from error
    return first


def _begin(
    home: Path,
    target: Hyperparameters,
    first: Checkpoint | None,
    command: str,
    data: DataRecord,
    limits: Limits | None,
) -> None:
    """Write into the folder of a new recipe what `RecipeStart.read` and, last, what `target_of` reads."""
    path = first and first.path
    with file_errors("remove", home / WARM_UP):
        (home / WARM_UP).unlink(missing_ok=True)
    if first is not None and (first.origin or path is None):
        path = home / WARM_UP
        first.save(path)
    RecipeStart(
        command=command,
        warm_up=None if path is None else str(path.resolve()),
        batch_norm=first is None or not first.hyperparameters.prefused_bn_fc,
        data=data,
        limits=limits,
    ).write(home)
    target.to_json(home / HYPERPARAMETERS)


@dataclass(frozen=True, kw_only=True)
class RecipeStart:
    """How a recipe was started, as its folder keeps it.

    command     of the provenance
    warm_up     path of the checkpoint that replaced the first stage; None for no such checkpoint
    batch_norm  whether its first stages have batch norm; earlier versions had no recipe without
    data        its lines; None in the folder of an earlier version
    limits      of its design; None for those of the published overlay
    """

    command: str
    warm_up: str | None
    batch_norm: bool = True
    data: DataRecord | None = None
    limits: Limits | None = None

    def write(self, folder: Path) -> None:
        """Write it into the recipe's folder; a FileError if that fails."""
        plain = {"command": self.command, "warm_up": self.warm_up, "batch_norm": self.batch_norm}
        plain |= {} if self.data is None else {"data": self.data.to_plain()}
        plain |= {} if self.limits is None else {"limits": asdict(self.limits)}
        write_text(folder / START, json.dumps(plain, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> RecipeStart:
        """Read what `write` wrote; a FileError if it is missing or damaged."""
        path = folder / START
        try:
            plain = parse_json(read_text(path, limit=MAX_START_BYTES), name=f"{path} is damaged")
            command, warm_up, batch_norm = plain["command"], plain["warm_up"], plain.get("batch_norm", True)
            data = None if plain.get("data") is None else DataRecord.from_plain(plain["data"])
            limits = None if plain.get("limits") is None else Limits.from_plain(plain["limits"])
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise FileError(f"{path} is damaged: it has no command or no warm_up.") from error
        except (ConfigError, DesignError) as error:
            raise FileError(f"{path} is damaged: {error}") from error
        if not isinstance(command, str) or not isinstance(warm_up, str | None) or not isinstance(batch_norm, bool):
            raise FileError(
                f"{path} is damaged: command must be a text, warm_up a path or null, batch_norm true or false."
            )
        return cls(command=command, warm_up=warm_up, batch_norm=batch_norm, data=data, limits=limits)


def _keep_lines(home: Path, started: RecipeStart, data: DataRecord, *, change: bool) -> None:
    """Make sure that a recipe goes on with its lines, or write down its new ones."""
    if started.data is not None and not change:
        require_same_lines(started.data, data, what=f"The recipe {home}")
    if started.data != data:
        replace(started, data=data).write(home)


class _StageReporter(Reporter):
    """Passes on the progress of a stage, with the epochs of those that follow."""

    def __init__(self, shown: Reporter, later_epochs: int) -> None:
        self._shown, self._later_epochs = shown, later_epochs
        self.batch_done, self.epoch_done = shown.batch_done, shown.epoch_done
        self.stopping, self.note = shown.stopping, shown.note

    def started(self, run: RunStart) -> None:
        self._shown.started(replace(run, later_epochs=self._later_epochs))


def _run_stage(
    stage: TrainingStage,
    dataset: Dataset,
    home: Path,
    before: Checkpoint | Path | None,
    reporter: Reporter,
    settings: dict[str, object],
) -> tuple[StageResult, Checkpoint | Path] | None:
    """Start a stage or resume it: its result, and what the next stage starts from; None if it was interrupted."""
    begun = sorted(home.glob(f"*/{LAST}"))
    if len(begun) > 1:
        raise CheckpointError(f"{home} holds {len(begun)} runs; a recipe has one in every stage.")
    source = Checkpoint.load(begun[0]) if begun else before
    if begun and source.epoch >= stage.hyperparameters.epochs:
        require_unlocked(begun[0].parent)  # a process that was killed at the end has left its lock
        return StageResult(stage=stage, checkpoint=begun[0], last_epoch=None), source
    outcome = train(
        stage.hyperparameters,
        dataset,
        experiments=home,
        checkpoint=source,
        policy=Pretrained.RESUME if begun else Pretrained.RETRAIN,
        init_bn_fc_fusion=stage.fuses and not begun,
        reporter=reporter,
        **{**settings, "extend_alphabet": bool(settings.get("extend_alphabet")) and not begun},
    )
    if outcome.interrupted:
        return None
    end = outcome.resume_from
    return StageResult(stage=stage, checkpoint=end, last_epoch=outcome.epochs[-1]), end


def stage_line(result: StageResult) -> str:
    """Error rates at the end of a stage, as one line of text."""
    if result.last_epoch is None:
        return f"{result.stage.name}: done before."
    return f"{result.stage.name}: {result.last_epoch.rates_text}."
