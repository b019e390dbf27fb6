"""`parse_json`: JSON that people bring. What Python's reader takes and no file of ours has is refused."""

from __future__ import annotations

import json

from datapath.errors import FileError
from datapath.quoting import quoted

MAX_DIGITS = 20
"""Digits of an integer; those of 64 bits have as many, and Python refuses thousands."""

MAX_DEPTH = 32
"""Objects and lists within each other."""


def parse_json(text: str, *, name: object) -> object:
    """The value in a JSON text.

    :param text: the text; its length must be bounded, see `datapath.reading.read_text`.
    :param name: of the file, for messages.
    :raises FileError: not JSON (line and column are named), nested deeper than `MAX_DEPTH`, an integer of more than
        `MAX_DIGITS` digits, or a field that is there twice.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_int=_integer)
        _require_shallow(value)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno} column {error.colno} is not JSON: {error.msg.rstrip('.')}."
        raise FileError(f"{name}: {reason}", about=name) from error
    except RecursionError as error:
        raise FileError(f"{name}: {_TOO_DEEP}", about=name) from error
    except _RefusedError as error:
        raise FileError(f"{name}: {error}", about=name) from error
    return value


_TOO_DEEP = f"it is nested too deeply; at most {MAX_DEPTH} objects and lists may lie within each other."


class _RefusedError(Exception):
    """JSON that is not taken; the text is a sentence about the file."""


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _RefusedError(f"a number in it has {len(digits)} digits; allowed are {MAX_DIGITS}.")
    return int(digits)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of these pairs; JSON's reader would take the last of several fields of one name."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _RefusedError(f"{quoted(name)} occurs twice.")
        found[name] = value
    return found


def _require_shallow(value: object) -> None:
    level, depth = [value], 0
    while level:
        outer = [one for one in level if isinstance(one, dict | list)]
        if outer and depth == MAX_DEPTH:
            raise _RefusedError(_TOO_DEEP)
        level = [inner for one in outer for inner in (one.values() if isinstance(one, dict) else one)]
        depth += 1
