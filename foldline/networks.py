"""`open_network`: the network in a file, or that of a run's folder: a design, a checkpoint that gives one, or a float network."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from datapath import Alphabet
from datapath.design import Design, Folding, Limits
from datapath.design_file import MAX_LIST_BYTES, MEMBER, PICKLE
from datapath.errors import CheckpointError, ConfigError, FileError
from datapath.files import is_folder
from datapath.manifest import DEFAULT_KERNEL, Kernel
from datapath.npz import DAMAGE
from datapath.reading import open_file, open_zip, read_start
from datapath.text_form import TextForm
from foldline import runs
from foldline.datasets import alphabet_source
from foldline.stages import FLOAT_STAGES

if TYPE_CHECKING:
    from train.checkpoint import Checkpoint
    from train.data.record import DataRecord
    from train.export import ExportResult


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network: a quantized one, which has a design, or a float network, which has none.

    design      None for a float network
    checkpoint  that the design comes from, or of the float network; None for a design file
    notes       messages on what the export changed
    narrowed    values that the export narrowed (see `train.export.ExportResult`)
    """

    design: Design | None
    checkpoint: Checkpoint | None
    notes: tuple[str, ...]
    narrowed: tuple[str, ...] = ()

    @property
    def is_float(self) -> bool:
        """Whether all of its weights and activations are in floating point, so that no hardware computes it."""
        return self.design is None

    @property
    def name(self) -> str:
        """The experiment's name that its dimensions and widths spell, e.g. ``QLSTM128_W2B8A4I8_FC_W8B8``."""
        return str(self.checkpoint.hyperparameters.experiment_name() if self.is_float else self.design.experiment)

    @property
    def alphabet(self) -> Alphabet:
        """Of its classes."""
        return self.checkpoint.alphabet if self.is_float else self.design.alphabet

    @property
    def text_form(self) -> TextForm:
        """How the texts are written that it was trained on."""
        return TextForm.of(self.checkpoint.provenance) if self.is_float else self.design.text_form

    def with_text_form(self, form: TextForm) -> Network:
        """The same network, trained on texts in this form.

        :param form: of the texts.
        """
        if not self.is_float:
            return replace(self, design=self.design.with_text_form(form))
        provenance = {**self.checkpoint.provenance, **form.notes()}
        return replace(self, checkpoint=replace(self.checkpoint, provenance=provenance))

    @property
    def kind(self) -> dict[str, bool]:
        """What decides which backends it has, see `foldline.compare.backends.own_backends`."""
        return {"has_checkpoint": self.checkpoint is not None, "is_float": self.is_float}

    def require_design(self) -> Design:
        """The design; a CheckpointError that says what can be done with a float network, which has none."""
        if self.design is None:
            path = self.checkpoint.name
            raise CheckpointError(
                f"{path} is a float network ({self.name}): its weights and activations are in floating point, and the hardware "
                f"takes fixed point. `foldline compare`, `report` and `evaluate` measure it; `foldline recipe --warm-up {path}` "
                "trains a network for the hardware from its weights."
            )
        return self.design

    def require_no_narrowing(self, path: object) -> None:
        """Raise a ConfigError if the design has fewer bits than the network was trained with.

        :param path: of the checkpoint, for the message.
        """
        if self.narrowed:
            raise ConfigError(
                f"{path} was trained with more bits than the hardware has: {', '.join(self.narrowed)}. Retrain it with a "
                "preset that has I8_FC_W8B8 in its name (--pretrained-policy RETRAIN), or export it as it is with "
                "--allow-narrowing; `foldline compare` measures what that costs."
            )


def open_network(
    path: str | os.PathLike,
    *,
    folding: Folding | None = None,
    alphabet: Callable[[int], tuple[Alphabet, str]] | None = None,
) -> Network:
    """Load a design, or export a checkpoint; a float network's checkpoint is kept as it is.

    :param path: of a design or a checkpoint, or the folder of a run or a recipe (see `foldline.runs`).
    :param folding: None takes a design's folding; for a checkpoint, PE 1 and all products of a gate in parallel.
    :param alphabet: of a checkpoint that has none, see `foldline.datasets.alphabet_source`; None refuses such a checkpoint.
    :raises FileError: neither a design nor a checkpoint, or a folder that is not a run's, or an unfinished recipe's.
    :raises CheckpointError: a checkpoint of a quantized network that has no hardware form, or of a float network whose
        weights are not finite.
    :raises DesignError: the folding does not divide the dimensions.
    """
    if is_folder(path):
        return _of_folder(Path(path), folding)
    if _holds_design(path):
        design = Design.load(path)
        return Network(design=design.refolded(folding) if folding else design, checkpoint=None, notes=())
    from train.export import design_from_checkpoint
    from train.original import load_checkpoint

    checkpoint = load_checkpoint(path, alphabet=alphabet or alphabet_source())
    if checkpoint.hyperparameters.is_float:
        return _float_network(checkpoint)
    exported = design_from_checkpoint(checkpoint, folding=folding)
    notes = (*checkpoint.notes, *_notes(exported, checkpoint.hyperparameters.prefused_bn_fc))
    return Network(design=exported.design, checkpoint=checkpoint, notes=notes, narrowed=exported.narrowed)


def require_one_form(forms: Mapping[str, TextForm]) -> None:
    """Refuse networks whose texts are of different forms: their errors are not of the same characters.

    :param forms: of the texts of each network, by its name.
    :raises ConfigError: two of them differ.
    """
    named = {form: name for name, form in forms.items()}
    if len(named) > 1:
        raise ConfigError(
            f"{' and '.join(named.values())} were trained on texts of different forms; name one form for all with "
            "--normalisation or --bidi."
        )


def shared_lines(networks: Mapping[str, Network]) -> tuple[DataRecord | None, tuple[str, ...]]:
    """The lines that all networks were trained on, and a note on each network that does not record its lines.

    :param networks: by the names that messages have.
    :returns: None and no note where no network records them.
    :raises ConfigError: two were trained on different lines.
    """
    records = {name: None if one.checkpoint is None else one.checkpoint.data for name, one in networks.items()}
    known = [(name, data) for name, data in records.items() if data is not None and data.options]
    if not known:
        return None, ()
    first, before = known[0]
    for name, data in known[1:]:
        if data.validation != before.validation:
            raise ConfigError(
                f"{first} was trained on {before.shown}, and {name} on {data.shown}; name the lines to compare them on with "
                "--data."
            )
    unknown = [name for name in networks if name not in dict(known)]
    return before, tuple(
        f"{name} does not record its training lines; lines that {first} was validated on may be among them."
        for name in unknown
    )


def _float_network(checkpoint: Checkpoint) -> Network:
    from train.checkpoint import require_finite

    try:
        require_finite(checkpoint.recogniser())
    except CheckpointError as error:
        raise error.within(checkpoint.name) from error
    return Network(design=None, checkpoint=checkpoint, notes=checkpoint.notes)


def _of_folder(folder: Path, folding: Folding | None) -> Network:
    """The network of a run or a recipe; the first note says which file it is from."""
    in_float = runs.is_float_recipe(folder)
    if in_float:
        _require_finished(folder)
    if in_float or not runs.is_recipe(folder):
        found = runs.find_checkpoint(folder)
        network = open_network(found, folding=folding)
        return replace(network, notes=(*runs.taken(folder, found), *network.notes))
    if not (folder / runs.DESIGN).is_file():
        raise _unfinished(folder, f"no {runs.DESIGN} yet")
    network = open_network(folder / runs.DESIGN, folding=folding)
    notes = runs.taken(folder, folder / runs.DESIGN)
    # The checkpoint from which it was exported, if that still exists.
    stages = runs.stage_folders(folder)
    for name in (runs.LAST, runs.BEST) if stages else ():
        path = stages[-1] / name
        if path.is_file():
            trained = open_network(path, folding=network.design.folding)
            if trained.is_float:  # the stages after it were removed
                continue
            if replace(trained.design, limits=network.design.limits).same_network(network.design):
                return Network(design=network.design, checkpoint=trained.checkpoint, notes=(*notes, *trained.notes))
    missing = "No checkpoint in the recipe's folder gives this design; PyTorch's backends cannot be computed."
    return replace(network, notes=(*notes, missing))


def _require_finished(recipe: Path) -> None:
    """Refuse the recipe of a float network before the end of its last stage."""
    stages = runs.stage_folders(recipe)
    if not stages or stages[-1].parent.name != FLOAT_STAGES[-1]:
        raise _unfinished(recipe, f"no run in {FLOAT_STAGES[-1]} yet")
    if (path := stages[-1] / runs.LAST).is_file():
        from train.checkpoint import Checkpoint

        last = Checkpoint.load(path)
        if last.epoch < last.hyperparameters.epochs:
            raise _unfinished(recipe, f"{last.epoch} of {last.hyperparameters.epochs} epochs of its last stage")


def _unfinished(recipe: Path, has: str) -> FileError:
    return FileError(f"{recipe} is an unfinished recipe: it has {has}. It is resumed by: foldline recipe -i {recipe}")


def _holds_design(path: str | os.PathLike) -> bool:
    """Whether the file is a saved design, else it may be a checkpoint; no array is loaded."""
    pickled = read_start(path, limit=len(PICKLE)) == PICKLE
    try:
        with open_file(path) as file, open_zip(file, name=path, limit=MAX_LIST_BYTES) as archive:
            names = archive.namelist()
    except DAMAGE as error:
        if pickled:
            return False
        raise FileError(f"{path} is neither a design nor a checkpoint, or it is cut off.") from error
    return MEMBER in names


def _notes(exported: ExportResult, prefused: bool) -> tuple[str, ...]:
    """What the export changed in the trained values."""
    counts = ", ".join(f"{count} in {name}" for name, count in exported.clipped.items() if count)
    notes = [f"Trained values clipped to their range: {counts or 'none'}."]
    if not prefused:
        notes.append("The batch norm was fused into the fully connected layer, which was not retrained since.")
    if exported.fc_scale != 1:
        notes.append(f"The fully connected layer was scaled by {exported.fc_scale:.6g} to fit its range.")
    if exported.narrowed:
        notes.append(f"Narrowed without retraining: {', '.join(exported.narrowed)}.")
    return tuple(notes)


def with_choices(network: Network, *, folding: dict[str, int | None], limits: dict[str, int | None]) -> Network:
    """The network whose design has the folding and the limits that a command line asks for.

    :param network: from `open_network`; a CheckpointError for a float network.
    :param folding: see `chosen_folding`.
    :param limits: see `chosen_limits`.
    :raises ConfigError, DesignError: as these.
    """
    before = network.require_design()
    design = before.refolded(chosen_folding(design=before, **folding))
    limited = chosen_limits(design.limits, **limits)
    return replace(network, design=design if limited == design.limits else replace(design, limits=limited))


def chosen_limits(
    before: Limits, *, max_columns: int | None, max_labels: int | None, kernel: Kernel = DEFAULT_KERNEL
) -> Limits:
    """The limits that a command line asks for; one that it leaves out is as before.

    :param before: of the network.
    :param max_columns: columns that the accelerator's buffers hold; None keeps `before`.
    :param max_labels: labels that they hold; None keeps `before`.
    :param kernel: whose buffers; those of the published one are as they were built.
    :raises ConfigError: a limit is asked for of the published kernel.
    :raises DesignError: a limit below 1, or beyond the counters of our kernels.
    """
    asked = {"columns": max_columns, "labels": max_labels}
    given = {name: number for name, number in asked.items() if number is not None}
    if not given:
        return before
    if kernel is Kernel.PUBLISHED:
        raise ConfigError(
            f"max_{next(iter(given))} needs the kernel rtl or hls: the published overlays are built, and their buffers hold "
            f"{Limits().columns} columns and {Limits().labels} labels."
        )
    limits = replace(before, **given)
    limits.require_countable()
    return limits


def chosen_folding(
    *,
    pe: int | None,
    simd_input: int | None,
    simd_recurrent: int | None,
    simd_factor: int | None,
    pe_out: int | None,
    design: Design,
) -> Folding:
    """The folding that a command line asks for; a number that it leaves out is that of `design`.

    :raises ConfigError: --simd-factor together with one of the numbers that it replaces.
    :raises DesignError: it does not divide the dimensions.
    """
    inputs, hidden = design.inputs, design.hidden
    simd = {"simd_input": simd_input, "simd_recurrent": simd_recurrent}
    given = {name: number for name, number in {"pe": pe, "pe_out": pe_out, **simd}.items() if number is not None}
    folding = replace(design.folding, **given)
    if simd_factor is not None:
        if given.keys() & simd.keys():
            raise ConfigError("--simd-factor replaces --simd-input and --simd-recurrent; give it or them, not both.")
        folding = Folding.by_factor(simd_factor, inputs=inputs, hidden=hidden, pe=folding.pe, pe_out=folding.pe_out)
    folding.check(inputs=inputs, hidden=hidden, classes=design.classes)
    return folding
