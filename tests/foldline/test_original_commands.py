"""What users of the original trainer type after `foldline train`: each line works, or names the new command in full."""

import shlex

import pytest
from click.testing import CliRunner

from foldline.cli import main
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import write_dataset
from train.trainer import train

FIRST = "QLSTM128_W2B8A4I32_FC_W32B32.json"
"""The preset of the original's first step: batch norm, and the FC layer in floating point."""

pytestmark = pytest.mark.no_numpy2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`lines`, and `CK`, which preset `FIRST` leads to."""
    import params

    folder = tmp_path_factory.mktemp("original")
    write_dataset(tiny.dataset(), folder / "lines")
    preset = Hyperparameters.from_json(params.find(folder / FIRST))
    small = Hyperparameters.from_dict({**preset.to_dict(), "epochs": 1}, source="test")
    train(small, tiny.dataset(), experiments=folder / "runs").last.save(folder / "CK")
    return folder


@pytest.fixture
def typed(folder, tmp_path, monkeypatch):
    """Type a line after `foldline train` in a folder with a checkpoint `CK`; `more` keeps the run small."""

    def run(line, *more):
        (tmp_path / "CK").write_bytes((folder / "CK").read_bytes())
        monkeypatch.chdir(tmp_path)
        arguments = [*shlex.split(line), "--data", str(folder / "lines"), *more]
        return CliRunner().invoke(main, ["train", *arguments])

    return run


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"-p {FIRST}",
        f"-p quantized_params/{FIRST}",
        "-e experiments --dry_run --no_cuda",
        "-i CK",
        f"-i CK -p {FIRST}",
        "-i CK --pretrained_policy RESUME",
        f"-i CK --pretrained_policy RETRAIN -p {FIRST}",
        "-i CK --pretrained_policy RETRAIN --init_bn_fc_fusion -p QLSTM128_W2B8A4I8_FC_W8B8.json",
        "--layer_size 64 --lr 1e-3 --lr_schedule STEP --lr_step 40 --lr_gamma 0.5 --batch_size 16 --bidirectional False "
        "--reduce_bidirectional SUM --recurrent_bias_enabled False",
        "--recurrent_weight_bit_width 2 --recurrent_weight_quantization SIGNED_FIXED_UNIT "
        "--internal_activation_bit_width 8 --quantize_input True --mask_padded True",
    ],
)
def test_a_run_trains(typed, line):
    result = typed(line, "--epochs", "2")
    assert result.exit_code == 0, result.output
    assert any(text.startswith("epoch    2") for text in result.stdout.splitlines())


def test_false_is_false(typed, tmp_path):
    assert typed("--bidirectional False --layer_size 4", "--epochs", "1").exit_code == 0
    (saved,) = tmp_path.glob("experiments/*/last.pt")
    assert Checkpoint.load(saved).hyperparameters.bidirectional is False


def test_the_parts_of_a_dataset_are_named_one_by_one(typed, folder):
    lines = folder / "lines"
    parts = f"--valid {lines}/valid.txt --sortedtrain {lines}/sortedTrain.txt --imgs {lines}/imgs"
    assert typed(parts, "--epochs", "1", "--layer_size", "4").exit_code == 0


@pytest.mark.parametrize(
    ("line", "command", "written"),
    [
        ("-i CK --eval", "foldline evaluate CK", []),
        ("-i CK --eval --no_cuda", "foldline evaluate CK --no-cuda", []),
        (
            "-i CK --export_test_image",
            "foldline export CK --test-image test_image",
            ["test_image.npz", "test_image.hpp"],
        ),
        ("-i CK --export_test_image x --no_cuda", "foldline export CK --test-image x", ["x.npz", "x.hpp"]),
        ("-p demo --recipe hardware", "foldline recipe -p demo", []),
    ],
)
def test_another_mode_runs_its_command(typed, folder, tmp_path, line, command, written):
    more = ("--epochs", "4", "--layer-size", "8") if "recipe" in command else ()
    result = typed(line, *more)
    assert result.exit_code == 0, result.output
    options = shlex.join(["--data", str(folder / "lines"), *more])
    named = next(text for text in result.stderr.splitlines() if "a command of its own" in text)
    assert named.endswith(f": {command} {options}") or sorted(shlex.split(named.split(": ")[1])) == sorted(
        shlex.split(f"{command} {options}")
    )
    assert all((tmp_path / name).exists() for name in written)


@pytest.mark.parametrize("folding", ["", "--simd_factor 2 --pe 1"])
def test_export_writes_the_header_beside_the_checkpoint(folder, tmp_path, monkeypatch, folding):
    (tmp_path / "CK.pt").write_bytes((folder / "CK").read_bytes())
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train", "-i", "CK.pt", "--export", *folding.split()])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "CK.hpp").exists()
    assert "foldline export CK.pt -o CK.hpp" in result.stderr


def test_what_a_command_does_not_take_is_named_with_the_command_in_full(typed, folder):
    result = typed("-i CK --eval --lr 0.1 --dry_run")
    assert result.exit_code == 2
    message = result.stderr.splitlines()[-1]
    assert "--dry-run" in message
    assert "--lr" in message
    assert message.endswith(f"foldline evaluate CK {shlex.join(['--data', str(folder / 'lines')])}")


@pytest.mark.parametrize(("mode", "command"), [("--eval", "evaluate"), ("--export", "export")])
def test_a_mode_without_a_checkpoint_names_what_is_missing(mode, command):
    result = CliRunner().invoke(main, ["train", mode])
    assert result.exit_code == 2
    assert f"foldline {command} CHECKPOINT" in result.stderr
    assert "-i CHECKPOINT" in result.stderr
