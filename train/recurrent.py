"""`QuantLSTM`: one (bi)directional LSTM layer whose every quantization point has a name.

float32 on the CPU goes through `lstm`, one fused operation on packed lines, in floating point or in the
overlay's arithmetic. All else is a loop over columns in operations of torch: the original trainer's rounding, float64,
and other devices, where `lstm_in_steps` has the overlay's arithmetic. The loop has never been run on CUDA.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from datapath.design import Gate
from train.arithmetic.lstm import HardwareWidths, Packing, lstm
from train.arithmetic.lstm_steps import lstm_in_steps
from train.arithmetic.quantizers import activation_quantizer, internal_quantizer, parameter_quantizer
from train.config import FLOAT_BITS, FP

SIGMOIDS_FIRST = (Gate.I, Gate.F, Gate.O, Gate.G)
"""Gate order inside the loop: the three sigmoids side by side are one operation instead of three."""


class QuantLSTM(nn.Module):
    """A quantized LSTM layer with the parameters of ``torch.nn.LSTM(inputs, hidden)``, which it equals with all
    quantizers off. Rows of the weights are in `Gate` order (torch's).

    :param inputs: I, features of a column.
    :param hidden: H, units per direction.
    :param bidirectional: read the line from both ends.
    :param use_bias: whether there are biases.
    :param weight: scheme and bits of the weights.
    :param bias: scheme and bits of the biases.
    :param activation: scheme and bits of the hidden outputs.
    :param internal_bits: width of sigmoid and tanh outputs; 32 for floating point.
    :param hardware: compute as the overlay does while `quantize_hidden` is enabled; weights, biases and activations are
        then ``SIGNED_FIXED_UNIT`` of at most 8 bits.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        bidirectional: bool = True,
        use_bias: bool = True,
        weight: tuple[str, int] = (FP, FLOAT_BITS),
        bias: tuple[str, int] = (FP, FLOAT_BITS),
        activation: tuple[str, int] = (FP, FLOAT_BITS),
        internal_bits: int = FLOAT_BITS,
        hardware: bool = False,
    ) -> None:
        super().__init__()
        self.hardware_widths = (
            HardwareWidths(weight=weight[1], bias=bias[1], activation=activation[1]) if hardware else None
        )
        self.inputs, self.hidden, self.use_bias = inputs, hidden, use_bias
        self.suffixes = ("l0", "l0_reverse") if bidirectional else ("l0",)
        self.quantize_weight = parameter_quantizer(*weight)
        self.quantize_bias = parameter_quantizer(*bias)
        self.quantize_sigmoid = internal_quantizer(internal_bits, signed=False)
        self.quantize_tanh = internal_quantizer(internal_bits, signed=True)
        self.quantize_hidden = activation_quantizer(*activation)
        for suffix in self.suffixes:
            self.register_parameter(f"weight_ih_{suffix}", nn.Parameter(torch.empty(4 * hidden, inputs)))
            self.register_parameter(f"weight_hh_{suffix}", nn.Parameter(torch.empty(4 * hidden, hidden)))
            if use_bias:
                self.register_parameter(f"bias_ih_{suffix}", nn.Parameter(torch.empty(4 * hidden)))
                self.register_parameter(f"bias_hh_{suffix}", nn.Parameter(torch.empty(4 * hidden)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw initial weights uniformly from [-k, k], k = 1/sqrt(H) as torch does, or one step if that is more.

        A step of 2 bits is 1/2, and everything up to half a step rounds to zero: torch's range would start the
        network with all weights zero. With k one step, half of the weights are not zero.
        """
        smallest = self.hidden**-0.5
        step = 0.0 if self.quantize_weight.is_float else 2.0**-self.quantize_weight.fraction
        for name, parameter in self.named_parameters():
            bound = max(smallest, step) if name.startswith("weight") else smallest
            nn.init.uniform_(parameter, -bound, bound)

    def stacked(self, name: str) -> Tensor:
        """A parameter of all directions, latent values, e.g. ``weight_ih``: [D, 4, H, ...], gates in `Gate` order."""
        both = torch.stack([getattr(self, f"{name}_{suffix}") for suffix in self.suffixes])
        return both.view(len(self.suffixes), 4, self.hidden, *both.shape[2:])

    def forward(self, columns: Tensor, lengths: Tensor) -> Tensor:
        """Hidden outputs of a batch of lines.

        Each line is computed as if it were alone: the backward direction starts at its last real column.

        :param columns: [T, B, I].
        :param lengths: int64 [B], real columns of each line, 1..T.
        :returns: [T, B, D * H], forward then backward; zero beyond a line's length.
        """
        packing = Packing(lengths)
        return packing.padded(self.read(packing.real(columns), packing), len(columns))

    def read(self, columns: Tensor, packing: Packing) -> Tensor:
        """The same without padding: the real columns of all lines, line after line [N, I] -> [N, D * H]."""
        if self.in_original_rounding or columns.device.type != "cpu" or columns.dtype is not torch.float32:
            return self._read_in_steps(columns, packing)
        return lstm(columns, packing, *self._in_gate_order(), self._widths_now)

    @property
    def in_original_rounding(self) -> bool:
        """Whether activations are rounded now, and as the original trainer does."""
        points = (self.quantize_sigmoid, self.quantize_tanh, self.quantize_hidden)
        return self.hardware_widths is None and any(point.enabled for point in points)

    @property
    def _widths_now(self) -> HardwareWidths | None:
        return self.hardware_widths if self.quantize_hidden.enabled else None

    def _in_gate_order(self) -> tuple[Tensor, Tensor, Tensor]:
        """Input weights [D, 4H, I], recurrent weights [D, 4H, H] and the sum of both biases [D, 4H], as used."""
        weights = (self.quantize_weight(self.stacked(f"weight_{side}")).flatten(1, 2) for side in ("ih", "hh"))
        return *weights, self._bias().flatten(1, 2)

    def _bias(self) -> Tensor:
        """The sum of both biases, as used: [D, 4, H]; zeros without biases."""
        if not self.use_bias:
            return self.weight_ih_l0.new_zeros(len(self.suffixes), 4, self.hidden)
        return self.quantize_bias(self.stacked("bias_ih")) + self.quantize_bias(self.stacked("bias_hh"))

    def _read_in_steps(self, columns: Tensor, packing: Packing) -> Tensor:
        """`read` column by column, in operations of torch on padded lines."""
        padded = packing.padded(columns, packing.longest)
        order = _reversing_order(packing.lengths.to(columns.device), packing.longest)
        sides = torch.stack([padded, _Reorder.apply(padded, order)]) if len(self.suffixes) == 2 else padded[None]
        if self._widths_now is None:
            hidden = self._recurrence(self._input_products(sides))
        else:
            hidden = lstm_in_steps(sides, *self._in_gate_order(), self._widths_now)
        in_image_order = [hidden[:, 0], *(_Reorder.apply(side, order) for side in hidden.unbind(1)[1:])]
        return packing.real(torch.cat(in_image_order, dim=2))

    def _input_products(self, sides: Tensor) -> Tensor:
        """[D, T, B, I] -> W_ih x + b_ih + b_hh of every column at once, [D, T, B, 4H]."""
        D, T, B, _ = sides.shape
        weights = self._in_loop_order(self.quantize_weight(self.stacked("weight_ih")))
        flat = sides.reshape(D, T * B, self.inputs)
        products = torch.baddbmm(self._in_loop_order(self._bias()).unsqueeze(1), flat, weights.transpose(1, 2))
        return products.view(D, T, B, 4 * self.hidden)

    def _recurrence(self, products: Tensor) -> Tensor:
        """The recurrence, both directions side by side: [D, T, B, 4H] -> h [T, D, B, H] at time steps."""
        D, _, B, _ = products.shape
        H = self.hidden
        weights = self._in_loop_order(self.quantize_weight(self.stacked("weight_hh"))).transpose(1, 2)
        h = c = products.new_zeros(D, B, H)
        outputs = []
        for product in products.unbind(1):
            sums_ifo, sum_g = torch.baddbmm(product, h, weights).split((3 * H, H), dim=2)
            i, f, o = self.quantize_sigmoid(torch.sigmoid(sums_ifo)).chunk(3, dim=2)
            g = self.quantize_tanh(torch.tanh(sum_g))
            c = f * c + i * g
            h = self.quantize_hidden(o * self.quantize_tanh(torch.tanh(c)))
            outputs.append(h)
        return torch.stack(outputs)

    def _in_loop_order(self, gates: Tensor) -> Tensor:
        """[D, 4, H, ...] in `Gate` order -> [D, 4H, ...] in `SIGMOIDS_FIRST` order."""
        return gates[:, list(SIGMOIDS_FIRST)].flatten(1, 2)


def _reversing_order(lengths: Tensor, columns: int) -> Tensor:
    """Row numbers [T * B] into flattened columns that reverse each line within its length; padding stays behind it."""
    t = torch.arange(columns, device=lengths.device)[:, None]
    source = torch.where(t < lengths, lengths - 1 - t, t)
    return (source * len(lengths) + torch.arange(len(lengths), device=lengths.device)).flatten()


class _Reorder(torch.autograd.Function):
    """Rows in another order, where doing it twice gives the first order back: so its gradient is itself."""

    @staticmethod
    def forward(ctx, columns: Tensor, order: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return columns.flatten(0, 1)[order].view(columns.shape)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        return gradient.flatten(0, 1)[order].view(gradient.shape), None
