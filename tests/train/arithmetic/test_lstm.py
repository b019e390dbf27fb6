"""The recurrence in training: its kernels, the same in torch operations, the plain-integer reference, torch's LSTM."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from datapath.design import Gate
from tests.designs import random_design
from tests.reference import reference_hidden
from tests.train import tiny
from train.config import SIGNED_FIXED_UNIT
from train.model import Recogniser
from train.recurrent import QuantLSTM

GRADIENT_TOLERANCE = 1e-5
"""Of the largest gradient: both sides take the same sums of some hundred terms, in another order and one in float32."""

FLOAT_TOLERANCE = 2e-5
"""Single precision over twelve columns against torch's own, whose sigmoid is not our polynomial; values are around 1."""

WIDTHS = [(2, 2), (2, 4), (4, 4), (4, 8), (8, 8)]
"""W and A of the published networks."""

I, H = 5, 6  # noqa: E741
LENGTHS = torch.tensor([9, 1, 2, 12, 4])
"""Not a multiple of a group of lines, so that places of a group are empty; and H is not a multiple of a pass's rows."""


def hardware_layer(
    weight: int, activation: int, *, spread: float = 1.2, inputs: int = I, hidden: int = H, **options
) -> QuantLSTM:
    layer = QuantLSTM(
        inputs,
        hidden,
        weight=(SIGNED_FIXED_UNIT, weight),
        bias=(SIGNED_FIXED_UNIT, 8),
        activation=(SIGNED_FIXED_UNIT, activation),
        internal_bits=8,
        hardware=True,
        **options,
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-spread, spread)
    return layer


def pixels(layer: QuantLSTM, lengths: torch.Tensor = LENGTHS) -> torch.Tensor:
    """Random columns [T, B, I], many of them background as on a page."""
    columns = torch.randn(int(lengths.max()), len(lengths), layer.inputs) * 1.5 - 0.5
    return layer.quantize_hidden(columns)


def assert_gradients_close(actual, expected, relative=GRADIENT_TOLERANCE):
    for one, other in zip(actual, expected, strict=True):
        largest = float(other.abs().max())
        torch.testing.assert_close(one.double(), other.double(), rtol=0, atol=relative * max(largest, 1.0))


def outputs_and_gradients(layer, columns, lengths=LENGTHS):
    """Outputs, and gradients of the columns and of all parameters, for one direction of descent, always the same."""
    columns = columns.detach().clone().requires_grad_()
    outputs = layer(columns, lengths)
    generator = torch.Generator().manual_seed(1)
    towards = torch.randn(outputs.shape, generator=generator).to(outputs.dtype)
    return outputs.detach(), torch.autograd.grad((outputs * towards).sum(), [columns, *layer.parameters()])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("weight", "activation"), WIDTHS)
def test_kernel_and_torch_operations_are_one_arithmetic(weight, activation, bidirectional, bias):
    layer = hardware_layer(weight, activation, bidirectional=bidirectional, use_bias=bias)
    columns = pixels(layer)
    actual, gradients = outputs_and_gradients(layer, columns)
    expected, expected_gradients = outputs_and_gradients(copy.deepcopy(layer).double(), columns.double())
    assert expected.dtype is torch.float64
    assert torch.equal(actual.double(), expected)
    assert_gradients_close(gradients, expected_gradients)
    assert (actual > 0).any() and (actual < 0).any()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("reduction", ["CONCAT", "SUM"])
@pytest.mark.parametrize(("weight", "activation"), WIDTHS)
def test_whole_networks_are_one_arithmetic(monkeypatch, weight, activation, reduction, bias):
    changes = {} if bias else {"recurrent_bias_enabled": False}
    hp = tiny.quantized(
        weight=weight, activation=activation, forward_arithmetic="HARDWARE", reduce_bidirectional=reduction, **changes
    )
    model = Recogniser(hp, 5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1.2, 1.2)
    grey = torch.randint(0, 256, (12, 5, tiny.HEIGHT), dtype=torch.uint8)

    def scores_and_gradients():
        scores = model(grey, LENGTHS)
        return scores, torch.autograd.grad((scores * torch.sin(scores.detach() * 9)).sum(), list(model.parameters()))

    actual, gradients = scores_and_gradients()
    monkeypatch.setattr(QuantLSTM, "read", QuantLSTM._read_in_steps)
    expected, expected_gradients = scores_and_gradients()
    assert torch.equal(actual, expected)
    assert_gradients_close(gradients, expected_gradients)


@pytest.mark.parametrize("voice", [torch.float32, torch.float64])
@pytest.mark.parametrize("weight", range(2, 9))
@pytest.mark.parametrize("activation", range(2, 9))
def test_it_is_the_reference_in_every_bit(weight, activation, voice):
    design = random_design(weight * 10 + activation, bits=(weight, 8, activation, 8, 8), inputs=3, hidden=3)
    check_against_reference(design, torch.randint(-(2 ** (activation - 1)), 2 ** (activation - 1), (7, 3)), voice)


def check_against_reference(design, raw, voice=torch.float32) -> torch.Tensor:
    """Compare a line of raw pixels [T, I]; returns the hidden outputs [T, 2H] as raw words."""
    precision = design.precision
    layer = hardware_layer(precision.weight, precision.activation, inputs=design.inputs, hidden=design.hidden)
    with torch.no_grad():
        for d, suffix in enumerate(layer.suffixes):
            for array, name, bits in (
                (design.weights_input, "weight_ih", precision.weight),
                (design.weights_recurrent, "weight_hh", precision.weight),
                (design.biases_input, "bias_ih", precision.bias),
                (design.biases_recurrent, "bias_hh", precision.bias),
            ):
                parameter = getattr(layer, f"{name}_{suffix}")
                parameter.copy_(torch.tensor(array[d]).reshape(parameter.shape) / 2.0 ** (bits - 1))
    scale = 2.0 ** (precision.activation - 1)
    layer = layer.to(voice)
    actual = (layer((raw / scale).to(voice)[:, None], torch.tensor([len(raw)]))[:, 0].detach() * scale).long()
    hidden = torch.tensor(reference_hidden(design, raw.tolist()))
    assert torch.equal(actual, torch.cat([hidden[:, 0], hidden[:, 1].flip(0)], dim=1))
    return actual


@pytest.mark.parametrize("voice", [torch.float32, torch.float64])
@pytest.mark.parametrize(("weight", "activation"), [(2, 2), (4, 4), (8, 8)])
def test_sums_past_128_wrap(weight, activation, voice):
    """128 times (-1) * (-1) is 128, which the accumulator holds as -128: gates that should be open are shut."""
    design = without_weights(random_design(1, bits=(weight, 8, activation, 8, 8), inputs=128, hidden=3))
    weights = np.full_like(design.weights_input, -(2 ** (weight - 1)))
    raw = torch.full((4, 128), -(2 ** (activation - 1)))
    assert not check_against_reference(replace(design, weights_input=weights), raw, voice).any()
    weights[..., 127] = 0  # now the sum fits: open gates, and something comes out
    assert check_against_reference(replace(design, weights_input=weights), raw, voice).all()


@pytest.mark.parametrize("voice", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_cell_state_saturates(sign, voice):
    """140 columns that each add 1 to the state, then 134 that take it away: from 128 that ends beyond zero, from an
    unbounded state before it."""
    design = without_weights(random_design(2, bits=(8, 8, 8, 8, 8), inputs=8, hidden=2))
    weights, biases = design.weights_input.copy(), design.biases_input.copy()
    weights[:, [Gate.I, Gate.F], :, :4] = 127  # from rows that are always ink, with both biases past 5
    weights[:, Gate.G, :, 4:] = 127
    biases[:, [Gate.I, Gate.F, Gate.O]] = 127
    design = replace(design, weights_input=weights, biases_input=biases, biases_recurrent=biases)
    raw = torch.full((274, 8), 127)
    raw[:140, 4:], raw[140:, 4:] = sign * 127, -sign * 127
    forward = check_against_reference(design, raw, voice)[:, :2]
    assert (forward[139] * sign > 0).all()
    assert (forward[-1] * sign < 0).all()


def without_weights(design):
    """The design with all recurrent weights and biases 0."""
    names = ("weights_input", "weights_recurrent", "biases_input", "biases_recurrent")
    return replace(design, **{name: np.zeros_like(getattr(design, name)) for name in names})


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_in_floating_point_every_line_is_torchs_lstm(bidirectional, bias):
    ours = QuantLSTM(I, H, bidirectional=bidirectional, use_bias=bias)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.uniform_(-1, 1)
    theirs = nn.LSTM(I, H, bidirectional=bidirectional, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    columns = torch.randn(int(LENGTHS.max()), len(LENGTHS), I)
    actual, gradients = outputs_and_gradients(ours, columns)

    def line_by_line(columns, lengths):
        lines = [theirs(columns[:length, n])[0] for n, length in enumerate(lengths.tolist())]
        return nn.utils.rnn.pad_sequence(lines)

    line_by_line.parameters = lambda: [dict(theirs.named_parameters())[name] for name, _ in ours.named_parameters()]
    expected, expected_gradients = outputs_and_gradients(line_by_line, columns)
    torch.testing.assert_close(actual, expected, rtol=0, atol=FLOAT_TOLERANCE)
    assert_gradients_close(gradients, expected_gradients, FLOAT_TOLERANCE)


def layers():
    return [QuantLSTM(I, H), hardware_layer(4, 8), hardware_layer(2, 4)]


@pytest.mark.parametrize("layer", range(3))
def test_threads_change_no_bit(layer):
    layer = layers()[layer]
    columns = pixels(layer)
    outputs, gradients = outputs_and_gradients(layer, columns)
    torch.set_num_threads(3)  # the fixture of these tests puts it back
    again, gradients_again = outputs_and_gradients(layer, columns)
    assert torch.equal(outputs, again)
    assert all(map(torch.equal, gradients, gradients_again))


@pytest.mark.parametrize("layer", range(3))
def test_a_line_is_read_as_if_alone_with_any_others_and_any_padding(layer):
    layer = layers()[layer]
    columns = pixels(layer)
    exact = layer.hardware_widths is not None
    together, (of_columns, *_) = outputs_and_gradients(layer, columns)
    junk = columns.clone()
    junk[torch.arange(len(columns))[:, None] >= LENGTHS] = math.nan
    assert torch.equal(together, outputs_and_gradients(layer, junk)[0])
    order = torch.tensor([3, 0, 4, 2, 1])
    mixed = layer(columns[:, order], LENGTHS[order])
    for place, line in enumerate(order.tolist()):
        torch.testing.assert_close(mixed[:, place], together[:, line], rtol=0, atol=0 if exact else FLOAT_TOLERANCE)
        length = int(LENGTHS[line])
        alone = layer(columns[:length, line : line + 1], LENGTHS[line : line + 1])[:, 0]
        torch.testing.assert_close(alone, together[:length, line], rtol=0, atol=0 if exact else FLOAT_TOLERANCE)
        assert not of_columns[length:, line].any()


def test_a_second_backward_is_refused():
    loss = QuantLSTM(I, H)(torch.randn(9, 5, I), LENGTHS.clamp(max=9)).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError) as refusal:
        loss.backward()
    assert "one backward pass" in str(refusal.value)


@pytest.mark.parametrize("where", ["columns", "weight_ih_l0", "weight_hh_l0_reverse", "bias_hh_l0"])
@pytest.mark.parametrize("hardware", ["no", "kernel", "torch operations"])
def test_nan_comes_out_as_nan(hardware, where):
    """Integers cannot hold it; a loss that stayed finite would let a diverged training go on."""
    layer = QuantLSTM(I, H) if hardware == "no" else hardware_layer(4, 4)
    columns = pixels(layer)
    with torch.no_grad():
        (columns if where == "columns" else getattr(layer, where)).flatten()[0] = math.nan
    if hardware == "torch operations":
        layer, columns = layer.double(), columns.double()
    outputs, gradients = outputs_and_gradients(layer, columns)
    assert outputs.isnan().any()
    assert len(gradients) == 9


def test_passes_that_wait_for_their_gradient_do_not_share_memory():
    layer = hardware_layer(4, 4)
    first, second = pixels(layer), pixels(layer, LENGTHS.flip(0))

    def gradients(outputs):
        layer.zero_grad(set_to_none=True)
        outputs.square().sum().backward()
        return [parameter.grad for parameter in layer.parameters()]

    alone = gradients(layer(first, LENGTHS)), gradients(layer(second, LENGTHS.flip(0)))
    # Both forward passes first, and one without a gradient between them and their backward passes.
    waiting = layer(first, LENGTHS), layer(second, LENGTHS.flip(0))
    with torch.no_grad():
        layer(pixels(layer), LENGTHS)
    together = gradients(waiting[0]), gradients(waiting[1])
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
