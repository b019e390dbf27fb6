"""Files that are not designs, or are damaged, are refused in one sentence that names the file."""

import json
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datapath import Design
from datapath.design import WEIGHTS
from datapath.design_file import FORMAT_VERSION, MAX_DESCRIPTION_BYTES
from datapath.errors import DesignError, FileError
from datapath.files import write_npz
from datapath.npz import read_npz
from tests.datapath.test_design import make_design, make_peepholes
from tests.golden_data import REPOSITORY


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "design.npz"
    make_design().save(path)
    return path


def rewrite(path, **changes) -> None:
    """Save the file anew with other entries; None leaves one out."""
    arrays = read_npz(path, limit=1 << 30) | changes
    write_npz(path, {name: array for name, array in arrays.items() if array is not None})


def npy(header: str, content: bytes) -> bytes:
    """An array in a file, with any header."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def with_member(path, name: str, content: bytes) -> None:
    """Give an archive a member, in place of that with the same name."""
    with zipfile.ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, held in {**members, name: content}.items():
            archive.writestr(one, held)


def description_of(path) -> dict:
    return json.loads(str(read_npz(path, limit=1 << 30)["design"]))


def redescribe(path, **changes) -> None:
    """Save the file anew with another description; None leaves an entry out."""
    description = description_of(path)
    left_out = {name for name, value in changes.items() if value is None}
    remaining = {name: value for name, value in (description | changes).items() if name not in left_out}
    rewrite(path, design=np.array(json.dumps(remaining)))


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
    arrays = read_npz(saved, limit=1 << 30) | {"weights_input": np.array([print], dtype=object)}
    np.savez(saved, **arrays)
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == (
        f"{saved} is damaged or holds more than plain arrays: weights_input holds Python objects."
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


ENTRIES = ("format", "version", "precision", "folding", "limits", "provenance", "alphabet", "peepholes")


@pytest.mark.parametrize("name", ENTRIES)
def test_a_description_without_an_entry(saved, name):
    redescribe(saved, **{name: None})
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is not a whole design: it has no '{name}'."


@pytest.mark.parametrize("version", [0, 3, "1", True, 1.0, 2.0, [1], 99999999999999999999])
def test_another_version_is_refused(saved, version):
    redescribe(saved, version=version)
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} is a design of version {version!r}; this Foldline reads versions 1 to 2."


def test_version_1_knew_neither_peepholes_nor_the_output_layers_folding(saved):
    redescribe(saved, version=1, peepholes=None, folding={"pe": 2, "simd_input": 3, "simd_recurrent": 4})
    loaded = Design.load(saved)
    assert loaded == make_design()
    assert (loaded.peepholes, loaded.folding.pe_out) == (None, 1)


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "golden_vectors" / "designs").glob("*.npz")), ids=lambda p: p.stem
)
def test_every_committed_design_loads_and_stays_itself(path, tmp_path):
    design = Design.load(path)
    version = json.loads(str(read_npz(path, limit=1 << 30)["design"]))["version"]
    assert version in (1, FORMAT_VERSION)
    if version == 1:
        assert (design.peepholes, design.folding.pe_out) == (None, 1)
    design.save(tmp_path / "again.npz")
    assert json.loads(str(read_npz(tmp_path / "again.npz", limit=1 << 30)["design"]))["version"] == FORMAT_VERSION
    assert Design.load(tmp_path / "again.npz") == design


# Peepholes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved_peepholes(tmp_path):
    path = tmp_path / "peepholes.npz"
    make_design(peepholes=make_peepholes()).save(path)
    return path


def test_peepholes_without_their_weights(saved_peepholes):
    rewrite(saved_peepholes, peepholes=None)
    with pytest.raises(FileError) as caught:
        Design.load(saved_peepholes)
    assert str(caught.value) == f"{saved_peepholes} is not a whole design: it has no 'peepholes'."


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ({"bits": 17, "integer": 1}, "peephole bit width is 17; allowed is 1 to 16."),
        ({"bits": 6, "integer": 7}, "peephole integer bits are 7; with 6 bits allowed is 1 to 6."),
        ({"bits": 6.0, "integer": 2}, "PeepholeFormat.bits is 6.0; it must be an integer."),
    ],
)
def test_peepholes_of_an_impossible_format(saved_peepholes, described, sentence):
    redescribe(saved_peepholes, peepholes=described)
    with pytest.raises(DesignError) as caught:
        Design.load(saved_peepholes)
    assert str(caught.value) == f"{saved_peepholes}: {sentence}"


@pytest.mark.parametrize("described", [False, 0, "", [], {}, {"bits": 6}])
def test_peepholes_described_otherwise(saved_peepholes, described):
    redescribe(saved_peepholes, peepholes=described)
    with pytest.raises(FileError) as caught:
        Design.load(saved_peepholes)
    assert str(caught.value).startswith(f"{saved_peepholes} is not a design: its description cannot be read (")


# Descriptions that are none -----------------------------------------------------------------------------------------


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
        f"{saved}: line 1 column 2 is not JSON: Expecting property name enclosed in double quotes."
    )


def test_a_description_of_another_shape(saved):
    rewrite(saved, design=np.array("[1]"))
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == (f"{saved} is not a design: its description is not an object in JSON.")


def test_contents_that_contradict_each_other_name_the_file(saved):
    redescribe(saved, folding={"pe": 3, "simd_input": 1, "simd_recurrent": 1})
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved}: pe is 3; it must divide the 4 hidden units."


@given(
    entry=st.sampled_from(["precision", "folding", "limits", "provenance", "alphabet", "peepholes"]),
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
    description = json.loads(str(read_npz(path, limit=1 << 30)["design"]))
    rewrite(path, design=np.array(json.dumps(description | {entry: value})))
    if entry == "limits" and isinstance(value, dict) and set(value) <= {"columns", "labels"}:
        return  # its parts have defaults
    if entry == "peepholes" and value is None:
        return  # a plain network
    with pytest.raises((DesignError, FileError)) as caught:
        Design.load(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("field", "values", "sentence"),
    [
        ("folding", {"pe": 2.0}, "Folding.pe is 2.0; it must be an integer."),
        ("folding", {"pe_out": "1"}, "Folding.pe_out is '1'; it must be an integer."),
        ("folding", {"pe": True}, "Folding.pe is True; it must be an integer."),
        ("limits", {"columns": 732.5}, "Limits.columns is 732.5; it must be an integer."),
        ("precision", {"weight": "2"}, "Precision.weight is '2'; it must be an integer."),
        ("provenance", {"notes": ["a"]}, "Provenance.notes is ['a']; it must be texts by name."),
        ("provenance", {"author": None}, "Provenance.author is None; it must be text."),
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(saved, field, values, sentence):
    with np.load(saved, allow_pickle=False) as archive:
        description = json.loads(str(archive["design"]))
    redescribe(saved, **{field: description[field] | values})
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved}: {sentence}"


def test_damaged_bytes_are_one_sentence(saved, tmp_path):
    whole = saved.read_bytes()
    random = np.random.default_rng(0)
    damaged = tmp_path / "damaged.npz"
    noticed = 0
    for _ in range(400):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), size=random.integers(1, 6)):
            content[place] = random.integers(0, 256)
        damaged.write_bytes(content[: random.integers(1, len(whole) + 1)] if random.random() < 0.2 else content)
        try:
            Design.load(damaged)
        except (FileError, DesignError) as error:
            assert str(damaged) in str(error)
            noticed += 1
    assert noticed > 300  # the rest hit time stamps and the like


@pytest.mark.parametrize(
    "header",
    [
        "{'descr':'|i1','fortran_order':False,'shape':(-1,8),}",
        "{'descr':'|i1','fortran_order':False,'shape':(4, 8",
        "((((((",
        "'''",
        "{[]:1}",
        "{'descr':'|i1','fortran_order':False,'shape':(True, 8),}",
    ],
)
def test_a_hostile_array_header_is_one_sentence(saved, header):
    with_member(saved, "weights_input.npy", npy(header, bytes(32)))
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value).startswith(f"{saved} is damaged or holds more than plain arrays: ")


def test_an_entry_that_is_no_array_is_refused(saved):
    with_member(saved, "notes", b"no array")
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} holds an array 'notes', which a design of version 2 does not have."


# What a file states is checked before it is read ----------------------------------------------------------------------


HUGE = "{'descr':'|u1','fortran_order':False,'shape':(6000000000,),}"


def test_an_array_that_no_design_has_is_refused_by_name_and_not_read(saved):
    with_member(saved, "unused.npy", npy(HUGE, b""))
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved} holds an array 'unused', which a design of version 2 does not have."


def test_the_size_that_an_array_states_is_bounded(saved):
    with_member(saved, "fc_biases.npy", npy(HUGE, b""))
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value) == (
        f"{saved}: its array fc_biases has shape [6000000000] and type uint8, 6000000000 bytes; at most 67108864 are read "
        "of it."
    )


def test_a_description_is_bounded_where_it_is_read_and_where_it_is_written(saved, tmp_path):
    rewrite(saved, design=np.array(" " * (MAX_DESCRIPTION_BYTES // 4 + 1)))
    with pytest.raises(FileError, match=f"its array design .* at most {MAX_DESCRIPTION_BYTES} are read of it"):
        Design.load(saved)
    design = make_design()
    long = replace(design, provenance=replace(design.provenance, source="x" * (MAX_DESCRIPTION_BYTES // 4)))
    with pytest.raises(DesignError, match=f"a design file takes {MAX_DESCRIPTION_BYTES // 4}"):
        long.save(tmp_path / "long.npz")
    assert not (tmp_path / "long.npz").exists()


@pytest.mark.parametrize("text", [np.array(5), np.array(["{}"]), np.array(b"{}")])
def test_a_description_that_is_not_a_text(saved, text):
    rewrite(saved, design=text)
    with pytest.raises(FileError, match="its 'design' entry is not a text"):
        Design.load(saved)


def test_a_field_that_no_design_has_is_refused(saved):
    redescribe(saved, peephole={"bits": 8, "integer": 2})
    with pytest.raises(DesignError) as caught:
        Design.load(saved)
    assert str(caught.value) == f"{saved}: a design has no field 'peephole'; did you mean 'peepholes'?"


def test_peepholes_that_are_not_described_are_not_dropped(saved_peepholes):
    redescribe(saved_peepholes, version=1)
    with pytest.raises(DesignError, match="is a design of version 1, which has no peepholes, but it describes some"):
        Design.load(saved_peepholes)
    redescribe(saved_peepholes, version=1, peepholes=None)
    with pytest.raises(DesignError, match="'peepholes', which a design of version 1 without peepholes does not have"):
        Design.load(saved_peepholes)


def test_peepholes_of_a_network_without_any_are_not_dropped(saved_peepholes):
    rewrite(saved_peepholes, design=np.array(json.dumps(description_of(saved_peepholes) | {"peepholes": None})))
    with pytest.raises(DesignError, match="'peepholes', which a design of version 2 without peepholes does not have"):
        Design.load(saved_peepholes)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("design_code_points.npz", "design is text with a code point above U+10FFFF"),
        ("design_peepholes_version1.npz", "is a design of version 1, which has no peepholes, but it describes some"),
    ],
)
def test_designs_that_people_brought(name, reason):
    path = REPOSITORY / "tests" / "cases" / "files" / name
    with pytest.raises((FileError, DesignError), match=re.escape(reason)) as caught:
        Design.load(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("kind", ["archive", "legacy"])
def test_a_checkpoint_of_torch_is_called_one(tmp_path, kind):
    path = tmp_path / "last.pt"
    if kind == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("last/data.pkl", b"")
    else:
        path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    with pytest.raises(FileError) as caught:
        Design.load(path)
    assert str(caught.value) == (
        f"{path} is a checkpoint of torch, not a design; `foldline export {path} -o DESIGN.npz` makes a design of it."
    )


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format":' * 900, '{"version":' + "9" * 5000 + "}"])
def test_a_hostile_description_is_one_sentence(saved, text):
    rewrite(saved, design=np.array(text))
    with pytest.raises(FileError) as caught:
        Design.load(saved)
    assert str(caught.value).startswith(str(saved)) and len(str(caught.value)) < len(str(saved)) + 200
