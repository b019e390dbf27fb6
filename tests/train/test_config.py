"""`Hyperparameters`: the original's names and defaults, and one sentence for everything that is wrong."""

from dataclasses import MISSING, fields, replace

import pytest

from datapath.errors import ConfigError, FileError
from tests.train import tiny
from train.config import Hyperparameters, range_text

ORIGINAL_DEFAULTS = {
    "random_seed": 123456,
    "batch_size": 32,
    "num_workers": 0,
    "layer_size": 128,
    "neuron_type": "QLSTM",
    "target_height": 32,
    "epochs": 4000,
    "lr": 1e-4,
    "lr_schedule": "FIXED",
    "lr_step": 40,
    "lr_gamma": 0.5,
    "max_norm": 400.0,
    "seq_to_random_threshold": 20,
    "bidirectional": True,
    "reduce_bidirectional": "CONCAT",
    "recurrent_bias_enabled": True,
    "checkpoint_interval": 10,
    "recurrent_weight_bit_width": 32,
    "recurrent_weight_quantization": "FP",
    "recurrent_bias_bit_width": 32,
    "recurrent_bias_quantization": "FP",
    "recurrent_activation_bit_width": 32,
    "recurrent_activation_quantization": "FP",
    "internal_activation_bit_width": 32,
    "fc_weight_bit_width": 32,
    "fc_weight_quantization": "FP",
    "fc_bias_bit_width": 32,
    "fc_bias_quantization": "FP",
    "quantize_input": True,
    "mask_padded": True,
    "prefused_bn_fc": False,
}


OURS = {
    "width_pool": 1,
    "forward_arithmetic": "ORIGINAL",
    "ctc": "STANDARD",
    "select_by": "GREEDY",
    "selection_lines": 0,
    "extra_lines": 0,
    "score_scale": 1.0,
    "optimiser": "ADAM",
    "weight_decay": 0.0,
    "lr_warmup": 0.15,
    "dropout": 0.0,
    "augment_stretch": 0.0,
    "augment_jitter": 0.0,
    "augment_shift": 0,
    "augment_scale": 0.0,
    "augment_slant": 0.0,
    "augment_thickness": 0.0,
    "augment_noise": 0.0,
}
"""What the original does not have, with the value that does as the original did."""


def test_names_and_defaults_are_the_originals():
    values = Hyperparameters().to_dict()
    expected = {**ORIGINAL_DEFAULTS, **OURS}
    assert values == expected
    assert {name: type(value) for name, value in values.items()} == {n: type(v) for n, v in expected.items()}


def test_every_hyperparameter_has_a_default_and_a_help_text():
    for one in fields(Hyperparameters):
        assert one.default is not MISSING
        assert one.metadata["help"], one.name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lr": 0}, ["lr is 0.0", "more than 0 and at most 1000"]),
        ({"lr": 1001}, ["lr is 1001.0", "more than 0 and at most 1000"]),
        ({"lr": 10**400}, ["lr is an integer of 401 digits", "finite"]),
        ({"max_norm": 0}, ["max_norm is 0.0", "more than 0"]),
        ({"lr": float("nan")}, ["lr is nan", "finite"]),
        ({"lr": "fast"}, ["lr is 'fast'", "a number"]),
        ({"batch_size": 0}, ["batch_size is 0", "1 to 65536"]),
        ({"batch_size": 10**5000}, ["batch_size is an integer of 5001 digits", "1 to 65536"]),
        ({"layer_size": 10**12}, ["layer_size is 1000000000000", "1 to 4096"]),
        ({"random_seed": 2**32}, ["random_seed is 4294967296", "0 to 4294967295"]),
        ({"batch_size": 2.5}, ["batch_size is 2.5", "integer"]),
        ({"epochs": True}, ["epochs is True", "integer"]),
        ({"mask_padded": 1}, ["mask_padded is 1", "true or false"]),
        ({"neuron_type": "GRU"}, ["neuron_type is 'GRU'", "LSTM, QLSTM"]),
        ({"lr_schedule": None}, ["lr_schedule is None", "text"]),
        (
            {"recurrent_weight_bit_width": 4},
            ["recurrent_weight_bit_width is 4 with recurrent_weight_quantization FP", "32"],
        ),
        (
            {"fc_bias_quantization": "SIGNED_FIXED_UNIT"},
            ["fc_bias_bit_width is 32 with fc_bias_quantization SIGNED_FIXED_UNIT", "2 to 16"],
        ),
        (
            {"fc_bias_quantization": "SIGNED_FIXED_UNIT", "fc_bias_bit_width": 17},
            ["fc_bias_bit_width is 17 with fc_bias_quantization SIGNED_FIXED_UNIT", "2 to 16"],
        ),
        ({"fc_weight_bit_width": 1}, ["fc_weight_bit_width is 1", "2 to 32"]),
        (
            {"fc_weight_quantization": "INT"},
            ["fc_weight_quantization is 'INT'", "FP, SIGNED_FIXED_UNIT, UNSIGNED_FIXED_UNIT"],
        ),
        ({"internal_activation_bit_width": 20}, ["internal_activation_bit_width is 20", "2 to 16, or 32"]),
        (
            {"neuron_type": "LSTM", "internal_activation_bit_width": 8},
            ["internal_activation_bit_width is 8 with neuron_type LSTM", "32, use QLSTM"],
        ),
    ],
)
def test_a_value_outside_its_range_is_refused(changes, named):
    with pytest.raises(ConfigError) as caught:
        Hyperparameters(**changes)
    assert all(text in str(caught.value) for text in named)


def test_a_whole_number_is_fine_for_a_real_one():
    assert Hyperparameters(max_norm=5).max_norm == 5.0


def test_json_round_trip(tmp_path):
    written = Hyperparameters(lr=3e-3, layer_size=64, lr_schedule="STEP")
    written.to_json(tmp_path / "params.json")
    assert Hyperparameters.from_json(tmp_path / "params.json") == written


def test_json_keeps_the_default_of_what_it_leaves_out(tmp_path):
    (tmp_path / "params.json").write_text('{"layer_size": 64}')
    assert Hyperparameters.from_json(tmp_path / "params.json") == replace(Hyperparameters(), layer_size=64)


COMMENTED = """# the whole line, "quoted"
{ // of the brace
  "layer_size": 64, # tabs\tand {"brackets": 1}
  "lr": 0.5 # "an open text
} // the end"""


def test_comments_in_json_are_passed_over(tmp_path):
    (tmp_path / "params.json").write_text(COMMENTED)
    assert Hyperparameters.from_json(tmp_path / "params.json") == replace(Hyperparameters(), layer_size=64, lr=0.5)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{ # one\n  "lr": # two\n  }', "line 3 column 3"),
        ('{"lr": 1, # "x"\n "optimiser": "ADAM" "', "line 2 column 22"),
        ('{"optimiser": "ADAM # no end', "line 1 column 15"),
    ],
)
def test_a_place_in_json_with_comments_is_that_of_the_file(tmp_path, text, place):
    (tmp_path / "params.json").write_text(text)
    with pytest.raises(ConfigError, match=place):
        Hyperparameters.from_json(tmp_path / "params.json")


def test_a_text_in_json_keeps_what_looks_like_a_comment(tmp_path):
    (tmp_path / "params.json").write_text(r'{"optimiser": "A\"#B//C"}')
    with pytest.raises(ConfigError, match='A"#B//C'):
        Hyperparameters.from_json(tmp_path / "params.json")


def test_a_choice_may_be_in_lower_case():
    assert Hyperparameters(neuron_type="lstm", reduce_bidirectional="Sum").neuron_type == "LSTM"
    assert Hyperparameters(lr_schedule="one_cycle") == Hyperparameters(lr_schedule="ONE_CYCLE")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"layersize": 64}', ["'layersize'", "'layer_size'"]),
        ('{"lr": 1, "lr": 2}', ["'lr'", "twice"]),
        ('{"lr": -1}', ["lr is -1.0", "more than 0 and at most 1000"]),
        ('{"lr": 1' + "0" * 400 + "}", ["401 digits"]),
        ('{"lr": -1' + "0" * 400 + "}", ["402 digits"]),
        ('{"batch_size": 1' + "0" * 5000 + "}", ["digits"]),
        ("[" * 100_000, ["nested"]),
        ('{"lr": "' + "x" * 100 + '"}', ["lr is 'xxxxxxxx", "a number"]),
        ("[1]", ["list", "object"]),
        ('{"lr": }', ["line 1 column 8", "Expecting value"]),
    ],
)
def test_a_bad_params_file_is_refused_by_name(tmp_path, text, named):
    path = tmp_path / "params.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Hyperparameters.from_json(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert all(part in str(caught.value) for part in named)


def test_a_hyperparameter_like_no_other_lists_the_known_ones(tmp_path):
    path = tmp_path / "params.json"
    path.write_text('{"zzz": 1}')
    with pytest.raises(ConfigError) as caught:
        Hyperparameters.from_json(path)
    assert str(caught.value) == (
        f"{path}: there is no hyperparameter 'zzz'; known are {', '.join([*ORIGINAL_DEFAULTS, *OURS])}."
    )


def test_every_whole_number_has_a_range():
    whole = [one for one in fields(Hyperparameters) if type(one.default) is int]
    assert all(one.metadata["at_least"] <= one.default <= one.metadata["at_most"] for one in whole)
    ranges = {one.name: range_text(one) for one in fields(Hyperparameters)}
    assert [ranges[name] for name in ("layer_size", "lr", "max_norm", "mask_padded")] == [
        "1 to 4096",
        "more than 0 and at most 1000",
        "more than 0",
        "",
    ]


def test_a_missing_params_file_is_named(tmp_path):
    with pytest.raises(FileError) as caught:
        Hyperparameters.from_json(tmp_path / "none.json")
    assert str(caught.value) == f"Cannot read {tmp_path / 'none.json'}: no such file."


def test_learning_rate_steps_only_with_the_step_schedule():
    fixed = Hyperparameters(lr=0.4, lr_step=3, lr_gamma=0.5)
    stepped = replace(fixed, lr_schedule="STEP")
    assert [fixed.learning_rate(epoch) for epoch in (0, 3, 100)] == [0.4, 0.4, 0.4]
    assert [stepped.learning_rate(epoch) for epoch in (0, 2, 3, 5, 6)] == [0.4, 0.4, 0.2, 0.2, 0.1]


def test_features_follow_the_directions():
    hp = Hyperparameters(layer_size=10)
    assert hp.features == 20
    assert replace(hp, reduce_bidirectional="SUM").features == 10
    assert replace(hp, bidirectional=False).features == 10


def test_the_experiment_name_spells_the_widths():
    assert str(Hyperparameters().experiment_name()) == "QLSTM128_W32B32A32I32_FC_W32B32"
    plain = Hyperparameters(neuron_type="LSTM", layer_size=64)
    assert str(plain.experiment_name()) == "LSTM64_W32B32A32I32_FC_W32B32"


def hardware(**changes):
    return tiny.quantized(**{"forward_arithmetic": "HARDWARE", **changes})


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"quantize_input": False}, "True"),
        ({"internal_activation_bit_width": 6}, "8"),
        ({"recurrent_weight_quantization": "FP", "recurrent_weight_bit_width": 32}, "SIGNED_FIXED_UNIT"),
        ({"recurrent_activation_bit_width": 9}, "2 to 8"),
        ({"fc_bias_quantization": "FP", "fc_bias_bit_width": 32}, "SIGNED_FIXED_UNIT"),
        ({"prefused_bn_fc": False}, "True"),
    ],
)
def test_what_the_overlay_has_no_rule_for_is_refused(changes, allowed):
    field, value = next(iter(changes.items()))
    with pytest.raises(ConfigError, match=f"forward_arithmetic is HARDWARE, .*{field} is {value}; .*takes {allowed}"):
        hardware(**changes)


@pytest.mark.parametrize("changes", [{"neuron_type": "LSTM"}, {"forward_arithmetic": "ORIGINAL", "weight_decay": 0.1}])
def test_hyperparameters_that_contradict_each_other_are_refused(changes):
    with pytest.raises(ConfigError):
        hardware(**changes)


def test_the_overlays_arithmetic_goes_with_a_float_fc_layer_and_batch_norm_and_without_biases():
    in_float = {f"fc_{part}_{kind}": value for part in ("weight", "bias") for kind, value in FLOAT.items()}
    assert hardware(**in_float, prefused_bn_fc=False).float_fc
    assert not hardware().float_fc
    bias = {f"recurrent_bias_{kind}": value for kind, value in FLOAT.items()}
    assert not hardware(recurrent_bias_enabled=False, **bias).recurrent_bias_enabled


FLOAT = {"bit_width": 32, "quantization": "FP"}


def test_one_cycle_rises_to_lr_and_falls_to_almost_nothing():
    hp = Hyperparameters(lr=0.5, lr_schedule="ONE_CYCLE", epochs=20, lr_warmup=0.25)
    rates = [hp.learning_rate(epoch / 4) for epoch in range(81)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[20] == pytest.approx(0.5)
    assert rates[80] == pytest.approx(0.0005)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert Hyperparameters(lr_schedule="ONE_CYCLE", lr_warmup=0.0, epochs=1).learning_rate(0) == pytest.approx(1e-4)


def test_quotes_that_are_not_closed_are_passed_over_once(tmp_path):
    """Were each of them tried as the beginning of a text, this file would take an hour."""
    (tmp_path / "params.json").write_text('{"lr": "' + '\\"' * 500_000)
    with pytest.raises(ConfigError, match="is not JSON: Unterminated string"):
        Hyperparameters.from_json(tmp_path / "params.json")
