"""`QuantLSTM`: torch.nn.LSTM with quantizers off, its equations with quantizers on, and padding that changes nothing."""

import pytest
import torch
from torch import nn

from train.config import SIGNED_FIXED_UNIT
from train.recurrent import QuantLSTM

TOLERANCE = 1e-12
"""Both sides compute in double precision and add in another order; values are around 1."""

I, H = 5, 6  # noqa: E741
LENGTHS = torch.tensor([7, 3, 1, 6])

FIXED = {
    "weight": (SIGNED_FIXED_UNIT, 3),
    "bias": (SIGNED_FIXED_UNIT, 5),
    "activation": (SIGNED_FIXED_UNIT, 4),
    "internal_bits": 6,
}


def columns() -> torch.Tensor:
    return torch.randn(int(LENGTHS.max()), len(LENGTHS), I, dtype=torch.float64)


def assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("bidirectional", "bias"), [(True, True), (True, False), (False, True), (False, False)])
def test_without_quantization_it_is_torch_lstm_in_outputs_and_gradients(bidirectional, bias):
    ours = QuantLSTM(I, H, bidirectional=bidirectional, use_bias=bias).double()
    theirs = nn.LSTM(I, H, bidirectional=bidirectional, bias=bias).double()
    theirs.load_state_dict(ours.state_dict())
    x = columns().requires_grad_()
    y = x.detach().clone().requires_grad_()
    packed = nn.utils.rnn.pack_padded_sequence(y, LENGTHS, enforce_sorted=False)
    expected = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0])[0]
    actual = ours(x, LENGTHS)
    assert_close(actual, expected)
    direction = torch.randn_like(actual)
    (actual * direction).sum().backward()
    (expected * direction).sum().backward()
    assert_close(x.grad, y.grad)
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, dict(theirs.named_parameters())[name].grad)


def quantize(x: torch.Tensor, bits: int, low: float) -> torch.Tensor:
    step = 2.0 ** -(bits - 1 if low else bits)
    return torch.round(x / step).mul(step).clamp(low, 1 - step)


def test_with_quantization_it_follows_its_equations():
    """Against one line, one direction, one gate at a time, straight from docs/spec/training.md."""
    layer = QuantLSTM(I, H, **FIXED).double()
    line = columns()[:, :1]
    actual = layer(line, torch.tensor([7]))[:, 0]
    for d, (suffix, times) in enumerate((("l0", range(7)), ("l0_reverse", reversed(range(7))))):
        w_ih, w_hh = (quantize(getattr(layer, f"weight_{kind}_{suffix}"), 3, -1.0) for kind in ("ih", "hh"))
        b_ih, b_hh = (quantize(getattr(layer, f"bias_{kind}_{suffix}"), 5, -1.0) for kind in ("ih", "hh"))
        h = c = torch.zeros(H, dtype=torch.float64)
        for t in times:
            sum_i, sum_f, sum_g, sum_o = (w_ih @ line[t, 0] + b_ih + w_hh @ h + b_hh).chunk(4)
            i, f, o = (quantize(torch.sigmoid(gate), 6, 0.0) for gate in (sum_i, sum_f, sum_o))
            g = quantize(torch.tanh(sum_g), 6, -1.0)
            c = f * c + i * g
            h = quantize(o * quantize(torch.tanh(c), 6, -1.0), 4, -1.0)
            assert_close(actual[t, d * H : (d + 1) * H], h)


@pytest.mark.parametrize("settings", [{}, FIXED])
def test_a_padded_line_gives_what_it_gives_alone(settings):
    layer = QuantLSTM(I, H, **settings).double()
    x = columns()
    together = layer(x, LENGTHS)
    for number, length in enumerate(LENGTHS.tolist()):
        alone = layer(x[:length, number : number + 1], torch.tensor([length]))
        assert_close(together[:length, number], alone[:, 0])
        assert not together[length:, number].any()


def test_what_stands_in_the_padding_never_matters():
    layer = QuantLSTM(I, H, **FIXED)
    x = columns().float().requires_grad_()
    other = x.detach().clone()
    padding = torch.arange(7)[:, None] >= LENGTHS
    other[padding] = 100.0
    outputs = layer(x, LENGTHS)
    assert torch.equal(outputs, layer(other, LENGTHS))
    outputs.sum().backward()
    assert not x.grad[padding].any()
    assert x.grad[~padding].any()


def test_weights_are_quantized_once_per_pass_and_not_per_column():
    layer = QuantLSTM(I, H, **FIXED)
    calls = []
    layer.quantize_weight.register_forward_hook(lambda *_: calls.append(1))
    layer(columns().float(), LENGTHS)
    assert len(calls) == 2  # input weights and recurrent weights


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_rounding_leaves_enough_initial_weights(bits):
    layer = QuantLSTM(32, 128, weight=(SIGNED_FIXED_UNIT, bits))
    weights = layer.quantize_weight(layer.stacked("weight_hh"))
    share = (weights != 0).float().mean().item()
    assert share > 0.45


def test_float_initial_weights_are_torchs():
    layer = QuantLSTM(32, 100)
    largest = max(parameter.abs().max().item() for parameter in layer.parameters())
    assert 0.099 < largest <= 0.1
