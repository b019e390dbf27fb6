"""JSON that Python's reader would take, or would take hours for, is refused in one sentence."""

import json

import pytest

from datapath.errors import FileError
from datapath.json_text import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1 column 2 is not JSON: Expecting property name enclosed in double quotes"),
        ('{"a": 1,\n "a": 2}', "'a' occurs twice"),
        ("9" * 5000, "a number in it has 5000 digits; allowed are 20"),
        ("[-" + "9" * 21 + "]", "a number in it has 22 digits"),
        ("[" * 1_000_000, "nested too deeply"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested too deeply; at most {MAX_DEPTH}"),
        ('{"a":' * 900 + "1" + "}" * 900, "nested too deeply"),
        ("", "line 1 column 1 is not JSON"),
    ],
    ids=range(8),
)
def test_json_that_is_refused(text, reason):
    with pytest.raises(FileError) as caught:
        parse_json(text, name="file.json")
    message = str(caught.value)
    assert message.startswith("file.json: ") and reason in message and len(message) < 200


def test_json_that_is_taken():
    value = {"a": [1, -(2**63), 1.5, None, True, "grün"], "b": {"c": {}}}
    assert parse_json(json.dumps(value), name="") == value
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH, name="") is not None


def test_a_field_that_is_there_twice_is_found_in_one_pass():
    names = [f"n{number}" for number in range(150_000)]
    text = ",".join(f'"{name}":0' for name in [*names, names[-1]])
    with pytest.raises(FileError, match="'n149999' occurs twice"):
        parse_json("{" + text + "}", name="file.json")
