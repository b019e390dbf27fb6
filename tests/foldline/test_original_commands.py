"""What users of the original trainer type after `foldline train`: each line works, or names the new command in full."""

import io
import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import params
from datapath import Design
from foldline.cli import main
from tests.golden_data import REPOSITORY
from tests.test_docs import commands_of
from tests.train import tiny
from train.checkpoint import Checkpoint
from train.config import Hyperparameters
from train.data.dataset import Dataset, Line, read_dataset, write_dataset
from train.model import Recogniser
from train.torch_file import TorchFile
from train.trainer import train

FIRST = "QLSTM128_W2B8A4I32_FC_W32B32.json"
"""The preset of the original's first step: batch norm, and the FC layer in floating point."""

TAR = REPOSITORY / "tests" / "cases" / "original-checkpoint" / "epoch_best_cer.tar"
"""A checkpoint as pytorch-ocr wrote it: 4 hidden units, 12 classes, batch norm, W2B8A4I32, FC layer in floating point."""

pytestmark = pytest.mark.no_numpy2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`lines`, and `CK`, which preset `FIRST` leads to."""
    folder = tmp_path_factory.mktemp("original")
    lines = read_dataset(write_dataset(tiny.dataset(), folder / "lines"))
    preset = Hyperparameters.from_json(params.find(folder / FIRST))
    small = Hyperparameters.from_dict({**preset.to_dict(), "epochs": 1}, source="test")
    train(small, lines, experiments=folder / "runs").last.save(folder / "CK")
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
    line = ["train", "-i", "CK.pt", "--export", *folding.split()]
    refused = CliRunner().invoke(main, line)
    assert refused.exit_code == 1  # I32 and FC_W32B32: the hardware has 8 bits
    assert "--allow-narrowing" in refused.stderr.splitlines()[-1]
    assert not (tmp_path / "CK.hpp").exists()
    result = CliRunner().invoke(main, [*line, "--allow-narrowing"])
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


# With a checkpoint that the original wrote -----------------------------------------------------------------------------


@pytest.fixture
def tar(folder, tmp_path, monkeypatch):
    """Type a line after `foldline` in a folder with the checkpoint `CK`, the 11 characters of its classes, and `lines`."""
    (tmp_path / "CK").write_bytes(TAR.read_bytes())
    (tmp_path / "letters.txt").write_text("abc defghij")
    (tmp_path / "lines").symlink_to(folder / "lines")
    monkeypatch.chdir(tmp_path)
    return lambda line: CliRunner().invoke(main, shlex.split(line))


LETTERS = "--alphabet letters.txt"
CONTINUED = f"train -i CK --pretrained_policy RETRAIN {LETTERS} --data lines --epochs 2 --dry_run"


@pytest.mark.parametrize(
    "line",
    [
        CONTINUED,
        f"{CONTINUED.replace('RETRAIN', 'retrain')} -p {FIRST} --layer_size 4",
        f"{CONTINUED} --init_bn_fc_fusion",
        f"{CONTINUED} --init_bn_fc_fusion --prefused_bn_fc False",
        f"{CONTINUED} --init_bn_fc_fusion -p QLSTM128_W2B8A4I8_FC_W8B8.json --layer_size 4",
        f"{CONTINUED} --lr_schedule step --neuron_type=lstm --bidirectional=True "
        "--recurrent_weight_bit_width 32 --recurrent_weight_quantization fp --recurrent_bias_bit_width 32 "
        "--recurrent_bias_quantization fp --recurrent_activation_bit_width 32 --recurrent_activation_quantization fp",
    ],
)
def test_weights_of_the_original_start_a_run(tar, line):
    result = tar(line)
    assert result.exit_code == 0, result.output
    assert "letters.txt: abc defghij" in result.stderr
    assert any(text.startswith("epoch    2") for text in result.stdout.splitlines())


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("-i CK", ["RETRAIN"]),
        (f"-i CK -p {FIRST}", ["RETRAIN"]),
        ("-i CK --pretrained_policy RESUME", ["RETRAIN"]),
        (f"-i CK --pretrained_policy RESUME {LETTERS} --data lines", ["RETRAIN"]),
        (
            f"-i CK --pretrained_policy RETRAIN -p {FIRST} {LETTERS} --data lines",
            ["layer_size is 128", "--layer-size 4"],
        ),
        (f"-i CK --pretrained_policy RETRAIN --prefused_bn_fc True {LETTERS} --data lines", ["--init-bn-fc-fusion"]),
        (f"-i CK --pretrained_policy RETRAIN {LETTERS} --data lines --bidirectional False", ["--bidirectional true"]),
        ("-i CK --pretrained_policy RETRAIN --data lines", ["12 classes", "give 5", "--alphabet"]),
        ("-i CK --pretrained_policy RETRAIN", ["12 classes", "--alphabet FILE", "--data DIR"]),
        ("-i CK --export", ["12 classes", "--alphabet FILE"]),
        ("-i CK --export --alphabet none.txt", ["none.txt"]),
        ("-i CK --eval", ["12 classes", "--alphabet FILE"]),
        (f"-i CK --init_bn_fc_fusion {LETTERS}", ["--pretrained-policy RETRAIN"]),
        (LETTERS, ["--alphabet needs -i CHECKPOINT"]),
    ],
)
def test_what_is_missing_is_named(tar, line, named):
    result = tar(f"train {line}")
    assert result.exit_code in (1, 2)
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert all(one in last for one in named), last


def test_its_error_rates_are_measured(tar):
    for line in (f"train -i CK --eval --data lines {LETTERS}", f"evaluate CK --data lines {LETTERS}"):
        result = tar(line)
        assert result.exit_code == 0, result.output
        assert "3 validation lines of lines" in result.stdout


def test_the_training_lines_give_its_alphabet(tar, tmp_path):
    """Line n is n letters wide and holds one character, so a to k is the order of the widths."""
    lines = tuple(Line(letter, letter, tiny.draw("a" * n)) for n, letter in enumerate("abcdefghijk", start=1))
    write_dataset(Dataset(lines, lines[:2], "letters"), tmp_path / "letters")
    result = tar("evaluate CK --data letters")
    assert result.exit_code == 0, result.output
    assert "the characters of the training lines of letters: abcdefghijk" in result.stderr


def test_the_header_of_the_original_is_that_of_its_weights(tar, tmp_path):
    """2-bit weights are multiples of 1/2 in [-1, 1/2], rounded half to even: times 2, as integers -2 to 1."""
    result = tar(f"export CK -o net.hpp --design net.npz {LETTERS} --allow-narrowing")
    assert result.exit_code == 0, result.output
    design = Design.load(tmp_path / "net.npz")
    stored = TorchFile(TAR, io.BytesIO(TAR.read_bytes()))
    state = stored.content["state_dict"]
    for direction, suffix in enumerate(("l0", "l0_reverse")):
        weights = stored.tensor(state[f"recurrent_layer.weight_ih_{suffix}"]).reshape(4, 4, 32).double()
        expected = torch.round(weights.clamp(-1, 0.5) * 2)
        assert np.array_equal(design.weights_input[direction], expected)
    assert design.alphabet.symbols == ("", *"abc defghij")
    assert tar("verify net.npz net.hpp").exit_code == 0
    assert tar(f"train -i CK --export --simd_factor 2 --pe 1 {LETTERS} --allow-narrowing").exit_code == 0
    assert (tmp_path / "CK.hpp").exists()


def test_its_test_image_is_written(tar, tmp_path):
    result = tar(f"train -i CK --export_test_image {LETTERS} --data lines")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "test_image.hpp").exists()


def test_it_is_compared_and_reported(tar, tmp_path):
    result = tar(f"compare CK --data lines {LETTERS} --json")
    assert result.exit_code == 0, result.output
    assert {one["level"] for one in json.loads(result.stdout)["levels"]} == {
        "float-activations",
        "quantized",
        "simulated",
    }
    assert tar(f"report CK --data lines {LETTERS} -o report.html --lines 1 --inspect 0").exit_code == 0


def test_its_weights_begin_a_recipe(tar, tmp_path):
    options = "-p demo --layer_size 4 --epochs 4 --data lines --no_cuda"
    result = tar(f"recipe --warm_up CK {LETTERS} {options}")
    assert result.exit_code == 0, result.output
    (recipe,) = tmp_path.glob("experiments/*-recipe-1")
    assert [path.name for path in sorted(recipe.iterdir()) if path.is_dir()] == ["2-recurrent", "3-hardware"]
    assert Checkpoint.load(recipe / "warm-up.pt").alphabet.symbols == ("", *"abc defghij")  # resumable without the .tar
    assert (recipe / "design.npz").is_file()


def test_a_float_network_without_batch_norm_begins_a_recipe_without(tar, tmp_path):
    lstm, linear = torch.nn.LSTM(32, 4, bidirectional=True), torch.nn.Linear(8, 12)
    model = torch.nn.ModuleDict({"rnn": lstm, "out": linear})
    torch.save(model.state_dict(), tmp_path / "plain.pt")
    result = tar(f"recipe --warm_up plain.pt {LETTERS} -p demo --layer_size 4 --epochs 4 --data lines --no_cuda")
    assert result.exit_code == 0, result.output
    (stage,) = tmp_path.glob("experiments/*-recipe-1/2-recurrent/*/last.pt")
    assert Checkpoint.load(stage).hyperparameters.prefused_bn_fc


def test_a_recipe_of_another_size_is_refused_before_anything_is_written(tar, tmp_path):
    result = tar(f"recipe --warm_up CK {LETTERS} -p demo --epochs 4 --data lines --no_cuda")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: CK: layer_size is 128")
    assert not (tmp_path / "experiments").exists()


def test_an_alphabet_for_a_network_that_has_one_must_be_the_same(tar, folder, tmp_path):
    (tmp_path / "ours").write_bytes((folder / "CK").read_bytes())
    (tmp_path / "same.txt").write_text("".join(Checkpoint.load(tmp_path / "ours").alphabet.symbols))
    assert tar("evaluate ours --data lines --alphabet same.txt").exit_code == 0
    for line in ("evaluate ours --data lines", "compare ours --data lines", "export ours -o net.hpp"):
        result = tar(f"{line} {LETTERS}")
        assert result.exit_code in (1, 2)
        assert "letters.txt" in result.stderr.splitlines()[-1]
    assert (tmp_path / "letters.txt").read_text() == "abc defghij"


def test_presets_are_listed_with_one_line_each():
    for command in ("train", "recipe"):
        listed = CliRunner().invoke(main, [command, "--list-presets"]).stdout.splitlines()
        assert [line.split()[0] for line in listed] == sorted(params.presets())
        assert all(len(line) <= 132 and len(line.split()) > 3 for line in listed)
    assert FIRST.removesuffix(".json") in params.presets()


def test_a_preset_that_there_is_not_gets_a_suggestion():
    result = CliRunner().invoke(main, ["train", "-p", "QLSTM128_W2B8A4I32_FC_W32"])
    assert result.exit_code == 1
    assert "did you mean 'QLSTM128_W2B8A4I32_FC_W32B32'" in result.stderr


def test_the_parts_of_a_dataset_are_enough_without_its_folder(tar):
    """As the original's command line has them: no `--data`."""
    parts = "--valid lines/valid.txt --sortedtrain lines/sortedTrain.txt --imgs lines/imgs"
    result = tar(f"train {parts} --epochs 1 --layer_size 4 --dry_run")
    assert result.exit_code == 0, result.output
    assert "10 training and 3 validation lines" in result.output


def write_original(path, hyperparameters):
    """Write an untrained network of 5 classes as pytorch-ocr did."""
    names = {
        "recurrent.": "recurrent_layer.",
        "batch_norm.": "batch_norm_fc.batch_norm.",
        "fc.": "batch_norm_fc.linear.",
    }
    state = {}
    for name, one in Recogniser(hyperparameters, 5).state_dict().items():
        ours = next(prefix for prefix in names if name.startswith(prefix))
        state[names[ours] + name.removeprefix(ours)] = one
    torch.save({"trainer_params": hyperparameters.to_dict(), "state_dict": state}, path)


def test_the_commands_of_the_page_run_as_they_stand(tar, tmp_path):
    """With few lines in place of UW3-500: first a checkpoint of the original's second step, then one of its first."""
    (tmp_path / "uw3-500").symlink_to(tmp_path / "lines")
    first = Hyperparameters.from_json(params.find(tmp_path / FIRST))
    fixed = {f"fc_{part}_{kind}": value for part in ("weight", "bias") for kind, value in FC_FIXED.items()}
    second = replace(first, internal_activation_bit_width=8, prefused_bn_fc=True, **fixed)
    commands = commands_of("docs/from-pytorch-ocr.md")
    assert [words[1] for words in commands] == [
        *("export", "verify", "compare"),
        *("recipe", "export", "verify"),
        *("train", "train"),
    ]
    for number, words in enumerate(commands):
        write_original(tmp_path / "epoch_best_cer.tar", second if number < 3 else first)
        few = {"recipe": ["--epochs", "3", "--no-cuda"], "train": ["--epochs", "1", "--no-cuda"]}.get(words[1], [])
        result = tar(shlex.join([*words[1:], *few]))
        assert result.exit_code == 0, (words, result.output)


FC_FIXED = {"bit_width": 8, "quantization": "SIGNED_FIXED_UNIT"}
