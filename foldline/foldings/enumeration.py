"""All foldings of a network on a board, with their rates and resources, and the Pareto front of them.

Folding changes neither a label nor an error rate, and needs no training. Cycles are modelled and resources estimated
(`datapath.cycles`, `foldline.hardware.estimate.resources_of`); nothing is measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass

import numpy as np

from datapath.architecture import Architecture
from datapath.boards import TargetBoard
from datapath.cycles import DEPTHS, cycles_of
from datapath.design import Folding
from datapath.errors import ConfigError
from datapath.manifest import Kernel
from datapath.published import published_overlay
from datapath.resources import Resources
from foldline.foldings.pareto import pareto_front
from foldline.hardware.estimate import RESOURCE_TITLES, line_columns, resources_of
from foldline.hardware.refit import Refit


@dataclass(frozen=True, kw_only=True)
class FoldingPoint:
    """A network at one folding on a board.

    folding             PE, both SIMDs and PE_OUT
    cycles_per_column   modelled
    columns_per_second  modelled
    resources           estimated
    share               of the board's scarcest resource; above 1 the network does not fit
    scarcest            the resource with the largest share, a field of `Resources`
    """

    folding: Folding
    cycles_per_column: float
    columns_per_second: float
    resources: Resources
    share: float
    scarcest: str

    @property
    def fits(self) -> bool:
        return self.share <= 1

    @property
    def costs(self) -> tuple[float, ...]:
        """The five criteria to minimise: columns/s with its sign changed, and the resources."""
        return (-self.columns_per_second, *(getattr(self.resources, name) for name in RESOURCE_TITLES))

    def matches(self, other: FoldingPoint) -> bool:
        """Whether it is at least as fast as another point on the same board, and takes no more of any resource."""
        return all(ours <= theirs for ours, theirs in zip(self.costs, other.costs, strict=True))


@dataclass(frozen=True, kw_only=True)
class FoldingFront:
    """The Pareto front of a network's foldings in columns/s, LUT, FF, BRAM36 and DSP, among those that fit the board.

    architecture  the network; its folding is ignored
    board         to fit
    kernel        that computes it
    clock_mhz     of the accelerator
    columns       of the line that columns/s are modelled for
    enumerated    number of foldings
    too_large     number of foldings that need more than the board has, by the resource that they exceed most
    points        the front, fastest first
    refit         models that were refitted to built projects; None for the models as they are
    """

    architecture: Architecture
    board: TargetBoard
    kernel: Kernel
    clock_mhz: float
    columns: int
    enumerated: int
    too_large: dict[str, int]
    points: tuple[FoldingPoint, ...]
    refit: Refit | None = None

    @property
    def fastest(self) -> FoldingPoint | None:
        """None if no folding fits."""
        return self.points[0] if self.points else None

    @property
    def compact(self) -> tuple[FoldingPoint, ...]:
        """The front in columns/s and the share of the scarcest resource alone, fastest first."""
        costs = np.array([(-one.columns_per_second, one.share) for one in self.points]).reshape(-1, 2)
        return tuple(self.points[index] for index in pareto_front(costs))

    def cheapest(self, columns_per_second: float) -> FoldingPoint:
        """The folding with the least share of the scarcest resource that reaches a rate; of several, the fastest.

        :raises ConfigError: no folding reaches it; names the fastest.
        """
        reaching = [one for one in self.points if one.columns_per_second >= columns_per_second]
        if reaching:
            return min(reaching, key=lambda one: (one.share, -one.columns_per_second, astuple(one.folding)))
        asked = f"min_columns_per_second is {columns_per_second:.10g}"
        where = f"on {self.board.title} at {self.clock_mhz:g} MHz"
        if self.fastest is None:
            raise ConfigError(f"{asked}; no folding of {self.architecture.experiment} fits {where}, as estimated.")
        raise ConfigError(
            f"{asked}; the fastest folding of {self.architecture.experiment} that fits {where} reaches "
            f"{self.fastest.columns_per_second:.0f}, as modelled: {self.fastest.folding}."
        )

    def point(self, folding: Folding) -> FoldingPoint:
        """The network at any folding, on the front or not.

        :raises DesignError: the folding does not divide it.
        """
        network = self.architecture.refolded(folding)
        given = {"clock_mhz": self.clock_mhz, "columns": self.columns, "refit": self.refit}
        return folding_point(network, self.board, self.kernel, **given)


def check_rate(min_columns_per_second: float) -> None:
    """Raise a ConfigError for a rate outside its range."""
    if not 0 < min_columns_per_second < 1e12:
        raise ConfigError(f"min_columns_per_second is {min_columns_per_second:g}; it must be above 0 and below 1e12.")


def enumerate_foldings(architecture: Architecture, kernel: Kernel) -> Iterator[Folding]:
    """Every folding that can be on a front, in ascending order.

    PE and both SIMDs are all divisors. PE_OUT is the smallest of those with the same number of blocks of classes: the
    larger ones cost more and are not faster. The published kernel computes one class at a time.

    :param architecture: of the network; its folding is ignored.
    """
    classes = architecture.classes
    pe_outs = [1]
    if kernel is not Kernel.PUBLISHED:
        pe_outs += [one for one in range(2, classes + 1) if -(-classes // one) < -(-classes // (one - 1))]
    for pe in _divisors(architecture.hidden):
        for simd_input in _divisors(architecture.inputs):
            for simd_recurrent in _divisors(architecture.hidden):
                for pe_out in pe_outs:
                    yield Folding(pe=pe, simd_input=simd_input, simd_recurrent=simd_recurrent, pe_out=pe_out)


def folding_point(
    architecture: Architecture,
    board: TargetBoard,
    kernel: Kernel,
    *,
    clock_mhz: float,
    columns: int | None = None,
    refit: Refit | None = None,
) -> FoldingPoint:
    """The rate and the resources of an architecture at its folding.

    :param board: for the shares of resources.
    :param columns: of a line, see `foldline.hardware.estimate.line_columns`.
    :param refit: of the models to built projects of this kernel; None for the models as they are.
    :raises ConfigError: the architecture takes no such line.
    """
    columns = line_columns(columns, architecture)
    cycles = cycles_of(architecture, kernel, refit.depths if refit else DEPTHS)
    estimated = resources_of(architecture, kernel, board.family)
    resources = (refit.resources(estimated) if refit else estimated).total
    shares = {name: getattr(resources, name) / getattr(board, name) for name in RESOURCE_TITLES}
    scarcest = max(shares, key=shares.__getitem__)
    return FoldingPoint(
        folding=architecture.folding,
        cycles_per_column=cycles.per_column(columns),
        columns_per_second=cycles.columns_per_second(columns, clock_mhz),
        resources=resources,
        share=shares[scarcest],
        scarcest=scarcest,
    )


def folding_front(
    architecture: Architecture,
    board: TargetBoard,
    kernel: Kernel,
    *,
    clock_mhz: float | None = None,
    columns: int | None = None,
    refit: Refit | None = None,
) -> FoldingFront:
    """The complete Pareto front of a network's foldings on a board. Of foldings that are equal in all five criteria it has
    the first one in the order of `enumerate_foldings`.

    :param architecture: of the network; its folding is ignored.
    :param clock_mhz: of the accelerator; None takes the board's.
    :param columns: of a line, see `foldline.hardware.estimate.line_columns`.
    :param refit: of the models to built projects; None for the models as they are.
    :raises ConfigError: the clock or the number of columns is outside its range, or the refit is of another kernel.
    """
    if refit is not None:
        refit.require_kernel(kernel)
    clock_mhz = board.clock(clock_mhz)
    columns = line_columns(columns, architecture)
    points = [
        folding_point(architecture.refolded(folding), board, kernel, clock_mhz=clock_mhz, columns=columns, refit=refit)
        for folding in enumerate_foldings(architecture, kernel)
    ]
    fitting = [point for point in points if point.fits]
    costs = np.array([point.costs for point in fitting], dtype=float).reshape(-1, 1 + len(RESOURCE_TITLES))
    front = [fitting[index] for index in pareto_front(costs)]
    return FoldingFront(
        architecture=architecture,
        board=board,
        kernel=kernel,
        clock_mhz=clock_mhz,
        columns=columns,
        enumerated=len(points),
        too_large=dict(Counter(point.scarcest for point in points if not point.fits)),
        points=tuple(sorted(front, key=lambda point: (*point.costs, astuple(point.folding)))),
        refit=refit,
    )


@dataclass(frozen=True, kw_only=True)
class PublishedPoint:
    """The folding in which a network was published, modelled with the kernel and the board of a front.

    name    of the overlay
    point   its rate and resources
    better  itself if it is on the front, or the fastest point that `matches` it; None if it does not fit the board
    """

    name: str
    point: FoldingPoint
    better: FoldingPoint | None

    @property
    def on_front(self) -> bool:
        return self.better is not None and self.better.folding == self.point.folding


def published_point(front: FoldingFront) -> PublishedPoint | None:
    """The published folding of a front's network; None if the network was not published."""
    overlay = published_overlay(front.architecture)
    if overlay is None:
        return None
    point = front.point(overlay.architecture.folding)
    matching = [one for one in front.points if one.matches(point)]
    better = next((one for one in matching if one.folding == point.folding), next(iter(matching), None))
    return PublishedPoint(name=overlay.name, point=point, better=better)


def share_text(point: FoldingPoint) -> str:
    """The share of the board's scarcest resource, e.g. ``45.0 % BRAM36``."""
    return f"{100 * point.share:.1f} % {RESOURCE_TITLES[point.scarcest]}"


def point_values(point: FoldingPoint) -> dict[str, object]:
    """A point as JSON: in the output of `foldline explore`, and in the attributes of a study's trial."""
    return {
        "folding": asdict(point.folding),
        "cycles_per_column": point.cycles_per_column,
        "columns_per_second": point.columns_per_second,
        **{name: getattr(point.resources, name) for name in RESOURCE_TITLES},
        "share": point.share,
        "scarcest": point.scarcest,
    }


def point_from(values: dict[str, object]) -> FoldingPoint:
    """The point that `point_values` wrote.

    :raises TypeError, LookupError: the values are something else.
    """
    rest = {name: value for name, value in values.items() if name != "folding" and name not in RESOURCE_TITLES}
    resources = Resources(**{name: values[name] for name in RESOURCE_TITLES})
    return FoldingPoint(folding=Folding(**values["folding"]), resources=resources, **rest)


def _divisors(number: int) -> list[int]:
    return [one for one in range(1, number + 1) if number % one == 0]
