"""Number format of a report."""


def grouped(value: float) -> str:
    """A number rounded to an integer, with its digits in groups of three.

    >>> grouped(9999), grouped(35148.8)
    ('9999', '35\u202f149')
    """
    digits = f"{value:,.0f}"
    return digits.replace(",", "" if len(digits) < 6 else "\N{NARROW NO-BREAK SPACE}")
