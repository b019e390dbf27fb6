"""Committed designs and the results of every stage on a few lines; see `foldline.golden`."""

from pathlib import Path

FOLDER = Path(__file__).parent
"""With ``designs/NAME.npz`` and ``vectors/NAME.npz``."""

MAX_VECTOR_BYTES = 256 * 2**20
"""Limit of the arrays of a file of vectors together; those of our designs have some 5 MB."""
