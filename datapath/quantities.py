"""The number format of every quantity in the datapath (the published LSTM-PYNQ hardware).

Pixels, hidden outputs, weights and biases are ``unit_format(bits)``; the formats here have fixed widths.
"""

from datapath.formats import Format, Overflow, Rounding

ACCUMULATOR = Format(bits=16, integer=8, signed=True, rounding=Rounding.RND_ZERO, overflow=Overflow.WRAP)
"""Gate product and gate sum; every product is rounded to it by itself."""

CELL = Format(bits=16, integer=8, signed=True, rounding=Rounding.RND_CONV, overflow=Overflow.SAT)
"""Cell state, i*g, f*c, peephole products and sums, and the sigmoid's input."""

SCORE = Format(bits=16, integer=8, signed=True, rounding=Rounding.RND_CONV, overflow=Overflow.WRAP)
"""Product, sum and class score of the output layer."""

SIGMOID_OUT = Format(bits=8, integer=1, signed=False, rounding=Rounding.RND_CONV, overflow=Overflow.SAT)
"""Output type of the sigmoid table."""

TANH_OUT = Format(bits=8, integer=2, signed=True, rounding=Rounding.RND_CONV, overflow=Overflow.SAT)
"""Output type of the tanh table."""

TABLE_FRACTION = 6
"""Both tables hold multiples of 2**-6 only; Foldline stores them in that unit."""

I_TIMES_G_SHIFT = 2 * TABLE_FRACTION - CELL.fraction
"""Fraction bits that rounding removes of i * g."""

F_TIMES_C_SHIFT = TABLE_FRACTION
"""Fraction bits that rounding removes of f * c, whose c has the fraction bits of the result."""

HIDDEN_FRACTION = 2 * TABLE_FRACTION
"""Fraction bits of tanh(c) * o before it is rounded to a hidden output."""

INTERNAL_BITS = 8
"""Width of both tables' outputs: the I in an experiment name of what runs on the hardware."""

MAX_VECTOR_BITS = 1024
"""Widest ``ap_int`` the HLS types allow: bounds inputs * activation bits and hidden * activation bits."""
