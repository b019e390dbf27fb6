"""The Unicode form of reference texts."""

import pytest

from datapath.errors import ConfigError
from train.data.normalisation import normalised


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("NFC", "caf\u00e9 \ufb01n"),  # e + U+0301 is one character, U+00E9; the ligature stays
        ("NFKC", "caf\u00e9 fin"),  # the ligature U+FB01 is f and i
        ("none", "cafe\u0301 \ufb01n"),
    ],
)
def test_a_text_in_each_form(form, expected):
    assert normalised("cafe\u0301 \ufb01n", form) == expected


def test_another_form_is_refused():
    with pytest.raises(ConfigError, match="'NFD'; allowed are NFC, NFKC, none"):
        normalised("x", "NFD")
