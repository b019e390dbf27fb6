"""Random changes of bytes, of text and of JSON. Each takes the data, a generator and another file of the format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

Mutator = Callable[[bytes, Random, bytes], bytes]

MAX_BYTES = 1 << 20
"""Mutants are cut to this size: faults by size need a declared size, not a real one."""

NUMBERS = (
    *("-1", "0", "1", "2", "7", "8", "9", "16", "255", "256", "257", "65535", "65536", "-0", "00", "+1", "1.5", "-0.5"),
    *("2147483647", "2147483648", "-2147483649", "4294967296", "9223372036854775807", "9223372036854775808"),
    *("18446744073709551616", "1e400", "-1e400", "1e-400", "NaN", "nan", "Infinity", "-inf", "0x10", "0b1", "1_000"),
    *("1e9", "100000000", "0.1", "\u0661", "\u00b2", "true", "null", ""),
    *("9" * 309, "9" * 5000, "-" + "1" * 4301, "0." + "3" * 5000),
)
"""What a number in a text is replaced by."""

WORDS = (
    *("\x00", "\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\x85", "\u2028", "\u202e", "\ufeff", "\u200f", "\r", "\n"),
    *(
        "\r\n",
        "\t",
        "\f",
        "\v",
        "\x7f",
        "\u0301",
        "\U0010ffff",
        "\U0001f600",
        "..",
        "/",
        "\\",
        "../../x",
        "/etc/passwd",
    ),
    *("'", '"', '""', "`", "$", "$(id)", "%s", "{}", "{0}", "<", ">", "&", "&amp;", "&#0;", ",", ";", ":", "#", "//"),
    *("/*", "*/", "A" * 300, "a" * 5000, "[", "]", "{", "}", "(", ")", "=", "-", "--", "NUL", "con", "\ud7ff", " ", ""),
)
"""What is put into a text: control bytes, ends of lines, quotes, syntax of shells and formats, very long words."""

NUMBER = re.compile(rb"[-+]?\d[\d.eExXa-fA-F]*")
WORD = re.compile(rb"[A-Za-z_]\w*")


def flip_bits(data: bytes, random: Random, other: bytes) -> bytes:
    """One to eight bits."""
    if not data:
        return b"\0"
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(data: bytes, random: Random, other: bytes) -> bytes:
    """A run of bytes becomes 00, FF, or one random value."""
    start, length = _run(data, random)
    return data[:start] + bytes([random.choice((0, 255, random.randrange(256)))]) * length + data[start + length :]


def set_integer(data: bytes, random: Random, other: bytes) -> bytes:
    """An integer of 1 to 8 bytes becomes an extreme one."""
    size = random.choice((1, 2, 4, 8))
    if len(data) < size:
        return data + b"\xff"
    start = random.randrange(len(data) - size + 1)
    bits = 8 * size
    value = random.choice(
        (0, 1, (1 << bits) - 1, 1 << bits - 1, (1 << bits - 1) - 1, random.getrandbits(bits), 1 << bits // 2)
    )
    return data[:start] + value.to_bytes(size, random.choice(("little", "big"))) + data[start + size :]


def cut(data: bytes, random: Random, other: bytes) -> bytes:
    """The end is lost, or the beginning."""
    place = random.randrange(len(data) + 1)
    return data[:place] if random.random() < 0.8 else data[place:]


def remove(data: bytes, random: Random, other: bytes) -> bytes:
    """A run is lost."""
    start, length = _run(data, random)
    return data[:start] + data[start + length :]


def duplicate(data: bytes, random: Random, other: bytes) -> bytes:
    """A run is there twice, or many times."""
    start, length = _run(data, random)
    times = random.choice((2, 2, 3, 40))
    return data[:start] + data[start : start + length] * times + data[start + length :]


def swap(data: bytes, random: Random, other: bytes) -> bytes:
    """Two runs change places."""
    a, b, c, d = sorted(random.randrange(len(data) + 1) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def insert(data: bytes, random: Random, other: bytes) -> bytes:
    """Random bytes come in."""
    place = random.randrange(len(data) + 1)
    return data[:place] + random.randbytes(random.choice((1, 1, 2, 4, 16, 200))) + data[place:]


def splice(data: bytes, random: Random, other: bytes) -> bytes:
    """The beginning of one file and the end of another, or a piece of the other within."""
    start, length = _run(other, random)
    place = random.randrange(len(data) + 1)
    if random.random() < 0.5:
        return data[:place] + other[start:]
    return data[:place] + other[start : start + length] + data[place + length :]


BYTES: tuple[Mutator, ...] = (flip_bits, set_bytes, set_integer, cut, remove, duplicate, swap, insert, splice)


def change_number(data: bytes, random: Random, other: bytes) -> bytes:
    """A number in the text becomes an extreme one, or a near one."""
    return _replace_match(NUMBER, data, random, lambda old: _near(old, random))


def change_word(data: bytes, random: Random, other: bytes) -> bytes:
    """A word becomes another word of the text, or something that is not a word."""
    words = WORD.findall(data) or [b"x"]
    new = random.choice(words) if random.random() < 0.5 else _text(random)
    return _replace_match(WORD, data, random, lambda old: new)


def insert_text(data: bytes, random: Random, other: bytes) -> bytes:
    """A word of `WORDS` comes in."""
    place = random.randrange(len(data) + 1)
    return data[:place] + _text(random) + data[place:]


def change_rows(data: bytes, random: Random, other: bytes) -> bytes:
    """A row is lost, doubled, moved, or taken from the other file."""
    rows, others = data.split(b"\n"), other.split(b"\n")
    place, target = random.randrange(len(rows)), random.randrange(len(rows))
    match random.randrange(5):
        case 0:
            del rows[place]
        case 1:
            rows.insert(target, rows[place])
        case 2:
            rows[place], rows[target] = rows[target], rows[place]
        case 3:
            rows[place] = random.choice(others)
        case _:
            rows[place] = rows[place] * random.choice((2, 3)) + rows[target]
    return b"\n".join(rows)


def change_encoding(data: bytes, random: Random, other: bytes) -> bytes:
    """A mark of another encoding, other line ends, or another encoding of the same text."""
    match random.randrange(6):
        case 0:
            return b"\xef\xbb\xbf" + data
        case 1:
            return data.replace(b"\n", b"\r\n")
        case 2:
            return data.replace(b"\n", b"\r")
        case 3:
            return data.decode("utf-8", "replace").encode("utf-16")
        case 4:
            return data.decode("utf-8", "replace").encode("utf-16-le")
        case _:
            return data.decode("utf-8", "replace").encode("latin-1", "replace")


TEXT: tuple[Mutator, ...] = (
    *(change_number, change_number, change_word, change_word, insert_text, insert_text, change_rows, change_rows),
    *(change_encoding, flip_bits, cut, remove, duplicate, swap, insert, splice),
)


def change_json(data: bytes, random: Random, other: bytes) -> bytes:
    """A value of a JSON text is replaced, renamed, removed, doubled, moved or nested; the text stays JSON."""
    tree = json.loads(data)
    places = list(_places(tree))
    if not places:
        return json.dumps(_value(random)).encode()
    parent, key = random.choice(places)
    old = parent[key]
    kind = random.randrange(8)
    if kind == 0 and isinstance(parent, dict):
        del parent[key]
        parent[random.choice((key + "x", key[:-1], key.upper(), "a" * 5000, *_texts(random)))] = old
    elif kind == 1:
        del parent[key]
    elif kind == 2:
        source, name = random.choice(places)
        parent[key] = (
            _copy(source[name]) if name in range(len(source)) or (isinstance(source, dict) and name in source) else None
        )
    elif kind == 3 and isinstance(parent, list):
        parent.insert(key, _copy(old))
    elif kind == 4 and isinstance(parent, dict):
        parent[random.choice(("new", "__class__", "version", *_texts(random)))] = _value(random)
    elif kind == 5 and isinstance(old, int | float) and not isinstance(old, bool):
        parent[key] = random.choice((-old, old + 1, old - 1, old * 2, float(old), str(old), bool(old), old * 10**6))
    else:
        parent[key] = _value(random)
    text = json.dumps(tree, ensure_ascii=random.random() < 0.5, indent=random.choice((None, None, 1)))
    return text.encode("utf-8", "surrogatepass")


def double_key(data: bytes, random: Random, other: bytes) -> bytes:
    """A key of a JSON text is there twice, with two values."""
    keys = list(re.finditer(rb'"(\w+)"\s*:\s*', data))
    if not keys:
        return data
    one = random.choice(keys)
    value = json.dumps(_value(random)).encode()
    return data[: one.start()] + one[0] + value + b"," + data[one.start() :]


def nest(data: bytes, random: Random, other: bytes) -> bytes:
    """A value becomes deeply nested lists or objects, closed or not."""
    depth = random.choice((10, 300, 1001, 5000, 100_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"-", b""), (b"<a>", b"</a>")))
    inside = b"1" if random.random() < 0.5 else b""
    piece = opening * depth + inside + closing * random.choice((depth, depth, 0))
    matches = list(NUMBER.finditer(data)) or list(WORD.finditer(data))
    if not matches:
        return piece
    one = random.choice(matches)
    return data[: one.start()] + piece + data[one.end() :]


JSON: tuple[Mutator, ...] = (*([change_json] * 14), double_key, double_key, nest, *TEXT)


def _run(data: bytes, random: Random) -> tuple[int, int]:
    if not data:
        return 0, 0
    start = random.randrange(len(data))
    return start, min(random.choice((1, 1, 2, 4, 8, 64, 1000, len(data))), len(data) - start)


def _text(random: Random) -> bytes:
    return random.choice(random.choice((WORDS, WORDS, NUMBERS))).encode("utf-8", "surrogatepass")


def _texts(random: Random) -> list[str]:
    return [random.choice(WORDS)]


def _near(old: bytes, random: Random) -> bytes:
    if random.random() < 0.5 and old.isdigit() and len(old) < 20:
        value = int(old)
        return str(random.choice((value + 1, value - 1, value * 2, value // 2, value + 256, -value))).encode()
    return random.choice(NUMBERS).encode()


def _replace_match(pattern: re.Pattern[bytes], data: bytes, random: Random, new: Callable[[bytes], bytes]) -> bytes:
    start = random.randrange(len(data) + 1)
    one = pattern.search(data, start) or pattern.search(data)
    return data if one is None else data[: one.start()] + new(one[0]) + data[one.end() :]


def _places(tree: object):
    """(parent, key) of every value within."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)


def _copy(value: object) -> object:
    return json.loads(json.dumps(value))


def _value(random: Random) -> object:
    """Any value of JSON."""
    return random.choice(
        (
            *(None, True, False, 0, 1, -1, 2, 255, 256, 2**31, 2**32, 2**63, -(2**63), 10**30, 1.5, 1e308, -0.0),
            *(float("nan"), float("inf"), "", "x", "0", "1", [], {}, [[]], [1], {"a": 1}, [None], "a" * 5000, 10**400),
            *(
                random.choice(WORDS),
                random.choice(WORDS),
                random.choice(NUMBERS),
                random.randrange(300),
                random.random(),
            ),
            *([0] * 2000, list(range(20)), {str(n): n for n in range(20)}, {"a": {"b": {"c": []}}}),
        )
    )
