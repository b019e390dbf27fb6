"""`foldline export`, `import-header` and `verify` with weight headers."""

import pytest

from datapath import Design, Folding, Limits, fold
from hls_gen import write_header
from tests.designs import random_design
from tests.foldline.command_line import fails, run


def test_export_import_verify_at_another_folding(design, saved, tmp_path):
    header, alphabet, again = tmp_path / "h.hpp", tmp_path / "alphabet.txt", tmp_path / "again.npz"
    result = run(
        *("export", saved, "-o", header, "--pe", 4, "--simd-input", 8, "--simd-recurrent", 2),
        *("--alphabet", alphabet),
    )
    assert result.stdout == f"{header}: {design.experiment}, PE 4, SIMD 8 and 2, PE_OUT 1\n"
    assert run("import-header", header, "--alphabet", alphabet, "-o", again).exit_code == 0
    imported = Design.load(again)
    assert imported.same_network(design)
    assert imported.folding == Folding(pe=4, simd_input=8, simd_recurrent=2)
    header.write_bytes("// für µs\n".encode("latin-1") + header.read_bytes())  # comments may be in any encoding
    assert run("import-header", header, "--alphabet", alphabet, "-o", again).exit_code == 0
    assert Design.load(again).same_network(design)
    verified = run("verify", saved, header)
    assert verified.exit_code == 0
    assert verified.stdout.startswith(f"{header} holds {design.experiment}: ")
    assert "Folded-order simulator verified on 5 lines (170 columns): " in verified.stdout


def test_simd_factor_stands_for_both_sides(design, saved, tmp_path):
    header = tmp_path / "h.hpp"
    result = run("export", saved, "-o", header, "--simd-factor", 4)
    assert result.stdout == f"{header}: {design.experiment}, PE 2, SIMD 8 and 2, PE_OUT 1\n"
    fails(
        ("--simd-factor", "--simd-input", "--simd-recurrent"),
        *("export", saved, "-o", header, "--simd-factor", 4, "--simd-input", 8),
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--pe", 3, "pe is 3; it must divide the 8 hidden units."),
        ("--pe", 0, "pe is 0; it must divide the 8 hidden units."),
        ("--simd-input", 5, "simd_input is 5; it must divide the 32 input rows."),
        ("--simd-recurrent", 16, "simd_recurrent is 16; it must divide the 8 hidden units."),
        ("--simd-factor", 16, "simd_factor is 16; it must divide the 8 hidden units."),
    ],
)
def test_a_folding_that_does_not_divide_is_refused(saved, tmp_path, option, value, message):
    fails(message, "export", saved, "-o", tmp_path / "h.hpp", option, value)
    assert not (tmp_path / "h.hpp").exists()


def test_verify_refuses_another_network(design, saved, tmp_path):
    other = random_design(4, inputs=32, hidden=8, classes=5, folding=(2, 16, 4), limits=Limits(columns=200, labels=95))
    header = tmp_path / "other.hpp"
    write_header(header, fold(other))
    result = run("verify", saved, header)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {header} does not hold this design: weights_input differs in ")
    smaller = tmp_path / "smaller.hpp"
    write_header(smaller, fold(random_design(4, inputs=32, hidden=4, classes=5, limits=design.limits)))
    fails(f"{smaller} does not hold this design: its hidden is 4, the design's 8.", "verify", saved, smaller)


def test_import_refuses_an_alphabet_of_another_size(design, saved, tmp_path):
    header, alphabet = tmp_path / "h.hpp", tmp_path / "alphabet.txt"
    run("export", saved, "-o", header)
    alphabet.write_text("\na\nb\n")
    result = run("import-header", header, "--alphabet", alphabet, "-o", tmp_path / "d.npz")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {header} with {alphabet}: fc_weights has shape [2, 5, 8]; "
        "with H 8, I 32 and C 3 it must be [2, 3, 8].\n"
    )
    assert not (tmp_path / "d.npz").exists()


def test_a_file_that_is_neither_design_nor_checkpoint(image, tmp_path):
    fails(f"{image} is neither a design nor a checkpoint, or it is cut off.", "export", image, "-o", tmp_path / "h.hpp")
    fails((f"{tmp_path} is not the folder of a run or a recipe",), "export", tmp_path, "-o", tmp_path / "h.hpp")


def test_verify_with_its_files_exchanged_names_the_right_order(saved, tmp_path):
    result = run("verify", tmp_path / "net.hpp", saved)
    assert result.exit_code == 2
    assert f"The design comes before the header: foldline verify {saved} {tmp_path / 'net.hpp'}" in result.stderr
