"""What a bitstream holds, as a file: it reads back equal, and what is out of range is refused."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from datapath import Folding, Limits
from datapath.errors import DesignError, FileError
from datapath.manifest import Kernel, KnownAnswer, Manifest
from datapath.registers import CONTROL_BASE
from tests.designs import random_design

LIMITS = Limits(columns=40, labels=5)
OTHER_FOLDING = Folding(pe=2, simd_input=3, simd_recurrent=1, pe_out=2)


@pytest.fixture(scope="module")
def design():
    return random_design(1, inputs=6, hidden=4, classes=5, limits=LIMITS, peepholes=(5, 2))


def answer(length=4, labels=(1, 4), inputs=6):
    random = np.random.default_rng(length)
    columns = random.integers(-8, 8, size=(length, inputs), dtype=np.int8)
    return KnownAnswer(columns, np.array(labels, dtype=np.uint8))


@pytest.fixture(scope="module")
def manifest(design):
    return Manifest.of(
        design,
        answers=(answer(), answer(7, ())),
        kernel=Kernel.HLS,
        part="xck26-sfvc784-2LV-c",
        clock_mhz=142.5,
        control_base=0xA000_0000,
    )


@pytest.fixture
def changed(manifest, tmp_path):
    """A function that writes the manifest with other entries, and returns its path."""

    def write(**entries):
        path = tmp_path / "net.json"
        kept = {**json.loads(manifest.as_text()), **entries}
        path.write_text(json.dumps({name: value for name, value in kept.items() if value is not ...}))
        return path

    return write


def refused(path):
    with pytest.raises(FileError) as caught:
        Manifest.read(path)
    return str(caught.value)


def test_a_manifest_that_was_written_is_read_as_the_same(manifest, tmp_path):
    manifest.write(tmp_path / "net.json")
    again = Manifest.read(tmp_path / "net.json")
    assert again == manifest
    assert again.as_text() == manifest.as_text()
    assert [one.columns.dtype for one in again.answers] == [np.int8, np.int8]


@pytest.mark.parametrize("clock", [100, 100.0])
def test_a_whole_number_of_megahertz_gives_the_same_bytes(manifest, clock):
    assert '"clock_mhz": 100.0,' in replace(manifest, clock_mhz=clock).as_text()


def test_the_facts_of_a_project_on_a_pynq_board_are_the_default(design):
    manifest = Manifest.of(design, answers=())
    assert (manifest.part, manifest.clock_mhz, manifest.control_base) == ("xc7z020clg400-1", 100, CONTROL_BASE)
    assert manifest.kernel is Kernel.RTL
    assert Manifest.of(design.refolded(OTHER_FOLDING), answers=()).kernel is Kernel.RTL


def test_the_entries_are_those_of_the_design(design, manifest):
    entries = json.loads(manifest.as_text())
    assert {name: entries[name] for name in entries if name != "answers"} == {
        "format": "foldline manifest",
        "version": 1,
        "network": design.digest(folding=False),
        "precision": {"weight": 4, "bias": 8, "activation": 4, "fc_weight": 8, "fc_bias": 8},
        "inputs": 6,
        "hidden": 4,
        "classes": 5,
        "peepholes": True,
        "kernel": "hls",
        "limits": {"columns": 40, "labels": 5},
        "part": "xck26-sfvc784-2LV-c",
        "clock_mhz": 142.5,
        "control_base": "0xA0000000",
    }
    assert [one["labels"] for one in entries["answers"]] == [[1, 4], []]
    # Little-endian words: the first pixel of the first column is in the lowest bits of the first byte.
    first = manifest.answers[0].columns[0]
    assert entries["answers"][0]["words"][1] == f"{first[0] & 15:x}"
    assert len(entries["answers"][0]["words"]) == 2 * 4 * 16


def test_answers_are_equal_by_their_contents():
    assert answer() == answer()
    assert hash(answer()) == hash(answer())
    assert answer() != answer(labels=(1, 3))
    assert answer() != answer(6)
    assert answer() != "an answer"


def test_its_own_design_is_accepted_in_any_folding(design, manifest):
    manifest.require(design, "net.bit")
    manifest.require(design.refolded(OTHER_FOLDING), "net.bit")


def test_another_design_is_refused_with_what_differs(manifest):
    other = random_design(1, bits=(4, 8, 5, 8, 8), inputs=5, hidden=8, classes=4)
    with pytest.raises(DesignError) as caught:
        manifest.require(other, "net.bit")
    assert str(caught.value) == (
        "net.bit holds another network: precision is Precision(weight=4, bias=8, activation=4, fc_weight=8, fc_bias=8) "
        "there and Precision(weight=4, bias=8, activation=5, fc_weight=8, fc_bias=8) in the design; inputs is 6 there "
        "and 5 in the design; hidden is 4 there and 8 in the design; classes is 5 there and 4 in the design; peepholes "
        "is True there and False in the design; limits is Limits(columns=40, labels=5) there and Limits(columns=732, "
        "labels=95) in the design."
    )


def test_other_weights_are_refused_by_their_digest(design, manifest):
    other = random_design(2, inputs=6, hidden=4, classes=5, limits=LIMITS, peepholes=(5, 2))
    with pytest.raises(DesignError) as caught:
        manifest.require(other, "net.bit")
    assert str(caught.value) == (
        "net.bit holds other weights, or another alphabet, than the design: its network has digest "
        f"{design.digest(folding=False)[:12]}, the design's {other.digest(folding=False)[:12]}."
    )


NAMES = "weight, bias, activation, fc_weight, fc_bias"


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"network": "abc"}, "network is 'abc'; it must be 64 hexadecimal digits in lower case."),
        ({"network": 7}, "network is 7; it must be 64 hexadecimal digits in lower case."),
        ({"inputs": "6"}, "inputs is '6'; it must be an integer of 1 to 1024."),
        ({"inputs": True}, "inputs is True; it must be an integer of 1 to 1024."),
        ({"hidden": 0}, "hidden is 0; it must be an integer of 1 to 1024."),
        ({"classes": 5.0}, "classes is 5.0; it must be an integer of 1 to 256."),
        ({"peepholes": "false"}, "peepholes is 'false'; it must be true or false."),
        ({"kernel": "ours"}, "kernel is 'ours'; it must be 'published' or 'hls' or 'rtl'."),
        ({"kernel": ["foldline"]}, "kernel is ['foldline']; it must be 'published' or 'hls' or 'rtl'."),
        ({"part": ""}, "part is ''; it must be a part number as Vivado spells it."),
        ({"part": "a\nb"}, "part is 'a\\nb'; it must be a part number as Vivado spells it."),
        ({"clock_mhz": "100"}, "clock_mhz is '100'; it must be above 0 MHz and at most 1000 MHz."),
        ({"clock_mhz": True}, "clock_mhz is True; it must be above 0 MHz and at most 1000 MHz."),
        ({"clock_mhz": 0}, "clock_mhz is 0; it must be above 0 MHz and at most 1000 MHz."),
        ({"clock_mhz": float("nan")}, "clock_mhz is nan; it must be above 0 MHz and at most 1000 MHz."),
        ({"clock_mhz": 1001}, "clock_mhz is 1001; it must be above 0 MHz and at most 1000 MHz."),
        (
            {"control_base": 0x43C0_0000},
            "control_base is 1136656384; it must be a hexadecimal address such as '0x43C00000'.",
        ),
        (
            {"control_base": "-0x1000"},
            "control_base is '-0x1000'; it must be a hexadecimal address such as '0x43C00000'.",
        ),
        *(
            (
                {"control_base": f"0x{base:X}"},
                f"control_base is 0x{base:X}; it must be a multiple of 0x1000 from 0x40000000, below which is memory, to "
                "0xFFFFF000.",
            )
            for base in (0x3FFF_F000, 0x4000_0800, 0x1_0000_0000)
        ),
        ({"precision": [4]}, f"precision is of type list; it must be an object with {NAMES}."),
        ({"precision": {"weight": 4}}, "precision has no bias."),
        (
            {"limits": {"columns": 40, "labels": 5, "lines": 1}},
            "limits has a field 'lines'; known are columns, labels.",
        ),
        ({"limits": {"columns": 0, "labels": 5}}, "The limit of columns is 0; it must be 1 or more."),
        ({"limits": {"columns": 6, "labels": 5}}, "Known answer 1 has 7 columns; allowed is 1 to 6."),
        (
            {"limits": {"columns": 40, "labels": 1}},
            "Known answer 0 has labels of shape [2]; it must be [n], n at most 1.",
        ),
        ({"classes": 4}, "Known answer 0 has labels of 1 to 4; allowed is 1 to 3."),
        ({"kernel": "published"}, "Known answer 1 has 7 columns; the published overlay takes an even number of them."),
        ({"answers": {}}, "answers is of type dict; it must be a list."),
        ({"answers": [4]}, "Known answer 0 is of type int; it must be an object with words, labels."),
        ({"answers": [{"labels": []}]}, "Known answer 0 has no words."),
        ({"answers": [{"words": "", "labels": []}]}, "Known answer 0 has no columns."),
        (
            {"answers": [{"words": "zz", "labels": []}]},
            "Known answer 0 has words that are not 64-bit words in hexadecimal.",
        ),
        (
            {"answers": [{"words": "00" * 9, "labels": []}]},
            "Known answer 0 has words that are not 64-bit words in hexadecimal.",
        ),
        (
            {"answers": [{"words": "00" * 8, "labels": []}]},
            "1 words are not whole column pairs; it must be a multiple of 2.",
        ),
        (
            {"answers": [{"words": "01" + "00" * 31, "labels": []}]},
            "The backward records are not the forward records in reverse.",
        ),
        (
            {"answers": [{"words": "00" * 16, "labels": [300]}]},
            "Known answer 0 has labels that are not a list of integers of 0 to 255.",
        ),
        (
            {"answers": [{"words": "00" * 16, "labels": [1.0]}]},
            "Known answer 0 has labels that are not a list of integers of 0 to 255.",
        ),
        ({"answers": [{"words": "00" * 32, "labels": [0]}]}, "Known answer 0 has labels of 0 to 0; allowed is 1 to 4."),
        (
            {"answers": [{"words": "00" * 48, "labels": [1, 2]}]},
            "Known answer 0 has labels of shape [2]; it must be [n], n at most 1.",
        ),
        ({"inputs": 1025}, "inputs is 1025; it must be an integer of 1 to 1024."),
        ({"classes": 10**20 - 1}, f"classes is {10**20 - 1}; it must be an integer of 1 to 256."),
        ({"part": "x" * 65}, f"part is '{'x' * 65}'; it must be a part number as Vivado spells it."),
        ({"part": ...}, "The manifest has no part."),
        (
            {"parts": "x"},
            "The manifest has a field 'parts'; did you mean 'part'?",
        ),
    ],
)
def test_a_field_that_cannot_be_right_is_refused(changed, entries, sentence):
    path = changed(**entries)
    assert refused(path) == f"{path} is damaged: {sentence}"


def test_a_huge_number_is_refused_without_its_memory(changed):
    path = changed(inputs=10**18)
    assert refused(path) == (f"{path} is damaged: inputs is 1000000000000000000; it must be an integer of 1 to 1024.")


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"format": "foldline design"}, "is not a manifest: it has no format 'foldline manifest'."),
        ({"version": 2}, "is a manifest of version 2; this Foldline reads 1."),
        ({"version": ...}, "is a manifest of version None; this Foldline reads 1."),
    ],
)
def test_another_kind_of_file_is_refused(changed, entries, sentence):
    path = changed(**entries)
    assert refused(path) == f"{path} {sentence}"


@pytest.mark.parametrize("text", ["[]", '"foldline manifest"', "null", "7"])
def test_json_that_is_no_object_is_refused(tmp_path, text):
    path = tmp_path / "net.json"
    path.write_text(text)
    assert refused(path) == f"{path} is not a manifest: it has no format 'foldline manifest'."


def test_what_is_not_json_or_not_there_is_refused(manifest, tmp_path):
    path = tmp_path / "net.json"
    path.write_text("{")
    assert refused(path) == (
        f"{path} is not a manifest: line 1 column 2 is not JSON: Expecting property name enclosed in double quotes."
    )
    path.write_text("[" * 100_000)
    assert refused(path).startswith(f"{path} is not a manifest: it is nested too deeply")
    path.write_bytes(b"\xff")
    assert refused(path) == f"{path} is not a UTF-8 text file (byte 0)."
    assert refused(tmp_path / "no.json") == f"Cannot read {tmp_path / 'no.json'}: no such file."
    with pytest.raises(FileError) as caught:
        manifest.write(tmp_path / "no" / "net.json")
    assert str(caught.value) == f"Cannot write {tmp_path / 'no' / 'net.json'}: No such file or directory."


def test_a_file_cut_off_anywhere_is_refused(manifest, tmp_path):
    path, text = tmp_path / "net.json", manifest.as_text().rstrip()
    for length in range(0, len(text), 7):
        path.write_text(text[:length])
        assert re.match(
            f"{re.escape(str(path))} is not a manifest: line [0-9]+ column [0-9]+ is not JSON: ", refused(path)
        )


def test_an_answer_of_another_height_is_refused(design):
    with pytest.raises(DesignError) as caught:
        Manifest.of(design, answers=(answer(inputs=5),))
    assert str(caught.value) == "Known answer 0 has columns of shape [4, 5]; it must be [T, 6]."
