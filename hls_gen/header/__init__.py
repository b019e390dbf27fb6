"""The weight header ``r_model_fw_bw.hpp``, which LSTM-PYNQ's HLS sources include.

`render_header` and `parse_header` are inverses on a `FoldedNetwork`; `write_header` and `read_header` do the same with a
file. Nothing in a header is executed, and an error names line and column.
"""

from __future__ import annotations

import os

from datapath import FoldedNetwork
from datapath.files import write_text
from datapath.reading import read_bytes
from hls_gen.header.parse import parse_header
from hls_gen.header.render import render_header
from hls_gen.header.tokenizer import decoded

__all__ = ["parse_header", "read_header", "render_header", "write_header"]


MAX_HEADER_BYTES = 24 * 2**20
"""Limit of a weight header, whose tokens take up to 60 times as much memory; the published ones have 1 to 3 MB."""


def read_header(path: str | os.PathLike) -> FoldedNetwork:
    """Parse a file, see `parse_header`.

    :param path: of the weight header.
    :raises FileError: the file is missing, unreadable, or larger than `MAX_HEADER_BYTES`.
    :raises HeaderError: its text is not a weight header, contradicts itself, or is not UTF-8 outside comments.
    """
    return parse_header(decoded(read_bytes(path, limit=MAX_HEADER_BYTES), str(path)).text, name=str(path))


def write_header(path: str | os.PathLike, network: FoldedNetwork, *, csim_bytes: bool = False) -> None:
    """Write a weight header to a file, atomically; see `render_header`.

    :param path: of the file, which is replaced.
    :param network: weights in the header's folding.
    :param csim_bytes: see `render_header`.
    :raises FileError: the file cannot be written.
    :raises DesignError: the network contradicts itself.
    """
    write_text(path, render_header(network, csim_bytes=csim_bytes))
