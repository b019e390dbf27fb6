"""Hyperparameter presets: one JSON file per network, named for what it trains; `demo.json` is the demo's."""

from __future__ import annotations

from pathlib import Path


def find(path: Path) -> Path:
    """`path`, or the preset of that file name if there is no such file; ``.json`` may be left out of a name.

    :param path: of a params file, such as ``quantized_params/QLSTM128_W2B8A4I8_FC_W8B8.json``.
    """
    preset = Path(__file__).with_name(path.name if path.suffix == ".json" else f"{path.name}.json")
    return preset if not path.exists() and preset.is_file() else path
