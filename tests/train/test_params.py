"""The presets in `params/`: each is what its file name says, and leads to a design without further options."""

from pathlib import Path

import pytest

from datapath import Alphabet, Folding
from tests.train.test_checkpoint import checkpoint
from train.config import Hyperparameters
from train.export import design_from_checkpoint
from train.model import Recogniser

PRESETS = sorted((Path(__file__).parents[2] / "params").glob("QLSTM128_*.json"))


def test_the_published_precisions_are_all_there():
    names = {f"QLSTM128_W{w}B8A{a}I8_FC_W8B8" for w, a in ((2, 2), (2, 4), (4, 4), (4, 8), (8, 8))}
    assert names <= {path.stem for path in PRESETS}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_named_for_what_it_trains_and_exports_as_it_is(path):
    hp = Hyperparameters.from_json(path)
    assert str(hp.experiment_name()) == path.stem
    alphabet = Alphabet(("", "a", "b"))
    trained = checkpoint(hyperparameters=hp, alphabet=alphabet, model=Recogniser(hp, 3).state_dict())
    result = design_from_checkpoint(trained, folding=Folding(pe=1, simd_input=32, simd_recurrent=128))
    assert str(result.design.experiment) == path.stem
    assert result.fc_scale == 1.0
