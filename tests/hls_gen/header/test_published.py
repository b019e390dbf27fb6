"""Headers of the published and the stress networks: written as the specification says, parsed, and written again."""

import json
from pathlib import Path

import numpy as np
import pytest

from datapath import unfold
from hls_gen import parse_header, render_header
from tests.golden_data import PUBLISHED, STRESS, published_network, stress_network
from tests.hls_gen.header.header_text import ARRAY_ORDER, header_arrays, header_text


def read_npz(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    with np.load(path, allow_pickle=False) as archive:
        defines = {name: str(value) for name, value in json.loads(str(archive["defines"])).items()}
        return defines, {name: archive[name] for name in ARRAY_ORDER}


def without_white_space(text: str) -> str:
    return "".join(text.split())


def assert_same_arrays(network, expected: dict[str, np.ndarray]) -> None:
    found = header_arrays(network)
    for name in ARRAY_ORDER:
        assert found[name].dtype == np.int8
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_header_imports_and_exports_to_the_same(shared_data, name):
    defines, arrays = read_npz(shared_data / "lstm-pynq" / f"{name}.npz")
    text = header_text(defines, arrays)
    network = parse_header(text, name=name)
    assert_same_arrays(network, arrays)
    rendered = render_header(network)
    assert without_white_space(rendered) == without_white_space(text)
    again = parse_header(rendered, name=name)
    assert_same_arrays(again, arrays)
    design = published_network(shared_data, name)
    assert unfold(again, alphabet=design.alphabet, provenance=design.provenance) == design


@pytest.mark.parametrize("name", STRESS)
def test_stress_network_imports(shared_data, name):
    defines, arrays = read_npz(shared_data / "golden" / f"stress_{name}.npz")
    # The vectors' files leave out the defines that follow from the others.
    assert not defines.keys() & {"DATAWIDTH", "PACKEDWIDTH", "NUMBER_OF_NEURONS_TYPEWIDTH"}
    network = parse_header(header_text(defines, arrays), name=name)
    assert_same_arrays(network, arrays)
    design = stress_network(shared_data, name)
    assert unfold(network, alphabet=design.alphabet, provenance=design.provenance) == design
