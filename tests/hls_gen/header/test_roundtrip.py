"""Any design survives its header; the header's text is what the spec shows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from datapath import Folding, Limits, Precision, fold, unfold
from datapath.errors import DesignError, FileError, HeaderError
from hls_gen import parse_header, read_header, render_header, write_header
from tests.hls_gen.header.header_text import SMALL_DEFINES, header_arrays, header_text, small_arrays, small_header
from tests.strategies import designs


@settings(max_examples=60, deadline=None)
@given(designs())
def test_a_design_survives_its_header(design):
    network = parse_header(render_header(fold(design)), name="random.hpp")
    assert unfold(network, alphabet=design.alphabet, provenance=design.provenance) == design


@settings(max_examples=20, deadline=None)
@given(designs())
def test_equal_designs_give_equal_bytes(design):
    assert render_header(fold(design)) == render_header(fold(replace(design)))


@pytest.mark.parametrize("bits", range(1, 9))
def test_every_value_of_every_width_survives(bits):
    values = np.resize(np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)), (1, 256)).astype(np.int8)
    network = parse_header(small_header(), name="small.hpp")
    hidden = 16
    network = replace(
        network,
        precision=Precision(weight=bits, bias=bits, activation=bits, fc_weight=bits, fc_bias=bits),
        folding=Folding(pe=1, simd_input=1, simd_recurrent=1),
        weights_input=np.resize(values, (4, 1, 1, 1, 2 * hidden)),
        weights_recurrent=np.resize(values, (4, 1, hidden, 1, 2 * hidden)),
        biases_input=np.resize(values, (4, 1, 2 * hidden)),
        biases_recurrent=np.resize(values, (4, 1, 2 * hidden)),
        fc_weights=np.resize(values, (hidden, 20)),
        fc_biases=np.resize(values, (1, 20)),
    )
    again = parse_header(render_header(network), name="again.hpp")
    for name, array in header_arrays(network).items():
        np.testing.assert_array_equal(header_arrays(again)[name], array, err_msg=name)


def test_the_text_begins_as_in_the_specification():
    lines = render_header(parse_header(small_header(), name="small.hpp")).split("\n")
    defines = [f"#define {name} {value}" for name, value in SMALL_DEFINES.items()]
    assert lines[0] == "#pragma once"
    assert sorted(lines[1 : len(defines) + 1]) == sorted(defines)
    assert lines[len(defines) + 1 : len(defines) + 3] == [
        "",
        "typedef ap_fixed<2, 1, AP_RND_ZERO, AP_WRAP> t_fixed_wgi_ih;",
    ]


def test_rendering_equals_the_independent_writer_but_for_white_space():
    rendered = render_header(parse_header(small_header(), name="small.hpp"))
    assert "".join(rendered.split()) == "".join(small_header().split())


def test_a_header_may_be_spelled_in_many_ways():
    text = small_header()
    for old, new in (
        ("#pragma once", '#ifndef MODEL_H // guard\n#define MODEL_H\n#include "ap_int.h"'),
        ("#define SIMD_INPUT 3", "#define SIMD_INPUT (HEIGHT_IN_PIX \\\n / 2)"),
        ("#define PE 2", "#define PE (SIMD_INPUT-1)"),
        ("#define DATAWIDTH 64", "#define DATAWIDTH (1 << 6) /* bits */"),
        ("wgi_ih [3][2][2][4]", "wgi_ih [SIMD_INPUT][HEIGHT_IN_PIX/SIMD_INPUT][PE][2*NUMBER_OF_NEURONS/PE]"),
        ("ap_fixed<5 , 1", "ap_fixed<FCWEIGHTWIDTH , 1"),
        ("ap_uint<5>", "ap_uint< FCWEIGHTWIDTH >"),
        ("0x1e", "0X1Eu"),
        ("0xa,", "012,"),
        ("0x0\n}", "0,\n}"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    network = parse_header(f'{text}\n#define BUILD_DATE "today"\n#endif'.replace("\n", "\r\n"), name="other.hpp")
    for name, array in small_arrays().items():
        np.testing.assert_array_equal(header_arrays(network)[name], array, err_msg=name)


def test_what_the_original_exporter_forgot_may_be_absent():
    defines = {name: value for name, value in SMALL_DEFINES.items() if "TYPEWIDTH" not in name}
    del defines["NUMBER_OF_CLASSES"]
    network = parse_header(header_text(defines, small_arrays()), name="old.hpp")
    assert network.classes == 3
    assert "#define NUMBER_OF_CLASSES 3\n#define NUMBER_OF_CLASSES_TYPEWIDTH 2+1\n" in render_header(network)


def test_limits_are_the_columns_and_the_buffer_less_its_count():
    defines = SMALL_DEFINES | {"MAX_NUMBER_COLUMNS_TEST_SET": "100", "SIZE_OF_OUTPUT_BUFFER": "41"}
    assert parse_header(header_text(defines, small_arrays()), name="t").limits == Limits(columns=100, labels=40)


def test_a_file_written_is_the_file_read(tmp_path):
    network = parse_header(small_header(), name="small.hpp")
    write_header(tmp_path / "out.hpp", network)
    assert (tmp_path / "out.hpp").read_bytes() == render_header(network).encode()
    assert render_header(read_header(tmp_path / "out.hpp")) == render_header(network)


@pytest.mark.parametrize(
    ("encoding", "comment"),
    [("latin-1", "für 4 µs"), ("shift_jis", "重み"), ("gb18030", "权重"), ("utf-8", "Gewichte für π")],
)
def test_comments_may_be_in_any_encoding(tmp_path, encoding, comment):
    foreign, path = comment.encode(encoding), tmp_path / "commented.hpp"
    text = small_header().encode()
    places = {
        b"#pragma once": b"// %b\n#pragma once // %b",
        b"#define PE 2": b"#define PE 2 /* %b\n%b */",
        b"= {": b"= /*%b%b*/ {",
    }
    for old, new in places.items():
        text = text.replace(old, new % (foreign, foreign), 1)
    path.write_bytes(text + b"/*" + foreign + b"*/")
    assert render_header(read_header(path)) == render_header(parse_header(small_header(), name="small.hpp"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"// \xfcber\n#define P\xe4 2", "2:10: The byte 0xe4"),
        (b"/* a */ \xa0 // b", "1:9: The byte 0xa0"),  # a no-break space of latin-1
        (b'#include "\xe9.h" // \xe9', "1:11: The byte 0xe9"),
        (b"#pragma \xff", "1:9: The byte 0xff"),
    ],
)
def test_a_byte_outside_comments_is_utf_8(tmp_path, text, place):
    path = tmp_path / "foreign.hpp"
    path.write_bytes(text)
    with pytest.raises(HeaderError) as error:
        read_header(path)
    assert str(error.value) == f"{path}:{place} is not UTF-8; only comments may have another encoding."


def test_a_missing_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError) as error:
        read_header(tmp_path / "none.hpp")
    assert str(error.value) == f"Cannot read {tmp_path / 'none.hpp'}: no such file."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"fc_weights": np.full((4, 6), 16, dtype=np.int8)},
            "fc_weights has values 16 to 16; 5 bits allow -16 to 15.",
        ),
        (
            {"biases_input": np.zeros((4, 2, 5), np.int8)},
            "biases_input has shape [4, 2, 5]; the folding makes it [4, 2, 4].",
        ),
        ({"fc_biases": np.zeros(6, np.int8)}, "fc_biases has shape [6]; the folding makes it [1, 6]."),
        (
            {"weights_input": np.zeros((4, 2), np.int8)},
            "weights_input has 2 dimensions and fc_weights 2; a folded network has 5 and 2.",
        ),
        ({"folding": Folding(pe=3, simd_input=3, simd_recurrent=2)}, "pe is 3; it must divide the 4 hidden units."),
        ({"limits": Limits(labels=2**31 - 1)}, "The limit of labels is 2147483647; a header takes 1 to 2147483646."),
    ],
)
def test_a_network_that_contradicts_itself_is_not_written(change, message):
    network = parse_header(small_header(), name="small.hpp")
    with pytest.raises(DesignError) as error:
        render_header(replace(network, **change))
    assert str(error.value) == message


def test_a_header_without_typedefs_holds_the_same_network():
    text = small_header()
    without = "\n".join(line for line in text.split("\n") if not line.startswith("typedef"))
    assert without != text
    again = render_header(parse_header(without, name="without"))
    assert again == render_header(parse_header(text, name="with"))
