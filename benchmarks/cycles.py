"""The cycle model against the published times: fitted to all four, and each predicted from the other three.

    python -m benchmarks.cycles

`datapath.cycles.DEPTHS` is this fit, rounded. Each measurement gives the depth of one pipeline, that of the slowest stage
of the overlay: hidden layer at two steps (W2A4, W4A4) and at eight (W4A8), output layer (W2A2). Without W2A2 or W4A8 there
is no measurement of that pipeline, and a rule replaces it: the depth of the hidden layer does not depend on its steps, and
that of the output layer is the mean of the hidden layer's at each number of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from datapath.architecture import Architecture
from datapath.cycles import DEPTHS, LABEL_CYCLES, Depths, cycles_of
from datapath.design import Folding
from datapath.manifest import Kernel
from datapath.peepholes import PeepholeFormat
from datapath.precision import Precision
from datapath.published import CLOCK_MHZ, COLUMNS, FRAKTUR_COLUMNS, FRAKTUR_MILLISECONDS, PUBLISHED, PublishedOverlay

ROUNDS = 5
"""Iterations of the fit: a measurement includes the latencies of the other stages, which depend a little on the depths;
after these the sixth digit is constant."""


def model(architecture: Architecture, columns: int, depths: Depths) -> float:
    """Cycles per column on the published kernel."""
    return cycles_of(architecture, Kernel.PUBLISHED, depths).per_column(columns)


def fit(overlays: Sequence[PublishedOverlay]) -> Depths:
    """Depths fitted to the times of overlays."""
    depths = DEPTHS
    for _ in range(ROUNDS):
        depths = _refined(overlays, depths)
    return depths


def _refined(overlays: Sequence[PublishedOverlay], depths: Depths) -> Depths:
    hidden: dict[int, list[float]] = {}
    output: list[float] = []
    for overlay in overlays:
        cycles = cycles_of(overlay.architecture, Kernel.PUBLISHED, depths)
        slowest = cycles.bottleneck
        others = cycles.line(COLUMNS) / COLUMNS - LABEL_CYCLES - slowest.cycles_per_column
        # Half of the rest of a column is one direction, which has the depth once.
        missing = (overlay.cycles_per_column - LABEL_CYCLES - others - slowest.cycles_per_column) / 2
        if slowest.key == "hidden":
            steps = overlay.architecture.steps
            hidden.setdefault(steps, []).append(depths.of_hidden(steps) + missing)
        else:
            output.append(depths.output + missing)
    at_steps = {steps: mean(found) for steps, found in hidden.items()}
    few, many = min(at_steps), max(at_steps)
    slope = 0.0 if few == many else (at_steps[many] - at_steps[few]) / (many - few)
    return Depths(hidden=at_steps[few] - slope * few, hidden_per_step=slope, output=mean(output or at_steps.values()))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A figure of an overlay, such as its cycles per column: measured, modelled, and predicted from the other three."""

    name: str
    measured: float
    modelled: float
    predicted: float

    def error(self, value: float) -> float:
        """Error in percent of the measurement."""
        return 100 * (value / self.measured - 1)


def rows() -> Iterator[Row]:
    """The four overlays."""
    for overlay in PUBLISHED:
        others = [one for one in PUBLISHED if one is not overlay]
        yield Row(
            name=overlay.name,
            measured=overlay.cycles_per_column,
            modelled=model(overlay.architecture, COLUMNS, DEPTHS),
            predicted=model(overlay.architecture, COLUMNS, fit(others)),
        )


def fraktur() -> list[tuple[Folding, float]]:
    """Foldings with PE 1, the only one that the published peephole layer works with, and their cycles per column."""
    network = Architecture(
        inputs=25,
        hidden=100,
        classes=110,
        precision=Precision(weight=5, bias=8, activation=5, fc_weight=8, fc_bias=8),
        folding=Folding(pe=1, simd_input=25, simd_recurrent=100),
        peephole_format=PeepholeFormat(bits=8, integer=1),
    )
    foldings = [
        Folding(pe=1, simd_input=simd_input, simd_recurrent=simd_recurrent)
        for simd_input in (1, 5, 25)
        for simd_recurrent in (1, 2, 4, 5, 10, 20, 25, 50, 100)
    ]
    return [(one, model(replace(network, folding=one), FRAKTUR_COLUMNS, DEPTHS)) for one in foldings]


def _signed(percent: float) -> str:
    return f"{round(percent, 1) + 0.0:+.1f}"  # no -0.0


def main() -> None:
    depths = fit(PUBLISHED)
    print(
        f"Depths fitted to all four: hidden layer {depths.hidden:.2f} + {depths.hidden_per_step:.2f} per step, output "
        f"layer {depths.output:.2f} cycles."
    )
    print("Cycles per column, a line of 520 columns\n")
    print("| overlay | measured | model | off | predicted without it | off |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows():
        print(
            f"| {row.name} | {row.measured:.1f} | {row.modelled:.1f} | {_signed(row.error(row.modelled))} % | "
            f"{row.predicted:.1f} | {_signed(row.error(row.predicted))} % |"
        )
    measured = FRAKTUR_MILLISECONDS * CLOCK_MHZ * 1000 / FRAKTUR_COLUMNS
    folding, modelled = min(fraktur(), key=lambda one: abs(one[1] - measured))
    print(
        f"\nFraktur, a check: measured {measured:.1f}. Its folding was not published; with SIMD_INPUT {folding.simd_input} "
        f"and SIMD_RECURRENT {folding.simd_recurrent} the model gives {modelled:.1f} "
        f"({100 * (modelled / measured - 1):+.1f} %); no other folding is closer."
    )


if __name__ == "__main__":
    main()
