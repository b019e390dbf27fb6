"""Notes on characters: counts and lowest error rates worked out by hand."""

from collections import Counter

from datapath import Alphabet
from datapath.error_rates import error_rates
from datapath.text_form import TextForm
from train.data.characters import listed, named, text_notes, unreadable_note, untrained_note

AS_WRITTEN = TextForm()


def test_a_character_is_named_with_itself_its_code_point_and_its_name():
    assert named("\u20ac") == "'\u20ac' (U+20AC EURO SIGN)"
    assert named("\u0301") == "'\u25cc\u0301' (U+0301 COMBINING ACUTE ACCENT)"


def test_a_character_without_ink_is_named_without_itself():
    names = [named(one) for one in "\u200b\ufeff\u00ad\u200f\ufe0f\x1b\t\x07\u00a0"]
    assert names == [
        "U+200B ZERO WIDTH SPACE",
        "U+FEFF ZERO WIDTH NO-BREAK SPACE",
        "U+00AD SOFT HYPHEN",
        "U+200F RIGHT-TO-LEFT MARK",
        "U+FE0F VARIATION SELECTOR-16",
        "U+001B ESCAPE",
        "U+0009 TAB",
        "U+0007",
        "U+00A0 NO-BREAK SPACE",
    ]


def test_many_characters_are_counted_and_the_most_frequent_listed():
    text = listed(Counter("ccc" + "abdefghij"))
    assert text.startswith("'c' (U+0063 LATIN SMALL LETTER C) 3 times, 'a' (U+0061 LATIN SMALL LETTER A) once")
    assert text.endswith(" and 2 more characters") and "'i'" not in text  # 10 characters, 8 are listed


def test_the_lowest_error_rate_is_that_of_the_characters_without_a_class():
    # "two 2,5" with a euro sign: 8 characters, 1 of them missing; "$5": 2 characters, 1 missing. 2 of 10 = 20 %.
    texts, alphabet = ["two \u20ac2,5", "$5", "two"], Alphabet(("", *"two 2,5"))
    note = unreadable_note(texts, alphabet, what="validation lines")
    assert note.startswith("2 of 3 validation lines hold characters that the network has no class for: '$' (U+0024 ")
    assert "'\u20ac' (U+20AC EURO SIGN) once." in note
    assert "15.38 % (2 of 13 characters)" in note  # with the 3 characters of "two"
    # A network that outputs all others reaches it.
    reached = error_rates(texts, ["two 2,5", "5", "two"]).cer
    assert f"{reached:.2f}" == "15.38"
    assert unreadable_note(["two", "52"], alphabet, what="lines") is None


def test_the_normalisation_that_helps_is_named_with_its_error_rate():
    # e + U+0301 (2 characters, one of them missing) is one character in NFC, and the alphabet has it.
    note = unreadable_note(["cafe\u0301"], Alphabet(("", *"caf\u00e9e")), what="validation lines")
    assert "20.00 % (1 of 5 characters). With --normalisation NFC it is 0.00 %." in note


def test_a_symbol_of_several_characters_can_output_each_of_them():
    assert unreadable_note(["ch"], Alphabet(("", "ch")), what="lines") is None


def test_dollar_and_tab_are_said_to_be_untrained_unless_they_have_a_class():
    note = untrained_note(["$5", "a\tb", "ab"], Alphabet(("", *"5ab")))
    assert note.startswith("2 of 3 training lines") and "'$' (U+0024 DOLLAR SIGN) once" in note
    assert "U+0009 TAB once" in note
    assert untrained_note(["$5"], Alphabet(("", *"5$"))) is None


def test_two_spellings_of_one_letter_are_counted():
    # The list of the case d_nfd2: e with acute twice decomposed and once composed, u with diaeresis once each; e with grave
    # has one spelling.
    texts = ["cafe\u0301 cre\u0300me", "caf\u00e9", "\u00fcber", "one", "cafe\u0301 u\u0308ber"]
    (note,) = text_notes(texts, AS_WRITTEN)
    assert note.startswith("4 of 5 lines hold characters that are written in different code points: ")
    assert "'\u00e9' as U+0065 + U+0301 2 times, U+00E9 once" in note
    assert "'\u00fc' as U+0075 + U+0308 once, U+00FC once" in note and "\u00e8" not in note
    assert "--normalisation NFC" in note
    assert text_notes([text.replace("\u00e9", "e\u0301") for text in texts[:2]], AS_WRITTEN) == []
    assert text_notes(texts, TextForm(normalisation="NFC")) == []


def test_canonical_twins_and_hangul_letters_are_one_character_each():
    (note,) = text_notes(["\u212b\u00c5", "\u1112\u1161\u11ab\ud55c"], AS_WRITTEN)  # Angstrom sign; "han" in letters
    assert "'\u00c5' as U+00C5 once, U+212B once" in note
    assert "'\ud55c' as U+1112 + U+1161 + U+11AB once, U+D55C once" in note


def test_invisible_characters_and_other_spaces_are_counted():
    texts = ["a\u200bb\ufeff", "\u00ad\u200b", "ab\u200e", "a\u00a0b", "a\u2009b", "a b\tc"]
    invisible, spaces = text_notes(texts, AS_WRITTEN)
    assert invisible.startswith("3 of 6 lines hold invisible characters: U+200B ZERO WIDTH SPACE 2 times")
    assert all(name in invisible for name in ("U+FEFF", "SOFT HYPHEN once", "LEFT-TO-RIGHT MARK once"))
    assert spaces.startswith("2 of 6 lines hold spaces other than U+0020")
    assert "NO-BREAK SPACE once, U+2009 THIN SPACE once. --normalisation NFKC makes them U+0020." in spaces
    (ogham,) = text_notes(["a\u1680b"], AS_WRITTEN)  # which no normalisation changes
    assert "NFKC" not in ogham


def test_letters_from_right_to_left_are_named_unless_the_texts_have_the_order_of_the_picture():
    (note,) = text_notes(["\u05d0\u05d1", "ab"], AS_WRITTEN)
    assert note.startswith(
        "1 of 2 lines hold characters that are written from right to left, such as '\u05d0' (U+05D0 "
    )
    assert "--bidi" in note
    assert text_notes(["\u05d1\u05d0"], TextForm(in_picture_order=True)) == []


def test_plain_texts_have_no_note():
    assert text_notes(["The 5 % (of all) \u2014 caf\u00e9", "\u0105\u0328 is fine"], AS_WRITTEN) == []
