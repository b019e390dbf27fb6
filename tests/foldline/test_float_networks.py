"""Float networks: trained by the recipe as quantized ones are, compared by their only backend, refused by the hardware."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from datapath import Limits
from datapath.errors import CheckpointError, ConfigError, FileError
from foldline.compare.comparison import compare
from foldline.networks import open_network, shared_lines
from foldline.recipe import run_recipe
from foldline.report.accuracy import NOT_COMPARED, check_summary
from foldline.runs import find_checkpoint, find_warm_up
from foldline.stages import stages_of
from tests.foldline.command_line import fails, run
from tests.train import tiny
from tests.train.test_trainer import same_state
from train.checkpoint import Checkpoint
from train.data.dataset import read_dataset, write_dataset
from train.evaluation import evaluate_checkpoint
from train.reporting import Reporter

ALIKE = {"ctc": "OVERLAY", "select_by": "OVERLAY", "score_scale": 4.0, "dropout": 0.1, "epochs": 4}
QUANTIZED = tiny.quantized(forward_arithmetic="HARDWARE", **ALIKE)
FLOAT = tiny.hyperparameters(neuron_type="LSTM", **ALIKE)


def recipe(home, data, *, hyperparameters=FLOAT, reporter=None, **options):
    settings = {"experiments": home, "log": lambda text: None, "reporter": reporter or Reporter(), "author": "test"}
    return run_recipe(hyperparameters, read_dataset(data), **settings, **options)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tiny.dataset(), tmp_path_factory.mktemp("data") / "lines")


@pytest.fixture(scope="module")
def done(data, tmp_path_factory):
    return recipe(tmp_path_factory.mktemp("recipe"), data)


def test_a_float_network_is_trained_like_a_quantized_one():
    in_float, quantized = stages_of(FLOAT), stages_of(QUANTIZED)
    assert [stage.name for stage in in_float] == ["1-float", "2-float", "3-float"]
    assert in_float[0] == quantized[0]  # one warm-up for both
    assert all(stage.hyperparameters.is_float and not stage.hyperparameters.prefused_bn_fc for stage in in_float)
    assert not any(stage.fuses for stage in in_float)
    arithmetic = {"neuron_type", "forward_arithmetic", "prefused_bn_fc"}
    for one, other in zip(in_float, quantized, strict=True):
        pair = (one.hyperparameters.to_dict().items(), other.hyperparameters.to_dict().items())
        differing = {name for name, _ in set(pair[0]) ^ set(pair[1])} - arithmetic
        assert all(name.endswith(("_bit_width", "_quantization")) for name in differing), differing
    assert in_float[-1].hyperparameters == replace(FLOAT, epochs=2)


@pytest.mark.parametrize(
    "changes",
    [{"prefused_bn_fc": True}, {"fc_weight_bit_width": 8, "fc_weight_quantization": "SIGNED_FIXED_UNIT"}],
)
def test_an_lstm_that_is_no_float_network_with_batch_norm_is_refused(changes):
    with pytest.raises(ConfigError, match=r"^neuron_type is LSTM: .*prefused_bn_fc false"):
        stages_of(replace(FLOAT, **changes))


def test_limits_of_a_float_network_are_refused_before_a_folder_is_made(data, tmp_path):
    with pytest.raises(ConfigError, match=r"^limits"):
        recipe(tmp_path, data, limits=Limits(columns=900, labels=95))
    assert not list(tmp_path.iterdir())


def test_its_recipe_gives_the_checkpoint_of_the_last_stage(done, data):
    last = done.stages[-1].checkpoint
    assert (done.network, done.design) == (last, None)
    assert not (done.folder / "design.npz").exists()
    assert find_checkpoint(done.folder) == last
    assert find_warm_up(done.folder).parent.parent.name == "1-float"
    network = open_network(done.folder)
    assert (network.is_float, network.design, network.name) == (True, None, "LSTM8_W32B32A32I32_FC_W32B32")
    assert network.notes[0] == f"{done.folder}: {last.relative_to(done.folder)} is taken."
    evaluated = evaluate_checkpoint(Checkpoint.load(last), read_dataset(data).validation)
    assert [(one.name, one.decoding, one.title, one.texts) for one in done.comparison.results] == [
        ("float", "greedy CTC", "float PyTorch", evaluated.texts),
        ("float", "overlay labels", "float PyTorch", evaluated.overlay_texts),
    ]


def test_an_interrupted_recipe_is_refused_until_it_is_resumed_and_loses_nothing(done, data, tmp_path):
    """With the first stage of the other recipe as its warm-up, which gives the same stages that follow."""
    warm_up = done.stages[0].checkpoint
    begun = recipe(tmp_path, data, warm_up=warm_up, reporter=tiny.Interrupting(2))
    assert begun.network is None
    with pytest.raises(
        FileError, match=f"^{begun.folder} is an unfinished recipe: .* foldline recipe -i {begun.folder}$"
    ):
        open_network(begun.folder)
    begun = recipe(tmp_path, data, hyperparameters=None, folder=begun.folder, reporter=tiny.Interrupting(5))
    assert begun.network is None
    with pytest.raises(FileError, match=r"has 1 of 2 epochs of its last stage\."):
        open_network(begun.folder)
    whole = recipe(tmp_path, data, hyperparameters=None, folder=begun.folder)
    same_state(Checkpoint.load(whole.network), Checkpoint.load(done.network))


def test_it_warms_up_a_quantized_recipe(done, data, tmp_path):
    result = recipe(tmp_path, data, hyperparameters=replace(QUANTIZED, epochs=3), warm_up=done.network)
    assert [stage.stage.name for stage in result.stages] == ["2-recurrent", "3-hardware"]
    assert result.network == result.design


def test_a_report_says_nothing_of_bit_exact_backends_that_it_does_not_have(done):
    assert check_summary(done.comparison).headline == ""
    quantized = replace(done.comparison.results[0], name="quantized")
    assert check_summary(replace(done.comparison, results=(quantized,))).headline == NOT_COMPARED


def test_a_network_beside_it_that_does_not_record_its_lines_is_noted(done):
    record = replace(open_network(done.folder).checkpoint.data, options={"data": "lines"})
    of_run, design = (SimpleNamespace(checkpoint=one) for one in (SimpleNamespace(data=record), None))
    assert shared_lines({"run": of_run}) == (record, ())
    assert shared_lines({"a.npz": design, "b.npz": design}) == (None, ())
    note = "a.npz does not record its training lines; lines that run was validated on may be among them."
    assert shared_lines({"a.npz": design, "run": of_run}) == (record, (note,))


# Commands -----------------------------------------------------------------------------------------------------------


def test_it_is_compared_and_evaluated_from_its_folder(done, data):
    result = run("compare", done.folder, "--data", data, "--json", "--ignore-limits", "--threads", 2)
    assert result.exit_code == 0, result.output
    for option in ("--ignore-limits", "--threads"):
        assert f"{option} has no effect: no network is simulated." in result.stderr.splitlines()
    found = json.loads(result.stdout)
    assert found["experiment"] == "LSTM8_W32B32A32I32_FC_W32B32"
    assert [(level["level"], level["labels"]) for level in found["levels"]] == [
        ("float", "greedy CTC"),
        ("float", "overlay labels"),
    ]
    rates = run("evaluate", done.folder, "--data", data).stdout
    assert f"greedy CTC: CER {found['levels'][0]['cer']:.2f} %" in rates
    fails(
        "backends has simulated, which only a quantized network has; a float network has float alone.",
        *("compare", done.folder, "--backends", "simulated"),
    )


@pytest.mark.parametrize(
    "command",
    [
        ("export", "{}", "-o", "x.hpp"),
        ("export", "{}", "--project", "x"),
        ("simulate", "{}", "x.png"),
        ("csim", "{}", "x.png"),
        ("run", "{}", "x.png"),
        ("verify", "{}", "x.hpp", "x.png"),
        ("inspect", "{}", "--bounds"),
        *((name, "{}") for name in ("estimate", "explore", "synth")),
    ],
    ids=" ".join,
)
def test_a_command_for_the_hardware_says_what_it_is_and_what_can_be_done(done, command):
    path = done.network
    fails(
        f"{path} is a float network (LSTM8_W32B32A32I32_FC_W32B32): its weights and activations are in floating point, and the "
        "hardware takes fixed point. `foldline compare`, `report` and `evaluate` measure it; "
        f"`foldline recipe --warm-up {path}` trains a network for the hardware from its weights.",
        *(part.format(path) for part in command),
    )


def test_a_checkpoint_whose_weights_are_not_finite_is_refused(done, tmp_path):
    checkpoint = Checkpoint.load(done.network)
    checkpoint.model["fc.bias"][0] = float("nan")
    checkpoint.save(tmp_path / "nan.pt")
    with pytest.raises(CheckpointError, match=r"fc\.bias: 1 of"):
        open_network(tmp_path / "nan.pt")


def test_without_a_design_the_checkpoint_must_be_a_float_networks(done, data, tmp_path):
    lines = read_dataset(data).validation
    with pytest.raises(ConfigError, match=r"^design is None"):
        compare(None, lines, backends=("float",))
    checkpoint = Checkpoint.load(done.network)
    other = replace(checkpoint, hyperparameters=replace(checkpoint.hyperparameters, neuron_type="QLSTM"))
    assert compare(None, lines, checkpoint=other).results == compare(None, lines, checkpoint=checkpoint).results
