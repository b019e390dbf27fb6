"""Texts of synthetic lines: sentences, references and tables of a scientific journal, from a small grammar.

A grammar maps a symbol to its productions; ``{symbol}`` within a production is replaced in turn, and ``{Symbol}``
gives the same with a capital. Every character produced is one of `ALPHABET`.
"""

from __future__ import annotations

import re

import numpy as np

ALPHABET = "712&6830945views.rctlypag)njuo(S bmh-D,UNYBfZGMEARTCdqOPQJVIFkH`'x<[]LKW:Xz\";/%!="
"""The 81 characters of UW3-500, in the order of the published networks' classes (class 1 first)."""

_WORDS = {
    "noun": """
        model system method energy surface field theory sample signal process structure current temperature region
        function result network equation pressure flow velocity boundary image sensor object robot camera program
        computer memory language machine circuit frequency spectrum particle electron crystal membrane protein enzyme
        cell tissue patient treatment market policy interest growth resource mineral river basin sediment climate
        ocean station record period section figure chapter survey experiment observation measurement error estimate
        coefficient parameter vector matrix algorithm procedure sequence interval distance direction motion shape
        edge segment pixel texture strain stress load failure concrete alloy phase mixture solution reaction chemical
        oxygen hydrogen carbon nitrogen water plant species population habitat law history number value threshold
        amplitude phenomenon hypothesis framework knowledge decision behavior workshop journal quality zone size""",
    "plural": """
        models systems methods fields samples signals results networks conditions equations properties values effects
        techniques features problems differences changes rates levels data studies authors materials experiments
        parameters coefficients objects regions surfaces processes mechanisms observations measurements errors
        particles electrons molecules cells patients species services workers groups functions applications axes""",
    "adjective": """
        linear numerical experimental local global thermal optical electrical mechanical chemical physical biological
        typical simple complex large small high low critical average total relative constant initial final possible
        important significant available different similar new recent previous present uniform random normal parallel
        horizontal vertical maximum minimum effective dynamic static stable active visual spatial discrete continuous
        approximate exact equivalent adequate unique joint major subsequent explicit turbulent viscous amorphous""",
    "done": """
        measured observed calculated obtained described given shown considered used applied proposed found required
        determined estimated compared derived defined reported assumed expected known developed analyzed reduced
        increased produced represented computed investigated discussed recognized examined acquired quantized""",
    "doing": "using measuring increasing reducing computing considering following analyzing describing requiring",
    "does": "shows gives describes requires provides increases depends suggests indicates yields becomes exceeds",
    "adverb": "also often usually only well then generally mainly directly clearly slightly very not still frequently",
    "of": "of of of of of in in in for for on with from between by to at under over within through during along",
    "the": "the the the the the the the the the a a a this that its the such some these the no",
    "and": "and and and or but while because although since when where that which as if so",
    "surname": """
        Anderson Brown Carter Davis Evans Fischer Garcia Hansen Ivanov Jackson Johnson Kumar Keller Larson Miller
        Nakamura Olsen O'Brien Peterson Quinn Richards Smith Suzuki Taylor Ullman Vogel Wang Weber Xu Yamada Young
        Zhang Zimmer Huffman Kolmogorov Newton Euler Fourier Gauss Jones""",
    "place": """
        Boston Geneva London Tokyo Ottawa Vienna Kyoto Zurich Utah Nevada Quebec Japan France Italy Xiamen Jena
        University Institute Department Laboratory Washington Chicago Berkeley Oxford Warsaw""",
    "acronym": "IEEE ACM DNA RNA CPU FFT NASA VLSI HPLC NMR UV GHz kHz MHz kV kW VAX PhD XOR SQL BJT EEG XRD",
    "journal": "Phys. Chem. Trans. Proc. Commun. Rev. Lett. Soc. Sci. Eng. Comput. Mech. Biol. Acta Math. Appl.",
    "month": "January March April May June July August October November December Winter Fall",
    "quantity": "x y z n p k q r v T E R V X Z H Q K J W",
    "unit": "mm cm km kg mg mV kHz MHz K J Pa m/s g/l",
    "digit": "0 1 2 3 4 5 6 7 8 9",
    "nonzero": "1 2 3 4 5 6 7 8 9",
    "initial": "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
}

_PRODUCTIONS = {
    "count": ("{nonzero}", "{nonzero}{digit}", "{nonzero}{digit}", "{nonzero}{digit}{digit}"),
    "number": ("{nonzero}", "{nonzero}{digit}", "{nonzero}{digit}{digit}", "{digit}.{digit}", "0.{digit}{digit}"),
    "year": ("19{digit}{digit}",),
    "person": ("{initial}. {surname}", "{initial}. {initial}. {surname}", "{initial}.{initial}. {surname}"),
    "people": ("{person}", "{person} and {person}", "{person}, {person} and {person}"),
    "thing": (
        "{the} {noun}",
        "{the} {adjective} {noun}",
        "{plural}",
        "{adjective} {plural}",
        "{the} {noun} {of} {the} {noun}",
        "{noun} {noun}",
    ),
    "cited": ("[{nonzero}{digit}]", "[{nonzero}]", "({surname}, {year})", "({surname} et al., {year})", "({year})"),
    "aside": (
        "(Fig. {count})",
        "(see Section {number})",
        "({noun})",
        "``{adjective} {noun}''",
        "`{noun}'",
        '"{noun}"',
    ),
    "clause": (
        "{thing} {of} {thing} is {done} {of} {thing}",
        "{thing} was {adverb} {done} {of} {thing}",
        "{plural} were {done} {of} {thing} {and} {thing}",
        "{thing} {does} {thing} {of} {thing}",
        "{thing} has been {done} {of} {thing}",
        "it is {done} that {thing} is {adjective}",
        "we {adverb} used {thing}, {doing} {thing}",
        "there are {plural} {of} {thing}",
    ),
    "formula": (
        "{quantity} = {number}",
        "{quantity} < {number}",
        "{quantity} = {number} {unit}",
        "{number}%",
        "{number} {unit}",
        "{number}/{number}",
        "(p < 0.0{nonzero})",
    ),
    "sentence": (
        "{Clause}.",
        "{Clause}.",
        "{Clause}, {and} {clause}.",
        "{Clause} {cited}.",
        "{Clause} {aside}.",
        "{Clause}; {clause}.",
        "However, {clause}.",
        "In {thing}, {clause}.",
        "For {formula}, {clause}.",
        "{Surname} and {surname} {cited} {done} {thing}.",
    ),
    "prose": ("{sentence} {sentence} {sentence}",),
    "reference": (
        "[{count}] {people}. {Thing} {of} {thing}. {journal} {journal}, {count}({nonzero}):{count}-{count}, {year}.",
        "{count}. {people}, ``{Thing} {of} {thing},'' {journal} {journal}, Vol. {count}, {year}, pp. {count}-{count}.",
        "{surname}, {initial}., and {surname}, {initial}., {year}: {Thing} {of} {thing}. J. {journal} {journal}, {count}.",
    ),
    "caption": (
        "Fig. {count}. {Thing} {of} {thing}: {formula}; {clause}.",
        "Figure {count}: {Thing} {of} {thing} at {formula}. {sentence}",
        "Table {count}. {Thing} {of} {plural} in {place}, {year}. {sentence}",
    ),
    "heading": (
        "{nonzero}.{nonzero} {Adjective} {Noun} and {Noun} {Plural} in {Place} {Acronym} {Plural}",
        "{nonzero}. {NOUN} {OF} {ADJECTIVE} {NOUN} AND {PLURAL} {OF} {ADJECTIVE} {NOUN}",
        "{NOUN} {PLURAL} {OF} {NOUN} {PLURAL} AND {ADJECTIVE} {NOUN}",
        "The {Adjective} {Noun} Question: {Adjective} {Plural}! {sentence}",
    ),
    "address": (
        "{Noun} {place}, {place} of {place}, {place} {nonzero}{digit}{digit}{digit}{digit}, {place} & {surname}",
        "{people}, {acronym} {place}, {month} {nonzero}{digit}, {year}, {journal} {journal} {count}",
        "{surname} & {surname}, {place}: {acronym}/{acronym}, Volume {count}, Number {count}, {month} {year}",
    ),
}

_GRAMMAR: dict[str, tuple[str, ...]] = {name: tuple(words.split()) for name, words in _WORDS.items()} | _PRODUCTIONS

_STARTS = ("prose",) * 13 + ("reference", "reference", "caption", "heading", "address")
"""What lines are made of, as often as UW3-500 shows it."""

_PUNCTUATED = """
x < y|z < 1|n = 3|R = 0.5|50%|12.5%|m/s|A/D|[7]|[12,|(a)|(see|1986)|``on''|`run'|``the|"on"|R&D|& Co.|rate;|time;
first:|time:|not!|so:|true,|two-|non-|Fig. 3|in a|of the"""

_TOKENS = (
    *(word for words in _WORDS.values() for word in words.split()),
    *(f"{initial}." for initial in _WORDS["initial"].split()),
    *(f"{number}" for number in (*range(10, 100), *range(1950, 2000))),
    *(token for row in _PUNCTUATED.split("\n") for token in row.split("|")),
)

CARRIERS = {c: tuple(token for token in _TOKENS if c in token) for c in ALPHABET}
"""Per character of the alphabet, short texts that hold it."""

LONGEST_CARRIER = 8
"""Every character has carriers that fit into as many characters."""

HYPHEN_SHARE = 0.7
"""Share of the lines that could end with a broken word and do."""

MID_WORD_SHARE = 0.1
"""Share of lines that begin with the rest of a word broken on the line before."""

TITLE_SHARE = 0.06
"""Of passages that are set in capitals, as titles and running heads are."""


def line_text(rng: np.random.Generator, required: str, *, min_characters: int, max_characters: int) -> str:
    """One line of text that holds the character `required`.

    :param required: one of `ALPHABET`.
    :param min_characters: at least 1.
    :param max_characters: at least `min_characters` and `LONGEST_CARRIER`.
    :returns: `min_characters` to `max_characters` characters of `ALPHABET`, no space at either end.
    """
    length = int(rng.integers(max(min_characters, LONGEST_CARRIER), max_characters + 1))
    passage = _passage(rng, 2 * length)
    text = _fitted(rng, passage, length, min_characters)
    if required in text:
        return text
    carrier = _pick(rng, tuple(token for token in CARRIERS[required] if len(token) <= LONGEST_CARRIER))
    lead = passage[: int(rng.integers(0, length - len(carrier) + 1))]
    lead = lead[: lead.rfind(" ") + 1]
    head = f"{lead}{carrier} "
    tail = _fitted(rng, passage[len(lead) :], length - len(head), min_characters - len(head))
    return _padded(f"{head}{tail}".rstrip(" "), min_characters)


def _passage(rng: np.random.Generator, at_least: int) -> str:
    """Running text of `at_least` characters or more, from the start of an item or from amid it."""
    start = _pick(rng, _STARTS)
    text = _expand(rng, start)
    if start == "prose":
        words = text.split(" ")
        text = " ".join(words[int(rng.integers(len(words) // 2)) :])
        first = re.match("[a-z]{6,}", text)
        if first and rng.random() < MID_WORD_SHARE:
            text = text[int(rng.integers(2, first.end() - 2)) :]
    while len(text) < at_least:
        text = f"{text} {_expand(rng, 'sentence')}"
    return text.upper() if rng.random() < TITLE_SHARE else text


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
