"""Notes on the characters of reference texts: what a network cannot output, and what no picture shows.

Pure functions over texts. Each gives a message for the user, or None where there is nothing to say.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from datapath.alphabet import UNTRAINED_CHARACTERS, Alphabet
from datapath.text_form import NONE, NORMALISATIONS, TextForm, has_right_to_left

NAMED_CHARACTERS = 8
"""Most characters that a note lists; it counts the others."""

CONTROL_NAMES = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x1b": "ESCAPE", "\x0c": "FORM FEED"}

_NO_INK = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2028, 0x2029), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF)),
)
"""Code points without ink beside those of the categories Cc (control) and Cf (format): joiners, fillers, variation
selectors and separators (the property Default_Ignorable_Code_Point of Unicode, and its two separators)."""

_VOWELS_AND_FINALS = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff]")
"""Hangul letters that compose with the one before, though they are not combining marks."""


def named(character: str) -> str:
    r"""A character for a message: itself, its code point and its Unicode name.

    >>> named("a"), named("\u200b"), named("\t")
    ("'a' (U+0061 LATIN SMALL LETTER A)", 'U+200B ZERO WIDTH SPACE', 'U+0009 TAB')

    :param character: one character. It is left out where it has no ink of its own; a combining mark stands on a circle.
    """
    name = unicodedata.name(character, CONTROL_NAMES.get(character, ""))
    code = f"U+{ord(character):04X} {name}".rstrip()
    category = unicodedata.category(character)
    if without_ink(character) or category[0] == "Z" or category in ("Cs", "Cn"):
        return code
    carrier = "\u25cc" if category[0] == "M" else ""
    return f"'{carrier}{character}' ({code})"


def listed(characters: Counter[str]) -> str:
    """Characters with their counts, the most frequent first, as part of a sentence.

    :param characters: the count of each.
    """
    order = sorted(characters.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{named(character)} {_times(count)}" for character, count in order[:NAMED_CHARACTERS]]
    more = len(order) - NAMED_CHARACTERS
    return ", ".join(parts) + (f" and {more} more characters" if more > 0 else "")


def without_ink(character: str) -> bool:
    """Whether a character leaves no ink and no space of its own: zero width, control, format, variation selector.

    :param character: one character; spaces are not meant.
    """
    code = ord(character)
    return unicodedata.category(character) in ("Cc", "Cf") or any(first <= code <= last for first, last in _NO_INK)


def unreadable_note(texts: Sequence[str], alphabet: Alphabet, *, what: str) -> str | None:
    """That texts hold characters which the network cannot output, and the lowest CER that it can then have.

    Each of these characters costs one deletion or substitution, so the total distance is at least their number.

    :param texts: the reference texts.
    :param alphabet: of the network.
    :param what: the texts are, in the plural, such as ``validation lines``.
    """
    held = {character for symbol in alphabet.symbols for character in symbol}
    missing = _outside(held, texts)
    if not missing:
        return None
    lines = sum(not held.issuperset(text) for text in texts)
    count, total = missing.total(), sum(map(len, texts))
    note = (
        f"{lines} of {len(texts)} {what} hold characters that the network has no class for: {listed(missing)}. "
        f"At best the CER on the {what} is {100 * count / total:.2f} % ({count} of {total} characters)."
    )
    better = _helping_form(texts, held, count)
    if better is not None:
        note += f" With --normalisation {better[0]} it is {100 * better[1]:.2f} %."
    return note


def _helping_form(texts: Sequence[str], held: set[str], missing: int) -> tuple[str, float] | None:
    """The normalisation with the fewest characters outside `held`, and their share; None if none has fewer."""
    best, least = None, missing
    for form in NORMALISATIONS[1:]:
        normal = [unicodedata.normalize(form, text) for text in texts]
        count = _outside(held, normal).total()
        if count < least:
            best, least = (form, count / sum(map(len, normal))), count
    return best


def untrained_note(texts: Sequence[str], alphabet: Alphabet) -> str | None:
    """That training texts hold characters which are never trained, as in the original trainer: ``$`` and tab.

    :param texts: the reference texts of training lines.
    :param alphabet: of the network; a character that it holds is trained.
    """
    without_class = set(UNTRAINED_CHARACTERS).difference(alphabet.symbols)
    found = Counter({one: count for one, count in _counts(texts).items() if one in without_class})
    if not found:
        return None
    lines = sum(not without_class.isdisjoint(text) for text in texts)
    return (
        f"{lines} of {len(texts)} training lines hold characters that are not trained, as in the original trainer, and "
        f"that the network will never output: {listed(found)}. Write them as another character to train them."
    )


def text_notes(texts: Sequence[str], form: TextForm) -> list[str]:
    """Every note on texts that does not depend on a network.

    :param texts: the reference texts, in `form`.
    :param form: in which they are.
    """
    counts = _counts(texts)
    notes = (
        _mixed_forms(texts, counts) if form.normalisation == NONE else None,
        _invisible(texts, counts),
        _spaces(texts, counts),
        None if form.in_picture_order else _right_to_left(texts, counts),
    )
    return [note for note in notes if note is not None]


def _counts(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return counts


def _outside(held: set[str], texts: Iterable[str]) -> Counter[str]:
    """The characters that are not in `held`, with their counts."""
    return Counter({one: count for one, count in _counts(texts).items() if one not in held})


def _mixed_forms(texts: Sequence[str], counts: Counter[str]) -> str | None:
    """That characters stand in several canonically equivalent spellings: each of them trains classes of its own."""
    if all(unicodedata.is_normalized("NFC", text) for text in texts):
        return None
    combined = _combined(counts)
    clusters = _clusters(texts, counts, combined)
    spellings: dict[str, Counter[str]] = {}
    for cluster, count in clusters.items():
        spellings.setdefault(unicodedata.normalize("NFC", cluster), Counter())[cluster] = count
    mixed = {normal: found for normal, found in spellings.items() if len(found) > 1}
    if not mixed:
        return None
    order = sorted(mixed.items(), key=lambda item: (-item[1].total(), item[0]))
    parts = [f"'{normal}' as {_spelled(found)}" for normal, found in order[:NAMED_CHARACTERS]]
    more = len(order) - NAMED_CHARACTERS
    ways = {way for found in mixed.values() for way in found}
    lines = sum(not ways.isdisjoint((*text, *(combined.findall(text) if combined else ()))) for text in texts)
    return (
        f"{lines} of {len(texts)} lines hold characters that are written in different code points: {'; '.join(parts)}"
        f"{f'; and {more} more characters' if more > 0 else ''}. Each way has classes of its own; "
        "--normalisation NFC makes them one."
    )


def _combined(counts: Counter[str]) -> re.Pattern[str] | None:
    """What matches a character with the marks that combine with it; None without marks."""
    marks = [one for one in counts if unicodedata.category(one)[0] == "M" or _VOWELS_AND_FINALS.match(one)]
    several = f"[{re.escape(''.join(marks))}]"
    return re.compile(f"[^{several[1:-1]}]?{several}+") if marks else None


def _clusters(texts: Sequence[str], counts: Counter[str], combined: re.Pattern[str] | None) -> Counter[str]:
    """Characters with the marks that combine with them, each with its count."""
    clusters, alone = Counter(), Counter(counts)
    if combined is not None:
        for text in texts:
            clusters.update(combined.findall(text))
        for cluster, count in clusters.items():
            for character in cluster:
                alone[character] -= count
    return clusters + alone  # of `alone`, what is left


def _spelled(found: Counter[str]) -> str:
    ways = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{' + '.join(f'U+{ord(one):04X}' for one in way)} {_times(count)}" for way, count in ways)


def _invisible(texts: Sequence[str], counts: Counter[str]) -> str | None:
    found = Counter({one: count for one, count in counts.items() if one != "\t" and without_ink(one)})
    if not found:
        return None
    return (
        f"{_holding(texts, found)} of {len(texts)} lines hold invisible characters: {listed(found)}. "
        "Each has a class like a letter, but leaves no ink that a network could read."
    )


def _spaces(texts: Sequence[str], counts: Counter[str]) -> str | None:
    found = Counter({one: count for one, count in counts.items() if one != " " and unicodedata.category(one) == "Zs"})
    if not found:
        return None
    plain = all(unicodedata.normalize("NFKC", one) == " " for one in found)
    return (
        f"{_holding(texts, found)} of {len(texts)} lines hold spaces other than U+0020, with which they can be confused: "
        f"{listed(found)}." + (" --normalisation NFKC makes them U+0020." if plain else "")
    )


def _right_to_left(texts: Sequence[str], counts: Counter[str]) -> str | None:
    found = Counter({one: count for one, count in counts.items() if has_right_to_left(one)})
    if not found:
        return None
    return (
        f"{_holding(texts, found)} of {len(texts)} lines hold characters that are written from right to left, such as "
        f"{named(max(found, key=found.__getitem__))}. A network reads from left to right: texts in the order of reading "
        "need --bidi."
    )


def _holding(texts: Iterable[str], characters: Counter[str]) -> int:
    """How many texts hold any of the characters."""
    wanted = set(characters)
    return sum(not wanted.isdisjoint(text) for text in texts)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
