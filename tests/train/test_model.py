"""`Recogniser`: what the layers do together, padding, and the same checkpoint in other numbers."""

import pytest
import torch

from tests.train import tiny
from train.data.batches import pad
from train.fusion import fuse_batch_norm
from train.model import Arithmetic, Recogniser, unit_pixels

FLOAT_TOLERANCE = 2e-6
"""Scores of size 1 in single precision, from sums of some ten terms in another order."""

CLASSES = 5


def batch(widths=(9, 4, 6), extra: int = 0):
    """Random grey lines, [T, B, I] with `extra` columns of padding beyond the widest, and their lengths."""
    lines = [torch.randint(0, 256, (width, tiny.HEIGHT), dtype=torch.uint8) for width in widths]
    grey, lengths = pad(lines)
    padding = torch.randint(0, 256, (extra, *grey.shape[1:]), dtype=torch.uint8)
    return torch.cat([grey, padding]), lengths


def recogniser(hp=None) -> Recogniser:
    model = Recogniser(hp or tiny.quantized(prefused_bn_fc=False), CLASSES)
    if model.batch_norm is not None:
        # Statistics and an affine map as after some training, each different from its initial value.
        with torch.no_grad():
            model.batch_norm.running_mean.uniform_(-0.5, 0.5)
            model.batch_norm.running_var.uniform_(0.1, 2)
            model.batch_norm.weight.uniform_(-2, 2)
            model.batch_norm.bias.uniform_(-1, 1)
    return model


def test_grey_values_span_minus_one_to_one():
    assert unit_pixels(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("hp", [tiny.hyperparameters(), tiny.quantized(), tiny.quantized(prefused_bn_fc=False)])
def test_a_line_scores_the_same_in_a_batch_and_alone(hp):
    model = recogniser(hp).eval()
    grey, lengths = batch()
    together = model(grey, lengths)
    for number, length in enumerate(lengths.tolist()):
        alone = model(grey[:length, number : number + 1], torch.tensor([length]))
        torch.testing.assert_close(together[:length, number], alone[:, 0], rtol=0, atol=FLOAT_TOLERANCE)
        assert not together[length:, number].any()


def test_padding_enters_neither_the_scores_nor_the_batch_norm():
    torch.manual_seed(1)
    padded = recogniser().train()
    torch.manual_seed(1)
    tight = recogniser().train()
    grey, lengths = batch(extra=20)
    scores = padded(grey, lengths)
    torch.testing.assert_close(scores[:9], tight(grey[:9], lengths), rtol=0, atol=FLOAT_TOLERANCE)
    for name in ("running_mean", "running_var"):
        padded_value, tight_value = (getattr(model.batch_norm, name) for model in (padded, tight))
        torch.testing.assert_close(padded_value, tight_value, rtol=0, atol=FLOAT_TOLERANCE)


def test_sum_is_concat_with_the_same_weights_for_both_directions():
    summed = recogniser(tiny.quantized(reduce_bidirectional="SUM"))
    joined = recogniser(tiny.quantized())
    joined.recurrent.load_state_dict(summed.recurrent.state_dict())
    with torch.no_grad():
        joined.fc.weight.copy_(torch.cat([summed.fc.weight, summed.fc.weight], dim=1))
        joined.fc.bias.copy_(summed.fc.bias)
    torch.testing.assert_close(summed(*batch_of(2)), joined(*batch_of(2)), rtol=0, atol=FLOAT_TOLERANCE)


def batch_of(seed: int):
    torch.manual_seed(seed)
    return batch()


def test_every_quantization_point_has_its_scheme():
    hp = tiny.quantized(weight=2, activation=3, fc_weight_bit_width=7, fc_bias_bit_width=6)
    points = {name: (q.scheme, q.bits, q.activation) for name, q in recogniser(hp).quantizers().items()}
    signed, unsigned = "SIGNED_FIXED_UNIT", "UNSIGNED_FIXED_UNIT"
    assert points == {
        "quantize_pixels": (signed, 3, True),
        "recurrent.quantize_weight": (signed, 2, False),
        "recurrent.quantize_bias": (signed, 8, False),
        "recurrent.quantize_sigmoid": (unsigned, 8, True),
        "recurrent.quantize_tanh": (signed, 8, True),
        "recurrent.quantize_hidden": (signed, 3, True),
        "fc.quantize_weight": (signed, 7, False),
        "fc.quantize_bias": (signed, 6, False),
    }


def test_pixels_stay_as_they_are_without_quantize_input():
    assert recogniser(tiny.quantized(quantize_input=False)).quantize_pixels.is_float


def test_latent_arithmetic_is_the_float_network_with_the_same_parameters():
    quantized = recogniser(tiny.quantized(weight=2))
    plain = Recogniser(tiny.hyperparameters(prefused_bn_fc=True), CLASSES)
    plain.load_state_dict(quantized.state_dict())
    expected = plain(*batch_of(3))
    with quantized.computing_in(Arithmetic.LATENT):
        assert torch.equal(quantized(*batch_of(3)), expected)
    assert not torch.equal(quantized(*batch_of(3)), expected)


def test_float_arithmetic_keeps_the_trained_fixed_point_weights():
    quantized = recogniser(tiny.quantized(weight=2))
    plain = Recogniser(tiny.hyperparameters(prefused_bn_fc=True), CLASSES)
    plain.load_state_dict(quantized.state_dict())
    with torch.no_grad():
        for name, parameter in plain.recurrent.named_parameters():
            point = quantized.recurrent.quantize_weight if "weight" in name else quantized.recurrent.quantize_bias
            parameter.copy_(point(parameter))
        plain.fc.weight.copy_(quantized.fc.quantize_weight(plain.fc.weight))
        plain.fc.bias.copy_(quantized.fc.quantize_bias(plain.fc.bias))
    with quantized.computing_in(Arithmetic.FLOAT_ACTIVATIONS):
        assert torch.equal(quantized(*batch_of(3)), plain(*batch_of(3)))


def test_the_quantizers_come_back_on_after_an_error():
    model = recogniser(tiny.quantized())
    with pytest.raises(KeyError), model.computing_in(Arithmetic.LATENT):
        raise KeyError
    assert all(point.enabled for point in model.quantizers().values())


@pytest.mark.parametrize("reduce", ["CONCAT", "SUM"])
def test_fusing_the_batch_norm_changes_no_score(reduce):
    model = recogniser(tiny.hyperparameters(reduce_bidirectional=reduce)).eval()
    fused = fuse_batch_norm(model)
    assert fused.batch_norm is None
    assert fused.hyperparameters.prefused_bn_fc
    torch.testing.assert_close(fused(*batch_of(4)), model(*batch_of(4)), rtol=0, atol=FLOAT_TOLERANCE)


def test_fusing_what_is_fused_gives_the_same_network():
    model = recogniser(tiny.quantized())
    assert fuse_batch_norm(model) is model
