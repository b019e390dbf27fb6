"""How a trial is trained: shared warm-up, its folder, pruning, continuing after an interruption."""

import json
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from filelock import FileLock
from optuna import TrialPruned
from optuna.exceptions import UpdateFinishedTrialError

from datapath import Design
from datapath.errors import ConfigError, FileError, TrainingError
from foldline.compare.agreement import SIMULATED
from foldline.compare.backends import OVERLAY
from foldline.compare.comparison import compare
from foldline.recipe import stages_of
from foldline.study import recipes, training
from foldline.study.recipes import NETWORKS, WARM_UPS
from foldline.study.settings import first_settings
from foldline.study.space import Choice
from foldline.study.training import Training, claim_folder
from foldline.study.worker import TrialRequest, choose_point
from tests.foldline.study.studies import PRESET, given
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


def request(choice=CHOICE, *, curve=None, references=(), check=lambda: None, log=None):
    recorded = {} if curve is None else curve
    return TrialRequest(
        number=0,
        choice=choice,
        point=choose_point(first_settings(given()), choice),
        record_epoch=recorded.__setitem__,
        reference_curves=lambda: list(references),
        require_running=check,
        log=[].append if log is None else log.append,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a study with one trained network, its error rates, and its curve."""
    folder, curve = tmp_path_factory.mktemp("study"), {}
    return folder, trainer(folder)(request(curve=curve)), curve


def test_the_error_rates_of_a_trial_are_those_of_its_design_in_the_simulator(done):
    folder, rates, _ = done
    comparison = compare(Design.load(rates.design), tiny.dataset().validation, backends=[SIMULATED], ignore_limits=True)
    expected = next(level.rates for level in comparison.results if level.decoding == OVERLAY)
    assert (rates.cer, rates.wer, rates.exact, rates.lines) == (expected.cer, expected.wer, expected.exact, 3)
    assert rates.folder == str(folder / NETWORKS / CHOICE.name / f"{CHOICE.name}-recipe-1")
    assert str(Design.load(rates.design).experiment) == CHOICE.name


def test_the_curve_has_the_epochs_of_the_last_stage(done):
    assert list(done[2]) == list(range(1, EPOCHS + 1))


def test_networks_of_as_many_hidden_units_share_a_warm_up(done, tmp_path):
    log = []
    trainer(tmp_path)(request(log=log))
    trainer(tmp_path)(request(replace(CHOICE, weight=2), log=log))
    assert log == ["Float warm-up of 8 hidden units."]
    (warm_up,) = (tmp_path / WARM_UPS / "H8").glob("*/last.pt")
    for beginning in (tmp_path / NETWORKS).glob("*/*/recipe.json"):
        assert json.loads(beginning.read_text())["warm_up"] == str(warm_up)


def test_a_network_that_was_trained_is_measured_again_and_not_trained_again(done):
    folder, rates, _ = done
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")}
    assert trainer(folder)(request()) == rates
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")} == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"preset": replace(PRESET, lr=0.5)}, ("lr is 0.5", f"was trained with {PRESET.lr}.")),
        ({"preset": replace(PRESET, epochs=60)}, ("epochs is ", " was trained with ")),
        ({"validation": -1}, ("and 2 validation lines), and ", "and 3 validation lines). ")),
        (
            {"validation": 1},
            ("3 validation lines), of other names or texts. ",),
        ),
    ],
)
@pytest.mark.parametrize("part", [WARM_UPS, NETWORKS])
def test_a_training_of_other_hyperparameters_or_lines_is_not_continued(done, changes, named, part):
    """Not even a finished one, whose files stay as they are."""
    folder = done[0]
    preset, dataset = changes.get("preset", PRESET), tiny.dataset()
    if "validation" in changes:
        lines = dataset.validation[:-1]
        more = [replace(dataset.validation[-1], text="a")] if changes["validation"] > 0 else []
        dataset = replace(dataset, validation=(*lines, *more))
    recipes_of = recipes.Recipes(folder=folder, reporter=Reporter(), settings=SETTINGS)
    hyperparameters = CHOICE.hyperparameters(preset)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")}
    with pytest.raises(ConfigError) as caught:
        if part == WARM_UPS:
            recipes_of.warm_up("H8", stages_of(hyperparameters)[0], dataset, request(), what="it")
        else:
            recipes_of.run(CHOICE.name, hyperparameters, dataset, warm_up=None, reporter=Reporter())
    home = folder / part / ("H8" if part == WARM_UPS else CHOICE.name)
    for words in (*named, f"{home}/", "Remove the folder"):
        assert words in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.pt")} == before


@pytest.mark.parametrize("batch", [1, 5, 10], ids=["warm-up", "recurrent", "hardware"])
def test_an_interrupted_trial_continues_with_the_same_result(done, tmp_path, batch):
    _, whole, _ = done
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path, reporter=tiny.Interrupting(batch))(request())
    again = trainer(tmp_path)(request())
    assert (again.cer, again.wer, again.exact) == (whole.cer, whole.wer, whole.exact)
    one, two = (Design.load(path.design) for path in (whole, again))
    assert one.digest(folding=False) == two.digest(folding=False)
    assert len(list((tmp_path / NETWORKS / CHOICE.name).glob("*-recipe-*"))) == 1


def test_a_network_with_a_higher_cer_than_a_cheaper_one_is_pruned(tmp_path):
    curve = {}
    with pytest.raises(TrialPruned) as caught:
        trainer(tmp_path)(request(curve=curve, references=[{1: 0.0, 2: 0.5, 3: 0.0}]))
    # 40 % of three epochs is the second.
    for part in (f"epoch 2 of {EPOCHS} ", f" {curve[2]:.2f} %", " 0.50 %"):
        assert part in str(caught.value)
    assert list(curve) == [1, 2]
    (last,) = tmp_path.glob(f"{NETWORKS}/*/*/3-hardware/*/last.pt")
    assert Checkpoint.load(last).epoch == 2


def test_a_network_within_the_factor_or_without_a_reference_is_not_pruned(done, tmp_path):
    _, whole, curve = done
    within = {epoch: cer / 1.4 for epoch, cer in curve.items()}
    assert trainer(tmp_path)(request(references=[within, {}])).cer == whole.cer


def test_a_diverged_training_ends_the_trial_and_not_the_worker(tmp_path, monkeypatch):
    def diverges(*arguments, **settings):
        raise TrainingError("The loss is nan.")

    monkeypatch.setattr(recipes, "run_recipe", diverges)
    with pytest.raises(TrialPruned, match=r"^The loss is nan\.$"):
        trainer(tmp_path)(request())


def test_a_trial_that_another_worker_has_failed_is_left_within_the_epoch(tmp_path):
    left = 3

    def check():
        nonlocal left
        left -= 1
        if left == 0:
            raise UpdateFinishedTrialError

    with pytest.raises(UpdateFinishedTrialError):
        trainer(tmp_path)(request(check=check))
    # Its folder is free for the retry.
    assert trainer(tmp_path)(request()).lines == 3


def test_a_folder_that_another_worker_holds_is_not_used(done):
    folder, rates, _ = done
    home = folder / NETWORKS / CHOICE.name
    with FileLock(home.with_name(f"{home.name}.lock")):
        again = trainer(folder)(request())
    assert again.folder == str(folder / NETWORKS / f"{CHOICE.name}.2" / f"{CHOICE.name}-recipe-1")
    assert again.cer == rates.cer


def test_a_worker_waits_for_a_warm_up_that_another_one_trains(done):
    folder, rates, _ = done
    home = folder / WARM_UPS / "H8"
    lock, log, looks = FileLock(home.with_name("H8.lock")), [], 0
    lock.acquire()

    def check():
        nonlocal looks
        looks += 1
        if looks == 3:
            lock.release()

    assert trainer(folder)(request(log=log, check=check)) == rates
    assert log == [f"Another worker uses {home}; waiting for it."]
    assert looks >= 3


def test_a_folder_of_an_earlier_version_gets_the_digest_of_its_lines(tmp_path):
    claim_folder(tmp_path / "it", first_settings(given()))
    claim_folder(tmp_path / "it", first_settings(given(digest="ab")))
    claim_folder(tmp_path / "it", first_settings(given(digest="ab")))
    with pytest.raises(FileError, match="of other lines"):
        claim_folder(tmp_path / "it", first_settings(given(digest="cd")))


@pytest.mark.parametrize("changes", [{"dataset": "other"}, {"lines": (11, 3, 5)}, {"preset": {"lr": 0.5}}])
def test_a_folder_belongs_to_one_study(tmp_path, changes):
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
        (EPOCHS, 99.0, 10.0, False),  # the last epoch
        (2, 1.5, 0.1, False),  # differences below a CER of 1 % are chance
        (2, 1.6, 0.1, True),
    ],
)
def test_when_a_network_is_pruned(epoch, cer, best, ends):
    last = stages_of(CHOICE.hyperparameters(PRESET))[-1]
    reporting = training._PruningReporter(Reporter(), request(references=[{epoch: best}]), last, 1.5)
    reporting.started(SimpleNamespace(hyperparameters=last.hyperparameters))
    result = SimpleNamespace(epoch=epoch, overlay=SimpleNamespace(cer=cer))
    with pytest.raises(TrialPruned) if ends else nullcontext():
        reporting.epoch_done(result)
