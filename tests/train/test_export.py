"""Checkpoint -> Design: the integers are the trained values, and what the hardware cannot compute is refused."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from datapath import Folding, Limits
from datapath.errors import CheckpointError, ConfigError
from datapath.reading import file_digest
from tests.train import tiny
from tests.train.test_checkpoint import checkpoint
from train.export import ExportResult, design_from_checkpoint
from train.fusion import fuse_batch_norm
from train.model import Recogniser

FOLDING = Folding(pe=2, simd_input=4, simd_recurrent=8)
HIDDEN = 8


def trained(hp, *, spread: float = 0.6):
    """A checkpoint whose parameters spread beyond [-1, 1), as after long training."""
    model = Recogniser(hp, 5)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.1 if "var" in name else torch.randn_like(value) * spread)
    return checkpoint(hyperparameters=hp, model=model.state_dict())


def export(hp, **options) -> ExportResult:
    return design_from_checkpoint(trained(hp), folding=FOLDING, **options)


@pytest.mark.parametrize("weight", range(2, 9))
def test_integers_are_exactly_the_quantizers_values(weight):
    source = trained(tiny.quantized(weight=weight, fc_weight_bit_width=weight))
    result = design_from_checkpoint(source, folding=FOLDING)
    model, design = source.recogniser(), result.design
    for d, suffix in enumerate(("l0", "l0_reverse")):
        for array, name, point, bits in (
            ("weights_input", "weight_ih", "quantize_weight", weight),
            ("weights_recurrent", "weight_hh", "quantize_weight", weight),
            ("biases_input", "bias_ih", "quantize_bias", 8),
            ("biases_recurrent", "bias_hh", "quantize_bias", 8),
        ):
            parameter = getattr(model.recurrent, f"{name}_{suffix}")
            expected = getattr(model.recurrent, point)(parameter).detach().numpy()
            actual = getattr(design, array)[d]
            np.testing.assert_array_equal(actual.reshape(expected.shape) / 2.0 ** (bits - 1), expected)
    weights = model.fc.quantize_weight(model.fc.weight).detach().numpy()
    np.testing.assert_array_equal(np.concatenate(list(design.fc_weights), axis=1) / 2.0 ** (weight - 1), weights)
    np.testing.assert_array_equal(design.fc_biases[0] / 2.0**7, model.fc.quantize_bias(model.fc.bias).detach().numpy())
    assert not design.fc_biases[1].any()
    assert result.fc_scale == 1.0
    assert str(design.experiment) == f"QLSTM8_W{weight}B8A4I8_FC_W{weight}B8"


def test_gates_stand_in_torch_order():
    source = trained(tiny.quantized(weight=8))
    for gate in range(4):
        rows = slice(gate * HIDDEN, (gate + 1) * HIDDEN)
        source.model["recurrent.bias_ih_l0_reverse"][rows] = (gate + 1) / 128
    design = design_from_checkpoint(source, folding=FOLDING).design
    assert [np.unique(biases).tolist() for biases in design.biases_input[1]] == [[1], [2], [3], [4]]


def test_clipped_values_are_counted_per_array():
    source = trained(tiny.quantized(weight=4), spread=0.0)
    source.model["recurrent.weight_hh_l0"][:2, 0] = torch.tensor([1.0, -1.2])
    source.model["fc.bias"][3] = 1.5
    result = design_from_checkpoint(source, folding=FOLDING)
    assert {name: count for name, count in result.clipped.items() if count} == {
        "weights_recurrent": 2,
        "fc_biases": 1,
    }
    assert result.design.weights_recurrent[0, 0, :2, 0].tolist() == [7, -8]
    assert result.design.fc_biases[0].tolist() == [0, 0, 0, 127, 0]


def test_sum_gives_both_directions_the_same_weights():
    source = trained(tiny.quantized(reduce_bidirectional="SUM"))
    design = design_from_checkpoint(source, folding=FOLDING).design
    np.testing.assert_array_equal(design.fc_weights[0], design.fc_weights[1])
    model = source.recogniser()
    expected = model.fc.quantize_weight(model.fc.weight).detach().numpy() * 2.0**7
    np.testing.assert_array_equal(design.fc_weights[0], expected)


def test_a_network_without_biases_has_zeros():
    free = tiny.quantized(recurrent_bias_enabled=False, recurrent_bias_quantization="FP", recurrent_bias_bit_width=32)
    design = export(free).design
    assert not design.biases_input.any()
    assert not design.biases_recurrent.any()
    assert design.precision.bias == 8


@pytest.mark.parametrize("reduce", ["CONCAT", "SUM"])
@pytest.mark.parametrize("prefused", [True, False])
def test_a_float_output_layer_is_scaled_to_fill_its_width(prefused, reduce):
    hp = tiny.quantized(
        prefused_bn_fc=prefused,
        reduce_bidirectional=reduce,
        **{f"fc_{part}_quantization": "FP" for part in ("weight", "bias")},
        **{f"fc_{part}_bit_width": 32 for part in ("weight", "bias")},
    )
    source = trained(hp)
    result = design_from_checkpoint(source, folding=FOLDING, fc_weight_bits=6)
    design = result.design
    assert (design.precision.fc_weight, design.precision.fc_bias) == (6, 8)
    assert result.clipped["fc_weights"] == result.clipped["fc_biases"] == 0
    # The largest weight or bias reaches the end of its range: no factor would fit better.
    assert np.abs(design.fc_weights).max() == 31 or np.abs(design.fc_biases).max() == 127
    fused = fuse_batch_norm(source.recogniser())
    forward = fused.fc.weight.detach().double()[:, :HIDDEN] * result.fc_scale
    half_a_step = 2.0**-6
    assert np.abs(design.fc_weights[0] / 2.0**5 - forward.numpy()).max() <= half_a_step
    assert design.provenance.notes["fc_scale"] == repr(result.fc_scale)
    assert ("batch_norm" in design.provenance.notes) == (not prefused)


def test_scaled_scores_cannot_wrap():
    """With 500 equal weights, filling [-1, 1) would give scores of 500; a score holds less than 128."""
    hp = tiny.quantized(
        layer_size=250,
        fc_weight_quantization="FP",
        fc_weight_bit_width=32,
        fc_bias_quantization="FP",
        fc_bias_bit_width=32,
    )
    source = trained(hp)
    source.model["fc.weight"].fill_(0.5)
    source.model["fc.bias"].fill_(0.0)
    result = design_from_checkpoint(source, folding=Folding(pe=1, simd_input=1, simd_recurrent=1))
    largest = np.abs(result.design.fc_weights.astype(int)).sum(axis=(0, 2)) / 2.0**7
    assert 120 < largest.max() < 128


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({"bidirectional": False}, "True"),
        ({"quantize_input": False}, "True"),
        ({"recurrent_weight_quantization": "FP", "recurrent_weight_bit_width": 32}, "SIGNED_FIXED_UNIT"),
        ({"recurrent_bias_quantization": "FP", "recurrent_bias_bit_width": 32}, "SIGNED_FIXED_UNIT"),
        ({"recurrent_activation_quantization": "UNSIGNED_FIXED_UNIT"}, "SIGNED_FIXED_UNIT"),
        ({"fc_bias_quantization": "UNSIGNED_FIXED_UNIT"}, "SIGNED_FIXED_UNIT or FP"),
        ({"recurrent_weight_bit_width": 9}, "2 to 8"),
        ({"fc_weight_bit_width": 9}, "2 to 8"),
    ],
)
def test_what_the_hardware_cannot_compute_is_refused_with_its_field(changes, allowed):
    field, value = next(iter(changes.items()))
    with pytest.raises(CheckpointError, match=f"{field} is {value}; the hardware takes {allowed}"):
        export(tiny.quantized(**changes))


def test_a_weight_that_is_no_number_is_refused_by_name_and_file(tmp_path):
    source = trained(tiny.quantized())
    source.model["recurrent.weight_ih_l0"][0, :2] = float("nan")
    sentence = "recurrent.weight_ih_l0: 2 of 256 values are not finite, the first nan."
    with pytest.raises(CheckpointError, match=re.escape(sentence)):
        design_from_checkpoint(source, folding=FOLDING)
    source.save(tmp_path / "nan.pt")
    with pytest.raises(CheckpointError) as caught:
        design_from_checkpoint(tmp_path / "nan.pt", folding=FOLDING)
    assert str(caught.value) == f"{tmp_path / 'nan.pt'}: {sentence}"


def test_a_batch_norm_that_cannot_be_fused_is_refused():
    source = trained(tiny.quantized(prefused_bn_fc=False))
    source.model["batch_norm.running_var"][3] = -1.0
    with pytest.raises(CheckpointError, match=r"batch norm .*fc\.weight: 5 of 80 values .*nan"):
        design_from_checkpoint(source, folding=FOLDING)


def test_a_plain_lstm_is_refused():
    with pytest.raises(CheckpointError, match=r"neuron_type is LSTM; .*QLSTM"):
        export(tiny.hyperparameters(neuron_type="LSTM"))


def test_a_trained_width_is_not_changed_in_passing():
    with pytest.raises(ConfigError) as caught:
        export(tiny.quantized(), fc_bias_bits=4)
    assert str(caught.value) == "fc_bias_bits is 4, but the checkpoint was trained with fc_bias_bit_width 8."


def test_the_design_says_where_it_comes_from(tmp_path):
    path = tmp_path / "best.pt"
    source = dataclasses.replace(
        trained(tiny.quantized()), provenance={"author": "ann", "command": "foldline train", "dataset": "tiny"}
    )
    source.save(path)
    design = design_from_checkpoint(path, folding=FOLDING, limits=Limits(columns=40, labels=9)).design
    assert design.provenance.author == "ann"
    assert design.provenance.source == f"best.pt, sha256 {file_digest(path)}"
    assert design.provenance.notes["command"] == "foldline train"
    assert design.provenance.notes["random_seed"] == "123456"
    assert design.limits == Limits(columns=40, labels=9)
    assert design.same_network(design_from_checkpoint(source, folding=FOLDING, limits=design.limits).design)


FLOAT_FC = {
    f"fc_{part}_{kind}": value
    for part in ("weight", "bias")
    for kind, value in (("quantization", "FP"), ("bit_width", 32))
}


@pytest.mark.parametrize(
    ("changes", "asked", "narrowed"),
    [
        ({}, {}, ()),
        # The sigmoid and tanh tables of the hardware have 8 bits, whatever the network was trained with.
        ({"internal_activation_bit_width": 32}, {}, ("sigmoid and tanh outputs from 32 to 8 bits",)),
        ({"internal_activation_bit_width": 12}, {}, ("sigmoid and tanh outputs from 12 to 8 bits",)),
        ({"internal_activation_bit_width": 6}, {}, ()),  # more bits than in training are no narrowing
        (FLOAT_FC, {}, ("FC weights from 32 to 8 bits", "FC biases from 32 to 8 bits")),
        (FLOAT_FC, {"fc_weight_bits": 4}, ("FC weights from 32 to 4 bits", "FC biases from 32 to 8 bits")),
    ],
)
def test_values_with_fewer_bits_than_in_training_are_named(changes, asked, narrowed):
    assert export(tiny.quantized(**changes), **asked).narrowed == narrowed
