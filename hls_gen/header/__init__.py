"""The weight header ``r_model_fw_bw.hpp`` as a file: what LSTM-PYNQ's hardware sources compile in."""

from __future__ import annotations

import os

from datapath import FoldedNetwork
from datapath.files import read_text, write_text
from hls_gen.header.parse import parse_header
from hls_gen.header.render import render_header

__all__ = ["parse_header", "read_header", "render_header", "write_header"]


def read_header(path: str | os.PathLike) -> FoldedNetwork:
    """Read a weight header, see `parse_header`.

    :raises FileError: the file is missing, unreadable or not UTF-8.
    :raises HeaderError: its text is no weight header, or contradicts itself.
    """
    return parse_header(read_text(path), name=str(path))


def write_header(path: str | os.PathLike, network: FoldedNetwork, *, csim_bytes: bool = False) -> None:
    """Write a weight header whole or not at all, see `render_header`, also for `csim_bytes`.

    :raises FileError: the file cannot be written.
    :raises DesignError: the network contradicts itself.
    """
    write_text(path, render_header(network, csim_bytes=csim_bytes))
