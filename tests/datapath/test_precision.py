"""Bit widths, and the experiment name that spells them."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import ExperimentName, Precision
from datapath.errors import DesignError

widths = st.integers(1, 32)
names = st.builds(
    ExperimentName,
    neuron=st.sampled_from(["LSTM", "QLSTM"]),
    hidden=st.integers(1, 10_000),
    weight=widths,
    bias=widths,
    activation=widths,
    internal=widths,
    fc_weight=widths,
    fc_bias=widths,
)


@given(name=names)
def test_a_name_survives_the_round_trip(name):
    assert ExperimentName.parse(str(name)) == name


def test_a_name_spells_its_parts_in_the_original_order():
    name = ExperimentName.parse("QLSTM128_W2B8A4I32_FC_W7B6")
    assert asdict(name) == {
        "neuron": "QLSTM",
        "hidden": 128,
        "weight": 2,
        "bias": 8,
        "activation": 4,
        "internal": 32,
        "fc_weight": 7,
        "fc_bias": 6,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "QLSTM128",
        "qlstm128_W2B8A4I32_FC_W32B32",
        "QLSTM128_W2B8A4I32_FC_W32",
        "QLSTM128_W2B8A4I32_FC_W32B32 ",
        "QLSTM128_W2B8A4I32_FC_W32B32\n",
        "GRU128_W2B8A4I32_FC_W32B32",
        "QLSTM-1_W2B8A4I32_FC_W32B32",
        "QLSTM١_W2B8A4I32_FC_W32B32",
    ],
)
def test_text_that_is_no_name(text):
    with pytest.raises(DesignError) as caught:
        ExperimentName.parse(text)
    assert str(caught.value) == f"{text!r} is not an experiment name like QLSTM128_W2B8A4I8_FC_W8B8."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("QLSTM0_W2B8A4I8_FC_W8B8", "hidden units are 0; allowed is 1 or more."),
        ("QLSTM8_W33B8A4I8_FC_W8B8", "weight bit width is 33; allowed is 1 to 32."),
        ("QLSTM8_W2B8A4I0_FC_W8B8", "internal bit width is 0; allowed is 1 to 32."),
        ("QLSTM8_W2B8A4I8_FC_W8B64", "fc_bias bit width is 64; allowed is 1 to 32."),
    ],
)
def test_names_with_numbers_out_of_range(text, sentence):
    with pytest.raises(DesignError) as caught:
        ExperimentName.parse(text)
    assert str(caught.value) == sentence


def test_an_unknown_neuron_type():
    fields = asdict(ExperimentName.parse("QLSTM8_W2B8A4I8_FC_W8B8")) | {"neuron": "GRU"}
    with pytest.raises(DesignError) as caught:
        ExperimentName(**fields)
    assert str(caught.value) == "neuron type is 'GRU'; allowed is LSTM or QLSTM."


@pytest.mark.parametrize("field", ["weight", "bias", "activation", "fc_weight", "fc_bias"])
@pytest.mark.parametrize("bits", [0, 9, -1, 32])
def test_the_datapath_stores_one_to_eight_bits(field, bits):
    eight = dict.fromkeys(["weight", "bias", "activation", "fc_weight", "fc_bias"], 8)
    with pytest.raises(DesignError) as caught:
        Precision(**(eight | {field: bits}))
    assert str(caught.value) == f"{field} bit width is {bits}; the datapath takes 1 to 8."


def test_a_name_with_thousands_of_digits_is_one_short_sentence():
    """Python refuses to read so long a number."""
    with pytest.raises(DesignError, match="is not an experiment name") as caught:
        ExperimentName.parse(f"QLSTM{'9' * 5000}_W2B8A4I32_FC_W32B32")
    assert len(str(caught.value)) < 400
