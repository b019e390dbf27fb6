"""Small netlists, written by hand, in the JSON that yosys writes."""

from __future__ import annotations

import json

OUTPUTS = {"Q", "O", "CO", "Z", "DO", "DOA", "DOB", "DOC", "DOD", "COUT", "S0", "S1", "P", "DOADO", "SPO", "DPO"}


def cell(kind: str, **ports: int | str | list[int | str]) -> dict:
    """A cell: ports by name, each with the number of its wire, a constant, or a list of them."""
    return {
        "hide_name": 0,
        "type": kind,
        "port_directions": {port: "output" if port in OUTPUTS else "input" for port in ports},
        "connections": {port: bits if isinstance(bits, list) else [bits] for port, bits in ports.items()},
    }


def netlist_json(
    cells: dict[str, dict],
    *,
    top: str = "top",
    names: dict[str, list[int]] | None = None,
    inputs: dict[str, list[int]] | None = None,
    outputs: dict[str, list[int]] | None = None,
) -> str:
    """The text of a netlist.

    :param names: wires of each signal.
    :param inputs: wires of each input port of the top.
    :param outputs: wires of each output port of the top.
    """
    ports = {name: {"direction": "input", "bits": bits} for name, bits in (inputs or {}).items()}
    ports |= {name: {"direction": "output", "bits": bits} for name, bits in (outputs or {}).items()}
    nets = {name: {"hide_name": 0, "bits": bits} for name, bits in (names or {}).items()}
    return json.dumps({"modules": {top: {"cells": cells, "ports": ports, "netnames": nets}}})
