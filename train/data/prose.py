"""Texts of synthetic lines: sentences, headings, references, tables and listings of a scientific journal, from a grammar.

The grammar, in ``grammar.json``, maps a symbol to its productions; ``{symbol}`` within a production is replaced in
turn, and ``{Symbol}`` gives the same with a capital. Every character produced is one of `ALPHABET`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

ALPHABET = "712&6830945views.rctlypag)njuo(S bmh-D,UNYBfZGMEARTCdqOPQJVIFkH`'x<[]LKW:Xz\";/%!="
"""The 81 characters of UW3-500, in the order of the published networks' classes (class 1 first)."""

_FILE = json.loads((files("train.data") / "grammar.json").read_text(encoding="utf-8"))
"""Words by kind, in lines of any number; productions by symbol; short texts with punctuation."""

_WORDS = {kind: tuple(" ".join(lines).split()) for kind, lines in _FILE["words"].items()}

_GRAMMAR: dict[str, tuple[str, ...]] = _WORDS | {symbol: tuple(texts) for symbol, texts in _FILE["productions"].items()}

KINDS = {
    "prose": 50,
    "reference": 12,
    "caption": 4,
    "heading": 3,
    "address": 3,
    "running": 4,
    "section": 5,
    "table": 5,
    "listing": 5,
    "leader": 2,
    "short": 3,
    "confusable": 2,
    "equation": 2,
}
"""Percent of the lines that are of each kind: about what journals have, with more of what networks read wrongly."""

_RUNNING_ON = frozenset(("prose", "reference", "caption", "heading", "address", "confusable"))
"""Kinds that sentences follow; the others end with their item, or go on with the next of their kind."""

_ENDING = frozenset(("running", "section", "leader", "short"))
"""Kinds whose item is a line, however short."""

_TOKENS = (
    *(word for words in _WORDS.values() for word in words),
    *(f"{initial}." for initial in _WORDS["initial"]),
    *(f"{number}" for number in (*range(10, 100), *range(1950, 2000))),
    *_FILE["punctuated"],
)

CARRIERS = {c: tuple(token for token in _TOKENS if c in token) for c in ALPHABET}
"""Per character of the alphabet, short texts that hold it."""

LONGEST_CARRIER = 8
"""Every character has carriers that fit into as many characters."""

HYPHEN_SHARE = 0.7
"""Share of the lines that could end with a broken word and do."""

MID_WORD_SHARE = 0.1
"""Share of lines that begin with the rest of a word broken on the line before."""

TITLE_SHARE = 0.05
"""Of passages of the kinds that sentences follow: they are set in capitals."""


@dataclass(frozen=True)
class LineText:
    """A text and what it is."""

    kind: str  # one of `KINDS`
    text: str  # characters of `ALPHABET`, no space at either end


def line_text(
    rng: np.random.Generator, required: str, *, min_characters: int, max_characters: int, kind: str | None = None
) -> LineText:
    """One line of text that holds the character `required`.

    :param required: one of `ALPHABET`, or empty for any text.
    :param min_characters: at least 1.
    :param max_characters: at least `min_characters` and `LONGEST_CARRIER`.
    :param kind: one of `KINDS`; None draws one.
    :returns: `min_characters` to `max_characters` characters.
    """
    length = int(rng.integers(max(min_characters, LONGEST_CARRIER), max_characters + 1))
    kind = kind or _pick(rng, _DRAWN_KINDS)
    passage = _passage(rng, kind, 2 * length)
    text = _fitted(rng, passage, length, min_characters)
    if required in text:
        return LineText(kind, text)
    carrier = _pick(rng, tuple(token for token in CARRIERS[required] if len(token) <= LONGEST_CARRIER))
    lead = passage[: int(rng.integers(0, length - len(carrier) + 1))]
    lead = lead[: lead.rfind(" ") + 1]
    head = f"{lead}{carrier} "
    tail = _fitted(rng, passage[len(lead) :], length - len(head), min_characters - len(head))
    return LineText(kind, _padded(f"{head}{tail}".rstrip(" "), min_characters))


_DRAWN_KINDS = tuple(kind for kind, percent in KINDS.items() for _ in range(percent))


def _passage(rng: np.random.Generator, kind: str, at_least: int) -> str:
    """Running text of `at_least` characters or more, from the start of an item or from amid it; or one item that ends a line."""
    text = _expand(rng, kind)
    if kind == "prose":
        words = text.split(" ")
        text = " ".join(words[int(rng.integers(len(words) // 2)) :])
        first = re.match("[a-z]{6,}", text)
        if first and rng.random() < MID_WORD_SHARE:
            text = text[int(rng.integers(2, first.end() - 2)) :]
    while len(text) < at_least and kind not in _ENDING:
        text = f"{text} {_expand(rng, 'sentence' if kind in _RUNNING_ON else kind)}"
    return text.upper() if kind in _RUNNING_ON and rng.random() < TITLE_SHARE else text


def _expand(rng: np.random.Generator, symbol: str) -> str:
    """Replace a symbol by one of its productions, all the way down."""

    def replaced(match: re.Match) -> str:
        name = match[1]
        text = _expand(rng, name.lower())
        if name.isupper():
            return text.upper()
        return text[0].upper() + text[1:] if name[0].isupper() else text

    text = re.sub(r"\{(\w+)\}", replaced, _pick(rng, _GRAMMAR[symbol]))
    return re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)


def _fitted(rng: np.random.Generator, text: str, length: int, shortest: int) -> str:
    """The beginning of `text`, `shortest` to `length` characters: whole words, or the last one broken with a hyphen."""
    if len(text) <= length:
        return _padded(text, shortest)
    words = max(0, text[: max(0, length) + 1].rfind(" "))
    cut = length - 1
    breakable = re.fullmatch("[a-z]{3,}", text[words + 1 : cut]) and re.match("[a-z]{2}", text[cut:])
    if breakable and (words < shortest or rng.random() < HYPHEN_SHARE):
        return f"{text[:cut]}-"
    return text[:words] if words >= shortest else _padded(text[:length].rstrip(" "), shortest)


def _padded(text: str, shortest: int) -> str:
    """`text` with full stops, as in a table of contents, where it falls short."""
    return text + "." * (shortest - len(text))


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]
