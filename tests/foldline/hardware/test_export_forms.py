"""`foldline export` with extensions of the published header: copies for C simulation, peepholes, classes in parallel."""

import pytest
from click.testing import CliRunner

from datapath import Design, Folding
from foldline.cli import main
from tests.designs import random_design


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def design():
    return random_design(5, inputs=8, hidden=4, classes=5, folding=(2, 4, 2), peepholes=(10, 3))


@pytest.fixture
def saved(design, tmp_path):
    path = tmp_path / "design.npz"
    design.save(path)
    return path


@pytest.mark.parametrize("form", [(), ("--fast-csim",)])
def test_either_form_of_a_header_holds_the_design(form, design, saved, tmp_path):
    header, alphabet, again = tmp_path / "h.hpp", tmp_path / "alphabet.txt", tmp_path / "again.npz"
    result = run("export", saved, "-o", header, "--pe-out", 3, "--alphabet", alphabet, *form)
    assert result.stdout == f"{header}: {design.experiment}, PE 2, SIMD 4 and 2, PE_OUT 3\n"
    assert ("#ifndef __SYNTHESIS__" in header.read_text()) == bool(form)
    assert run("verify", saved, header).exit_code == 0
    assert run("import-header", header, "--alphabet", alphabet, "-o", again).exit_code == 0
    imported = Design.load(again)
    assert imported.peepholes == design.peepholes
    assert imported.same_network(design)
    assert imported.folding == Folding(pe=2, simd_input=4, simd_recurrent=2, pe_out=3)


def test_a_design_has_no_form_for_c_simulation(saved, tmp_path):
    output = tmp_path / "d.npz"
    result = run("export", saved, "-o", output, "--fast-csim")
    assert result.exit_code == 2
    message = "Error: --fast-csim needs -o FILE.hpp: it changes the header."
    assert result.stderr.splitlines()[-1] == message
    assert not output.exists()
