"""Text from right to left, from its lists in the order of reading to the results for people: the case h_logical."""

import json
from dataclasses import replace
from functools import partial

import pytest

from datapath import Alphabet, Design, error_rates
from datapath.text_form import AS_WRITTEN, TextForm, logical_order, picture_order
from foldline.compare.comparison import compare
from foldline.datasets import lines_for, open_dataset
from foldline.report.inputs import ReportRun
from foldline.report.lines import worst_first
from tests.designs import random_design
from tests.foldline import command_line
from tests.golden_data import REPOSITORY
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.data.dataset import write_dataset
from train.data.forms import in_form
from train.export import design_from_checkpoint
from train.starting import Pretrained
from train.trainer import train

pytest.importorskip("bidi", reason="python-bidi is not installed")

CASE = REPOSITORY / "tests" / "cases" / "lines" / "h_logical"
PICTURE = TextForm(in_picture_order=True)
LETTERS = "\u05d0\u05d1\u05d2\u05d3"


@pytest.fixture(scope="module")
def design():
    """A random network with Hebrew letters, which reads some of them on every line of the tiny dataset."""
    made = random_design(26, bits=(8, 8, 4, 8, 8), inputs=8, hidden=4, classes=5)
    return replace(made, alphabet=Alphabet(("", *LETTERS)))


@pytest.fixture(scope="module")
def hebrew():
    """The tiny dataset with Hebrew letters for its own, in the order of reading: the picture has them reversed."""
    letters = str.maketrans("abc", LETTERS[:3])
    lines = {
        part: tuple(
            replace(line, text=logical_order(line.text.translate(letters))) for line in getattr(tiny.dataset(), part)
        )
        for part in ("training", "validation")
    }
    return replace(tiny.dataset(), **lines)


def test_the_case_is_learned_in_the_order_of_the_picture_and_not_in_the_order_of_reading():
    # Without --bidi the letters of a word stand in the opposite order of its picture: what the network reads at the left
    # is the last letter of the text.
    lowest = {}
    for bidi in (True, False):
        dataset = open_dataset(str(CASE), seed=0, bidi=bidi)
        hp = tiny.hyperparameters(target_height=12, layer_size=24, lr=0.03, epochs=14)
        run = train(hp, dataset, experiments=None)
        lowest[bidi] = min(epoch.greedy.cer for epoch in run.epochs)
    assert lowest[True] < 20 and lowest[False] > 70


def test_the_note_names_the_option(tmp_path):
    folder = write_dataset(in_form(open_dataset(str(CASE), seed=0), AS_WRITTEN), tmp_path / "lines")
    train_dry = partial(command_line.run, "train", "--data", folder, "--dry-run", "--epochs", 0, "--layer-size", 4)
    without = train_dry().stderr
    assert "120 of 120 lines hold characters that are written from right to left" in without and "--bidi" in without
    assert "right to left" not in train_dry("--bidi").stderr


def test_a_network_remembers_the_form_of_its_texts(hebrew, tmp_path):
    formed = in_form(hebrew, TextForm(normalisation="NFC", in_picture_order=True))
    run = train(tiny.quantized(epochs=1), formed, experiments=tmp_path)
    saved = Checkpoint.load(run.resume_from)
    assert TextForm.of(saved.provenance) == formed.form
    design = design_from_checkpoint(saved).design
    assert design.text_form == formed.form
    # A design without the form has the same digest: the form is not part of the hardware.
    assert design.digest(folding=True) == replace(design, provenance=replace(design.provenance, notes={})).digest(
        folding=True
    )
    # Lines in the order of reading are brought into the order of the picture, in a comparison and in further training.
    measured, same, _ = lines_for(hebrew, design)
    assert [line.text for line in measured.validation] == [line.text for line in formed.validation]
    assert same.text_form == formed.form
    again = train(tiny.quantized(epochs=1), hebrew, experiments=None, checkpoint=saved, policy=Pretrained.RETRAIN)
    assert TextForm.of(again.last.provenance) == formed.form


def test_texts_as_they_are_leave_no_trace_in_a_checkpoint_or_design(hebrew):
    run = train(tiny.quantized(epochs=1), hebrew, experiments=None)
    notes = design_from_checkpoint(run.last).design.provenance.notes
    assert not {"text_order", "normalisation"} & {*run.last.provenance, *notes}


def test_results_are_printed_in_the_order_of_reading(design, tmp_path):
    image = tmp_path / "line.png"
    tiny.draw("bca").save(image)
    texts = {}
    for form in (AS_WRITTEN, PICTURE):
        path = tmp_path / f"{form.in_picture_order}.npz"
        design.with_text_form(form).save(path)
        printed = command_line.run("simulate", path, image).stdout.rstrip("\n").split("\t")[1]
        found = json.loads(command_line.run("simulate", path, image, "--json").stdout)
        assert found["text"] == printed
        texts[form] = printed, found["labels"]
    (read, labels), (shown, same) = texts.values()
    assert labels == same and len(set(read)) > 1
    assert shown == read[::-1]  # letters alone: the order of reading is the opposite one


def test_a_comparison_counts_in_the_order_of_the_picture_and_shows_the_order_of_reading(design, hebrew, tmp_path):
    path, data = tmp_path / "design.npz", write_dataset(hebrew, tmp_path / "lines")
    design.save(path)
    result = command_line.run("compare", path, "--data", data, "--bidi", "--json", "--per-line")
    found = json.loads(result.stdout)
    assert [line["truth"] for line in found["lines"]] == [line.text for line in hebrew.validation]
    plain = compare(design, in_form(hebrew, PICTURE).validation)
    assert [line["texts"][-1] for line in found["lines"]] == [logical_order(text) for text in plain.results[-1].texts]
    assert found["levels"][-1]["cer"] == plain.results[-1].rates.cer
    table = command_line.run("compare", path, "--data", data, "--bidi").stdout
    assert "in the order of the picture" in table
    # A design that remembers needs no option.
    design.with_text_form(PICTURE).save(path)
    remembered = json.loads(command_line.run("compare", path, "--data", data, "--json", "--per-line").stdout)
    assert remembered == found


def test_a_header_has_no_form_and_its_import_can_say_it(design, tmp_path):
    header, alphabet = tmp_path / "net.hpp", tmp_path / "alphabet.txt"
    path = tmp_path / "design.npz"
    design.with_text_form(PICTURE).save(path)
    assert command_line.run("export", path, "-o", header, "--alphabet", alphabet).exit_code == 0
    for options, form in (((), AS_WRITTEN), (("--bidi",), PICTURE)):
        again = tmp_path / f"{form.in_picture_order}.npz"
        result = command_line.run("import-header", header, "--alphabet", alphabet, "-o", again, *options)
        assert result.exit_code == 0, result.stderr
        assert Design.load(again).text_form == form


def test_letters_alone_have_the_same_error_rate_in_either_order(design, hebrew):
    dataset, remembering, _ = lines_for(hebrew, design.with_text_form(PICTURE))
    picture = compare(remembering, dataset.validation)
    read = picture.results[-1].texts
    reversed_rates = error_rates([line.text[::-1] for line in dataset.validation], [text[::-1] for text in read])
    assert picture.results[-1].rates.cer == reversed_rates.cer


def test_a_report_shows_the_order_of_reading(design, hebrew):
    dataset, remembering, _ = lines_for(hebrew, design.with_text_form(PICTURE))
    comparison = compare(remembering, dataset.validation)
    views = worst_first([ReportRun(name="r", design=remembering, comparison=comparison, dataset_name="d")])
    assert {view.line.name: view.line.text for view in views} == {line.name: line.text for line in hebrew.validation}
    for view in views:
        for text in view.runs[0].texts:
            assert picture_order(text.text) in {one.texts[view.runs[0].index] for one in comparison.results}


def test_normalisation_makes_one_character_of_two_spellings():
    dataset = open_dataset(str(CASE.parent / "d_nfd2"), seed=0)
    # Classes: e, U+0301 and U+0300, and the composed e with acute and u with diaeresis; after NFC the marks are gone.
    assert {"\u0301", "\u0300", "\u00e9", "\u00fc"} <= set(dataset.alphabet().symbols)
    formed = open_dataset(str(CASE.parent / "d_nfd2"), seed=0, normalisation="NFC")
    assert {"\u00e9", "\u00e8", "\u00fc"} <= set(formed.alphabet().symbols)
    assert not {"\u0301", "\u0300", "\u0308"} & set(formed.alphabet().symbols)
    assert formed.form == TextForm(normalisation="NFC")
