"""The committed golden vectors, and the command that makes and checks them."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from datapath import Design, Gate
from datapath.files import write_npz
from datapath.npz import read_npz
from foldline import golden
from foldline.cli import main
from tests.reference import reference


@pytest.fixture
def copy(tmp_path):
    """A copy of the committed vectors to damage."""
    folder = tmp_path / "golden"
    for sub in ("designs", "vectors"):
        shutil.copytree(golden.DEFAULT_FOLDER / sub, folder / sub)
    return folder


@pytest.fixture
def stress_copy(copy):
    """The same without the trained designs, which take longest to compute again."""
    for name in golden.trained_names(copy):
        for sub in ("designs", "vectors"):
            (copy / sub / f"{name}.npz").unlink()
    return copy


def _names():
    return sorted(path.stem for path in (golden.DEFAULT_FOLDER / "designs").glob("*.npz"))


def test_every_design_and_vector_is_checked_and_equal():
    checked = list(golden.check())
    assert [one.name for one in checked] == _names()
    assert len(checked) > len(golden.RECIPES)  # a trained design, too
    assert [difference for one in checked for difference in one.differences] == []


@pytest.mark.parametrize("name", golden.RECIPES)
def test_stress_vectors_are_what_the_specification_says(name):
    design = Design.load(golden.DEFAULT_FOLDER / "designs" / f"{name}.npz")
    stored = read_npz(golden.DEFAULT_FOLDER / "vectors" / f"{name}.npz", limit=1 << 30)
    for i in range(len(golden.RECIPES[name].lengths)):
        pixels = stored[f"pixels_{i}"]
        hidden, scores, labels = reference(design, pixels)
        assert stored[f"hidden_{i}"].tolist() == hidden
        assert stored[f"scores_{i}"].tolist() == scores
        assert stored[f"labels_{i}"].tolist() == labels


def test_stress_designs_reach_what_they_are_for():
    def stored(name, key):
        return read_npz(golden.DEFAULT_FOLDER / "vectors" / f"{name}.npz", limit=1 << 30)[key]

    wrap = Design.load(golden.DEFAULT_FOLDER / "designs" / "stress_w8a8_wrap.npz")
    pixels, weights = stored("stress_w8a8_wrap", "pixels_0").astype(int), wrap.weights_input.astype(int)
    sums = np.einsum("ti,dgui->tdgu", pixels, weights) / 2**14
    biases = (wrap.biases_input.astype(int) + wrap.biases_recurrent) / 2**7
    assert (sums + biases >= 128).any()  # past the accumulator's 8 integer bits
    assert len(stored("stress_w3a5_odd", "labels_1")) == 3  # cut by its limit of 3 labels
    # The fourth quantity: a forget gate of 1 and i * g of 1 add 1 in each of 300 columns, and 128 is the end.
    saturate = Design.load(golden.DEFAULT_FOLDER / "designs" / "stress_w8a8_saturate.npz")
    assert (saturate.weights_input[:, : Gate.O, :-1] == 127).all()
    assert len(stored("stress_w8a8_saturate", "pixels_0")) > 128
    emitted = {
        name: sum(len(stored(name, f"labels_{i}")) for i in range(len(recipe.lengths)))
        for name, recipe in golden.RECIPES.items()
    }
    assert sum(count > 0 for count in emitted.values()) >= 4


def test_make_changes_nothing_that_is_committed(copy):
    before = {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*.npz")}
    assert golden.make(copy) == [f"{name}: unchanged" for name in [*golden.RECIPES, *golden.trained_names(copy)]]
    assert {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*.npz")} == before


def test_make_from_nothing_gives_the_committed_stress_vectors(tmp_path):
    golden.make(tmp_path)
    for name in golden.RECIPES:
        for sub in ("designs", "vectors"):
            made = read_npz(tmp_path / sub / f"{name}.npz", limit=1 << 30)
            committed = read_npz(golden.DEFAULT_FOLDER / sub / f"{name}.npz", limit=1 << 30)
            assert made.keys() == committed.keys()
            assert all(np.array_equal(made[key], committed[key]) for key in made)


@pytest.mark.parametrize("key", ["pixels_0", "words_0", "hidden_0", "scores_0", "labels_0"])
def test_one_changed_value_is_found_and_named(stress_copy, key):
    # Pixels come first, so that it is the words made from them that differ: twice, in both directions' records.
    named, places = ("words_0", 2) if key == "pixels_0" else (key, 1)
    path = stress_copy / "vectors" / "stress_w3a5_odd.npz"
    stored = read_npz(path, limit=1 << 30)
    stored[key] = stored[key].copy()
    stored[key].flat[0] ^= stored[key].dtype.type(1)
    write_npz(path, stored)
    result = CliRunner().invoke(main, ["golden", "check", "--dir", str(stress_copy)])
    assert result.exit_code == 1
    assert f"stress_w3a5_odd: {named} differs in {places} of {stored[named].size} places: " in result.stderr
    assert "Error: The golden vectors have " in result.stderr


def test_make_says_what_changed(copy):
    path = copy / "vectors" / "stress_w3a5_odd.npz"
    stored = read_npz(path, limit=1 << 30)
    del stored["labels_0"]
    write_npz(path, stored)
    result = CliRunner().invoke(main, ["golden", "make", "--dir", str(copy)])
    assert "stress_w3a5_odd:\n  labels_0 is new\n" in result.output
    assert result.output.count("unchanged") == len(_names()) - 1


def test_a_missing_value_and_an_extra_one_are_differences(stress_copy):
    path = stress_copy / "vectors" / "stress_w3a5_odd.npz"
    stored = read_npz(path, limit=1 << 30)
    del stored["scores_1"]
    write_npz(path, stored | {"extra": np.zeros(1)})
    result = CliRunner().invoke(main, ["golden", "check", "--dir", str(stress_copy)])
    assert result.exit_code == 1
    assert "stress_w3a5_odd: scores_1 is missing." in result.stderr
    assert "stress_w3a5_odd: nothing computes extra." in result.stderr


def test_an_empty_folder_is_an_error(tmp_path):
    result = CliRunner().invoke(main, ["golden", "check", "--dir", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (1, f"Error: There is no golden design in {tmp_path / 'designs'}.\n")


def test_an_addition_that_was_cut_short_is_no_design_without_vectors(tmp_path, monkeypatch):
    """`make` could not compute it again."""

    def cut_short(*_arguments, **_options):
        raise KeyboardInterrupt

    image = tmp_path / "line.png"
    Image.fromarray(np.full((32, 40), 255, dtype=np.uint8)).save(image)
    design = golden.DEFAULT_FOLDER / "designs" / "QLSTM128_W2B8A2I8_FC_W8B8.npz"
    for place in ("foldline.golden.write_npz", "datapath.design.Design.save"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(place, cut_short)
            golden.add(design, [image], tmp_path / "golden")
        assert golden.trained_names(tmp_path / "golden") == []
    golden.add(design, [image], tmp_path / "golden")
    assert golden.trained_names(tmp_path / "golden") == ["QLSTM128_W2B8A2I8_FC_W8B8"]
