"""Committed designs and the results of every stage on a few lines; see `foldline.golden`."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""With ``designs/NAME.npz`` and ``vectors/NAME.npz``."""
