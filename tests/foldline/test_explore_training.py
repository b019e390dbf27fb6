"""How a trial is trained: shared warm-up, its own folder, given up in time, gone on with after an interruption."""

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from filelock import FileLock

from datapath import Design
from datapath.errors import FileError, TrainingError
from foldline.compare.agreement import SIMULATED
from foldline.compare.comparison import OVERLAY, compare
from foldline.recipe import stages_of
from foldline.study import training
from foldline.study.settings import first_settings
from foldline.study.space import Choice
from foldline.study.training import NETWORKS, WARM_UPS, Training, claim_folder
from foldline.study.worker import Job, TrialLostError, TrialPrunedError, choose_point
from tests.foldline.exploring import PRESET, given
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.reporting import Reporter

pytestmark = pytest.mark.no_numpy2

CHOICE = Choice(weight=4, activation=4, bias=8, fc_weight=8, hidden=8)
EPOCHS = stages_of(CHOICE.hyperparameters(PRESET))[-1].hyperparameters.epochs
SETTINGS = {"device": "cpu", "threads": 1, "command": "test", "author": "test"}


def trainer(folder, *, reporter=None, prune_factor=1.5, preset=PRESET):
    return Training(
        preset=preset,
        dataset=tiny.dataset(),
        folder=folder,
        prune_factor=prune_factor,
        reporter=reporter or Reporter(),
        settings=SETTINGS,
    )


def job(choice=CHOICE, *, curve=None, references=(), check=lambda: None, said=None):
    kept = {} if curve is None else curve
    return Job(
        number=0,
        choice=choice,
        point=choose_point(first_settings(given()), choice),
        keep_epoch=kept.__setitem__,
        references=lambda: list(references),
        check=check,
        say=[].append if said is None else said.append,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a study with one trained network, what it reads, and the curve that was kept."""
    folder, curve = tmp_path_factory.mktemp("study"), {}
    return folder, trainer(folder)(job(curve=curve)), curve


def test_a_trial_reads_what_the_simulator_reads_of_its_design(done):
    folder, reading, _ = done
    comparison = compare(
        Design.load(reading.design), tiny.dataset().validation, backends=[SIMULATED], ignore_limits=True
    )
    rates = next(level.rates for level in comparison.results if level.decoding == OVERLAY)
    assert (reading.cer, reading.wer, reading.exact, reading.lines) == (rates.cer, rates.wer, rates.exact, 3)
    assert reading.folder == str(folder / NETWORKS / CHOICE.name / f"{CHOICE.name}-recipe-1")
    assert str(Design.load(reading.design).experiment) == CHOICE.name


def test_the_curve_has_the_epochs_of_the_last_stage(done):
    assert list(done[2]) == list(range(1, EPOCHS + 1))


def test_networks_of_as_many_hidden_units_share_a_warm_up(done, tmp_path):
    said = []
    trainer(tmp_path)(job(said=said))
    trainer(tmp_path)(job(replace(CHOICE, weight=2), said=said))
    assert said == ["Float warm-up of 8 hidden units."]
    (warm_up,) = (tmp_path / WARM_UPS / "H8").glob("*/last.pt")
    for beginning in (tmp_path / NETWORKS).glob("*/*/recipe.json"):
        assert json.loads(beginning.read_text())["warm_up"] == str(warm_up)


def test_a_network_that_was_trained_is_read_again_and_not_trained_again(done):
    folder, reading, _ = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")}
    assert trainer(folder)(job()) == reading
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")} == before


@pytest.mark.parametrize("batch", [1, 5, 10], ids=["warm-up", "recurrent", "hardware"])
def test_an_interrupted_trial_goes_on_and_ends_as_if_it_never_had_been(done, tmp_path, batch):
    _, whole, _ = done
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, reporter=tiny.Interrupting(batch))(job())
    again = trainer(tmp_path)(job())
    assert (again.cer, again.wer, again.exact) == (whole.cer, whole.wer, whole.exact)
    one, two = (Design.load(path.design) for path in (whole, again))
    assert one.digest(folding=False) == two.digest(folding=False)
    assert len(list((tmp_path / NETWORKS / CHOICE.name).glob("*-recipe-*"))) == 1


def test_a_network_that_reads_worse_than_a_cheaper_one_did_is_given_up(tmp_path):
    curve = {}
    with pytest.raises(TrialPrunedError) as caught:
        trainer(tmp_path)(job(curve=curve, references=[{1: 0.0, 2: 0.5, 3: 0.0}]))
    # 40 % of three epochs is the second.
    assert str(caught.value) == (
        f"After epoch 2 of {EPOCHS} its CER was {curve[2]:.2f} %; a network that takes no more of the board had 0.50 %."
    )
    assert list(curve) == [1, 2]
    (last,) = tmp_path.glob(f"{NETWORKS}/*/*/3-hardware/*/last.pt")
    assert Checkpoint.load(last).epoch == 2


def test_a_network_goes_on_that_reads_within_the_factor_or_has_nothing_to_be_compared_with(done, tmp_path):
    _, whole, curve = done
    within = {epoch: cer / 1.4 for epoch, cer in curve.items()}
    assert trainer(tmp_path)(job(references=[within, {}])).cer == whole.cer


def test_a_diverged_training_ends_the_trial_and_not_the_worker(tmp_path, monkeypatch):
    def diverges(*arguments, **settings):
        raise TrainingError("The loss is nan.")

    monkeypatch.setattr(training, "run_recipe", diverges)
    with pytest.raises(TrialPrunedError, match=r"^The loss is nan\.$"):
        trainer(tmp_path)(job())


def test_a_trial_that_was_taken_over_is_left_within_the_batch(tmp_path):
    left = 8

    def check():
        nonlocal left
        left -= 1
        if left == 0:
            raise TrialLostError

    with pytest.raises(TrialLostError):
        trainer(tmp_path)(job(check=check))
    # Its folder is free for whoever has it now.
    assert trainer(tmp_path)(job()).lines == 3


def test_a_folder_that_another_worker_still_holds_is_left_alone(done):
    folder, reading, _ = done
    home = folder / NETWORKS / CHOICE.name
    with FileLock(home.with_name(f"{home.name}.lock")):
        again = trainer(folder)(job())
    assert again.folder == str(folder / NETWORKS / f"{CHOICE.name}.2" / f"{CHOICE.name}-recipe-1")
    assert again.cer == reading.cer


def test_a_warm_up_that_another_worker_trains_is_waited_for(done):
    folder, reading, _ = done
    home = folder / WARM_UPS / "H8"
    lock, said, looks = FileLock(home.with_name("H8.lock")), [], 0
    lock.acquire()

    def check():
        nonlocal looks
        looks += 1
        if looks == 3:
            lock.release()

    assert trainer(folder)(job(said=said, check=check)) == reading
    assert said == [f"Another worker is at {home}; waiting for it."]
    assert looks >= 3


@pytest.mark.parametrize("changes", [{"dataset": "other"}, {"lines": (11, 3, 5)}, {"preset": {"lr": 0.5}}])
def test_a_folder_is_one_studys(tmp_path, changes):
    for _ in range(2):
        claim_folder(tmp_path / "it", first_settings(given(trials=5)))
    claim_folder(tmp_path / "it", first_settings(given(trials=6, min_columns_per_second=5.0)))
    with pytest.raises(FileError) as caught:
        claim_folder(tmp_path / "it", first_settings(given(**changes)))
    assert str(caught.value) == (
        f"{tmp_path / 'it'} has the networks of another study, of other lines or another preset: see "
        f"{tmp_path / 'it' / 'study.json'}."
    )


@pytest.mark.parametrize(
    ("epoch", "cer", "best", "ends"),
    [
        (2, 15.0, 10.0, False),  # the factor itself
        (2, 15.1, 10.0, True),
        (1, 99.0, 10.0, False),  # too early
        (EPOCHS, 99.0, 10.0, False),  # nothing is saved any more
        (2, 1.5, 0.1, False),  # below a CER of 1 % chance decides
        (2, 1.6, 0.1, True),
    ],
)
def test_when_a_network_is_given_up(epoch, cer, best, ends):
    last = stages_of(CHOICE.hyperparameters(PRESET))[-1]
    watching = training._Watching(Reporter(), job(references=[{epoch: best}]), last, 1.5)
    watching.started(SimpleNamespace(hyperparameters=last.hyperparameters))
    result = SimpleNamespace(epoch=epoch, overlay=SimpleNamespace(cer=cer))
    with pytest.raises(TrialPrunedError) if ends else nullcontext():
        watching.epoch_done(result)
