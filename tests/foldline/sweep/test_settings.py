"""Settings and results of a sweep in files: what is read back, extended and refused."""

import json
from dataclasses import replace

import pytest

from datapath import Design
from datapath.errors import ConfigError, FileError
from foldline.sweep.jobs import Job
from foldline.sweep.results import NetworkResult, design_path, read_results, write_result
from foldline.sweep.settings import SweepSettings, extended, read_settings, together, write_settings
from tests.designs import random_design
from tests.foldline.sweep.sweeps import FOLDS, result, settings

pytestmark = pytest.mark.no_numpy2

JOB = Job(precision="W2A2", seed=0, fold=2)


def test_settings_and_results_are_read_back_as_they_were(tmp_path):
    of = settings(seeds=2, text_form={"normalisation": "NFC"}, data={"data": "/lines", "bidi": True})
    write_settings(of, tmp_path)
    write_result(result(JOB, of), tmp_path)
    assert read_settings(tmp_path) == of
    found = read_results(tmp_path, of)
    assert found.results == (result(JOB, of),)
    assert [job.name for job in found.missing] == [one.name for one in of.space if one != JOB]
    assert found.designs == (JOB.name,)


def test_a_storage_has_the_settings_without_the_lines():
    of = SweepSettings.from_text(settings().as_text(shared=True), source="it")
    assert of == replace(settings(), lines=(), command="")


def test_a_sweep_gets_more_seeds_and_precisions():
    longer = extended(settings(), {"seeds": 3, "precisions": ("W2A2", "W8A8", "float")}, what="it")
    assert (longer.seeds, longer.precisions) == (3, ("float", "W2A2", "W8A8"))
    both = together(replace(settings(), seeds=2), longer, what="it")
    assert (both.seeds, both.precisions) == (3, ("float", "W2A2", "W8A8"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folds": 5}, "folds is 5, and the sweep it has 2."),
        ({"seeds": 0}, "seeds is 0, and the sweep it has 1; there can only be more."),
        ({"precisions": ("float",)}, "precisions is float, and the sweep it also has W2A2; there can only be more."),
        ({"digest": "other"}, "The lines tiny have other names or texts than those that the sweep it was begun with"),
        ({"preset": settings().preset | {"epochs": 7}}, "epochs is 7, and the sweep it has 6."),
    ],
)
def test_what_cannot_change_is_refused_with_both_values(given, message):
    with pytest.raises(ConfigError) as caught:
        extended(settings(), given, what="it")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lines": "other"}, "is of other lines than the sweep, with other names or texts."),
        ({"text_form": {"normalisation": "NFC"}}, "does not fit the sweep: its text_form is {'normalisation': 'NFC'}"),
        ({"seed": 1}, "is of W2A2-seed1-fold2, which is no network of the sweep."),
        ({"greedy": ("one",)}, "does not fit the sweep: greedy has 1 texts, and its fold has 2 lines."),
        ({"hyperparameters": settings().preset | {"lr": 0.5}}, "does not fit the sweep: its lr is 0.5, and the sweep"),
        ({"design": None}, "is damaged: design is None of precision W2A2."),
    ],
)
def test_a_result_that_does_not_fit_is_refused_by_name_and_stays(tmp_path, changes, message):
    path = write_result(result(JOB, **changes), tmp_path)
    before = path.read_bytes()
    path = path.rename(path.with_name(f"{JOB.name}.json"))
    with pytest.raises(FileError) as caught:
        read_results(tmp_path, settings())
    assert str(caught.value).startswith(f"{path} ")
    assert message in str(caught.value)
    assert path.read_bytes() == before


def test_a_result_under_another_name_is_refused(tmp_path):
    path = write_result(result(JOB), tmp_path)
    path.rename(path.with_name("W2A2-seed0-fold1.json"))
    with pytest.raises(FileError, match=r"has the result of W2A2-seed0-fold2; its name is wrong\.$"):
        read_results(tmp_path, settings())


def test_a_result_is_never_overwritten(tmp_path):
    path = write_result(result(JOB), tmp_path)
    before = path.read_bytes()
    assert write_result(result(JOB, minutes=9), tmp_path) == path
    assert path.read_bytes() == before


def test_a_design_of_another_training_than_its_result_is_refused(tmp_path):
    one, other = (random_design(seed) for seed in (0, 1))
    path = write_result(result(JOB, design=one.digest(folding=False)), tmp_path, one)
    assert read_results(tmp_path, settings()).designs == ()
    kept = design_path(tmp_path, JOB)
    other.save(kept)
    with pytest.raises(FileError) as caught:
        read_results(tmp_path, settings())
    assert str(caught.value).startswith(
        f"{kept} is not the design of {path}: its digest is {other.digest(folding=False)}, and"
    )
    assert one.digest(folding=False) in str(caught.value)


def test_a_design_that_was_left_without_its_result_is_replaced(tmp_path):
    """A worker was killed between the two; another one trains the network here, or the storage has its result."""
    one, other = (random_design(seed) for seed in (0, 1))
    of_one, kept = result(JOB, design=one.digest(folding=False)), design_path(tmp_path, JOB)
    for brought, left in ((one, one), (None, None)):
        kept.parent.mkdir(exist_ok=True)
        other.save(kept)
        path = write_result(of_one, tmp_path, brought)
        assert read_results(tmp_path, settings()).results == (of_one,)
        assert (Design.load(kept) if kept.exists() else None) == left
        path.unlink()
    one.save(kept)
    write_result(of_one, tmp_path)
    assert read_results(tmp_path, settings()).designs == ()  # the design was that of the result


def test_the_design_of_a_result_is_not_replaced_by_that_of_a_worker_that_was_lost(tmp_path):
    one, other = (random_design(seed) for seed in (0, 1))
    write_result(result(JOB, design=one.digest(folding=False)), tmp_path, one)
    write_result(result(JOB, design=other.digest(folding=False)), tmp_path, other)
    assert Design.load(design_path(tmp_path, JOB)) == one
    read_results(tmp_path, settings())


@pytest.mark.parametrize("changes", [{"version": 2}, {"seed": "0"}, {"greedy": [1]}, {"minutes": -1}, {"surplus": 0}])
def test_a_damaged_result_is_refused(changes):
    text = json.dumps(json.loads(result(JOB).as_text()) | changes)
    with pytest.raises(FileError, match=r"^it is "):
        NetworkResult.from_text(text, source="it")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"precisions": "float"},
        {"seeds": 1.5},
        {"lines": [[["a"]]]},
        {"lines": [FOLDS[0]]},
        {"preset": {"a": 1}},
    ],
)
def test_damaged_settings_are_refused(changes):
    text = json.dumps(json.loads(settings().as_text()) | changes)
    with pytest.raises(FileError, match=r"^it is "):
        SweepSettings.from_text(text, source="it")


def test_results_of_a_large_sweep_stay_small():
    """500 lines, six precisions, three seeds: below 5 MB."""
    line = ("0123/456789", "A line of text as UW3-500 has them: 45 letters")
    of = settings(folds=5, lines=tuple(tuple((f"{line[0]}{n}{k}", line[1]) for n in range(100)) for k in range(5)))
    size = len(of.as_text().encode()) + 6 * 3 * 5 * len(result(Job(precision="W2A2", seed=0, fold=1), of).as_text())
    assert size < 5e6
