"""What `foldline data import` prints: counts, widths, limits, characters, and what was left out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from datapath.alphabet import MAX_LABEL, UNTRAINED_CHARACTERS, Alphabet
from datapath.design import Limits
from foldline.console.text import counted
from train.data.characters import text_notes, untrained_note, without_ink
from train.data.importing import Imported
from train.data.sources.reading import HEIGHT

CHARACTERS_PER_ROW = 8


def import_report(imported: Imported, *, split: str) -> Iterator[str]:
    """Lines of text about an import.

    :param imported: what was written.
    :param split: how the validation lines were chosen, unless the source says it.
    """
    dataset, read = imported.dataset, imported.read
    kinds = ", ".join(f"{count} from {kind}" for kind, count in read.kinds.items())
    yield f"{counted(len(read.lines), 'line')} ({kinds})"
    how = "as the lists of the source say" if imported.own_split else split
    yield f"{len(dataset.training)} training and {len(dataset.validation)} validation lines, {how}"
    columns = imported.columns
    yield f"columns at height {HEIGHT}: {min(columns)} to {max(columns)}, median {imported.median_columns:g}"
    limits = Limits()
    yield (
        f"over the limits of the published overlay: {imported.over_limits} of {len(columns)} lines "
        f"({100 * imported.over_limits / len(columns):.1f} %); {imported.too_wide} have more than {limits.columns} columns, "
        f"{imported.too_long} more than {limits.labels} labels"
    )
    yield from _characters(imported)
    yield from text_notes([one.line.text for one in read.lines], dataset.form)
    yield from _classes([line.text for line in dataset.training])
    if read.left_out:
        yield f"left out: {len(read.left_out)}"
    for message in dataset.problems:
        yield f"  {message}"


def _characters(imported: Imported) -> Iterator[str]:
    """The alphabet with counts, and the characters that no training line has."""
    ordered = sorted(imported.characters.items(), key=lambda item: (-item[1], item[0]))
    yield f"{counted(len(ordered), 'character')}, with the number of each:"
    shown = [f"{_shown(character)} {count}" for character, count in ordered]
    for start in range(0, len(shown), CHARACTERS_PER_ROW):
        yield "  " + "   ".join(shown[start : start + CHARACTERS_PER_ROW])
    trained = set().union(*(line.text for line in imported.dataset.training))
    untrained = [_shown(character) for character, _ in ordered if character not in trained]
    if untrained:
        yield f"  in no training line, so that a network cannot learn them: {', '.join(untrained)}"


def _classes(texts: Sequence[str]) -> Iterator[str]:
    """That training texts hold characters without a class, or more characters than there are classes."""
    trained = set().union(*texts).difference(UNTRAINED_CHARACTERS)
    if len(trained) > MAX_LABEL:
        yield f"the training lines hold {len(trained)} characters to train; an alphabet has at most {MAX_LABEL}"
    elif (note := untrained_note(texts, Alphabet.of_texts(texts))) is not None:
        yield note


def _shown(character: str) -> str:
    """A character with its code point; the latter alone where the former has no ink."""
    if character == " ":
        return "space"
    code = f"U+{ord(character):04X}"
    if unicodedata.category(character).startswith("M"):
        return f"\u25cc{character} {code}"  # a combining mark stands on a circle
    return code if character.isspace() or without_ink(character) else f"{character} {code}"
