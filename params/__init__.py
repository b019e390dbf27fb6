"""Hyperparameter presets: one JSON file per network, named for what it trains; `demo.json` is the demo's."""

from __future__ import annotations

from pathlib import Path

LINES = {
    "A32I32_FC_W32B32": "a float network, trained like those in the overlay's arithmetic to compare them with; for recipe",
    "I32_FC_W32B32": "step 1 of the original's two: its trainer's arithmetic, batch norm, float FC layer; for train",
    "I8_FC_W8B8": "all in the overlay's arithmetic: for recipe, or as step 2 for train with RETRAIN --init-bn-fc-fusion",
    "demo": "W2A4 in few epochs, as the demo and the tutorial train it; for train",
}
"""What the presets are for, by the end of their names."""


def presets() -> dict[str, str]:
    """The name of every preset, in order, with one line on what it is for."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.json"))
    return {name: next(line for end, line in LINES.items() if name.endswith(end)) for name in names}


def find(path: Path) -> Path:
    """`path`, or the preset of that file name if there is no such file; ``.json`` may be left out, and case does not count.

    :param path: of a params file, such as ``quantized_params/QLSTM128_W2B8A4I8_FC_W8B8.json``.
    """
    names = {name.lower(): name for name in presets()}
    preset = names.get(path.name.lower().removesuffix(".json"))
    return path if preset is None or path.exists() else Path(__file__).with_name(f"{preset}.json")
