"""Classes for new characters: a checkpoint's alphabet and output layer, extended for other training lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from datapath import Alphabet
from datapath.alphabet import MAX_CLASSES, UNTRAINED_CHARACTERS
from datapath.errors import CheckpointError
from train.checkpoint import Checkpoint
from train.data.characters import listed
from train.model import Recogniser

ROWS = ("fc.weight", "fc.bias")
"""Parameters of the output layer, whose first axis is the class."""


def new_characters(alphabet: Alphabet, texts: Sequence[str]) -> Counter[str]:
    """Characters of training texts that have no class and need one, with their counts, in order of first appearance.

    :param alphabet: of a network.
    :param texts: the reference texts.
    """
    known = {*alphabet.symbols, *UNTRAINED_CHARACTERS}
    return Counter(character for text in texts for character in text if character not in known)


def with_new_classes(checkpoint: Checkpoint, texts: Sequence[str], *, seed: int) -> Checkpoint:
    """The checkpoint with a class for each new character of the texts, behind the classes that it has.

    The rows of its output layer stay as they are; those of the new classes are as a fresh network's by `seed`. Its
    optimiser's state is dropped. Without a new character it is returned as it is.

    :param checkpoint: to extend; it is not changed.
    :param texts: the reference texts of the training lines.
    :param seed: of the weights of the new rows.
    :raises CheckpointError: more classes than an alphabet has.
    """
    found = new_characters(checkpoint.alphabet, texts)
    if not found:
        return checkpoint
    classes = len(checkpoint.alphabet)
    if classes + len(found) > MAX_CLASSES:
        raise CheckpointError(
            f"its alphabet of {classes} classes and {len(found)} new characters make {classes + len(found)} classes; "
            f"allowed are {MAX_CLASSES}. New are {listed(found)}."
        ).within(checkpoint.name)
    alphabet = Alphabet((*checkpoint.alphabet.symbols, *found))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Recogniser(checkpoint.hyperparameters, len(alphabet)).state_dict()
    rows = {name: torch.cat([checkpoint.model[name], fresh[name][classes:]]) for name in ROWS}
    return replace(checkpoint, alphabet=alphabet, model={**checkpoint.model, **rows}, optimiser=None)


def require_classes(checkpoint: Checkpoint, texts: Sequence[str], *, resumed: bool) -> None:
    """Refuse training texts with characters that a checkpoint has no class for.

    :param checkpoint: that a run starts from.
    :param texts: the reference texts of the training lines.
    :param resumed: whether the run is resumed, and so keeps its classes.
    :raises CheckpointError: the characters are named, and the option that adds classes for them.
    """
    found = new_characters(checkpoint.alphabet, texts)
    if found:
        new = set(found)
        lines = sum(not new.isdisjoint(text) for text in texts)
        retrain = "--pretrained-policy RETRAIN with " if resumed else ""
        raise CheckpointError(
            f"{lines} of {len(texts)} training lines hold characters that its {len(checkpoint.alphabet)} classes lack: "
            f"{listed(found)}. {retrain}--extend-alphabet adds a class for each."
        ).within(checkpoint.name)
