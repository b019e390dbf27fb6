"""The backends of a comparison by their names, and which of them a network has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from datapath.errors import ConfigError
from datapath.quoting import quoted
from foldline.compare.agreement import BIT_EXACT_BACKENDS, BOARD, CSIM, RTL, SIMULATED

CTC, OVERLAY = "greedy CTC", "overlay labels"

FLOAT = "float"
"""The only backend of a float network: weights and activations in floating point."""

FLOAT_ACTIVATIONS, QUANTIZED = "float-activations", "quantized"
TORCH = (FLOAT_ACTIVATIONS, QUANTIZED)
"""Backends of a quantized network's checkpoint."""

BACKENDS = (FLOAT, *TORCH, *BIT_EXACT_BACKENDS)
"""All backends, from training to the board."""

DRIVEN = (RTL, BOARD)
"""Backends that compute lines through the driver of a board."""

TITLES = {
    FLOAT: "float PyTorch",
    FLOAT_ACTIVATIONS: "PyTorch, float activations",
    QUANTIZED: "quantized PyTorch",
    SIMULATED: "simulated hardware",
    CSIM: "C simulation",
    RTL: "RTL simulation",
    BOARD: "board",
}


def own_backends(*, has_checkpoint: bool, is_float: bool = False) -> tuple[str, ...]:
    """The backends that a network has.

    :param has_checkpoint: whether PyTorch's backends of a quantized network can be computed.
    :param is_float: whether the network is a float network.
    """
    return (FLOAT,) if is_float else (*(TORCH if has_checkpoint else ()), *BIT_EXACT_BACKENDS)


def backends_of_each(backends: Iterable[str] | None, kinds: Sequence[dict[str, bool]]) -> list[tuple[str, ...]]:
    """The backends to compute for each of several networks: those of `backends` that it has.

    :param backends: see `check_backends`.
    :param kinds: `has_checkpoint` and `is_float` of each network.
    :raises ConfigError: see `check_backends`; a network has none of them, or no network has one of them.
    """
    if backends is None or len(kinds) == 1:
        return [check_backends(backends, **kind) for kind in kinds]
    asked = tuple(backends)
    of_each = [tuple(backend for backend in asked if backend in own_backends(**kind)) for kind in kinds]
    for mine, kind in zip(of_each, kinds, strict=True):
        if not mine:
            check_backends(asked, **kind)
    for backend in asked:
        if not any(backend in mine for mine in of_each):
            check_backends((backend,), **kinds[0])
    return [check_backends(mine, **kind) for mine, kind in zip(of_each, kinds, strict=True)]


def check_backends(
    backends: Iterable[str] | None, *, has_checkpoint: bool, is_float: bool = False, ignore_limits: bool = False
) -> tuple[str, ...]:
    """The backends to compute for a network, in the order of `BACKENDS`.

    :param backends: some of `BACKENDS`; None for `float` of a float network, and for `float-activations`, `quantized` (both
        of a checkpoint) and `simulated` of a quantized one.
    :param has_checkpoint: whether PyTorch's backends of a quantized network can be computed.
    :param is_float: whether the network is a float network.
    :param ignore_limits: whether lines that exceed a limit are to be computed.
    :raises ConfigError: no backend, an unknown one, or one that the network does not have or that cannot be computed.
    """
    if backends is None:
        return (FLOAT,) if is_float else (*(TORCH if has_checkpoint else ()), SIMULATED)
    asked = tuple(backends)
    wanted = tuple(backend for backend in BACKENDS if backend in asked)
    unknown = [backend for backend in asked if backend not in BACKENDS]
    if unknown or not wanted:
        wrong = f"has {quoted(unknown[0])}" if unknown else "is empty"
        raise ConfigError(f"backends {wrong}; allowed are {', '.join(BACKENDS)}.")
    if is_float and wanted != (FLOAT,):
        other = next(backend for backend in wanted if backend != FLOAT)
        raise ConfigError(f"backends has {other}, which only a quantized network has; a float network has float alone.")
    if not is_float:
        _check_of_quantized(wanted, has_checkpoint=has_checkpoint)
    if ignore_limits and (driven := [backend for backend in DRIVEN if backend in wanted]):
        raise ConfigError(
            f"ignore_limits and the backend {driven[0]} exclude each other: no board takes a line that exceeds its limits."
        )
    return wanted


def _check_of_quantized(wanted: tuple[str, ...], *, has_checkpoint: bool) -> None:
    if FLOAT in wanted:
        own = ", ".join(own_backends(has_checkpoint=has_checkpoint))
        raise ConfigError(f"backends has float, which only a float network has; this quantized one has {own}.")
    torch = [backend for backend in TORCH if backend in wanted]
    if torch and not has_checkpoint:
        raise ConfigError(
            f"backends has {' and '.join(torch)}, which PyTorch computes from a checkpoint; a design holds the integers "
            "alone."
        )
