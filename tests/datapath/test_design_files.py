"""Files that are no design, or no longer, are refused in one sentence that names the file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import Design
from datapath.design import WEIGHTS
from datapath.errors import DesignError, FileError
from datapath.files import read_npz, write_npz
from tests.datapath.test_design import make_design


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "design.npz"
    make_design().save(path)
    return path


def rewrite(path, **changes) -> None:
    """Save the file anew with other entries; None leaves one out."""
    arrays = read_npz(path) | changes
    write_npz(path, {name: array for name, array in arrays.items() if array is not None})


def redescribe(path, **changes) -> None:
    """Save the file anew with another description; None leaves an entry out."""
    description = json.loads(str(read_npz(path)["design"])) | changes
    kept = {name: value for name, value in description.items() if value is not None}
    rewrite(path, design=np.array(json.dumps(kept)))


def test_a_file_cut_off_anywhere_is_refused(saved, tmp_path):
    content = saved.read_bytes()
    cut = tmp_path / "cut.npz"
    for length in range(0, len(content), 7):
        cut.write_bytes(content[:length])
        with pytest.raises(FileError) as caught:
            Design.load(cut)
        assert str(caught.value) == f"{cut} is not an .npz file, or it is cut off."


def test_a_missing_file(tmp_path):
    with pytest.raises(FileError) as caught:
        Design.load(tmp_path / "none.npz")
    assert str(caught.value) == f"Cannot read {tmp_path / 'none.npz'}: no such file."


def test_pickled_objects_are_not_loaded(saved):
    arrays = read_npz(saved) | {"weights_input": np.array([print], dtype=object)}
    np.savez(saved, **arrays)
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == (
        f"{saved} is damaged or holds more than plain arrays: Object arrays cannot be loaded when allow_pickle=False."
    )


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_missing_array(saved, name):
    rewrite(saved, **{name: None})
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is not a whole design: it has no '{name}'."


def test_a_missing_description(saved):
    rewrite(saved, design=None)
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is not a design: it holds {', '.join(WEIGHTS)} but no 'design' entry."


def test_an_empty_npz(tmp_path):
    write_npz(tmp_path / "empty.npz", {})
    with pytest.raises(FileError) as caught:
        Design.load(tmp_path / "empty.npz")
    assert str(caught.value) == f"{tmp_path / 'empty.npz'} is not a design: it holds nothing but no 'design' entry."


@pytest.mark.parametrize("name", ["format", "version", "precision", "folding", "limits", "provenance", "alphabet"])
def test_a_description_without_an_entry(saved, name):
    redescribe(saved, **{name: None})
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is not a whole design: it has no '{name}'."


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_another_version_is_refused(saved, version):
    redescribe(saved, version=version)
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is a design of version {version}; this Foldline reads version 1."


def test_another_format_is_refused(saved):
    redescribe(saved, format="checkpoint")
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is not a design: its format is 'checkpoint'."


def test_a_description_that_is_no_json(saved):
    rewrite(saved, design=np.array("{"))
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == (
        f"{saved} is not a design: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."
    )


def test_a_description_of_another_shape(saved):
    rewrite(saved, design=np.array("[1]"))
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is not a design: list indices must be integers or slices, not str."


def test_contents_that_contradict_each_other_name_the_file(saved):
    redescribe(saved, folding={"pe": 3, "simd_input": 1, "simd_recurrent": 1})
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved}: pe is 3; it must divide the 4 hidden units."


@given(
    entry=st.sampled_from(["precision", "folding", "limits", "provenance", "alphabet"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["pe", "columns", "labels", "author", "weight"]), inner, max_size=3)
        ),
        max_leaves=5,
    ),
)
def test_any_other_description_is_refused_in_a_sentence(entry, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("design") / "design.npz"
    make_design().save(path)
    description = json.loads(str(read_npz(path)["design"]))
    rewrite(path, design=np.array(json.dumps(description | {entry: value})))
    if entry == "limits" and isinstance(value, dict) and set(value) <= {"columns", "labels"}:
        return  # its parts have defaults
    with pytest.raises((DesignError, FileError)) as caught:
        Design.load(path)
    assert str(caught.value).startswith(str(path))
