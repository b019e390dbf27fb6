"""The presets in `params/`: each is what its file name says, and leads to a design without further options."""

from pathlib import Path

import pytest

import params
from datapath import Alphabet, Folding
from tests.train.test_checkpoint import checkpoint
from train.config import Hyperparameters
from train.export import design_from_checkpoint
from train.model import Recogniser

PRESETS = sorted(Path(params.__file__).parent.glob("QLSTM128_*.json"))


def test_the_published_precisions_are_all_there():
    networks = [f"QLSTM128_W{w}B8A{a}" for w, a in ((2, 2), (2, 4), (4, 4), (4, 8), (8, 8))]
    assert {f"{name}{rest}" for name in networks for rest in ("I8_FC_W8B8", "I32_FC_W32B32")} == {
        path.stem for path in PRESETS
    }


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_named_for_what_it_trains_and_exports_as_it_is(path):
    hp = Hyperparameters.from_json(path)
    assert str(hp.experiment_name()) == path.stem
    alphabet = Alphabet(("", "a", "b"))
    trained = checkpoint(hyperparameters=hp, alphabet=alphabet, model=Recogniser(hp, 3).state_dict())
    result = design_from_checkpoint(trained, folding=Folding(pe=1, simd_input=32, simd_recurrent=128))
    fixed = path.stem.replace("I32_FC_W32B32", "I8_FC_W8B8")  # the export rounds an FC layer in floating point
    assert str(result.design.experiment) == fixed
    assert (result.fc_scale == 1.0) == (fixed == path.stem)


def test_a_preset_is_found_by_its_file_name(tmp_path):
    preset = PRESETS[0]
    assert params.find(Path("quantized_params") / preset.name) == preset
    assert params.find(Path(preset.stem)) == preset
    assert params.find(tmp_path / "unknown.json") == tmp_path / "unknown.json"
    own = tmp_path / preset.name
    own.write_text("{}")
    assert params.find(own) == own


def test_the_float_preset_differs_from_w2a4_in_arithmetic_alone():
    """So that a float network is trained like a quantized one, and only its arithmetic is compared."""
    names = ("LSTM128_W32B32A32I32_FC_W32B32", "QLSTM128_W2B8A4I8_FC_W8B8")
    in_float, quantized = (Hyperparameters.from_json(params.find(Path(name))) for name in names)
    assert str(in_float.experiment_name()) == names[0]
    assert in_float.is_float and not quantized.is_float
    one, other = in_float.to_dict(), quantized.to_dict()
    differing = {name for name in one if one[name] != other[name]}
    assert {name for name in differing if not name.endswith(("_bit_width", "_quantization"))} == {
        *("neuron_type", "forward_arithmetic", "prefused_bn_fc"),
    }
