"""The training benchmark runs from end to end and says what it promises, at a size at which its times mean nothing."""

import importlib.util
import json

import pytest

from benchmarks import training

pytestmark = pytest.mark.no_numpy2

TINY = ("--lines=3", "--columns=12", "--hidden=8", "--rounds=2", "--threads=1", "--lengths", "3", "12", "20")


def output_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    monkeypatch.setattr("sys.argv", ["benchmarks.training", *TINY, *options])
    training.main()
    return capsys.readouterr().out


def test_json_is_one_object_in_the_last_line_with_all_ratios(capsys, monkeypatch):
    figures = json.loads(output_of(capsys, monkeypatch, "--json").splitlines()[-1])
    ratios = ("ratio_to_nn_lstm", "ratio_to_nn_lstm_on_synthetic_lines", "ratio_of_best_to_nn_lstm")
    assert all(figures[name] > 0 for name in (*ratios, "training_columns_per_second"))
    assert figures["per_column_spread"] >= 1
    assert list(figures["seconds_per_column"]) == ["3 x 3", "3 x 12", "1 x 20", "3 x 3..20"]
    assert figures["nn_lstm_per_column_spread"] is None
    assert (
        figures["share_of_background"]["random pixels"] < 0.1 < 0.5 < figures["share_of_background"]["synthetic lines"]
    )
    shares = figures["percent_of_step"]
    assert set(training.PARTS.values()) < set(shares) and sum(shares.values()) == pytest.approx(100)
    assert all(shares[part] > 0 for part in set(training.PARTS.values()))
    assert figures["threads"] == 1 and figures["rounds"] == 2 and figures["cpu"]


@pytest.mark.skipif(importlib.util.find_spec("brevitas") is not None, reason="brevitas is installed")
def test_without_brevitas_its_ratio_is_null(capsys, monkeypatch):
    assert json.loads(output_of(capsys, monkeypatch, "--json").splitlines()[-1])["speedup_over_brevitas"] is None


def test_tables_hold_the_rival_at_every_shape_when_asked_for_cliffs(capsys, monkeypatch):
    printed = output_of(capsys, monkeypatch, "--cliffs")
    assert "Forward and backward, 3 x 12 columns x 32, H 8" in printed
    assert printed.count("torch.nn.LSTM") >= 2 and "columns per second" in printed
