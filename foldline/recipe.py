"""The recipe `hardware`: one command from lines to the design that goes on the board.

================= ================================================================================================
1-float           float warm-up: no quantizer, batch norm
2-recurrent       weights, biases and activations of the recurrent layer in the overlay's arithmetic; FC in float
3-hardware        batch norm fused into the FC layer, all in the overlay's arithmetic: what the board computes
================= ================================================================================================

Each stage is a run of its own (`train.trainer`), in a folder of the recipe's; a stage starts from the weights that the
stage before ended with. Interrupted, killed or finished, the recipe goes on from its folder. The warm-up depends on no
precision: networks of several precisions can share one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from datapath.design import Design
from datapath.errors import CheckpointError, ConfigError, FileError
from datapath.files import is_folder, read_text, write_text
from foldline.compare.comparison import Comparison, compare
from train.checkpoint import Checkpoint
from train.config import FLOAT_BITS, FP, QUANTIZED_PARTS, Hyperparameters
from train.data.dataset import Dataset
from train.experiment import BEST_CER, HYPERPARAMETERS, LAST, new_folder
from train.export import design_from_checkpoint
from train.reporting import EpochResult, Reporter
from train.starting import Pretrained
from train.trainer import train

FLOAT, RECURRENT, HARDWARE = "1-float", "2-recurrent", "3-hardware"
DESIGN, BEGINNING = "design.npz", "recipe.json"

SHARES = {FLOAT: 0.2, RECURRENT: 0.3, HARDWARE: 0.5}
"""Of the epochs."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One run of the recipe. `fuses` the batch norm of the stage before it into the FC layer."""

    name: str
    hyperparameters: Hyperparameters
    fuses: bool = False


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """How a stage ended: its last epoch's error rates (None if all was done before this session), and the checkpoint
    that the next stage starts from."""

    stage: Stage
    checkpoint: Path
    last_epoch: EpochResult | None


@dataclass(frozen=True, kw_only=True)
class RecipeResult:
    """The design, and what it reads on all validation lines. Both are None where the recipe was interrupted; `folder` then
    goes on."""

    folder: Path
    stages: tuple[StageResult, ...]
    design: Path | None
    comparison: Comparison | None


def stages_of(hyperparameters: Hyperparameters) -> tuple[Stage, ...]:
    """The stages that lead to a network of these hyperparameters, whose `epochs` they share.

    :raises ConfigError: it is no network that the hardware computes, or there is no epoch for every stage.
    """
    target = hyperparameters
    if target.forward_arithmetic != "HARDWARE" or target.float_fc or not target.prefused_bn_fc:
        raise ConfigError(
            "The recipe ends in the overlay's arithmetic: forward_arithmetic must be HARDWARE, prefused_bn_fc true and "
            "the fc_ parts SIGNED_FIXED_UNIT, as in the presets of params/."
        )
    epochs = {name: round(target.epochs * share) for name, share in SHARES.items()}
    if min(epochs.values()) < 1:
        raise ConfigError(f"epochs is {target.epochs}; the recipe's {len(epochs)} stages need at least {len(epochs)}.")
    with_norm = {"prefused_bn_fc": False, "score_scale": 1.0, **_in_float("fc_weight", "fc_bias")}
    in_float = {
        **with_norm,
        **_in_float(*QUANTIZED_PARTS),
        "internal_activation_bit_width": FLOAT_BITS,
        "forward_arithmetic": "ORIGINAL",
    }
    return (
        Stage(name=FLOAT, hyperparameters=replace(target, epochs=epochs[FLOAT], **in_float)),
        Stage(name=RECURRENT, hyperparameters=replace(target, epochs=epochs[RECURRENT], **with_norm)),
        Stage(name=HARDWARE, hyperparameters=replace(target, epochs=epochs[HARDWARE]), fuses=True),
    )


def _in_float(*parts: str) -> dict[str, int | str]:
    return {f"{part}_bit_width": FLOAT_BITS for part in parts} | {f"{part}_quantization": FP for part in parts}


def run_recipe(
    hyperparameters: Hyperparameters | None,
    dataset: Dataset,
    *,
    experiments: str | os.PathLike,
    folder: str | os.PathLike | None = None,
    warm_up: str | os.PathLike | None = None,
    log: Callable[[str], None],
    reporter: Reporter,
    **settings: object,
) -> RecipeResult:
    """Run all stages, or those that are left, and write the design.

    The design is that of the last stage's best epoch where lines are held out to choose it by (`selection_lines`), and
    of its last epoch where none are: then nothing is chosen by the validation lines.

    :param hyperparameters: of the network that comes out; None takes those of `folder`.
    :param experiments: where a new recipe's folder is made.
    :param folder: a recipe's folder to go on in.
    :param warm_up: a checkpoint that stands for the first stage, such as the last one of another recipe's.
    :param log: gets a line of text after each stage.
    :param settings: of every stage, see `train`: device, threads, command, author.
    :raises ConfigError, FileError, CheckpointError, TrainingError: see `train` and `stages_of`.
    """
    kept = None if folder is None else Path(folder)
    if kept is not None:
        target = target_of(kept)
        if hyperparameters not in (None, target):
            raise ConfigError(f"{kept} was begun with other hyperparameters; leave them out to go on.")
    else:
        target = hyperparameters or Hyperparameters()
    stages = stages_of(target)
    if kept is None:
        if warm_up is not None:
            Checkpoint.load(warm_up)  # refused now rather than in an hour
        kept = new_folder(experiments, f"{target.experiment_name()}-recipe")
        beginning = {
            "command": settings.get("command", ""),
            "warm_up": None if warm_up is None else str(Path(warm_up).resolve()),
        }
        write_text(kept / BEGINNING, json.dumps(beginning, indent=2) + "\n")
        target.to_json(kept / HYPERPARAMETERS)
    # The provenance of every stage is the command that began it all, not those that went on with it.
    settings["command"], started = _beginning_of(kept)
    if started is not None:
        stages = stages[1:]
    results: list[StageResult] = []
    for stage in stages:
        before = results[-1].checkpoint if results else started
        result = _run_stage(stage, dataset, kept / stage.name, before, reporter, settings)
        if result is None:
            return RecipeResult(folder=kept, stages=tuple(results), design=None, comparison=None)
        results.append(result)
        log(stage_line(result))
    final = results[-1].checkpoint
    chosen = Checkpoint.load(final.parent / BEST_CER if target.selection_lines else final)
    design = design_from_checkpoint(chosen).design
    comparison = compare(design, dataset.validation, checkpoint=chosen, ignore_limits=True)
    _with_error_rates(design, comparison, dataset).save(kept / DESIGN)
    return RecipeResult(folder=kept, stages=tuple(results), design=kept / DESIGN, comparison=comparison)


def _with_error_rates(design: Design, comparison: Comparison, dataset: Dataset) -> Design:
    """The same design, whose provenance tells what it reads."""
    notes = {**design.provenance.notes, "error_rates": error_rates_note(comparison, dataset.name)}
    return replace(design, provenance=replace(design.provenance, notes=notes))


def error_rates_note(comparison: Comparison, name: str) -> str:
    """What the simulated hardware reads on all validation lines of the dataset `name`, in a sentence."""
    told = "; ".join(
        f"{level.decoding}: CER {level.rates.cer:.2f} %, WER {level.rates.wer:.2f} %, {level.rates.exact} exact"
        for level in comparison.results
        if level.name == "simulated"
    )
    return f"{len(comparison.lines)} validation lines of {name}, beyond the limits, simulated, by {told}"


def target_of(folder: Path) -> Hyperparameters:
    """The hyperparameters that a recipe's folder was begun with.

    :raises FileError: it is no such folder. ConfigError: they are damaged.
    """
    if not is_folder(folder) or not (folder / HYPERPARAMETERS).is_file():
        raise FileError(f"{folder} is no folder of a recipe: it holds no {HYPERPARAMETERS}.")
    return Hyperparameters.from_json(folder / HYPERPARAMETERS)


def _beginning_of(folder: Path) -> tuple[str, Path | None]:
    """The command that began a recipe, and its warm-up."""
    path = folder / BEGINNING
    try:
        told = json.loads(read_text(path))
        command, warm_up = told["command"], told["warm_up"]
    except (ValueError, TypeError, LookupError) as error:
        raise FileError(f"{path} is damaged: it does not tell command and warm_up.") from error
    if not isinstance(command, str) or not isinstance(warm_up, str | None):
        raise FileError(f"{path} is damaged: command must be a text, and warm_up a path or null.")
    return command, None if warm_up is None else Path(warm_up)


def _run_stage(
    stage: Stage, dataset: Dataset, home: Path, before: Path | None, reporter: Reporter, settings: dict[str, object]
) -> StageResult | None:
    """Start a stage or go on with it; None if it was interrupted."""
    begun = sorted(home.glob(f"*/{LAST}"))
    if len(begun) > 1:
        raise CheckpointError(f"{home} holds {len(begun)} runs; a recipe has one in every stage.")
    source = Checkpoint.load(begun[0]) if begun else before
    if begun and source.epoch >= stage.hyperparameters.epochs:
        return StageResult(stage=stage, checkpoint=begun[0], last_epoch=None)
    outcome = train(
        stage.hyperparameters,
        dataset,
        experiments=home,
        checkpoint=source,
        policy=Pretrained.RESUME if begun else Pretrained.RETRAIN,
        init_bn_fc_fusion=stage.fuses and not begun,
        reporter=reporter,
        **settings,
    )
    if outcome.interrupted:
        return None
    return StageResult(stage=stage, checkpoint=outcome.resume_from, last_epoch=outcome.epochs[-1])


def stage_line(result: StageResult) -> str:
    """A stage's gain in a sentence."""
    if result.last_epoch is None:
        return f"{result.stage.name}: done before."
    greedy, overlay = result.last_epoch.greedy, result.last_epoch.overlay
    return (
        f"{result.stage.name}: greedy CTC CER {greedy.cer:.2f} %, overlay labels CER {overlay.cer:.2f} %, "
        f"{overlay.exact} of {overlay.lines} lines exact."
    )
