"""`foldline inspect --bounds`: bounds, widths, and inputs with which sums wrap."""

import json
from dataclasses import replace

import numpy as np
import pytest

from datapath import Design
from datapath.bounds import sum_bounds
from datapath.design import Gate
from rtl_gen.program import RtlProgram
from tests.designs import random_design
from tests.foldline.command_line import fails, run
from tests.golden_data import REPOSITORY
from tests.reference import round_to_even_on_tie, round_to_zero_on_tie, wrap

DESIGNS = REPOSITORY / "golden_vectors" / "designs"
WRAPPING, DEMO = DESIGNS / "stress_w8a8_wrap.npz", DESIGNS / "QLSTM128_W2B8A4I8_FC_W8B8.npz"


def printed_json(path) -> dict:
    result = run("inspect", path, "--bounds", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def sum_of_gate(design: Design, wrap: dict) -> int:
    """The sum of a wrap's gate, computed naively from its pixels and hidden outputs."""
    bits, place = design.precision, (wrap["direction"], "ifgo".index(wrap["gate"]), wrap["unit"])
    biases = int(design.biases_input[place]) + int(design.biases_recurrent[place])
    hidden = wrap["hidden"] or [0] * design.hidden
    weights = [*design.weights_input[place].tolist(), *design.weights_recurrent[place].tolist()]
    shift = bits.activation + bits.weight - 10
    products = (round_to_zero_on_tie(a * b, shift) for a, b in zip([*wrap["pixels"], *hidden], weights, strict=True))
    return biases * 2 ** (9 - bits.bias) + sum(products)


def sum_of_class(design: Design, wrap: dict) -> int:
    """The half score or score of a wrap, computed naively from its hidden outputs."""
    bits, directions = design.precision, [wrap["direction"]] if "direction" in wrap else [0, 1]
    total = 0
    for direction, hidden in zip(directions, np.atleast_2d(wrap["hidden"]).tolist(), strict=True):
        weights = design.fc_weights[direction, wrap["class"]].tolist()
        total += int(design.fc_biases[direction, wrap["class"]]) * 2 ** (9 - bits.fc_bias)
        shift = bits.activation + bits.fc_weight - 10
        total += sum(round_to_even_on_tie(a * b, shift) for a, b in zip(hidden, weights, strict=True))
    return total


def test_json_has_the_bounds_of_every_sum():
    found, bounds = printed_json(DEMO), sum_bounds(Design.load(DEMO))
    assert found["experiment"] == "QLSTM128_W2B8A4I8_FC_W8B8"
    assert found["widths"] == {"gate": 15, "half_score": 15, "score": 16}
    for name in ("gates", "half_scores", "scores"):
        for end in ("low", "high", "bits"):
            assert np.array_equal(found[name][end], getattr(getattr(bounds, name), end)), (name, end)
    assert found["wraps"] == [] and found["can_wrap"] == {"gates": 0, "half_scores": 0, "scores": 0}


def test_the_table_has_every_gate_and_class():
    result = run("inspect", DEMO, "--bounds")
    assert result.exit_code == 0, result.output
    lines, bounds = result.stdout.splitlines(), sum_bounds(Design.load(DEMO))
    (row,) = (line.split() for line in lines if line.startswith("o, backward"))
    highest = bounds.gates.high[1, Gate.O].max() / 256
    assert float(row[3]) == round(highest, 3) and row[4:] == ["15", "0", "of", "128"]
    (row,) = (line.split() for line in lines if line.startswith("81 "))
    ends = bounds.scores.low[81], bounds.scores.high[81]
    assert [*map(float, row[-3:])] == [*(round(end / 256, 3) for end in ends), 15]
    assert lines[-2:] == [
        "In the SystemVerilog gate sums have 15 bits, half scores 15, class scores 16.",
        "No sum can wrap at 16 bits.",
    ]


@pytest.mark.no_numpy2
def test_pixels_that_wrap_a_gate_sum_do_it_in_the_rtl(rtl_builds):
    design = Design.load(WRAPPING)
    wraps = printed_json(WRAPPING)["wraps"]
    assert [(one["gate"], one["simulated"], one["hidden"]) for one in wraps] == [(g, True, None) for g in "ifgo"]
    program = RtlProgram(design)
    for one in wraps:
        total = sum_of_gate(design, one)
        assert (one["total"], one["wrapped"]) == (total, wrap(total)) and total != wrap(total)
        result, _ = program.run(np.array([one["pixels"]] * 2))
        gate = "ifgo".index(one["gate"])
        assert result.gates[0, one["direction"], one["unit"], gate] == one["wrapped"]


def test_text_shows_the_pixels_and_the_wrapped_value():
    lines = run("inspect", WRAPPING, "--bounds").stdout.splitlines()
    (first, *_) = printed_json(WRAPPING)["wraps"]
    (at,) = (n for n, line in enumerate(lines) if line.startswith(f"{first['sum']}: "))
    assert f"{first['total'] / 256:.3f} wraps to {first['wrapped'] / 256:.3f}, simulated" in lines[at]
    assert lines[at + 1] == f"  pixels {' '.join(map(str, first['pixels']))}"


def test_sums_that_wrap_by_hidden_outputs_only(tmp_path):
    design = random_design(1, bits=(8,) * 5, inputs=1, hidden=128, classes=2, folding=(1, 1, 128), peepholes=(8, 2))
    arrays = {name: np.full_like(getattr(design, name), -128) for name in ("weights_recurrent", "fc_weights")}
    design = replace(design, **arrays, fc_biases=np.full_like(design.fc_biases, 127))
    path = tmp_path / "design.npz"
    design.save(path)
    wraps = printed_json(path)["wraps"]
    assert [one["gate"] for one in wraps] == [*"ifgo", None, None]
    for one in wraps:
        total = sum_of_gate(design, one) if one["gate"] else sum_of_class(design, one)
        assert (one["total"], one["wrapped"], one["simulated"]) == (total, wrap(total), False)
        assert total != wrap(total)
    assert "direction" in wraps[4] and np.shape(wraps[5]["hidden"]) == (2, 128)
    text = run("inspect", path, "--bounds").stdout
    assert f"{wraps[0]['sum']}: " in text and "not at the first step; computed, with these pixels" in text
    assert f"{wraps[5]['sum']}: " in text and "  hidden backward " in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["line.png"], "IMAGE"),
        (["--pixels", "pixels.npz"], "--pixels"),
        (["--line", 0], "--line"),
        (["-o", "a.png"], "--output"),
        (["--ignore-limits"], "--ignore-limits"),
    ],
)
def test_bounds_take_no_line(arguments, named):
    fails(f"--bounds is of every line; it takes no {named}.", "inspect", DEMO, "--bounds", *arguments, status=2)
