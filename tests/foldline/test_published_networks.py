"""The published networks on the real lines give the published table, digit for digit."""

import pytest

from benchmarks.published import table_row

# docs/spec/training.md, last section: CER %, WER %, lines exactly right, CER % of the 75 lines that fit the overlay, CER % by
# greedy CTC of the same scores; computed there through the real hardware source.
TABLE = {
    "W2A2": ("4.70", "17.3", "56", "3.79", "4.59"),
    "W2A4": ("4.41", "16.3", "52", "3.76", "4.44"),
    "W4A4": ("4.41", "15.4", "53", "3.65", "4.24"),
    "W4A8": ("4.68", "16.5", "51", "4.03", "4.37"),
    "W8A8": ("8.85", "35.6", "16", "8.91", "5.94"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_error_rates_of_a_published_network(shared_data, tmp_path, name):
    assert table_row(shared_data, name, tmp_path) == TABLE[name]
