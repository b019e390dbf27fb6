"""The Unicode form of reference texts."""

from __future__ import annotations

import unicodedata

from datapath.errors import ConfigError

NONE = "none"
FORMS = ("NFC", "NFKC", NONE)
"""What `normalised` takes; NFC is the form of most keyboards and editors, macOS writes file names in NFD."""


def normalised(text: str, form: str) -> str:
    """`text` in a Unicode normalisation form (Unicode Standard Annex 15).

    >>> normalised("e\\u0301", "NFC"), normalised("\\ufb01n", "NFKC"), len(normalised("e\\u0301", "none"))
    ('é', 'fin', 2)

    :param text: any text.
    :param form: NFC, NFKC, or none for the text as it is.
    :raises ConfigError: another form.
    """
    if form not in FORMS:
        raise ConfigError(f"normalisation is {form!r}; allowed are {', '.join(FORMS)}.")
    return text if form == NONE else unicodedata.normalize(form, text)
