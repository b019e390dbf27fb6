"""Checkpoints of pytorch-ocr and state dicts of torch: their weights, their alphabet, and what is said of the rest."""

import io
import struct

import pytest
import torch
from torch import nn

from datapath import Alphabet
from datapath.errors import CheckpointError
from tests.golden_data import published_network
from tests.train import tiny
from tests.train.test_checkpoint import checkpoint
from tests.train.test_torch_file import CASE
from train.checkpoint import Checkpoint
from train.export import design_from_checkpoint
from train.original import load_checkpoint
from train.starting import Pretrained
from train.torch_file import TorchFile
from train.trainer import train

LETTERS = Alphabet(("", *"abc "))


def known(letters=LETTERS):
    return lambda classes: (letters, "letters.txt")


class Plain(nn.Module):
    """What people write themselves: `features` before the linear layer, with or without batch norm."""

    def __init__(self, *, inputs=tiny.HEIGHT, hidden=6, classes=5, norm=True, bidirectional=True, bias=True):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, bidirectional=bidirectional, bias=bias)
        features = hidden * (2 if bidirectional else 1)
        if norm:
            self.norm = nn.BatchNorm1d(features)
            with torch.no_grad():
                self.norm.running_mean.uniform_(-0.5, 0.5)
                self.norm.running_var.uniform_(0.01, 2)
                nn.init.uniform_(self.norm.weight, -2, 2)
                nn.init.uniform_(self.norm.bias, -1, 1)
        self.fc = nn.Linear(features, classes)

    def forward(self, columns):
        """[T, I] -> [T, C]."""
        hidden, _ = self.lstm(columns)
        return self.fc(self.norm(hidden) if hasattr(self, "norm") else hidden)


def write(path, content, *, legacy=False):
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


def original(model: Plain, **params) -> dict:
    """A checkpoint with pytorch-ocr's names of a `Plain` network."""
    names = {"lstm.": "recurrent_layer.", "norm.": "batch_norm_fc.batch_norm.", "fc.": "batch_norm_fc.linear."}
    state = {}
    for name, one in model.state_dict().items():
        ours = next(prefix for prefix in names if name.startswith(prefix))
        state[names[ours] + name.removeprefix(ours)] = one
    values = {"layer_size": 6, "target_height": tiny.HEIGHT, "batch_size": 4, **params}
    rest = {
        "optim_dict": {"state": {}, "param_groups": []},
        "epoch": 3,
        "best_val_wer": [1, 2.0],
        "best_val_cer": [1, 2.0],
    }
    return {"trainer_params": values, "state_dict": state, **rest}


def refusal(path, alphabet=None) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path, alphabet=alphabet or known())
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.mark.parametrize("form", ["pytorch-ocr", "state dict", "state dict of a GPU pair"])
@pytest.mark.parametrize("options", [{}, {"norm": False}, {"bidirectional": False}, {"bias": False}], ids=str)
def test_the_float_network_computes_what_torch_computes(tmp_path, form, options):
    """Reference: torch.nn.LSTM, BatchNorm1d and Linear in float64. Ours in float64 makes the same sums in another order:
    about 100 terms of size 1 with an error of 1e-16 each, and no step of the LSTM enlarges an error by more than its
    weights' sum, here below 6; 40 columns stay far below 1e-9."""
    torch.manual_seed(4)
    model = Plain(**options).eval()
    content = model.state_dict()
    if form == "pytorch-ocr":
        params = {
            "recurrent_bias_enabled": options.get("bias", True),
            "bidirectional": options.get("bidirectional", True),
        }
        content = original(model, prefused_bn_fc=not options.get("norm", True), neuron_type="LSTM", **params)
    elif form == "state dict of a GPU pair":
        content = {"model_state_dict": {f"module.{name}": one for name, one in content.items()}, "lr": 0.1}
    loaded = load_checkpoint(write(tmp_path / "x.tar", content, legacy=form == "pytorch-ocr"), alphabet=known())
    ours = loaded.recogniser().double()
    columns = torch.rand(40, tiny.HEIGHT, dtype=torch.float64) * 2 - 1
    with torch.no_grad():
        hidden = ours.recurrent(columns[:, None], torch.tensor([len(columns)]))[:, 0]
        found, expected = ours.scores_of(hidden), model.double()(columns)
    assert expected.abs().max() > 0.1
    assert (found - expected).abs().max() < 1e-9
    assert loaded.epoch == (3 if form == "pytorch-ocr" else 0)


def test_the_case_has_its_hyperparameters_and_every_weight():
    loaded = load_checkpoint(CASE, alphabet=known(Alphabet(("", *"abcdefghijk"))))
    hp = loaded.hyperparameters
    assert str(hp.experiment_name()) == "QLSTM4_W2B8A4I32_FC_W32B32"
    assert (loaded.epoch, loaded.optimiser, loaded.origin) == (11, None, "pytorch-ocr")
    stored = TorchFile(CASE, io.BytesIO(CASE.read_bytes()))
    names = {
        "recurrent.": "recurrent_layer.",
        "batch_norm.": "batch_norm_fc.batch_norm.",
        "fc.": "batch_norm_fc.linear.",
    }
    for name, one in loaded.model.items():
        ours = next(prefix for prefix in names if name.startswith(prefix))
        if name != "batch_norm.num_batches_tracked":  # the old torch had none
            original_name = names[ours] + name.removeprefix(ours)
            assert torch.equal(one, stored.tensor(stored.content["state_dict"][original_name])), name
    (note,) = loaded.notes
    assert "12 classes" in note
    assert note.endswith("letters.txt: abcdefghijk")


def test_weights_of_other_types_are_converted_and_it_is_said(tmp_path):
    loaded = load_checkpoint(write(tmp_path / "x.pt", Plain().double().state_dict()), alphabet=known())
    assert loaded.model["fc.weight"].dtype is torch.float32
    assert any("float64; they were converted to float32" in note for note in loaded.notes)


def test_an_unknown_hyperparameter_is_a_note_and_a_wrong_one_an_error(tmp_path):
    path = write(tmp_path / "x.tar", original(Plain(), dataset="uw3", neuron_type="lstm"))
    notes = load_checkpoint(path, alphabet=known()).notes
    assert any("'dataset' = 'uw3'" in note for note in notes)
    said = refusal(write(tmp_path / "x.tar", original(Plain(), layer_size=0)))
    assert "layer_size is 0" in said


def test_the_published_weights_in_such_a_checkpoint_are_the_published_network(shared_data, tmp_path):
    """Latent weights that are multiples of the step are what the export rounds to; B8, W2: steps of 1/128 and 1/2."""
    published = published_network(shared_data, "W2A4")
    step = {"weights": 2, "biases": 128, "fc": 128}
    state = {}
    for direction, suffix in enumerate(("l0", "l0_reverse")):
        for kind, name in (("weights", "weight"), ("biases", "bias")):
            for side, short in (("input", "ih"), ("recurrent", "hh")):
                gates = getattr(published, f"{kind}_{side}")[direction]
                state[f"recurrent_layer.{name}_{short}_{suffix}"] = torch.tensor(gates).flatten(0, 1) / step[kind]
    state["batch_norm_fc.linear.weight"] = (
        torch.cat([torch.tensor(half) for half in published.fc_weights], 1) / step["fc"]
    )
    state["batch_norm_fc.linear.bias"] = torch.tensor(published.fc_biases[0]) / step["fc"]
    widths = {"recurrent_weight": 2, "recurrent_bias": 8, "recurrent_activation": 4, "fc_weight": 8, "fc_bias": 8}
    params = {f"{part}_bit_width": bits for part, bits in widths.items()}
    params |= {f"{part}_quantization": "SIGNED_FIXED_UNIT" for part in widths}
    params |= {"internal_activation_bit_width": 8, "prefused_bn_fc": True}
    path = write(tmp_path / "x.tar", {"trainer_params": params, "state_dict": state}, legacy=True)
    exported = design_from_checkpoint(
        load_checkpoint(path, alphabet=known(published.alphabet)), folding=published.folding
    )
    assert exported.design.same_network(published)
    assert not any(exported.clipped.values())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ([1, 2], ["[1, 2]", "table"]),
        ({"a": 5}, ["'a'", "5"]),
        (nn.GRU(8, 6).state_dict() | nn.Linear(6, 5).state_dict(), ["[18, 8]", "LSTM"]),
        (nn.LSTM(8, 6).state_dict(), ["0 times", "linear"]),
        (nn.Linear(8, 6).state_dict(), ["0 times", "LSTM"]),
        (nn.LSTM(8, 6, num_layers=2).state_dict() | nn.Linear(6, 5).state_dict(), ["weight_ih_l1", "one LSTM layer"]),
        (nn.LSTM(8, 6, proj_size=2).state_dict() | nn.Linear(2, 5).state_dict(), ["weight_hr_l0", "one LSTM layer"]),
        ({**Plain().state_dict(), "a.weight": torch.zeros(5, 5)}, ["2 times", "linear"]),
        ({**Plain().state_dict(), "conv.weight": torch.zeros(5, 5, 3)}, ["conv.weight", "one LSTM layer"]),
        ({**Plain().state_dict(), "fc.weight": torch.zeros(5, 9)}, ["fc.weight", "[5, 9]"]),
        ({**Plain().state_dict(), "fc.weight": torch.zeros(5, 12, dtype=torch.int32)}, ["fc.weight", "int32"]),
        (Plain(classes=300).state_dict(), ["300 classes", "256"]),
        (Plain(hidden=1, inputs=1025, classes=2, norm=False).state_dict(), ["target_height is 1025", "1024"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_other_weights_are_refused_by_name(tmp_path, content, named):
    said = refusal(write(tmp_path / "x.pt", content))
    assert all(one in said for one in named), said


def test_a_whole_module_is_refused_with_what_to_save(tmp_path):
    assert "torch.save(model.state_dict(), FILE)" in refusal(write(tmp_path / "x.pt", nn.Linear(2, 2)))


def test_hyperparameters_that_do_not_fit_the_weights_are_refused(tmp_path):
    said = refusal(write(tmp_path / "x.tar", original(Plain(), layer_size=7)))
    assert "[24, 8]" in said  # of 4 * 6 gates, not 4 * 7


# The alphabet -----------------------------------------------------------------------------------------------------


def test_the_alphabet_must_have_as_many_classes(tmp_path):
    path = write(tmp_path / "x.pt", Plain().state_dict())
    said = refusal(path, known(Alphabet(("", "a"))))
    assert "5 classes" in said
    assert "letters.txt has 2" in said
    with pytest.raises(CheckpointError, match="5 classes and no alphabet"):
        load_checkpoint(path)


# What is done with it ---------------------------------------------------------------------------------------------


def test_a_checkpoint_of_ours_is_read_as_before(tmp_path):
    path = tmp_path / "run.pt"
    checkpoint().save(path)
    ours = load_checkpoint(path, alphabet=None)
    assert (ours.sha256, ours.origin, ours.notes) == (Checkpoint.load(path).sha256, "", ())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"cut off|damaged"):
        load_checkpoint(path)


def test_its_weights_start_a_run_and_its_run_is_not_resumed(tmp_path):
    path = write(tmp_path / "x.tar", original(Plain(), neuron_type="LSTM", epochs=1), legacy=True)
    loaded = load_checkpoint(path, alphabet=known())
    with pytest.raises(CheckpointError, match=r"pytorch-ocr.*--pretrained-policy RETRAIN"):
        train(None, tiny.dataset(), experiments=None, checkpoint=loaded)
    result = train(None, tiny.dataset(), experiments=None, checkpoint=loaded, policy=Pretrained.RETRAIN)
    assert result.last.epoch == 1
    assert result.last.origin == ""
    moved = result.last.model["recurrent.weight_hh_l0"] - loaded.model["recurrent.weight_hh_l0"]
    assert 0 < moved.abs().max() < 1e-2  # three steps of Adam at 1e-4 from these weights


def test_a_shared_block_of_numbers_is_read_at_its_places(tmp_path):
    """cuDNN keeps all weights of an LSTM in one block; 8 numbers per unit here, so unit 2 starts at the 16th."""
    block = torch.arange(64, dtype=torch.float32)
    buffer = io.BytesIO()
    torch.save({"a": block[:16].view(2, 8), "b": block[16:24]}, buffer, _use_new_zipfile_serialization=False)
    content = buffer.getvalue()
    assert content.endswith(struct.pack("<64f", *range(64)))  # the whole block, once
    file = TorchFile("x", io.BytesIO(content))
    assert file.tensor(file.content["a"]).tolist() == [list(range(8)), list(range(8, 16))]
    assert file.tensor(file.content["b"]).tolist() == list(range(16, 24))
