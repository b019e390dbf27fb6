"""The networks of a sweep: their order, and the hyperparameters of each."""

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import params
from datapath.errors import ConfigError
from foldline.study.queue import Attempts
from foldline.sweep.jobs import Job, Jobs
from tests.foldline.study.studies import PRESET
from train.config import Hyperparameters

pytestmark = pytest.mark.no_numpy2


def test_a_stopped_sweep_has_whole_folds_and_float_comes_first():
    jobs = [job.name for job in Jobs(precisions=("W4A4", "float", "W2A2"), seeds=2, folds=2)]
    assert jobs[:4] == ["float-seed0-fold1", "W4A4-seed0-fold1", "W2A2-seed0-fold1", "float-seed1-fold1"]
    assert [name[-1] for name in jobs] == ["1"] * 6 + ["2"] * 6
    assert len(jobs) == len(set(jobs)) == len(Jobs(precisions=("W4A4", "float", "W2A2"), seeds=2, folds=2))


def test_without_folds_there_is_one_network_of_each_precision_and_seed():
    assert [job.name for job in Jobs(precisions=("W2A4",), seeds=2)] == ["W2A4-seed0", "W2A4-seed1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precisions": ()}, "precisions is empty; it must be one or more, each once."),
        ({"precisions": ("W2A2", "W2A2")}, "precisions is W2A2, W2A2; it must be one or more, each once."),
        ({"precisions": ("W2A9",)}, "precisions has 'W2A9'; allowed are float and WwAa with 2 to 8 bits"),
        ({"seeds": 0}, "seeds is 0; it must be 1 to 100."),
        ({"folds": 1}, "folds is 1; it must be 2 to 100, or 0 for none."),
    ],
)
def test_what_is_no_sweep_is_refused(changes, message):
    with pytest.raises(ConfigError) as caught:
        Jobs(**{"precisions": ("W2A2",), **changes})
    assert message in str(caught.value)


@pytest.mark.parametrize("precision", ["W2A2", "W2A4", "W4A4", "W4A8", "W8A8"])
def test_a_precision_is_that_of_its_preset(precision):
    weight, activation = precision[1], precision[3]
    preset = Hyperparameters.from_json(params.find(Path("QLSTM128_W2B8A4I8_FC_W8B8")))
    name = job(precision).hyperparameters(preset).experiment_name()
    assert str(name) == f"QLSTM128_W{weight}B8A{activation}I8_FC_W8B8"


def test_float_and_quantized_networks_are_trained_alike():
    """But for what quantization is: no other hyperparameter differs."""
    quantized, in_float = (asdict(job(one, seed=3).hyperparameters(PRESET)) for one in ("W4A4", "float"))
    differing = {name for name, value in in_float.items() if value != quantized[name]}
    assert differing == {name for name in differing if name.endswith(("_bit_width", "_quantization"))} | {
        *("neuron_type", "forward_arithmetic", "prefused_bn_fc")
    }
    assert in_float["random_seed"] == PRESET.random_seed + 3


def test_only_parameters_of_a_job_of_the_sweep_are_taken():
    jobs = Jobs(precisions=("float", "W2A2"), seeds=2, folds=2)
    assert all(jobs.network_of(asdict(one)) == one for one in jobs)
    known = asdict(next(iter(jobs)))
    for changes in ({"precision": "W8A8"}, {"seed": 2}, {"fold": 0}, {"seed": True}, {"precision": 3}, {"more": 1}):
        assert jobs.network_of({**known, **changes}) is None


def job(precision, seed=0):
    return Job(precision=precision, seed=seed, fold=1)


def test_a_seed_never_leaves_its_range():
    assert job("float", seed=2).hyperparameters(replace(PRESET, random_seed=2**32 - 1)).random_seed == 1


def test_workers_that_start_at_once_take_different_folds():
    """Else the second would wait for the float stage of the first."""
    jobs = Jobs(precisions=("float", "W2A2"), seeds=1, folds=2)
    of_fold = {(one.precision, one.fold): one for one in jobs}

    def attempts(state, *key):
        return Attempts(of_fold[key], (SimpleNamespace(state=SimpleNamespace(name=state), user_attrs={}, number=0),))

    def drawn(*networks):
        return jobs.draw(None, networks, seed=0)

    assert drawn() == of_fold["float", 1]
    assert drawn(attempts("RUNNING", "float", 1)) == of_fold["float", 2]
    assert drawn(attempts("WAITING", "float", 1)) == of_fold["float", 2]
    # All folds are in training: the first that is left.
    assert drawn(attempts("RUNNING", "float", 1), attempts("RUNNING", "float", 2)) == of_fold["W2A2", 1]
    for ended in ("COMPLETE", "PRUNED", "FAIL"):
        assert drawn(attempts(ended, "float", 1)) == of_fold["W2A2", 1]
