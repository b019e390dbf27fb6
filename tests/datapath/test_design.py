"""A design is an immutable value: checked when made, equal after a round trip, unequal if any field differs."""

from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from hypothesis import given

from datapath import (
    Alphabet,
    Design,
    Folding,
    Gate,
    Limits,
    PeepholeFormat,
    Peepholes,
    Precision,
    Provenance,
    fold,
    unfold,
)
from datapath.design import WEIGHTS
from datapath.errors import DesignError
from tests.strategies import designs

H, I, C = 4, 6, 3  # noqa: E741
SHAPES = {
    "weights_input": (2, 4, H, I),
    "weights_recurrent": (2, 4, H, H),
    "biases_input": (2, 4, H),
    "biases_recurrent": (2, 4, H),
    "fc_weights": (2, C, H),
    "fc_biases": (2, C),
}


def make_design(**changes) -> Design:
    """A fixed small design with another width for every kind of value, and the fields that a test changes."""
    random = np.random.default_rng(7)
    parts = {
        "precision": Precision(weight=3, bias=5, activation=4, fc_weight=6, fc_bias=7),
        "folding": Folding(pe=2, simd_input=3, simd_recurrent=4),
        "limits": Limits(),
        "alphabet": Alphabet(("", "a", "ß")),
        "provenance": Provenance(author="a", source="s", tool="t", notes={"epochs": "3"}),
        **{name: random.integers(-4, 4, size=shape) for name, shape in SHAPES.items()},
    }
    return Design(**(parts | changes))


def make_peepholes(*, bits: int = 6, integer: int = 2) -> Peepholes:
    """Fixed random peepholes for `make_design`."""
    half = 1 << (bits - 1)
    weights = np.random.default_rng(8).integers(-half, half, size=(2, 3, H))
    return Peepholes(format=PeepholeFormat(bits=bits, integer=integer), weights=weights)


# Round trip ---------------------------------------------------------------------------------------------------------


@given(design=designs())
def test_load_gives_back_what_was_saved(design, tmp_path_factory):
    path = tmp_path_factory.mktemp("design") / "design.npz"
    design.save(path)
    loaded = Design.load(path)
    assert loaded == design
    assert hash(loaded) == hash(design)
    assert repr(loaded) == repr(design)


def test_peepholes_and_the_output_layers_folding_survive_the_round_trip(tmp_path):
    folding = Folding(pe=2, simd_input=3, simd_recurrent=4, pe_out=2)
    design = make_design(peepholes=make_peepholes(bits=16, integer=4), folding=folding)
    design.save(tmp_path / "design.npz")
    loaded = Design.load(tmp_path / "design.npz")
    assert loaded.peepholes == design.peepholes
    assert loaded.peepholes.weights.dtype == np.int16
    assert loaded.folding == folding
    assert loaded == design


def test_notes_of_the_provenance_survive_the_round_trip(tmp_path):
    design = make_design()
    design.save(tmp_path / "design.npz")
    assert Design.load(tmp_path / "design.npz").provenance == design.provenance


@given(design=designs())
def test_saving_is_byte_deterministic(design, tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    design.save(folder / "a")
    Design.load(folder / "a").save(folder / "b")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    # However an equal design came about, and however its arrays lay in memory.
    unfold(fold(design), alphabet=design.alphabet, provenance=design.provenance).save(folder / "c")
    assert (folder / "a").read_bytes() == (folder / "c").read_bytes()


def test_the_order_of_notes_does_not_change_the_bytes(tmp_path):
    for name, notes in (("a", {"x": "1", "y": "2"}), ("b", {"y": "2", "x": "1"})):
        make_design(provenance=Provenance(author="a", source="s", tool="t", notes=notes)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Equality and immutability ------------------------------------------------------------------------------------------

OTHER_VALUES = {
    "precision": Precision(weight=3, bias=5, activation=5, fc_weight=6, fc_bias=7),
    "folding": Folding(pe=2, simd_input=3, simd_recurrent=4, pe_out=2),
    "limits": Limits(columns=731),
    "alphabet": Alphabet(("", "a", "b")),
    "provenance": Provenance(author="a", source="s", tool="t", notes={"epochs": "4"}),
    "peepholes": Peepholes(format=PeepholeFormat(bits=1, integer=1), weights=np.zeros((2, 3, H), dtype=np.int8)),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Design)])
def test_any_other_field_makes_another_design(name):
    design = make_design()
    if name in WEIGHTS:
        values = getattr(design, name).copy()
        values.flat[-1] = 1 - values.flat[-1] % 2
        other = replace(design, **{name: values})
    else:
        other = replace(design, **{name: OTHER_VALUES[name]})
    assert other != design
    assert other.same_network(design) == (name in {"folding", "provenance"})
    assert design.same_network(other) == (name in {"folding", "provenance"})


def test_other_peepholes_make_another_design():
    design = make_design(peepholes=make_peepholes())
    assert make_design(peepholes=make_peepholes()) == design
    assert hash(make_peepholes()) == hash(make_peepholes())
    weights = design.peepholes.weights.copy()
    weights[1, 2, 3] ^= 1
    other_weight = replace(design, peepholes=replace(design.peepholes, weights=weights))
    other_format = replace(design, peepholes=make_peepholes(integer=3))
    assert np.array_equal(other_format.peepholes.weights, design.peepholes.weights)
    for other in (other_weight, other_format, make_design()):
        assert other != design
        assert not other.same_network(design)
    assert make_peepholes() != "peepholes"


def test_a_design_equals_its_twin_and_nothing_of_another_kind():
    assert make_design() == make_design()
    assert len({make_design(), make_design()}) == 1
    assert make_design() != "design"


def test_a_refolded_design_is_the_same_network():
    design = make_design()
    folding = Folding(pe=4, simd_input=1, simd_recurrent=2)
    assert design.refolded(folding).folding == folding
    assert design.refolded(folding).same_network(design)


@pytest.mark.parametrize("name", [field.name for field in fields(Design)])
def test_no_field_can_be_assigned(name):
    with pytest.raises(FrozenInstanceError) as caught:
        setattr(make_design(), name, None)
    assert str(caught.value) == f"cannot assign to field {name!r}"


@pytest.mark.parametrize("name", WEIGHTS)
def test_no_weight_can_be_changed_from_within_or_from_outside(name):
    values = np.zeros(SHAPES[name], dtype=np.int8)
    design = make_design(**{name: values})
    values[:] = 1
    assert not getattr(design, name).any()
    with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
        getattr(design, name)[:] = 1


def test_the_callers_notes_are_copied():
    notes = {"epochs": "3"}
    provenance = Provenance(author="a", source="s", tool="t", notes=notes)
    notes["epochs"] = "4"
    assert provenance.notes == {"epochs": "3"}


# Properties of a design ----------------------------------------------------------------------------------------------


def test_dimensions_and_name():
    design = make_design()
    assert (design.inputs, design.hidden, design.classes) == (I, H, C)
    assert str(design.experiment) == "QLSTM4_W3B5A4I8_FC_W6B7"
    assert repr(design) == (
        "Design(QLSTM4_W3B5A4I8_FC_W6B7, inputs=6, classes=3, folding=Folding(pe=2, simd_input=3, simd_recurrent=4, "
        "pe_out=1), limits=Limits(columns=732, labels=95), provenance=Provenance(author='a', source='s', tool='t', "
        "notes={'epochs': '3'}))"
    )


def test_properties_of_a_design_with_peepholes():
    plain, design = make_design(), make_design(peepholes=make_peepholes())
    assert (plain.peephole_format, design.peephole_format) == (None, PeepholeFormat(bits=6, integer=2))
    assert list(plain.arrays) == list(WEIGHTS)
    assert list(design.arrays) == [*WEIGHTS, "peepholes"]
    assert design.arrays["peepholes"] is design.peepholes.weights
    assert design.experiment == plain.experiment
    assert "classes=3, peepholes=PeepholeFormat(bits=6, integer=2), folding=" in repr(design)


def test_gates_stand_in_torch_order_with_the_headers_names():
    assert [(gate.name, gate.header_name) for gate in Gate] == [("I", "gi"), ("F", "gf"), ("G", "ci"), ("O", "go")]


def test_a_simd_factor_folds_both_sides():
    assert Folding.by_factor(8, inputs=32, hidden=128) == Folding(pe=1, simd_input=4, simd_recurrent=16)
    assert Folding.by_factor(4, inputs=32, hidden=128, pe_out=3).pe_out == 3
    assert Folding.by_factor(1, inputs=32, hidden=128, pe=2) == Folding(pe=2, simd_input=32, simd_recurrent=128)


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        (3, "simd_factor is 3; it must divide the 32 input rows."),
        (0, "simd_factor is 0; it must divide the 32 input rows."),
        (-1, "simd_factor is -1; it must divide the 32 input rows."),
        (16, "simd_factor is 16; it must divide the 100 hidden units."),
    ],
)
def test_a_simd_factor_that_does_not_divide(factor, sentence):
    with pytest.raises(DesignError) as caught:
        Folding.by_factor(factor, inputs=32, hidden=100)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pe": 3}, "pe is 3; it must divide the 4 hidden units."),
        ({"pe": 0}, "pe is 0; it must divide the 4 hidden units."),
        ({"pe": 8}, "pe is 8; it must divide the 4 hidden units."),
        ({"simd_input": 4}, "simd_input is 4; it must divide the 6 input rows."),
        ({"simd_recurrent": 3}, "simd_recurrent is 3; it must divide the 4 hidden units."),
        ({"simd_recurrent": -2}, "simd_recurrent is -2; it must divide the 4 hidden units."),
        ({"pe_out": 0}, "pe_out is 0; it must be 1 to the 3 classes."),
        ({"pe_out": 4}, "pe_out is 4; it must be 1 to the 3 classes."),
    ],
)
def test_a_folding_that_does_not_divide(change, sentence):
    with pytest.raises(DesignError) as caught:
        make_design(folding=replace(Folding(pe=1, simd_input=1, simd_recurrent=1), **change))
    assert str(caught.value) == sentence


@pytest.mark.parametrize("pe_out", [1, 2, 3])
def test_the_output_layers_folding_need_not_divide_the_classes(pe_out):
    folding = Folding(pe=1, simd_input=1, simd_recurrent=1, pe_out=pe_out)
    assert make_design(folding=folding).folding.pe_out == pe_out


@pytest.mark.parametrize("name", ["columns", "labels"])
def test_a_limit_below_one(name):
    with pytest.raises(DesignError) as caught:
        Limits(**{name: 0})
    assert str(caught.value) == f"The limit of {name} is 0; it must be 1 or more."


@pytest.mark.parametrize("shape", [(2, 4, H), (2, 4, H, I, 1), (), (2, 4, 0, I), (2, 4, H, 0)])
def test_input_weights_that_give_no_dimensions(shape):
    with pytest.raises(DesignError) as caught:
        make_design(weights_input=np.zeros(shape, dtype=np.int8))
    assert str(caught.value) == (
        f"weights_input has shape {list(shape)}; it must be [2, 4, H, I] with H and I of 1 or more."
    )


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("weights_input", (1, 4, H, I)),
        ("weights_input", (2, 3, H, I)),
        ("weights_recurrent", (2, 4, H, I)),
        ("weights_recurrent", (2, 4, H)),
        ("biases_input", (2, 4, H + 1)),
        ("biases_recurrent", (4, 2, H)),
        ("fc_weights", (2, H, C)),
        ("fc_weights", (2, C + 1, H)),
        ("fc_biases", (C,)),
        ("fc_biases", (2, 0)),
    ],
)
def test_shapes_that_contradict_each_other(name, shape):
    with pytest.raises(DesignError) as caught:
        make_design(**{name: np.zeros(shape, dtype=np.int8)})
    assert str(caught.value) == (
        f"{name} has shape {list(shape)}; with H 4, I 6 and C 3 it must be {list(SHAPES[name])}."
    )


BITS = dict(zip(WEIGHTS, (3, 3, 5, 5, 6, 7), strict=True))


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("side", ["below", "above"])
def test_a_value_outside_its_width(name, side):
    low, high = -(2 ** (BITS[name] - 1)), 2 ** (BITS[name] - 1) - 1
    values = np.full(SHAPES[name], low)
    values.flat[0] = high
    make_design(**{name: values})
    bad = low - 1 if side == "below" else high + 1
    values.flat[-1] = values.flat[-2] = bad
    place = [size - 1 for size in SHAPES[name]]
    place[-1] -= 1
    with pytest.raises(DesignError) as caught:
        make_design(**{name: values})
    assert str(caught.value) == (
        f"{name}{place} is {bad}; {BITS[name]} bits allow {low} to {high} (2 of {values.size} values are outside)."
    )


@pytest.mark.parametrize("dtype", [np.float32, bool, object, "m8[s]"])
def test_weights_that_are_no_integers(dtype):
    with pytest.raises(DesignError) as caught:
        make_design(fc_biases=np.zeros((2, C), dtype=dtype))
    assert str(caught.value) == f"fc_biases has type {np.dtype(dtype)}; it must be integers."


@pytest.mark.parametrize(("inputs", "hidden", "name", "size"), [(257, 4, "inputs", 257), (6, 257, "hidden", 257)])
def test_vectors_wider_than_an_ap_int(inputs, hidden, name, size):
    with pytest.raises(DesignError) as caught:
        make_design(
            weights_input=np.zeros((2, 4, hidden, inputs), dtype=np.int8),
            weights_recurrent=np.zeros((2, 4, hidden, hidden), dtype=np.int8),
            biases_input=np.zeros((2, 4, hidden), dtype=np.int8),
            biases_recurrent=np.zeros((2, 4, hidden), dtype=np.int8),
            fc_weights=np.zeros((2, C, hidden), dtype=np.int8),
            folding=Folding(pe=1, simd_input=1, simd_recurrent=1),
        )
    assert str(caught.value) == (
        f"{name} * activation bits is {size} * 4 = {4 * size}; an ap_int holds at most 1024 bits."
    )


@pytest.mark.parametrize("shape", [(2, 4, H), (3, 2, H), (2, 3, H + 1), (2, 3), ()])
def test_peepholes_of_another_shape(shape):
    peepholes = Peepholes(format=PeepholeFormat(bits=4, integer=1), weights=np.zeros(shape, dtype=np.int8))
    with pytest.raises(DesignError) as caught:
        make_design(peepholes=peepholes)
    assert str(caught.value) == f"peepholes has shape {list(shape)}; with H 4, I 6 and C 3 it must be [2, 3, 4]."
