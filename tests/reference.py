"""The datapath in plain Python integers, an independent implementation of docs/spec/datapath.md.

It shares no code with `datapath` or with the simulators that it checks: rounding, tables, recurrence and the way to
labels are written from the page's formulas, as slow loops. A value is a raw integer; "1/256" in a comment is the
real value of one raw unit.
"""

import math

FORWARD, BACKWARD = 0, 1
GATES = 4  # i, f, g, o
ACCUMULATOR_BITS = 16
ACCUMULATOR_FRACTION = 8
TABLE_FRACTION = 6

SIGMOID_TABLE = [round(64 / (1 + math.exp(-(-5 + 10 * n / 255)))) for n in range(256)]
TANH_TABLE = [round(64 * math.tanh(-3 + 6 * n / 255)) for n in range(256)]


def round_to_zero_on_tie(x, s):
    """RND_ZERO: drop s bits, to nearest, a tie goes toward zero."""
    if s <= 0:
        return x * 2**-s
    magnitude = (abs(x) + 2 ** (s - 1) - 1) // 2**s
    return magnitude if x >= 0 else -magnitude


def round_to_even_on_tie(x, s):
    """RND_CONV: drop s bits, to nearest, a tie goes to the even neighbour."""
    if s <= 0:
        return x * 2**-s
    quotient, remainder = divmod(x, 2**s)
    half = 2 ** (s - 1)
    if remainder > half or (remainder == half and quotient % 2 == 1):
        return quotient + 1
    return quotient


def wrap(x, bits=ACCUMULATOR_BITS):
    """Keep the low bits, two's complement."""
    low = x % 2**bits
    return low - 2**bits if low >= 2 ** (bits - 1) else low


def saturate(x, bits=ACCUMULATOR_BITS):
    """Clamp to the range of a signed value."""
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, x))


def sigmoid(acc):
    """Raw accumulator (1/256) -> 1/64: n = floor((acc + 5) * 25.5) between -5 and 5."""
    if acc <= -5 * 256:
        return SIGMOID_TABLE[0]
    if acc >= 5 * 256:
        return SIGMOID_TABLE[255]
    return SIGMOID_TABLE[(acc + 5 * 256) * 255 // (10 * 256)]


def tanh(acc):
    """Raw accumulator (1/256) -> 1/64: n = floor((acc + 3) * 42.5) between -3 and 3."""
    if acc <= -3 * 256:
        return TANH_TABLE[0]
    if acc >= 3 * 256:
        return TANH_TABLE[255]
    return TANH_TABLE[(acc + 3 * 256) * 255 // (6 * 256)]


def reference_hidden(design, columns):
    """Hidden words [T][2][H] at time steps: backward step t reads column T-1-t."""
    columns = [[int(pixel) for pixel in column] for column in columns]
    forward = _one_direction(design, FORWARD, columns)
    backward = _one_direction(design, BACKWARD, columns[::-1])
    return [[forward[t], backward[t]] for t in range(len(columns))]


def _one_direction(design, direction, columns):
    precision = design.precision
    product_shift = (precision.activation - 1) + (precision.weight - 1) - ACCUMULATOR_FRACTION
    bias_shift = ACCUMULATOR_FRACTION - (precision.bias - 1)
    w_ih = design.weights_input[direction].tolist()
    w_hh = design.weights_recurrent[direction].tolist()
    b_ih = design.biases_input[direction].tolist()
    b_hh = design.biases_recurrent[direction].tolist()
    peepholes, peephole_shift = None, 0
    if design.peepholes is not None:
        peepholes = design.peepholes.weights[direction].tolist()  # of gates i, f, o
        # The state has the accumulator's 8 fraction bits, so the product has the weight's too many.
        peephole_shift = design.peepholes.format.bits - design.peepholes.format.integer

    h = [0] * design.hidden
    c = [0] * design.hidden
    steps = []
    for t, x in enumerate(columns):
        h_next = []
        for unit in range(design.hidden):
            acc = []
            for gate in range(GATES):
                total = b_ih[gate][unit] * 2**bias_shift + b_hh[gate][unit] * 2**bias_shift
                for pixel, weight in zip(x, w_ih[gate][unit], strict=True):
                    total += round_to_zero_on_tie(pixel * weight, product_shift)
                for state, weight in zip(h, w_hh[gate][unit], strict=True):
                    total += round_to_zero_on_tie(state * weight, product_shift)
                acc.append(wrap(total))
            if t > 0 and peepholes is not None:
                acc[0] = _with_peephole(acc[0], peepholes[0][unit], c[unit], peephole_shift)
                acc[1] = _with_peephole(acc[1], peepholes[1][unit], c[unit], peephole_shift)
            i, f, g = sigmoid(acc[0]), sigmoid(acc[1]), tanh(acc[2])
            # i * g has 6 + 6 fraction bits, f * c has 6 + 8; both are brought to 8.
            ig = saturate(round_to_even_on_tie(i * g, 4))
            if t == 0:
                c[unit] = ig
            else:
                c[unit] = saturate(ig + saturate(round_to_even_on_tie(f * c[unit], 6)))
            if t > 0 and peepholes is not None:
                acc[3] = _with_peephole(acc[3], peepholes[2][unit], c[unit], peephole_shift)
            o = sigmoid(acc[3])
            h_shift = 2 * TABLE_FRACTION - (precision.activation - 1)
            h_next.append(saturate(round_to_even_on_tie(tanh(c[unit]) * o, h_shift), precision.activation))
        h = h_next
        steps.append(h)
    return steps


def _with_peephole(acc, weight, state, shift):
    """The accumulator (1/256) after a peephole to the cell state (1/256): product and sum saturate."""
    return saturate(acc + saturate(round_to_even_on_tie(weight * state, shift)))


def reference_scores(design, hidden):
    """Class scores [T][C] in image order from hidden words [T][2][H] at time steps."""
    precision = design.precision
    product_shift = (precision.activation - 1) + (precision.fc_weight - 1) - ACCUMULATOR_FRACTION
    bias_shift = ACCUMULATOR_FRACTION - (precision.fc_bias - 1)
    weights = design.fc_weights.tolist()
    biases = design.fc_biases.tolist()

    def mac(direction, step, k):
        total = biases[direction][k] * 2**bias_shift
        for h, weight in zip(hidden[step][direction], weights[direction][k], strict=True):
            total += round_to_even_on_tie(int(h) * weight, product_shift)
        return wrap(total)

    T = len(hidden)
    return [[wrap(mac(FORWARD, t, k) + mac(BACKWARD, T - 1 - t, k)) for k in range(design.classes)] for t in range(T)]


def arrival_order(length):
    """Columns from the centre outwards: T/2, T/2-1, T/2+1, T/2-2, ..., 0.

    An odd T is beyond the limits of the overlay; what is computed then is Foldline's own extension, whose lone centre
    column comes first and once.
    """
    order = []
    for s in range(length // 2, length):
        order.append(s)
        if length - 1 - s != s:
            order.append(length - 1 - s)
    return order


def reference_labels(scores, limit):
    """Labels [n] of class scores [T][C] in image order; at most `limit` come out."""
    T = len(scores)
    values, labels = [0] * T, [0] * T
    label = 0
    for column in arrival_order(T):
        maximum = 0  # restarts for each column; the label does not
        for k, score in enumerate(scores[column]):
            if score > maximum:
                maximum, label = int(score), k
        values[column], labels[column] = maximum, label
    for column in range(T):
        if labels[column] == 0:
            values[column] = 0

    emitted = []
    held_value, held_label = 0, 0
    for value, label in zip(values, labels, strict=True):
        if value > held_value:
            held_value, held_label = value, label
        elif held_label != 0 and label == 0:
            emitted.append(held_label)
            held_value, held_label = value, label
    return emitted[:limit]


def reference(design, columns):
    """The whole datapath on one line of raw pixels [T][I].

    :returns: hidden words [T][2][H] at time steps, class scores [T][C] in image order, labels [n]; plain lists.
    """
    hidden = reference_hidden(design, columns)
    scores = reference_scores(design, hidden)
    return hidden, scores, reference_labels(scores, design.limits.labels)
