"""No text of a file commands a terminal through our messages, and none of them is long."""

import json
import pickle
import unicodedata

import pytest

from datapath.errors import MAX_SEARCHED_NAMES, DataError, FoldlineError, suggestion
from datapath.quoting import MAX_MESSAGE, MAX_QUOTED, displayed, escaped, json_line, quoted

COMMANDS = [
    "\x00",
    "\x07",
    "\b",
    "\t",
    "\n",
    "\r",
    "\x1b",
    "\x7f",
    "\x80",
    "\x9b",
    "\x9d",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\udc9b",
]
INVISIBLE = ["\xad", "\u200b", "\u200e", "\u200f", "\u2060", "\ufeff", "\U000e0041"]
LETTERS = "Zażółć e\u0301 \u05e9\u05dc\u05d5\u05dd \u0645\u06cc\u200c\u0631\u0648\u0645 \u0915\u094d\u200d\u0937 漢字 \U0001f600 \\ ' \" \u0601"


@pytest.mark.parametrize("character", COMMANDS)
def test_a_character_that_commands_a_terminal_is_an_escape_everywhere(character):
    spelled = character.encode("unicode_escape").decode()
    assert escaped(f"a{character}b") == displayed(f"a{character}b") == f"a{spelled}b"
    assert spelled in quoted(f"a{character}b")
    assert spelled in quoted([f"a{character}b"])
    assert spelled in str(FoldlineError(f"a{character}b"))
    assert spelled in str(FoldlineError("It is empty.").within(f"a{character}b"))
    line = json_line({f"a{character}b": character})
    assert json.loads(line) == {f"a{character}b": character}
    assert character not in line


@pytest.mark.parametrize("character", INVISIBLE)
def test_what_shows_nothing_is_visible_in_a_message_and_stays_in_a_text(character):
    assert character not in escaped(f"a{character}b") + quoted(f"a{character}b")
    assert displayed(f"a{character}b") == f"a{character}b"


def test_every_control_character_is_escaped():
    """By the categories of Unicode, which the lists in the module must cover."""
    every = [chr(code) for code in range(0x110000)]
    controls = [one for one in every if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")]
    assert [one for one in controls if one in displayed(one) or one in escaped(one)] == []
    formats = [one for one in every if unicodedata.category(one) == "Cf" and one in escaped(one)]
    assert all(
        one in "\u200c\u200d"
        or "NUMBER" in unicodedata.name(one)
        or "SIGN" in unicodedata.name(one)
        or "MARK" in unicodedata.name(one)
        or "END OF AYAH" in unicodedata.name(one)
        for one in formats
    ), list(map(unicodedata.name, formats))
    letters = "".join(one for one in every if unicodedata.category(one)[0] in "LMNPS" and one != "\u180e")
    assert escaped(letters) == displayed(letters) == letters


def test_letters_of_every_script_stay():
    assert escaped(LETTERS) == displayed(LETTERS) == LETTERS
    assert json_line(LETTERS) == json.dumps(LETTERS, ensure_ascii=False)
    assert str(FoldlineError(LETTERS)) == LETTERS


@pytest.mark.parametrize(
    "value",
    ["W" * 5000, "\x1b" * 5000, "\U000e0041" * 5000, b"\x00" * 5000, 10**5000, [10**5000] * 9, list(range(150_000)), {str(n): n for n in range(5000)},
     [[[["x" * 900] * 900] * 900] * 900] * 900],
    ids=["text", "escapes", "tags", "bytes", "integer", "integers", "list", "dict", "nested"],
)  # fmt: skip
def test_a_value_is_short_in_a_message(value):
    assert len(quoted(value)) <= MAX_QUOTED + 40
    assert quoted(value).isprintable()


def test_what_is_left_out_is_counted():
    assert quoted("W" * 5000).endswith("'... (4800 more characters)")
    assert quoted("W" * MAX_QUOTED) == repr("W" * MAX_QUOTED)
    assert quoted(-(10**999)) == "an integer of 1000 digits"


def test_a_message_is_bounded_and_its_middle_is_counted():
    error = DataError("W" * 10 * MAX_MESSAGE + ": no such file.").within("a.png").within("V" * 10 * MAX_MESSAGE)
    assert len(str(error)) < 3 * MAX_MESSAGE
    assert str(error).startswith("VVV") and str(error).endswith("W: no such file.")
    assert f"... ({9 * MAX_MESSAGE} more characters) ..." in str(error)
    assert f"... ({9 * MAX_MESSAGE + 15} more characters) ..." in str(error)


def test_details_are_lines_of_their_own():
    error = DataError("It\nfails.", details=["one\x1b", "two"]).within("a.png")
    assert str(error) == "a.png: It\\nfails.\none\\x1b\ntwo"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("name", "known"), [("k" * 5000, ["k" * 4999]), ("kez", [f"key{n}" for n in range(MAX_SEARCHED_NAMES + 1)])]
)
def test_a_nearest_name_is_not_searched_for_among_too_many_or_for_a_long_one(name, known, monkeypatch):
    monkeypatch.setattr("difflib.get_close_matches", lambda *_, **__: pytest.fail("It was searched."))
    assert suggestion(name, known).startswith("; known are k")
    assert len(suggestion(name, known)) < 6000
