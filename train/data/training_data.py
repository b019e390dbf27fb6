"""`TrainingData`: the lines that a run trains on, changed from epoch to epoch, and the lines that it validates on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from datapath import Alphabet
from datapath.alphabet import UNTRAINED_CHARACTERS
from datapath.errors import ConfigError, DataError
from train.config import AUGMENTATIONS, Hyperparameters
from train.data.augmentation import Augmentation, augment, line_generator
from train.data.batches import Sample, epoch_order, samples_of
from train.data.characters import unreadable_note, untrained_note
from train.data.dataset import Dataset, Line
from train.data.left_out import LeftOut
from train.data.usable import require_usable, usable_pixels
from train.loss import columns_needed


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingData:
    """What a run trains on and validates on."""

    samples: tuple[Sample, ...]  # training lines, base lines first, then extra lines
    base_count: int  # number of base lines: every epoch has all of them, and `hyperparameters.extra_lines` extra ones
    validation: tuple[Line, ...]  # lines whose error rates each epoch is measured by
    validation_pixels: tuple[Tensor, ...]  # their grey columns, uint8 [T, I]
    notes: tuple[str, ...]  # messages: lines left out, how the best epoch is chosen, characters that cannot be output
    augmentation: Augmentation  # random changes of the samples
    hyperparameters: Hyperparameters

    @property
    def references(self) -> list[str]:
        """The reference text of every validation line, with the characters that are not trained."""
        return [line.text for line in self.validation]

    @property
    def lines_per_epoch(self) -> int:
        """Samples of every epoch."""
        return self.base_count + min(self.hyperparameters.extra_lines, len(self.samples) - self.base_count)

    def order(self, epoch: int) -> list[int]:
        """Indexes of the samples of an epoch, to be cut into batches: a function of seed and epoch alone."""
        drawn = list(range(self.base_count))
        if self.lines_per_epoch > self.base_count:
            generator = torch.Generator().manual_seed(self.hyperparameters.random_seed * 1_000_003 + epoch)
            extra = torch.randperm(len(self.samples) - self.base_count, generator=generator)
            drawn += (extra[: self.lines_per_epoch - self.base_count] + self.base_count).tolist()
        widths = [self.samples[index].columns for index in drawn]
        places = epoch_order(widths, epoch=epoch, hyperparameters=self.hyperparameters)
        return [drawn[place] for place in places]

    def in_epoch(self, index: int, epoch: int) -> Sample:
        """A sample as this epoch shows it: a function of seed, epoch and line alone."""
        sample = self.samples[index]
        if not self.augmentation.enabled:
            return sample
        least = columns_needed(sample.labels, self.hyperparameters)
        rng = line_generator(self.hyperparameters.random_seed, epoch, index)
        changed = augment(sample.pixels.numpy(), self.augmentation, rng, least_columns=least)
        return Sample(line=sample.line, pixels=torch.from_numpy(changed), labels=sample.labels)


def prepare(dataset: Dataset, alphabet: Alphabet, hyperparameters: Hyperparameters) -> TrainingData:
    """Read the images and split the lines. A line that cannot be used is left out and becomes a note.

    :raises ConfigError: more selection lines than training lines.
    :raises DataError: no line can be trained or validated on, no validation line holds a word, or the alphabet lacks a
        character.
    """
    hp = hyperparameters
    training, validation, notes = _split(dataset, hp)
    if not any(line.text.split() for line in validation):
        raise DataError(f"None of the {len(validation)} validation lines holds a word, so there is no error rate.")
    samples, left_out = _samples(training, alphabet, hp, "training lines")
    if not samples:
        raise DataError(f"No line can be trained on; of {len(training)} the first: {left_out.messages()[0]}")
    extra, extra_notes = _extra(dataset.extra, alphabet, hp)
    measured = "held-out training lines" if hp.selection_lines else "validation lines"
    validated, unusable = _validation(validation, hp, measured)
    return TrainingData(
        samples=(*samples, *extra),
        base_count=len(samples),
        validation=tuple(line for line, _ in validated),
        validation_pixels=tuple(torch.from_numpy(pixels) for _, pixels in validated),
        notes=(
            *notes,
            *left_out.messages(),
            *extra_notes,
            *unusable.messages(),
            *_character_notes(training, [line for line, _ in validated], alphabet, measured),
        ),
        augmentation=Augmentation(**{name: getattr(hp, f"augment_{name}") for name in AUGMENTATIONS}),
        hyperparameters=hp,
    )


def _validation(
    lines: tuple[Line, ...], hp: Hyperparameters, what: str
) -> tuple[list[tuple[Line, np.ndarray]], LeftOut]:
    """The usable validation lines with their pixels, and the others."""
    left_out, measures = LeftOut(), {"target_height": hp.target_height, "workers": hp.num_workers}
    usable = list(usable_pixels(lines, left_out=left_out, what=what, **measures))
    require_usable(usable, left_out, what)
    if not any(line.text.split() for line, _ in usable):
        raise DataError(f"None of the {len(usable)} usable {what} holds a word, so there is no error rate.")
    return usable, left_out


def _character_notes(
    training: Sequence[Line], validation: Sequence[Line], alphabet: Alphabet, measured: str
) -> list[str]:
    """What of the texts the network will never output."""
    notes = (
        untrained_note([line.text for line in training], alphabet),
        unreadable_note([line.text for line in validation], alphabet, what=measured),
    )
    return [note for note in notes if note is not None]


def _split(dataset: Dataset, hp: Hyperparameters) -> tuple[tuple[Line, ...], tuple[Line, ...], list[str]]:
    """Training lines, validation lines, and a message if the latter are held out."""
    count = hp.selection_lines
    if count == 0:
        return dataset.training, dataset.validation, []
    if count >= len(dataset.training):
        raise ConfigError(f"selection_lines is {count}; there are {len(dataset.training)} training lines in all.")
    drawn = torch.randperm(len(dataset.training), generator=torch.Generator().manual_seed(hp.random_seed))
    held_out = set(drawn[:count].tolist())
    training = tuple(line for index, line in enumerate(dataset.training) if index not in held_out)
    validation = tuple(line for index, line in enumerate(dataset.training) if index in held_out)
    note = f"Error rates during training are those of {count} held-out training lines; validation lines are not read."
    return training, validation, [note]


def _extra(lines: tuple[Line, ...], alphabet: Alphabet, hp: Hyperparameters) -> tuple[list[Sample], list[str]]:
    """Samples of the extra lines that the alphabet can encode, and messages about the others."""
    if hp.extra_lines > len(lines):
        raise ConfigError(f"extra_lines is {hp.extra_lines}; there are {len(lines)} extra lines.")
    known = {*alphabet.symbols, *UNTRAINED_CHARACTERS}
    encodable = tuple(line for line in lines if known.issuperset(line.text))
    samples, left_out = _samples(encodable, alphabet, hp, "extra lines")
    notes = list(left_out.messages())
    if len(encodable) < len(lines):
        notes.append(f"{len(lines) - len(encodable)} of {len(lines)} extra lines hold characters outside the alphabet.")
    return samples, notes


def _samples(
    lines: tuple[Line, ...], alphabet: Alphabet, hp: Hyperparameters, what: str
) -> tuple[list[Sample], LeftOut]:
    """The usable lines with enough columns for their labels, and the others: the loss of too few columns is infinite."""
    feasible, left_out = [], LeftOut()
    measures = {"target_height": hp.target_height, "workers": hp.num_workers}
    for line, pixels in usable_pixels(lines, left_out=left_out, what=what, **measures):
        (sample,) = samples_of([line], [torch.from_numpy(pixels)], alphabet)
        needed, columns = columns_needed(sample.labels, hp), sample.columns
        if needed <= columns:
            feasible.append(sample)
        else:
            reason = f"its text needs {needed} columns, the image has {columns}."
            left_out.add(f"{what} with too few columns for their text", line.name, reason)
    return feasible, left_out
