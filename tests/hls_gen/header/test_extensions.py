"""Foldline's extensions of the header: peepholes, and classes in parallel."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from datapath import Folding, PeepholeFormat, Peepholes, unfold
from datapath.errors import DesignError
from hls_gen import parse_header, render_header
from tests.golden_data import PEEPHOLE, peephole_network
from tests.hls_gen.header.header_refusal import assert_refused, edited, refusal
from tests.hls_gen.header.header_text import (
    ARRAY_ORDER,
    PEEPHOLE_DEFINES,
    PEEPHOLES,
    SMALL_DEFINES,
    header_arrays,
    header_text,
    peephole_header,
    small_arrays,
    small_header,
)

NOT_DEFINED = (
    "is of peepholes, and PEEPHOLE_BITS and PEEPHOLE_INT_BITS are not defined; a network with peepholes has both."
)


def without_white_space(text: str) -> str:
    return "".join(text.split())


def with_peephole_define(name: str, value: str | None) -> str:
    new = "" if value is None else f"#define {name} {value}\n"
    return edited(peephole_header(), f"#define {name} {PEEPHOLE_DEFINES[name]}\n", new)


def test_peepholes_are_read_as_the_independent_writer_wrote_them():
    network = parse_header(peephole_header(), name="small.hpp")
    assert network.peephole_format == PeepholeFormat(bits=11, integer=3)
    assert network.peepholes.weights.dtype == np.int16
    assert network.peepholes.weights.min() < 0 < network.peepholes.weights.max()
    found = header_arrays(network)
    for name, array in small_arrays(PEEPHOLE_DEFINES).items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert without_white_space(render_header(network)) == without_white_space(peephole_header())


def test_a_network_without_peepholes_has_no_define_of_them():
    network = parse_header(small_header(), name="small.hpp")
    assert network.peepholes is None
    text = render_header(network)
    assert "PEEPHOLE" not in text
    assert "t_fixed_p" not in text
    assert "PE_OUT" not in text


@pytest.mark.parametrize("bits", range(1, 17))
def test_every_end_of_every_width_survives(bits):
    network = parse_header(small_header(), name="small.hpp")
    format = PeepholeFormat(bits=bits, integer=(bits + 1) // 2)
    weights = np.resize([format.format.min, format.format.max, 0, -1], (3, 2, 4))
    network = replace(network, peepholes=Peepholes(format=format, weights=weights))
    for csim_bytes in (False, True):
        text = render_header(network, csim_bytes=csim_bytes)
        assert parse_header(text, name="again.hpp").peepholes == network.peepholes


@pytest.mark.parametrize("name", PEEPHOLE)
def test_the_reference_networks_with_peepholes_import(shared_data, name):
    with np.load(shared_data / "golden" / f"peephole_{name}.npz", allow_pickle=False) as archive:
        defines = {key: str(value) for key, value in json.loads(str(archive["defines"])).items()}
        arrays = {key: archive[key] for key in (*ARRAY_ORDER, *PEEPHOLES)}
    network = parse_header(header_text(defines, arrays), name=name)
    design = peephole_network(shared_data, name)
    assert unfold(network, alphabet=design.alphabet, provenance=design.provenance) == design


@pytest.mark.parametrize(
    ("old", "new", "needle", "message"),
    [
        (
            "t_fixed_pfp;",
            "t_fixed_pip;",
            "t_fixed_pip;",
            "t_fixed_pip is declared a second time (first in line 44); allowed is once.",
        ),
        (
            "typedef ap_fixed<11 , 3, AP_RND_ZERO, AP_WRAP> t_fixed_pop;",
            "typedef ap_fixed<11 , 1, AP_RND_ZERO, AP_WRAP> t_fixed_pop;",
            "t_fixed_pop",
            "t_fixed_pop is ap_fixed<11, 1, AP_RND_ZERO, AP_WRAP>; PEEPHOLE_BITS is 11 and PEEPHOLE_INT_BITS is 3, "
            "so it must be ap_fixed<11, 3, AP_RND_ZERO, AP_WRAP>.",
        ),
        (
            "const ap_uint<11> pop",
            "const ap_uint<8> pop",
            "pop [",
            "pop is of ap_uint<8>; PEEPHOLE_BITS is 11, so it must be ap_uint<11>.",
        ),
        (
            "pfp [2][4]",
            "pfp [1][8]",
            "pfp [1]",
            "pfp has shape [1][8]; [PE][2*NUMBER_OF_NEURONS/PE] makes it [2][4].",
        ),
        ("0x412", "0x800", "0x800", "pip[0][0] is 0x800; ap_uint<11> holds 0x0 to 0x7ff."),
        (
            "#pragma once",
            "#define PEEPHOLE_GATES 2",
            "PEEPHOLE_GATES",
            "PEEPHOLE_GATES is defined; the defines of peepholes are PEEPHOLE_BITS, PEEPHOLE_INT_BITS.",
        ),
        (
            "#pragma once",
            "#define pip 2",
            "pip 2",
            "pip is a define and part of the header's declarations; it can be only one.",
        ),
    ],
)
def test_an_edit_of_peepholes_is_refused(old, new, needle, message):
    assert_refused(edited(peephole_header(), old, new), needle, message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PEEPHOLE_BITS", "0", "PEEPHOLE_BITS is 0; allowed is 1 to 16 bits."),
        ("PEEPHOLE_BITS", "17", "PEEPHOLE_BITS is 17; allowed is 1 to 16 bits."),
        ("PEEPHOLE_BITS", "-8", "PEEPHOLE_BITS is -8; allowed is 1 to 16 bits."),
        ("PEEPHOLE_INT_BITS", "0", "PEEPHOLE_INT_BITS is 0; with PEEPHOLE_BITS 11 allowed is 1 to 11."),
        ("PEEPHOLE_INT_BITS", "12", "PEEPHOLE_INT_BITS is 12; with PEEPHOLE_BITS 11 allowed is 1 to 11."),
    ],
)
def test_a_format_of_peepholes_out_of_range_is_refused(name, value, message):
    assert_refused(with_peephole_define(name, value), f"{name} {value}", message)


@pytest.mark.parametrize("name", ["PEEPHOLE_BITS", "PEEPHOLE_INT_BITS"])
def test_one_of_the_two_defines_alone_is_refused(name):
    (other,) = {"PEEPHOLE_BITS", "PEEPHOLE_INT_BITS"} - {name}
    assert_refused(
        with_peephole_define(name, None),
        other,
        f"{other} is defined and {name} is not; a network with peepholes has both.",
    )


def test_defines_without_arrays_and_arrays_without_defines_are_refused():
    defines = "#define PEEPHOLE_BITS 11\n#define PEEPHOLE_INT_BITS 3\n"
    plain = "\n".join(line for line in small_header().split("\n") if not line.startswith("typedef"))
    assert refusal(f"{defines}{plain}") == "model.hpp: The header has no array pip, pfp, pop."
    assert refusal(f"{defines}{small_header()}") == "model.hpp: The header has no typedef t_fixed_pip, t_fixed_pfp, t_fixed_pop."  # fmt: skip
    text = edited(peephole_header(), defines, "")
    assert_refused(text, "t_fixed_pip", f"The typedef t_fixed_pip {NOT_DEFINED}")
    text = re.sub(r"typedef [^;]*;", "", text)
    assert_refused(text, "pip [", f"The array pip {NOT_DEFINED}")


@pytest.mark.parametrize("name", PEEPHOLES)
def test_a_missing_array_of_peepholes_is_refused(name):
    text, count = re.subn(rf"const ap_uint<11> {name} [^;]*;", "", peephole_header())
    assert count == 1
    assert refusal(text) == f"model.hpp: The header has no array {name}."


def test_peepholes_of_another_shape_are_not_written():
    network = parse_header(peephole_header(), name="small.hpp")
    peepholes = replace(network.peepholes, weights=network.peepholes.weights[:, :1])
    with pytest.raises(DesignError) as error:
        render_header(replace(network, peepholes=peepholes))
    assert str(error.value) == "peepholes has shape [3, 1, 4]; the folding makes it [3, 2, 4]."


@pytest.mark.parametrize("value", ["1", "2", "3", "(PE+1)"])
def test_classes_in_parallel_are_read(value):
    defines = SMALL_DEFINES | {"PE_OUT": value}
    network = parse_header(header_text(defines, small_arrays()), name="small.hpp")
    number = {"(PE+1)": 3}.get(value) or int(value)
    assert network.folding == Folding(pe=2, simd_input=3, simd_recurrent=2, pe_out=number)
    assert (f"#define SIMD_RECURRENT 2\n#define PE_OUT {number}\n" in render_header(network)) == (number != 1)


@pytest.mark.parametrize("value", ["0", "-1", "4"])
def test_more_classes_in_parallel_than_classes_are_refused(value):
    text = header_text(SMALL_DEFINES | {"PE_OUT": value}, small_arrays())
    assert_refused(text, f"PE_OUT {value}", f"PE_OUT is {value}; allowed is 1 to 3, the number of classes.")
